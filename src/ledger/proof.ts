import { SYNC_ANCESTORS_MAX, SYNC_VOUCHER_READS_MAX } from '../base/limits.ts';
import { giveWay } from '../base/slices.ts';
import { signatureHolds } from '../entry/check.ts';
import type { Entry, RawEntry } from '../entry/entry.ts';
import type { Signatures } from '../entry/signatures.ts';
import type { Chains, Fork } from './chain.ts';
import type { Cursor, Equivocation, HeldEntry, VoucherSearch } from './ledger.ts';

/** What the search for vouchers reads of a ledger. */
export interface VoucherSource {
  readonly chains: Chains;
  read(hash: string): Promise<HeldEntry | undefined>;
  /** Whether its own signature holds. */
  holds(held: HeldEntry): boolean;
}

/** Most signatures were checked in the background long ago. */
export const voucherSource = (
  chains: Chains,
  reader: { byHash(hash: string): Promise<HeldEntry | undefined> },
  check: { isGood(cursor: Cursor): boolean | undefined },
  signatures: Signatures,
): VoucherSource => ({
  chains,
  read: (hash) => reader.byHash(hash),
  holds: ({ entry, cursor }) => check.isGood(cursor) ?? signatureHolds(entry, signatures),
});

/** A search that has found nothing yet and may read `SYNC_VOUCHER_READS_MAX` entries: one for each answer. */
export const voucherSearch = (): VoucherSearch => ({ found: new Map(), left: SYNC_VOUCHER_READS_MAX });

/**
 * The proof of a fork as it is passed on: the two entries, and for one that is badly signed the held entries after it
 * that vouch. Undefined where one of the two cannot be read.
 */
export const proveFork = async (
  source: VoucherSource,
  author: string,
  { seq, pair }: Fork,
): Promise<Equivocation | undefined> => {
  const first = await source.read(pair[0]);
  const second = await source.read(pair[1]);
  if (first === undefined || second === undefined) return undefined;
  const vouchers: RawEntry[] = [];
  for (const held of [first, second]) {
    const found = await vouchersOf(source, held, voucherSearch());
    vouchers.push(...(found ?? []).map(({ raw }) => raw));
  }
  return { author, seq, entries: [first.entry.raw, second.entry.raw, ...vouchers] };
};

/**
 * The held entries after a badly signed one, up to the nearest that is signed well: with it they need nothing else,
 * whatever of them is void. Of several branches the shortest, since nobody takes a longer run than
 * `SYNC_ANCESTORS_MAX`; no further than to what the search has found already. Undefined where the search may read no
 * more.
 */
export const vouchersOf = async (
  source: VoucherSource,
  held: HeldEntry,
  search: VoucherSearch,
): Promise<readonly Entry[] | undefined> => {
  if (source.holds(held) || search.found.has(held.entry.hash)) return [];
  let branches: readonly (readonly Entry[])[] = [[held.entry]];
  for (let length = 1; branches.length > 0 && length <= SYNC_ANCESTORS_MAX; length += 1) {
    const longer: (readonly Entry[])[] = [];
    for (const branch of branches)
      for (const next of await following(source, branch.at(-1) ?? held.entry, search)) {
        const grown = [...branch, next.entry];
        const more = source.holds(next) ? 0 : search.found.get(next.entry.hash);
        if (more !== undefined && length + more <= SYNC_ANCESTORS_MAX) return noted(grown, more, search);
        longer.push(grown);
      }
    if (search.left <= 0) return undefined;
    branches = longer.slice(0, BRANCHES_MAX);
  }
  return [];
};

const noted = (branch: readonly Entry[], more: number, { found }: VoucherSearch): readonly Entry[] => {
  for (const [at, { hash }] of branch.entries()) found.set(hash, branch.length - 1 - at + more);
  return branch.slice(1);
};

/** The held entries that name this one as the one before. */
const following = async (
  source: VoucherSource,
  { hash, header }: Entry,
  search: VoucherSearch,
): Promise<readonly HeldEntry[]> => {
  const followers: HeldEntry[] = [];
  for (const place of source.chains.rivals(header.author, header.seq + 1)) {
    if (place.prev !== hash || search.left <= 0) continue;
    search.left -= 1;
    if (search.left % READS_A_TURN === 0) await giveWay();
    const held = await source.read(place.hash);
    if (held !== undefined) followers.push(held);
  }
  return followers;
};

/** Branches that are followed side by side. */
const BRANCHES_MAX = 16;
const READS_A_TURN = 32;
