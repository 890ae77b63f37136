import { signatureHoldsInBackground } from '../entry/check.ts';
import type { Entry } from '../entry/entry.ts';
import type { Signatures } from '../entry/signatures.ts';
import type { Candidate } from './vouch.ts';

/** Fewer are checked sooner on the event loop. */
const AHEAD_MIN = 4;

const NOTHING: ReadonlyMap<Entry, boolean> = new Map();

/** Checks signatures before somebody asks for them; what it leaves out is checked when it is asked for. */
export type CheckAhead = (entries: readonly Entry[]) => Promise<ReadonlyMap<Entry, boolean>>;

/** On the thread pool, so that entries of many authors neither hold up the event loop nor wait for one core. */
export const checkAhead =
  (signatures: Signatures): CheckAhead =>
  async (entries) => {
    if (entries.length < AHEAD_MIN) return NOTHING;
    const held = await Promise.all(entries.map((entry) => signatureHoldsInBackground(entry, signatures)));
    return new Map(entries.map((entry, at) => [entry, held[at] === true]));
  };

/** The last of each author's entries: its signature vouches for those before it. */
export const lastOfEach = (entries: Iterable<Entry>): readonly Entry[] => {
  const last = new Map<string, Entry>();
  for (const entry of entries) {
    const { author, seq } = entry.header;
    if ((last.get(author)?.header.seq ?? 0) < seq) last.set(author, entry);
  }
  return [...last.values()];
};

/**
 * The candidates of a group, the last of each author's checked itself: a group of a large offer ends in the middle of
 * most logs, and must not go to disk on the word of a later group.
 */
export const withLastChecked = async (
  group: readonly Candidate[],
  check: CheckAhead,
): Promise<readonly Candidate[]> => {
  const unproven = new Set(group.filter(({ ownHolds }) => !ownHolds).map(({ entry }) => entry));
  const checked = await check(lastOfEach(group.map(({ entry }) => entry)).filter((entry) => unproven.has(entry)));
  if (checked.size === 0) return group;
  return group.map((candidate) =>
    checked.get(candidate.entry) === true ? { ...candidate, ownHolds: true } : candidate,
  );
};
