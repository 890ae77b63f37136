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

/** The held entries after a badly signed one, up to the first that is signed well. */
const vouchersOf = async (
  chains: Chains,
  entry: Entry,
  readEntry: (hash: string) => Promise<Entry | undefined>,
  holds: (entry: Entry) => boolean,
): Promise<readonly RawEntry[]> => {
  const vouchers: RawEntry[] = [];
  let last = entry;
  while (!holds(last) && vouchers.length < SYNC_ANCESTORS_MAX) {
    const { hash, header } = last;
    const place = chains.rivals(header.author, header.seq + 1).find(({ prev }) => prev === hash);
    const next = place === undefined ? undefined : await readEntry(place.hash);
    if (next === undefined) break;
    vouchers.push(next.raw);
    last = next;
  }
  return vouchers;
};
