import { fault, type HoldfastError } from '../../base/errors.ts';
import {
  ENTRIES_WANTED_MAX,
  SYNC_ANCESTORS_MAX,
  SYNC_AUTHORS_MAX,
  SYNC_BACKOFF_MAX_MS,
  SYNC_BACKOFF_MIN_MS,
  SYNC_CLOCK_PAGE_MAX,
  SYNC_COVERED_LOG_HASHES,
  SYNC_COVERED_MAX,
  SYNC_PROOFS_MAX,
  SYNC_UNHEARD_AUTHORS_MAX,
} from '../../base/limits.ts';
import { sha256Hex } from '../../codec/hash.ts';
import { type Fork, versionOf } from '../chain.ts';
import type { Equivocation, Ledger } from '../ledger.ts';
import type { HaveMessage, LogsMessage, ProofMessage, SyncMessage, WantMessage } from './messages.ts';

/** An author's newest entry that counts. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

/** What a node holds, as far as another can tell. */
export interface Holdings {
  readonly network: string | undefined;
  /** Metadata version; undefined where it is not known. */
  readonly version: string | undefined;
  /** By author. */
  readonly heads: ReadonlyMap<string, Head>;
  /** author → seq from which on the author is proven to have equivocated. */
  readonly forks: ReadonlyMap<string, number>;
  /**
   * Whether nothing is left out: an exchange told all of it, and none was cut since. Only then does anything say what
   * is lacking there.
   */
  readonly isWhole?: boolean;
  /** author → hashes of the two entries that prove it; known of the own ones alone. */
  readonly pairs?: ReadonlyMap<string, Fork['pair']>;
}

/** Of a node that belongs to no network, or of which nothing is known. */
export const NOTHING: Holdings = { network: undefined, version: undefined, heads: new Map(), forks: new Map() };

/** What the node of that ledger holds. */
export const holdingsOf = (
  ledger: Pick<Ledger, 'network' | 'version' | 'clock' | 'heads' | 'equivocations'>,
): Holdings => {
  const [hashes, forks] = [ledger.heads(), ledger.equivocations()];
  return {
    network: ledger.network,
    version: ledger.version,
    isWhole: true,
    heads: new Map([...ledger.clock()].map(([author, seq]) => [author, { seq, hash: hashes.get(author) ?? '' }])),
    forks: new Map(forks.map(({ author, seq }) => [author, seq])),
    pairs: new Map(forks.map((fork) => [fork.author, pairOf(fork)])),
  };
};

const pairOf = ({ entries: [one, two] }: Equivocation): Fork['pair'] => {
  const [first, second] = [sha256Hex(one.header), sha256Hex(two.header)];
  return first < second ? [first, second] : [second, first];
};

/** What one node lacks of what another holds. */
export interface Lacking {
  readonly ranges: readonly (readonly [author: string, from: number, to: number])[];
  /** Authors whose equivocation, or whose earlier one, is to be proven. */
  readonly proofs: readonly string[];
  /** Entries that differ from the own ones of the same author and seq: what shows two branches of equal length. */
  readonly rivals: readonly string[];
  /** Entries in the ranges. */
  readonly entries: number;
}

/** Pure difference of two holdings (SPEC L1): nothing is lacking exactly when both count the same entries. */
export const lacking = (mine: Holdings, theirs: Holdings): Lacking => {
  const ranges: [string, number, number][] = [];
  const rivals: string[] = [];
  let entries = 0;
  for (const [author, head] of theirs.heads) {
    const own = mine.heads.get(author);
    // What comes at and after a fork is void: nobody needs it.
    const fork = mine.forks.get(author) ?? Number.POSITIVE_INFINITY;
    const [from, to] = [(own?.seq ?? 0) + 1, Math.min(head.seq, fork - 1)];
    if (own?.seq === head.seq && own.hash !== head.hash) rivals.push(head.hash);
    if (from > to) continue;
    ranges.push([author, from, to]);
    entries += to - from + 1;
  }
  const proofs = [...theirs.forks].filter(
    ([author, seq]) => seq < (mine.forks.get(author) ?? Number.POSITIVE_INFINITY),
  );
  return { ranges, proofs: proofs.map(([author]) => author), rivals, entries };
};

/** Whether nothing is lacking. */
export const isNothing = ({ ranges, proofs, rivals }: Lacking): boolean =>
  ranges.length === 0 && proofs.length === 0 && rivals.length === 0;

/**
 * Authors of whose forks the peer holds other proofs: which of three and more entries prove one depends on what came.
 * Its version alone shows it, and not of which author: all of them, or none.
 */
export const otherProofs = (mine: Holdings, theirs: Holdings): readonly string[] => {
  if (theirs.forks.size === 0 || !isNothing(lacking(mine, theirs))) return [];
  const forks: [string, Fork][] = [];
  for (const [author, seq] of theirs.forks) {
    const pair = mine.pairs?.get(author);
    if (pair === undefined || mine.forks.get(author) !== seq) return [];
    forks.push([author, { seq, pair }]);
  }
  return versionOf(theirs.heads, forks) === theirs.version ? [] : [...theirs.forks.keys()];
};

/** What to ask a peer for that holds the same entries: bodies that are missing here. */
export const bodiesWant = (missed: readonly string[]): WantMessage | undefined =>
  missed.length === 0 ? undefined : { kind: 'want', ranges: [], proofs: [], hashes: [...missed] };

/** The next thing to ask a peer for; undefined when there is nothing. `missed` are hashes that waiting entries need. */
export const nextWant = (mine: Holdings, theirs: Holdings, missed: readonly string[]): WantMessage | undefined => {
  if (mine.network === undefined)
    return theirs.network === undefined
      ? undefined
      : { kind: 'want', ranges: [], proofs: [], hashes: [theirs.network] };
  const lacks = lacking(mine, theirs);
  if (isNothing(lacks) && missed.length === 0) return undefined;
  return {
    kind: 'want',
    ranges: lacks.ranges.slice(0, SYNC_CLOCK_PAGE_MAX).map((range) => [...range]),
    proofs: lacks.proofs.slice(0, SYNC_PROOFS_MAX),
    hashes: [...lacks.rivals, ...missed].slice(0, ENTRIES_WANTED_MAX),
  };
};

/**
 * The most entries that an answer to `want` may hold (SPEC L6), without those that come along since they erased its
 * body.
 */
export const answerEntriesMax = ({ ranges, proofs, hashes }: WantMessage): number =>
  ranges.reduce((sum, [, from, to]) => sum + Math.max(0, to - from + 1), 0) +
  proofs.length * 2 * (1 + SYNC_ANCESTORS_MAX) +
  hashes.length * (1 + SYNC_ANCESTORS_MAX);

/** Takes up what a peer tells of itself between exchanges. Logs only grow here; an exchange replaces all. */
export const withNews = (known: Holdings, news: HaveMessage): Holdings => {
  const network = news.net ?? undefined;
  const base = known.network === network ? known : NOTHING;
  const heads = new Map(base.heads);
  for (const [author, seq, hash] of news.heads)
    if ((heads.get(author)?.seq ?? 0) <= seq && hasRoom(heads, author)) heads.set(author, { seq, hash });
  const forks = new Map(base.forks);
  for (const [author, seq] of news.forks)
    if ((forks.get(author) ?? seq) >= seq && hasRoom(forks, author)) forks.set(author, seq);
  return { network, version: news.version, isWhole: base.isWhole === true, heads, forks };
};

/**
 * What is kept of what a peer told that is away: of authors that nobody else has told of it may have made up any
 * number.
 */
export const rememberedOf = (theirs: Holdings, mine: Holdings): Holdings => {
  const isFew = (map: ReadonlyMap<string, unknown>): boolean => map.size <= SYNC_UNHEARD_AUTHORS_MAX;
  if (isFew(theirs.heads) && isFew(theirs.forks)) return theirs;
  let left = SYNC_UNHEARD_AUTHORS_MAX;
  const isKept = ([author]: readonly [string, unknown]): boolean =>
    mine.heads.has(author) || mine.forks.has(author) || left-- > 0;
  const heads = new Map([...theirs.heads].filter(isKept));
  const forks = new Map([...theirs.forks].filter(isKept));
  const isCut = heads.size < theirs.heads.size || forks.size < theirs.forks.size;
  return { ...theirs, isWhole: theirs.isWhole === true && !isCut, heads, forks };
};

const hasRoom = (map: ReadonlyMap<string, unknown>, author: string): boolean =>
  map.size < SYNC_AUTHORS_MAX || map.has(author);

/** Pause before the next exchange after `failures` that brought nothing though they should have. */
export const backoffMs = (failures: number): number =>
  failures === 0 ? 0 : Math.min(SYNC_BACKOFF_MAX_MS, SYNC_BACKOFF_MIN_MS * 2 ** Math.min(failures - 1, 16));

/**
 * Where an exchange stands, for the side that asks. `told`: the peer's clock is complete, nothing is under way: the
 * asking side may want something or be done.
 */
export type RoundPhase = 'asked' | 'counting' | 'told' | 'fetching' | 'same';

/** An exchange as the asking side sees it: where it stands, and what the peer may still send. */
export interface Round {
  readonly phase: RoundPhase;
  readonly theirs: Holdings;
  /** Entries that the peer may still send: with a body, and without, before each of which comes what erased it. */
  readonly budget: number;
  readonly bareBudget: number;
  /** Bodies are archived at the peer. */
  readonly archived: boolean;
  /** Whether it may prove a snapshot yet, and how many entries that covers it may still name. */
  readonly mayProve: boolean;
  readonly coverBudget: number;
  /** Logs that it has named, and the author of the last. */
  readonly coverLogs: number;
  readonly coverLast: string;
}

const NO_COVER = { coverBudget: 0, coverLogs: 0, coverLast: '' } as const;

/** The asking side has sent its `ask`; everything else is still to come. */
export const ROUND_START: Round = {
  ...{ phase: 'asked', theirs: NOTHING, budget: 0, bareBudget: 0 },
  ...{ archived: false, mayProve: false, ...NO_COVER },
};

/** SPEC §4: what may come when; anything else is the peer's fault. */
const PHASES: Record<RoundPhase, Partial<Record<SyncMessage['kind'], true>>> = {
  asked: { is: true },
  counting: { clock: true },
  told: {},
  fetching: { entries: true, proof: true, logs: true, end: true },
  same: {},
};

/** The asking side sent its `want`. */
export const wanting = (round: Round, want: WantMessage): Round => ({
  ...round,
  phase: 'fetching',
  budget: answerEntriesMax(want),
  bareBudget: answerEntriesMax(want),
  mayProve: want.bare === true,
  ...NO_COVER,
});

/** The asking side got a message. Throws `LEDGER_SYNC_UNEXPECTED`. */
export const received = (round: Round, message: SyncMessage): Round => {
  if (PHASES[round.phase][message.kind] !== true)
    throw unexpected(`"${message.kind}" while the exchange is at "${round.phase}"`);
  switch (message.kind) {
    case 'is': {
      const theirs = { ...NOTHING, network: message.net ?? undefined, version: message.version };
      const archived = message.archived === true;
      return { ...round, theirs, archived, phase: message.same ? 'same' : 'counting' };
    }
    case 'clock':
      return { ...round, theirs: withPage(round.theirs, message), phase: message.more ? 'counting' : 'told' };
    case 'entries': {
      const bare = message.entries.filter(({ body }) => body.byteLength === 0).length;
      const budget = round.budget - (message.entries.length - bare);
      const bareBudget = round.bareBudget - bare;
      if (budget < 0 || bareBudget < 0) throw unexpected('more entries than were asked for');
      return { ...round, budget, bareBudget };
    }
    case 'proof':
    case 'logs':
      return withCover(round, message);
    case 'end':
      return { ...round, phase: 'told', budget: 0, bareBudget: 0, mayProve: false, ...NO_COVER };
    case 'ask':
    case 'want':
    case 'have':
      throw unexpected(`"${message.kind}" from the side that answers`);
  }
};

/** One proof, where it was asked for; then what it covers. */
const withCover = (round: Round, message: ProofMessage | LogsMessage): Round => {
  if (message.kind === 'proof') {
    if (!round.mayProve) throw unexpected('the proof of a snapshot that was not asked for');
    return { ...round, mayProve: false, ...NO_COVER, coverBudget: SYNC_COVERED_MAX };
  }
  let { coverBudget, coverLogs, coverLast } = round;
  for (const [at, { author, hashes }] of message.logs.entries()) {
    coverBudget -= hashes.byteLength / 32 + SYNC_COVERED_LOG_HASHES;
    // The last log of the frame before may go on.
    if (at === 0 && author === coverLast) continue;
    if (author <= coverLast) throw unexpected('logs of a snapshot that are not in the order of their authors');
    [coverLast, coverLogs] = [author, coverLogs + 1];
  }
  if (coverBudget < 0) throw unexpected(`what a snapshot covers, unproven or above ${SYNC_COVERED_MAX}`);
  if (coverLogs > SYNC_AUTHORS_MAX) throw unexpected(`a snapshot of more than ${SYNC_AUTHORS_MAX} authors`);
  return { ...round, coverBudget, coverLogs, coverLast };
};

/** A clock grows with each of its pages, so that it ends. */
const withPage = (theirs: Holdings, page: Extract<SyncMessage, { kind: 'clock' }>): Holdings => {
  const heads = new Map(theirs.heads);
  for (const [author, seq, hash] of page.heads) heads.set(author, { seq, hash });
  const forks = new Map([...theirs.forks, ...page.forks]);
  if (heads.size + forks.size > SYNC_AUTHORS_MAX) throw unexpected(`a clock of more than ${SYNC_AUTHORS_MAX} authors`);
  const [told, news] = [page.heads.length + page.forks.length, heads.size - theirs.heads.size];
  if (news + forks.size - theirs.forks.size < told || (page.more && told === 0))
    throw unexpected('a page of the clock that says nothing new');
  return { ...theirs, heads, forks };
};

const unexpected = (text: string): HoldfastError => fault('LEDGER_SYNC_UNEXPECTED', `ledger sync: ${text}`);
