import { asFault } from '../base/errors.ts';
import { SYNC_ANCESTORS_MAX } from '../base/limits.ts';
import { sha256Hex } from '../codec/hash.ts';
import { parseErasable, signatureHolds } from '../entry/check.ts';
import { archivedEntry, compareEntries, type Entry, type RawEntry, withoutBody } from '../entry/entry.ts';
import type { Signatures } from '../entry/signatures.ts';
import type { PeerKey } from '../network/network.ts';
import { ignored, judgeNetwork, judgeVoid, rejected } from './accept.ts';
import { type CheckAhead, lastOfEach } from './check-ahead.ts';
import type { Chains } from './chain.ts';
import type { CoveredLogs } from './cover.ts';
import type { Erasures } from './erasures.ts';
import type { Acceptance } from './ledger.ts';
import { onItsOwn } from './own-bytes.ts';
import { type Candidate, vouch } from './vouch.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** Entries parsed, or signatures verified, in one go before others get the event loop: a few milliseconds. */
const PARSE_SLICE = 128;
const VERIFY_SLICE = 32;

/** What screening leaves of the entries that were offered. */
export interface Screened {
  /** Causes before effects. */
  readonly candidates: readonly Candidate[];
  /** The verdict on each hash that did not become a candidate. */
  readonly refused: ReadonlyMap<string, Acceptance>;
  /** For each offered entry the hash of its header. */
  readonly hashes: readonly string[];
}

/** What the ledger knows when entries are offered. */
export interface ScreenState {
  readonly chains: Chains;
  readonly waiting: WaitingRoom;
  readonly network: string | undefined;
  readonly erasures: Erasures;
  /** What a snapshot covers that the sender has proven: of that the bodies may be archived. */
  readonly covered: Pick<CoveredLogs, 'has'> | undefined;
}

/**
 * Steps 1 to 4 of accepting entries: everything that needs no order among offers. What is known or of no use is
 * dropped before its signature costs anything. `ahead` may check those that are certain to be asked for.
 */
export const screen = async (
  state: ScreenState,
  offered: readonly RawEntry[],
  from: PeerKey,
  signatures: Signatures,
  ahead?: CheckAhead,
): Promise<Screened> => {
  const refused = new Map<string, Acceptance>();
  const hashes: string[] = [];
  const byAuthor = new Map<string, Map<string, Entry>>();
  let genesis: string | undefined;
  for (const [at, raw] of offered.entries()) {
    if (at % PARSE_SLICE === PARSE_SLICE - 1) await breathe();
    const hash = sha256Hex(raw.header);
    hashes.push(hash);
    const parsed = parseKnown(state, raw, hash);
    if ('verdict' in parsed) {
      refused.set(hash, parsed);
      // An erase entry that waits for what it erases is heard again each time: others about the same may have come
      // since.
      const waits = state.waiting.find(hash);
      if (waits !== undefined) state.erasures.hear(waits);
      continue;
    }
    if (parsed.header.op === 'genesis') genesis ??= parsed.hash;
    const ofAuthor = byAuthor.get(parsed.header.author) ?? new Map<string, Entry>();
    byAuthor.set(parsed.header.author, ofAuthor.set(hash, parsed));
  }
  const ofUse = [...byAuthor.values()].map((entries) =>
    ofUseIn(state, entries, refused).filter((entry) => {
      const foreign = judgeNetwork(state.network ?? genesis, entry);
      if (foreign !== undefined) refused.set(entry.hash, foreign);
      return foreign === undefined;
    }),
  );
  const candidates: Candidate[] = [];
  const checked = await ahead?.(lastOfEach(ofUse.flat()));
  let verified = 0;
  const holds = (entry: Entry): boolean => {
    const known = checked?.get(entry);
    if (known !== undefined) return known;
    verified += 1;
    return signatureHolds(entry, signatures);
  };
  for (const entries of ofUse) {
    const { authentic, forged, unchecked } = vouch(entries, from, holds, (entry) => knownAfter(state, entry));
    candidates.push(...authentic);
    for (const { hash } of forged) refused.set(hash, rejected('ENTRY_SIGNATURE_BAD', 'the signature does not hold'));
    for (const { hash } of unchecked)
      refused.set(hash, ignored('LEDGER_OFFER_FORGED', 'too many bad signatures in one offer: not looked at'));
    if (verified >= VERIFY_SLICE) {
      verified = 0;
      await breathe();
    }
  }
  candidates.sort((a, b) => compareEntries(a.entry.header, b.entry.header));
  return { candidates: joined(candidates, await withErasures(state, candidates, refused)), refused, hashes };
};

/** What is void is dropped, but for what vouches for an entry before it that is not. */
const ofUseIn = (
  { chains, waiting }: ScreenState,
  entries: ReadonlyMap<string, Entry>,
  refused: Map<string, Acceptance>,
): readonly Entry[] => {
  const author = entries.values().next().value?.header.author ?? '';
  if (chains.fork(author) === undefined) return [...entries.values()];
  /** By hash: how many void ones are from an entry of use to here. */
  const distances = new Map<string, number>();
  const ofUse: Entry[] = [];
  for (const entry of [...entries.values()].sort((a, b) => a.header.seq - b.header.seq)) {
    const { hash, header } = entry;
    const useless = judgeVoid(chains.fork(header.author), waiting, entry);
    const distance = useless === undefined ? 0 : 1 + (distances.get(header.prev ?? '') ?? SYNC_ANCESTORS_MAX);
    if (useless === undefined || distance <= SYNC_ANCESTORS_MAX) {
      distances.set(hash, distance);
      ofUse.push(entry);
    } else refused.set(hash, useless);
  }
  return ofUse;
};

/**
 * Those that go on, each with the others of its author and number; what vouches for one goes on too, or vouches no
 * more.
 */
const joined = (authentic: readonly Candidate[], goOn: readonly Candidate[]): readonly Candidate[] => {
  const offered = new Map<string, Joined | undefined>(authentic.map(({ entry }) => [entry.hash, undefined]));
  for (const candidate of goOn) offered.set(candidate.entry.hash, { ...candidate });
  const places = new Map<string, Joined[]>();
  const all = [...offered.values()].filter((candidate) => candidate !== undefined);
  for (const candidate of all) {
    const { voucher } = candidate;
    if (typeof voucher === 'object' && offered.has(voucher.entry.hash))
      candidate.voucher = offered.get(voucher.entry.hash);
  }
  for (const candidate of all) {
    // It proves nothing, and must not stand in the place of one that does.
    if (isCutOff(candidate)) continue;
    const { entry } = candidate;
    const place = `${entry.header.author} ${entry.header.seq}`;
    const others = places.get(place);
    if (others === undefined) places.set(place, [candidate]);
    else {
      others.push(candidate);
      for (const other of others.length === 2 ? others : [candidate]) other.rivals = others;
    }
  }
  return all;
};

/** Whether what vouches for it goes no further. */
const isCutOff = (candidate: Candidate): boolean => {
  let part: Candidate['voucher'] = candidate;
  while (typeof part === 'object' && !part.ownHolds) part = part.voucher;
  return part === undefined;
};

type Joined = { -readonly [K in keyof Candidate]: Candidate[K] };

/**
 * Without its body an entry goes on only where an erase entry about it is held, or came along (before it or with it),
 * that may have been right; or where a snapshot covers it, whose bodies others keep. A body that is erased goes no
 * further.
 */
const withErasures = async (
  { erasures, covered, waiting }: ScreenState,
  candidates: readonly Candidate[],
  refused: Map<string, Acceptance>,
): Promise<readonly Candidate[]> => {
  for (const { entry } of candidates) erasures.hear(entry);
  const along = new Map(candidates.map(({ entry }) => [entry.hash, entry]));
  const find = (hash: string): Entry | undefined => waiting.find(hash) ?? along.get(hash);
  const goOn: Candidate[] = [];
  for (const candidate of candidates) {
    const { entry } = candidate;
    if (entry.bodiless !== true) goOn.push(candidate);
    else if (covered?.has(entry) === true) goOn.push({ ...candidate, entry: archivedEntry(entry) });
    else if (await erasures.mayLackBody(entry, find)) goOn.push(candidate);
    // Who was told of an erasure and judges it otherwise breaks no rule.
    else refused.set(entry.hash, covered === undefined || erasures.knowsOf(entry.hash) ? NO_BODY : NOT_COVERED);
  }
  // What the book has told by now: a body that is erased goes no further.
  return goOn.map((candidate) =>
    erasures.by(candidate.entry.hash) === undefined ? candidate : { ...candidate, entry: withoutBody(candidate.entry) },
  );
};

const NO_BODY = ignored(
  'LEDGER_BODY_MISSING',
  'it has no body, and no erasure of it came along that may have been right',
);
const NOT_COVERED = rejected(
  'LEDGER_BODY_UNCOVERED',
  'it has no body, nobody erased it, and the snapshot does not cover it',
);

/**
 * An authentic entry, held or waiting, that names this one as its `prev`: known ones are not offered to `vouch` again.
 */
const knownAfter = ({ chains, waiting }: ScreenState, { hash, header }: Entry): Candidate['voucher'] => {
  const isNext = ({ author, seq, prev }: Pick<Entry['header'], 'author' | 'seq' | 'prev'>): boolean =>
    author === header.author && seq === header.seq + 1 && prev === hash;
  if (chains.rivals(header.author, header.seq + 1).some(isNext)) return 'held';
  return waiting.followers(hash).find(({ entry }) => isNext(entry.header));
};

/** The entry, or why it goes no further. */
const parseKnown = ({ chains, waiting, erasures }: ScreenState, raw: RawEntry, hash: string): Entry | Acceptance => {
  if (chains.get(hash) !== undefined && !erasures.misses(hash)) return ignored('LEDGER_DUPLICATE', 'held already');
  if (waiting.has(hash)) return ignored('LEDGER_ENTRY_WAITS', 'waits already');
  try {
    return parseErasable(onItsOwn(raw), hash);
  } catch (caught) {
    const error = asFault(caught);
    return rejected(error.code, error.message);
  }
};

const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
