import { ENTRY_FUTURE_MS_MAX, SYNC_ANCESTORS_MAX } from '../base/limits.ts';
import { signatureHolds } from '../entry/check.ts';
import type { Entry } from '../entry/entry.ts';
import type { Signatures } from '../entry/signatures.ts';
import { foldFork, type Fork, voidFrom } from './chain.ts';
import type { Draft } from './draft.ts';
import type { Acceptance } from './ledger.ts';
import type { Candidate } from './vouch.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** Taken in, and whoever gets it from here takes it too. */
export const ACCEPTED: Acceptance = { verdict: 'accept' };
/** Held as proof against its author: another node may not see why, so gossip does not hand it on. The exchange does. */
export const ACCEPTED_AS_PROOF: Acceptance = { verdict: 'accept', restsOn: 'fork' };
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
  /**
   * Whether the entry is held and lacks a body that nobody erased by right: then it is taken in again with its body.
   */
  readonly misses: (hash: string) => boolean;
  /** This node's wall clock, microseconds since 1970. */
  readonly nowMicros: number;
  readonly signatures: Signatures;
}

/**
 * Steps 3 and 5 to 7 of accepting an authentic entry, and of everything that waited for it. Stages what is accepted,
 * puts into the waiting room what is early. `ok`: hashes of entries that are staged with what proves them
 * (`proven.ts`). (Steps 1, 2 and 4 are `parseEntry` and `vouch`, step 8 is the book's.) Equivocation is looked at
 * before links and clock: two headers and two signatures prove it without context, so the verdict must not depend on
 * any.
 */
export const accept = (state: AcceptState, candidate: Candidate, ok: ReadonlySet<string>): Acceptance => {
  const from = state.draft.staged.length;
  const verdict = judge(state, candidate, ok);
  release(state, from, ok);
  return verdict;
};

/** Accepts what waited for entries that are staged, from that place on. */
export const release = (state: AcceptState, from: number, ok: ReadonlySet<string>): void => {
  const { staged } = state.draft;
  for (let at = from; at < staged.length; at += 1)
    for (const follower of state.waiting.takeFollowers(staged[at]?.place.hash ?? '')) judge(state, follower, ok);
};

const judge = (state: AcceptState, candidate: Candidate, ok: ReadonlySet<string>): Acceptance => {
  const { entry } = candidate;
  const { draft, waiting } = state;
  if (draft.get(entry.hash) !== undefined && !comesBack(state, entry))
    return ignored('LEDGER_DUPLICATE', 'held already');
  const foreign = judgeNetwork(draft.network, entry);
  if (foreign !== undefined) return foreign;
  if (showsFork(state, candidate)) return ACCEPTED_AS_PROOF;
  const fork = draft.fork(entry.header.author);
  const useless = judgeVoid(fork, waiting, entry);
  if (useless !== undefined) return useless;
  // Nothing follows from the links and the date of what is void: who knew of the fork first and who did not take it
  // alike.
  if (entry.header.seq >= voidFrom(fork)) return stageAll(draft, proofOf(state, candidate)) ?? UNVOUCHED;
  return judgeLinks(state, candidate) ?? stage(state, candidate, ok);
};

/** Stages an entry that counts. */
const stage = (state: AcceptState, candidate: Candidate, ok: ReadonlySet<string>): Acceptance => {
  const { entry, ownHolds } = candidate;
  if (restsOnVoid(state, candidate)) {
    const proof = proofOf(state, candidate);
    stageAll(state.draft, proof);
    return proof === undefined ? UNVOUCHED : proof[0]?.ownHolds === true ? ACCEPTED : ACCEPTED_VOUCHED;
  }
  if (!ownHolds && !ok.has(entry.hash) && !signatureHolds(entry, state.signatures)) return UNVOUCHED;
  state.draft.stage(entry, ownHolds);
  return ownHolds ? ACCEPTED : ACCEPTED_VOUCHED;
};

/** The sender may hold what vouches, and know why it is accepted there. */
const UNVOUCHED = ignored(
  'ENTRY_SIGNATURE_BAD',
  'the signature does not hold, and what vouches for it is not accepted here',
);

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

/**
 * Step 7: whether the entry, with another of its author and seq that is held, waits or came along, shows a fork or an
 * earlier one. Stages the proof, and of what waits what became void and is built on.
 */
export const showsFork = (state: AcceptState, candidate: Candidate): boolean => {
  const { draft, waiting } = state;
  const { author, seq } = candidate.entry.header;
  const { hash } = candidate.entry;
  const known = draft.fork(author);
  // Of many rivals most are no news.
  if (seq > voidFrom(known) || (seq === known?.seq && hash >= known.pair[1])) return false;
  const held = draft.rivals(author, seq);
  const others = [candidate, ...waiting.rivals(author, seq), ...(candidate.rivals ?? [])];
  if (held.length + others.length === 1) return false;
  const fork = foldFork(
    known,
    seq,
    [...held, ...others.map(({ entry }) => entry)].map((rival) => rival.hash),
  );
  if (fork === known || fork === undefined) return false;
  const open = others.filter(({ entry }) => fork.pair.includes(entry.hash) && draft.get(entry.hash) === undefined);
  const proofs = open.map((part) => proofOf(state, part, seq));
  if (proofs.includes(undefined)) return false;
  for (const { entry } of open) waiting.take(entry.hash);
  for (const proof of proofs) stageAll(draft, proof);
  for (const missed of waiting.takeVoid(author, seq)) stageAll(draft, proofOf(state, missed));
  return fork.pair.includes(hash);
};

/** Whether the entry after it, that vouches for it, is not taken in by itself: it is void. */
const restsOnVoid = ({ draft }: AcceptState, { entry, ownHolds, voucher }: Candidate): boolean =>
  !ownHolds &&
  typeof voucher === 'object' &&
  voucher.entry.header.seq >= voidFrom(draft.fork(entry.header.author)) &&
  draft.get(entry.hash) === undefined;

/**
 * The entry, and the void ones after it that vouch for it where its own signature does not hold: together they need
 * nothing else. Undefined where nothing vouches. `voidSeq`: from there on the author's entries are void.
 */
export const proofOf = (
  { draft, signatures }: AcceptState,
  candidate: Candidate,
  voidSeq = voidFrom(draft.fork(candidate.entry.header.author)),
): readonly Candidate[] | undefined => {
  const proof: Candidate[] = [];
  let part: Candidate['voucher'] = candidate;
  while (typeof part === 'object' && proof.length <= SYNC_ANCESTORS_MAX) {
    if (proof.length > 0 && draft.get(part.entry.hash) !== undefined) return proof;
    if (proof.length > 0 && part.entry.header.seq < voidSeq) return undefined;
    const ownHolds = part.ownHolds || signatureHolds(part.entry, signatures);
    proof.push(ownHolds ? { ...part, ownHolds } : part);
    if (ownHolds) return proof;
    part = part.voucher;
  }
  return part === 'held' ? proof : undefined;
};

const stageAll = (draft: Draft, proof: readonly Candidate[] | undefined): Acceptance | undefined => {
  for (const { entry, ownHolds } of proof ?? []) if (draft.get(entry.hash) === undefined) draft.stage(entry, ownHolds);
  return proof === undefined ? undefined : ACCEPTED_AS_PROOF;
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
