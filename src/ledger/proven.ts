import type { Entry } from '../entry/entry.ts';
import {
  accept,
  ACCEPTED,
  ACCEPTED_AS_PROOF,
  type AcceptState,
  isEarly,
  judgeKnownLinks,
  judgeNetwork,
  judgeVoid,
  proofOf,
  release,
  showsFork,
} from './accept.ts';
import { voidFrom } from './chain.ts';
import type { Acceptance } from './ledger.ts';
import type { Candidate } from './vouch.ts';

/**
 * Accepts candidates that came together, causes before effects; the verdict on each hash. What forks they show comes
 * first: what is void vouches otherwise than what counts.
 */
export const acceptAll = (state: AcceptState, candidates: readonly Candidate[]): Map<string, Acceptance> => {
  const { draft } = state;
  const from = draft.staged.length;
  // The earliest of one log makes the others void.
  for (const candidate of [...candidates].sort((a, b) => a.entry.header.seq - b.entry.header.seq))
    if (isOpen(state, candidate)) showsFork(state, candidate);
  const ok = proven(state, candidates);
  release(state, from, ok);
  const verdicts = new Map<string, Acceptance>();
  for (const candidate of candidates) verdicts.set(candidate.entry.hash, accept(state, candidate, ok));
  // What waited at first may have been followed by what it waited for; and what was refused may vouch for others.
  for (const { entry, place } of draft.staged.slice(from))
    if (verdicts.get(entry.hash)?.verdict === 'ignore')
      verdicts.set(entry.hash, place.seq < voidFrom(draft.fork(place.author)) ? ACCEPTED : ACCEPTED_AS_PROOF);
  return verdicts;
};

const isOpen = ({ draft }: AcceptState, { entry }: Candidate): boolean =>
  draft.get(entry.hash) === undefined && judgeNetwork(draft.network, entry) === undefined;

/** Takes up what was held back until now. */
export const acceptDue = (state: AcceptState): void => {
  acceptAll(state, state.waiting.takeDue(state.nowMicros));
};

/**
 * Hashes of the candidates that may be staged together with what proves them: an entry whose own signature was not
 * checked, or does not hold, needs the entries that vouch for it up to a well-signed one in the same group. Otherwise
 * it would be durable on the word of an entry that is never accepted, and no other node could take it from this one.
 */
const proven = (state: AcceptState, candidates: readonly Candidate[]): ReadonlySet<string> => {
  const refused = new Set<string>();
  for (;;) {
    const ready = readyOf(state, candidates, refused);
    const { ok, bad } = checked(state, [...ready.values()]);
    if (bad.length === 0) return ok;
    // What builds on these is not ready either.
    for (const hash of bad) refused.add(hash);
  }
};

/** Candidates, and waiting entries that they release, that fit their links, the clock and the network, by hash. */
const readyOf = (
  { draft, waiting, nowMicros }: AcceptState,
  candidates: readonly Candidate[],
  refused: ReadonlySet<string>,
): ReadonlyMap<string, Candidate> => {
  const ready = new Map<string, Candidate>();
  const missedBy = new Map<string, Candidate[]>();
  const genesis = candidates.find(({ entry }) => entry.header.op === 'genesis')?.entry.hash;
  const find = (hash: string): Pick<Entry['header'], 'author' | 'seq' | 'time'> | undefined =>
    ready.get(hash)?.entry.header ?? draft.get(hash);
  const isVoid = ({ author, seq }: Entry['header']): boolean => seq >= voidFrom(draft.fork(author));
  const fits = ({ entry }: Candidate): boolean =>
    !refused.has(entry.hash) &&
    judgeNetwork(draft.network ?? genesis, entry) === undefined &&
    judgeVoid(draft.fork(entry.header.author), waiting, entry) === undefined &&
    (isVoid(entry.header) || (judgeKnownLinks(find, entry) === undefined && !isEarly(entry, nowMicros)));
  for (const candidate of candidates)
    for (const open = [candidate]; ;) {
      const next = open.pop();
      if (next === undefined) break;
      const { hash, header } = next.entry;
      if (ready.has(hash)) continue;
      const named = header.prev === null ? header.parents : [header.prev, ...header.parents];
      const missing = isVoid(header) ? undefined : named.find((before) => find(before) === undefined);
      if (missing !== undefined) missedBy.set(missing, [...(missedBy.get(missing) ?? []), next]);
      else if (fits(next)) {
        ready.set(hash, next);
        open.push(...(missedBy.get(hash) ?? []), ...waiting.followers(hash));
      }
    }
  return ready;
};

/** The last of each run is checked where nothing later in the group vouches for it. */
const checked = (
  state: AcceptState,
  ready: readonly Candidate[],
): { readonly ok: ReadonlySet<string>; readonly bad: readonly string[] } => {
  const { draft } = state;
  const ok = new Set<string>();
  const bad: string[] = [];
  const newestFirst = [...ready].sort((a, b) => b.entry.header.seq - a.entry.header.seq);
  for (const candidate of newestFirst) {
    const { entry, ownHolds, voucher } = candidate;
    const isVouched =
      voucher === 'held' ||
      (voucher !== undefined && (ok.has(voucher.entry.hash) || draft.get(voucher.entry.hash) !== undefined));
    if (ownHolds || isVouched || proofOf(state, candidate) !== undefined) ok.add(entry.hash);
    else bad.push(entry.hash);
  }
  return { ok, bad };
};
