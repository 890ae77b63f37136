import type { RawEntry } from '../../entry/entry.ts';
import type { PeerKey } from '../../network/network.ts';
import type { Cover } from '../cover.ts';

/** What an exchange asks about bodies that were dropped, here and at peers. */
export interface ArchivedPorts {
  /** Bodies are archived here. */
  here(): boolean;
  /** What the last snapshot in force covers, and what proves it; undefined while none is in force. */
  cover(): Promise<Cover | undefined>;
  /**
   * The root over the logs of a snapshot that entries prove; undefined where it does not hold by what is known here.
   * `LEDGER_SYNC_UNPROVEN`.
   */
  prove(network: string, proof: readonly RawEntry[]): Promise<string | undefined>;
  /**
   * The connected peers that say now that they have every body; undefined where this node takes no entries without
   * theirs.
   */
  keepers(): Promise<ReadonlySet<PeerKey> | undefined>;
}

/** Nothing is dropped here, nor taken without its body. */
export const NOTHING_ARCHIVED: ArchivedPorts = {
  here: () => false,
  cover: async () => undefined,
  prove: async () => undefined,
  keepers: async () => undefined,
};
