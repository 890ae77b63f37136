import { SYNC_ANCESTORS_MAX } from '../base/limits.ts';
import type { Entry, RawEntry } from '../entry/entry.ts';
import type { Chains, Fork } from './chain.ts';
import type { Place } from './place.ts';
import type { Equivocation, HeldEntry } from './ledger.ts';

/**
 * The proof of a fork as it is passed on: the two entries, and for one that is badly signed the held entries after it
 * that vouch. Undefined where one of the two cannot be read.
 */
export const proveFork = async (
  chains: Chains,
  author: string,
  { seq, pair }: Fork,
  read: (places: readonly Place[]) => Promise<readonly HeldEntry[]>,
  holds: (entry: Entry) => boolean,
): Promise<Equivocation | undefined> => {
  const readEntry = async (hash: string): Promise<Entry | undefined> => {
    const place = chains.get(hash);
    return place === undefined ? undefined : (await read([place]))[0]?.entry;
  };
  const first = await readEntry(pair[0]);
  const second = await readEntry(pair[1]);
  if (first === undefined || second === undefined) return undefined;
  const vouchers: RawEntry[] = [];
  for (const entry of [first, second]) vouchers.push(...(await vouchersOf(chains, entry, readEntry, holds)));
  return { author, seq, entries: [first.raw, second.raw, ...vouchers] };
};

/**
 * The held entries after a badly signed one, up to the nearest that is signed well: with it they need nothing else, whatever of them is void. Of
 * several branches the shortest, since nobody takes a longer run than `SYNC_ANCESTORS_MAX`.
 */
export const vouchersOf = async (
  chains: Chains,
  entry: Entry,
  readEntry: (hash: string) => Promise<Entry | undefined>,
  holds: (entry: Entry) => boolean,
): Promise<readonly RawEntry[]> => {
  if (holds(entry)) return [];
  let branches: readonly (readonly Entry[])[] = [[entry]];
  for (let length = 1; branches.length > 0 && length <= SYNC_ANCESTORS_MAX; length += 1) {
    const longer: (readonly Entry[])[] = [];
    for (const branch of branches) {
      const { hash, header } = branch.at(-1) ?? entry;
      for (const place of chains.rivals(header.author, header.seq + 1)) {
        const next = place.prev === hash ? await readEntry(place.hash) : undefined;
        if (next === undefined) continue;
        const grown = [...branch, next];
        if (holds(next)) return grown.slice(1).map(({ raw }) => raw);
        longer.push(grown);
      }
    }
    branches = longer.slice(0, BRANCHES_MAX);
  }
  return [];
};

/** Branches that are followed side by side. */
const BRANCHES_MAX = 16;
