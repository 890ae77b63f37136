import { signatureHolds } from '../entry/check.ts';
import type { Entry } from '../entry/entry.ts';
import { accept, ACCEPTED, type AcceptState, isEarly, judgeKnownLinks, judgeNetwork, judgeVoid } from './accept.ts';
import type { Acceptance } from './ledger.ts';
import type { Candidate } from './vouch.ts';

/** Accepts candidates that came together, causes before effects; the verdict on each hash. */
export const acceptAll = (state: AcceptState, candidates: readonly Candidate[]): Map<string, Acceptance> => {
  const ok = proven(state, candidates);
  const verdicts = new Map<string, Acceptance>();
  for (const candidate of candidates) verdicts.set(candidate.entry.hash, accept(state, candidate, ok));
  // What waited at first may have been followed by what it waited for.
  for (const [hash, { code }] of verdicts)
    if (code === 'LEDGER_ENTRY_WAITS' && state.draft.get(hash) !== undefined) verdicts.set(hash, ACCEPTED);
  return verdicts;
};

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
  const fits = ({ entry }: Candidate): boolean =>
    !refused.has(entry.hash) &&
    judgeNetwork(draft.network ?? genesis, entry) === undefined &&
    judgeVoid(draft.fork(entry.header.author), waiting, entry) === undefined &&
    judgeKnownLinks(find, entry) === undefined &&
    !isEarly(entry, nowMicros);
  for (const candidate of candidates)
    for (const open = [candidate]; ;) {
      const next = open.pop();
      if (next === undefined) break;
      const { hash, header } = next.entry;
      if (ready.has(hash)) continue;
      const named = header.prev === null ? header.parents : [header.prev, ...header.parents];
      const missing = named.find((before) => find(before) === undefined);
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
  { draft, signatures }: AcceptState,
  ready: readonly Candidate[],
): { readonly ok: ReadonlySet<string>; readonly bad: readonly string[] } => {
  const ok = new Set<string>();
  const bad: string[] = [];
  const newestFirst = [...ready].sort((a, b) => b.entry.header.seq - a.entry.header.seq);
  for (const { entry, ownHolds, voucher } of newestFirst) {
    const isVouched =
      voucher === 'held' ||
      (voucher !== undefined && (ok.has(voucher.entry.hash) || draft.get(voucher.entry.hash) !== undefined));
    if (ownHolds || isVouched || signatureHolds(entry, signatures)) ok.add(entry.hash);
    else bad.push(entry.hash);
  }
  return { ok, bad };
};
