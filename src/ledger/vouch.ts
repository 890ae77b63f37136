import { SYNC_ANCESTORS_MAX } from '../base/limits.ts';
import type { Entry } from '../entry/entry.ts';
import type { PeerKey } from '../network/network.ts';

/** An authentic entry on its way in. */
export interface Candidate {
  readonly entry: Entry;
  readonly from: PeerKey;
  /** The entry's own signature was checked and holds; otherwise `voucher` names it as its `prev`. */
  readonly ownHolds: boolean;
  /** `held`: the ledger holds the entry that vouches. */
  readonly voucher: Candidate | 'held' | undefined;
  /** Others of its author and number that came with it: together they show a fork, whoever else is held. */
  readonly rivals?: readonly Candidate[];
}

/** What the signatures of one author's entries in one batch prove. */
export interface Vouched {
  readonly authentic: readonly Candidate[];
  readonly forged: readonly Entry[];
  /** Not looked at any more: too many before them were forged. */
  readonly unchecked: readonly Entry[];
}

/** A sender of so many bad signatures of one author in one offer is not given more of our time. */
const FORGED_MAX = 32;

/**
 * Checks entries of one author (each hash once) at the price of one signature a branch: an entry whose signature holds
 * vouches through `prev` for all before it. A signature that does not hold is no loss where a later entry vouches: one
 * of those offered, or one that `after` knows because it came before; at most `SYNC_ANCESTORS_MAX` after it, since no
 * node hands on a longer run.
 */
export const vouch = (
  entries: readonly Entry[],
  from: PeerKey,
  holds: (entry: Entry) => boolean,
  after: (entry: Entry) => Candidate['voucher'] = () => undefined,
): Vouched => {
  const byHash = new Map(entries.map((entry) => [entry.hash, entry]));
  const byPrev = new Map(entries.map((entry) => [entry.header.prev, entry.hash]));
  const authentic = new Map<string, Mutable<Candidate>>();
  const forged: Entry[] = [];
  const unchecked: Entry[] = [];
  const newestFirst = [...entries].sort((a, b) => b.header.seq - a.header.seq);
  /** The one after it that vouches for it, where one near enough turns out to be signed well. */
  const nearer = ({ hash, header }: Entry): Candidate | undefined => {
    const next = authentic.get(byPrev.get(hash) ?? '');
    if (next?.entry.header.seq !== header.seq + 1) return undefined;
    let part: Candidate['voucher'] = next;
    for (let count = 0; typeof part === 'object' && count < SYNC_ANCESTORS_MAX; count += 1) {
      const offered = authentic.get(part.entry.hash);
      if (offered !== undefined && !offered.ownHolds) offered.ownHolds = holds(offered.entry);
      if (part.ownHolds) return next;
      part = part.voucher;
    }
    return undefined;
  };
  for (const entry of newestFirst) {
    if (authentic.has(entry.hash)) continue;
    if (forged.length === FORGED_MAX) {
      unchecked.push(entry);
      continue;
    }
    const ownHolds = holds(entry);
    const known = ownHolds ? undefined : (nearer(entry) ?? after(entry));
    let voucher: Mutable<Candidate> = { entry, from, ownHolds, voucher: known };
    let distance = distanceOf(voucher);
    if ((!ownHolds && known === undefined) || distance > SYNC_ANCESTORS_MAX) {
      forged.push(entry);
      continue;
    }
    authentic.set(entry.hash, voucher);
    for (let before = previousIn(byHash, entry); before !== undefined; before = previousIn(byHash, before)) {
      distance += 1;
      if (authentic.has(before.hash) || distance > SYNC_ANCESTORS_MAX) break;
      voucher = { entry: before, from, ownHolds: false, voucher };
      authentic.set(before.hash, voucher);
    }
  }
  return { authentic: [...authentic.values()], forged, unchecked };
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Entries from one to the well-signed one that vouches for it. */
const distanceOf = (candidate: Candidate): number => {
  let distance = 0;
  for (let part: Candidate['voucher'] = candidate; typeof part === 'object' && !part.ownHolds; part = part.voucher)
    distance += 1;
  return distance;
};

const previousIn = (byHash: ReadonlyMap<string, Entry>, { header }: Entry): Entry | undefined => {
  const previous = header.prev === null ? undefined : byHash.get(header.prev);
  return previous?.header.seq === header.seq - 1 ? previous : undefined;
};
