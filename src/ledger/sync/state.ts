import { fault, type HoldfastError } from '../../base/errors.ts';
import {
  ENTRIES_WANTED_MAX,
  SYNC_ANCESTORS_MAX,
  SYNC_AUTHORS_MAX,
  SYNC_BACKOFF_MAX_MS,
  SYNC_BACKOFF_MIN_MS,
  SYNC_CLOCK_PAGE_MAX,
  SYNC_PROOFS_MAX,
} from '../../base/limits.ts';
import type { LedgerClock } from '../ledger.ts';
import type { HaveMessage, SyncMessage, WantMessage } from './messages.ts';

/** What a node holds, as far as another can tell. */
export interface Holdings {
  readonly network: string | undefined;
  /** Metadata version; undefined where it is not known. */
  readonly version: string | undefined;
  readonly clock: LedgerClock;
  /** author → seq from which on the author is proven to have equivocated. */
  readonly forks: ReadonlyMap<string, number>;
}

export const NOTHING: Holdings = { network: undefined, version: undefined, clock: new Map(), forks: new Map() };

/** What one node lacks of what another holds. */
export interface Lacking {
  readonly ranges: readonly (readonly [author: string, from: number, to: number])[];
  /** Authors whose equivocation, or whose earlier one, is to be proven. */
  readonly proofs: readonly string[];
  /** Entries in the ranges. */
  readonly entries: number;
}

/** Pure difference of two holdings (SPEC L1): nothing is lacking exactly when both count the same entries. */
export const lacking = (mine: Holdings, theirs: Holdings): Lacking => {
  const ranges: [string, number, number][] = [];
  let entries = 0;
  for (const [author, seq] of theirs.clock) {
    const from = (mine.clock.get(author) ?? 0) + 1;
    // What comes at and after a fork is void: nobody needs it.
    const to = Math.min(seq, (mine.forks.get(author) ?? Number.POSITIVE_INFINITY) - 1);
    if (from > to) continue;
    ranges.push([author, from, to]);
    entries += to - from + 1;
  }
  const proofs = [...theirs.forks].filter(
    ([author, seq]) => seq < (mine.forks.get(author) ?? Number.POSITIVE_INFINITY),
  );
  return { ranges, proofs: proofs.map(([author]) => author), entries };
};

/** The next thing to ask a peer for; undefined when there is nothing. `missed` are hashes that waiting entries need. */
export const nextWant = (mine: Holdings, theirs: Holdings, missed: readonly string[]): WantMessage | undefined => {
  if (mine.network === undefined)
    return theirs.network === undefined
      ? undefined
      : { kind: 'want', ranges: [], proofs: [], hashes: [theirs.network] };
  const { ranges, proofs } = lacking(mine, theirs);
  if (ranges.length === 0 && proofs.length === 0 && missed.length === 0) return undefined;
  return {
    kind: 'want',
    ranges: ranges.slice(0, SYNC_CLOCK_PAGE_MAX).map((range) => [...range]),
    proofs: proofs.slice(0, SYNC_PROOFS_MAX),
    hashes: missed.slice(0, ENTRIES_WANTED_MAX),
  };
};

/** The most entries that an answer to `want` may hold (SPEC L6). */
export const answerEntriesMax = ({ ranges, proofs, hashes }: WantMessage): number =>
  ranges.reduce((sum, [, from, to]) => sum + Math.max(0, to - from + 1), 0) +
  proofs.length * 2 * (1 + SYNC_ANCESTORS_MAX) +
  hashes.length * (1 + SYNC_ANCESTORS_MAX);

/** Takes up what a peer tells of itself between exchanges. Clocks only grow here; an exchange replaces them. */
export const withNews = (known: Holdings, { net, version, clock, forks }: HaveMessage): Holdings => {
  const network = net ?? undefined;
  const base = known.network === network ? known : NOTHING;
  return {
    network,
    version,
    clock: clock.length === 0 ? base.clock : raised(base.clock, clock, Math.max),
    forks: forks.length === 0 ? base.forks : raised(base.forks, forks, Math.min),
  };
};

const raised = (
  old: ReadonlyMap<string, number>,
  news: readonly (readonly [string, number])[],
  choose: (a: number, b: number) => number,
): ReadonlyMap<string, number> => {
  const next = new Map(old);
  for (const [author, seq] of news) {
    const known = next.get(author);
    if (known !== undefined) next.set(author, choose(known, seq));
    else if (next.size < SYNC_AUTHORS_MAX) next.set(author, seq);
  }
  return next;
};

/** Pause before the next exchange after `failures` that brought nothing though they should have. */
export const backoffMs = (failures: number): number =>
  failures === 0 ? 0 : Math.min(SYNC_BACKOFF_MAX_MS, SYNC_BACKOFF_MIN_MS * 2 ** Math.min(failures - 1, 16));

/**
 * Where an exchange stands, for the side that asks. `told`: the peer's clock is complete, nothing is under way: the
 * asking side may want something or be done.
 */
export type RoundPhase = 'asked' | 'counting' | 'told' | 'fetching' | 'same';

export interface Round {
  readonly phase: RoundPhase;
  readonly theirs: Holdings;
  /** Entries that the peer may still send. */
  readonly budget: number;
}

export const ROUND_START: Round = { phase: 'asked', theirs: NOTHING, budget: 0 };

/** SPEC §4: what may come when; anything else is the peer's fault. */
const PHASES: Record<RoundPhase, Partial<Record<SyncMessage['kind'], true>>> = {
  asked: { is: true },
  counting: { clock: true },
  told: {},
  fetching: { entries: true, end: true },
  same: {},
};

/** The asking side sent its `want`. */
export const wanting = (round: Round, want: WantMessage): Round => ({
  ...round,
  phase: 'fetching',
  budget: answerEntriesMax(want),
});

/** The asking side got a message. Throws `LEDGER_SYNC_UNEXPECTED`. */
export const received = (round: Round, message: SyncMessage): Round => {
  if (PHASES[round.phase][message.kind] !== true)
    throw unexpected(`"${message.kind}" while the exchange is at "${round.phase}"`);
  switch (message.kind) {
    case 'is': {
      const theirs = { ...NOTHING, network: message.net ?? undefined, version: message.version };
      return { ...round, theirs, phase: message.same ? 'same' : 'counting' };
    }
    case 'clock': {
      const clock = new Map([...round.theirs.clock, ...message.clock]);
      const forks = new Map([...round.theirs.forks, ...message.forks]);
      if (clock.size + forks.size > SYNC_AUTHORS_MAX)
        throw unexpected(`a clock of more than ${SYNC_AUTHORS_MAX} authors`);
      return { ...round, theirs: { ...round.theirs, clock, forks }, phase: message.more ? 'counting' : 'told' };
    }
    case 'entries': {
      const budget = round.budget - message.entries.length;
      if (budget < 0) throw unexpected('more entries than were asked for');
      return { ...round, budget };
    }
    case 'end':
      return { ...round, phase: 'told', budget: 0 };
    case 'ask':
    case 'want':
    case 'have':
      throw unexpected(`"${message.kind}" from the side that answers`);
  }
};

const unexpected = (text: string): HoldfastError => fault('LEDGER_SYNC_UNEXPECTED', `ledger sync: ${text}`);
