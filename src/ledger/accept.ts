import { ENTRY_FUTURE_MS_MAX, SYNC_ANCESTORS_MAX } from '../base/limits.ts';
import { signatureHolds } from '../entry/check.ts';
import type { Entry } from '../entry/entry.ts';
import type { Signatures } from '../entry/signatures.ts';
import { foldFork, type Fork, voidFrom } from './chain.ts';
import type { Draft } from './draft.ts';
import type { Acceptance } from './ledger.ts';
import type { Candidate } from './vouch.ts';
import type { WaitingRoom } from './waiting-room.ts';

export const ACCEPTED: Acceptance = { verdict: 'accept' };
/** Held as proof against its author: another node may not see why, so gossip does not hand it on. The exchange does. */
const ACCEPTED_AS_PROOF: Acceptance = { verdict: 'accept', restsOn: 'fork' };
/** Its own signature does not hold, a later entry vouches: who has not that one would blame the sender. */
const ACCEPTED_VOUCHED: Acceptance = { verdict: 'accept', restsOn: 'voucher' };
const FUTURE_MICROS_MAX = ENTRY_FUTURE_MS_MAX * 1_000;

/** Refused, and not the sender's fault: known already, too early, or of no use. */
export const ignored = (code: string, text: string): Acceptance => ({ verdict: 'ignore', code, text });
/** Refused, and an honest sender would not have sent it. */
export const rejected = (code: string, text: string): Acceptance => ({ verdict: 'reject', code, text });

/** What acceptance looks at and changes: the group that is being made, and what waits. */
export interface AcceptState {
  readonly draft: Draft;
  readonly waiting: WaitingRoom;
  /** Whether the entry is held and lacks a body that nobody erased by right: then it is taken in again with its body. */
  readonly misses: (hash: string) => boolean;
  /** This node's wall clock, microseconds since 1970. */
  readonly nowMicros: number;
  readonly signatures: Signatures;
}

/**
 * Steps 3 and 5 to 7 of accepting an authentic entry, and of everything that waited for it. Stages what is accepted,
 * puts into the waiting room what is early. `ok`: hashes of entries that are staged with what proves them (`proven.ts`). (Steps 1, 2 and 4 are `parseEntry` and `vouch`, step 8 is the book's.)
 * Equivocation is looked at before links and clock: two headers and two signatures prove it without context, so the
 * verdict must not depend on any.
 */
export const accept = (state: AcceptState, candidate: Candidate, ok: ReadonlySet<string>): Acceptance => {
  const { staged } = state.draft;
  const from = staged.length;
  const verdict = judge(state, candidate, ok);
  for (let at = from; at < staged.length; at += 1)
    for (const follower of state.waiting.takeFollowers(staged[at]?.place.hash ?? '')) judge(state, follower, ok);
  return verdict;
};

const judge = (state: AcceptState, candidate: Candidate, ok: ReadonlySet<string>): Acceptance => {
  const { entry } = candidate;
  const { draft } = state;
  if (draft.get(entry.hash) !== undefined && !comesBack(state, entry))
    return ignored('LEDGER_DUPLICATE', 'held already');
  const foreign = judgeNetwork(draft.network, entry);
  if (foreign !== undefined) return foreign;
  if (showsFork(state, candidate)) return ACCEPTED_AS_PROOF;
  const useless = judgeVoid(draft.fork(entry.header.author), state.waiting, entry);
  if (useless !== undefined) return useless;
  const linked = judgeLinks(state, candidate);
  if (linked !== undefined) return linked;
  if (!candidate.ownHolds && !ok.has(entry.hash) && !signatureHolds(entry, state.signatures))
    return rejected('ENTRY_SIGNATURE_BAD', 'the signature does not hold, and what vouches for it is not accepted');
  if (entry.header.op === 'genesis') draft.network = entry.hash;
  draft.stage(entry, candidate.ownHolds);
  return candidate.ownHolds ? ACCEPTED : ACCEPTED_VOUCHED;
};

/** It brings the body that is missing here, and for the first time in this group. */
const comesBack = ({ draft, misses }: AcceptState, { hash, bodiless }: Entry): boolean =>
  bodiless !== true && misses(hash) && !draft.staged.some(({ place }) => place.hash === hash);

/** Step 3. `undefined` where the entry is of this network, or is the genesis entry of a node that has none. */
export const judgeNetwork = (network: string | undefined, { header, hash }: Entry): Acceptance | undefined => {
  const ofEntry = header.op === 'genesis' ? hash : header.net;
  if (network === undefined && header.op !== 'genesis')
    return ignored('LEDGER_NO_NETWORK', 'this node has no network yet');
  return network === undefined || ofEntry === network
    ? undefined
    : rejected('LEDGER_OTHER_NETWORK', `entry of network ${ofEntry}; this is ${network}`);
};

/** Void entries are kept only as proof, or where an entry of somebody else builds on them. */
export const judgeVoid = (
  fork: Fork | undefined,
  waiting: WaitingRoom,
  { hash, header }: Entry,
): Acceptance | undefined => {
  if (header.seq < voidFrom(fork) || waiting.isMissed(hash)) return undefined;
  return improves(fork, header.seq, hash)
    ? undefined
    : ignored('LEDGER_AUTHOR_VOID', `the author's log forked at ${voidFrom(fork)}; what follows is void`);
};

const improves = (fork: Fork | undefined, seq: number, hash: string): boolean =>
  fork?.seq === seq && foldFork(fork, seq, [hash]) !== fork;

/** Step 7: whether the entry, with another of its author and seq, shows a fork or an earlier one. Stages the proof. */
const showsFork = ({ draft, waiting }: AcceptState, candidate: Candidate): boolean => {
  const { hash, header } = candidate.entry;
  const { author, seq } = header;
  const held = draft.rivals(author, seq);
  const early = waiting.rivals(author, seq);
  if (held.length + early.length === 0) return false;
  const known = draft.fork(author);
  const hashes = [hash, ...held.map((rival) => rival.hash), ...early.map(({ entry }) => entry.hash)];
  const fork = foldFork(known, seq, hashes);
  if (fork === known || fork?.pair.includes(hash) !== true) return false;
  for (const proof of [...early.filter(({ entry }) => fork.pair.includes(entry.hash)), candidate]) {
    waiting.take(proof.entry.hash);
    stageProof(draft, proof);
  }
  waiting.dropVoid(author, seq);
  return true;
};

/** Stages an entry with the later ones that vouch for it, so that the proof needs nothing else. */
const stageProof = (draft: Draft, proof: Candidate): void => {
  let part: Candidate['voucher'] = proof;
  for (let count = 0; typeof part === 'object' && count <= SYNC_ANCESTORS_MAX; count += 1) {
    if (draft.get(part.entry.hash) === undefined) draft.stage(part.entry, part.ownHolds);
    if (part.ownHolds) return;
    part = part.voucher;
  }
};

/** Steps 5 and 6. */
const judgeLinks = (state: AcceptState, candidate: Candidate): Acceptance | undefined => {
  const { draft, waiting, nowMicros } = state;
  const { header } = candidate.entry;
  const broken = judgeKnownLinks((hash) => draft.get(hash), candidate.entry);
  if (broken !== undefined) return broken;
  const named = header.prev === null ? header.parents : [header.prev, ...header.parents];
  const missing = named.filter((hash) => draft.get(hash) === undefined);
  if (missing.length > 0) {
    waiting.put(candidate, missing, undefined);
    return ignored(
      'LEDGER_ENTRY_WAITS',
      `waits for ${missing.length} entr${missing.length === 1 ? 'y' : 'ies'} before it`,
    );
  }
  if (!isEarly(candidate.entry, nowMicros)) return undefined;
  waiting.put(candidate, [], header.time - FUTURE_MICROS_MAX);
  return ignored('LEDGER_ENTRY_EARLY', 'dated more than 5 minutes ahead of this clock: held back until then');
};

/** Dated too far ahead of this clock. */
export const isEarly = ({ header }: Entry, nowMicros: number): boolean => header.time > nowMicros + FUTURE_MICROS_MAX;

/** What is held of the entries before must fit, even where others of them are missing. */
export const judgeKnownLinks = (
  find: (hash: string) => Pick<Entry['header'], 'author' | 'seq' | 'time'> | undefined,
  { header }: Entry,
): Acceptance | undefined => {
  const prev = header.prev === null ? undefined : find(header.prev);
  if (prev !== undefined && (prev.author !== header.author || prev.seq !== header.seq - 1))
    return rejected('LEDGER_PREV_MISMATCH', `prev is entry ${prev.seq} of ${prev.author}`);
  const parents = header.parents.flatMap((hash) => find(hash) ?? []);
  if (parents.some(({ author }) => author === header.author))
    return rejected('LEDGER_PARENT_MISMATCH', 'a parent is an entry of the author itself');
  const late = [prev, ...parents].find((place) => place !== undefined && place.time >= header.time);
  return late === undefined
    ? undefined
    : rejected(
        'LEDGER_TIME_NOT_AFTER',
        `time ${header.time} is not after ${late.time}, that of ${late.author} ${late.seq}`,
      );
};
