import type { Resource } from '../../base/lifecycle.ts';
import type { PeerKey } from '../../network/network.ts';
import type { LogEntry } from './same-log.ts';

/** A peer that belongs to another network: nothing is exchanged with it. */
export interface ForeignPeer {
  /** Id of its network. */
  readonly network: string;
  /** Where it was met last; empty where that is not known. */
  readonly address: string;
  /** This node dialled it: somebody gave its address as a seed. */
  readonly dialled: boolean;
}

/** How the exchange with one peer stands, for `get synchronizer` and `test network metadata version`. */
export interface PeerSync {
  readonly peer: PeerKey;
  readonly connected: boolean;
  /** Metadata version that the peer last told; undefined before the first exchange. */
  readonly version: string | undefined;
  /** Entries that the peer is known to hold and we do not, and the other way round. */
  readonly behind: number;
  readonly ahead: number;
  /** Wall clock of the last exchange, milliseconds. */
  readonly lastExchangeMs: number | undefined;
  readonly lastError: string | undefined;
  readonly foreign: ForeignPeer | undefined;
}

/** Keeps the ledger the same as the peers': gossip as a shortcut, exchange of clocks as the guarantee. */
export interface LedgerSync extends Resource {
  /** Nodes known to hold the author's entry `seq`, this node included. */
  holders(author: string, seq: number): ReadonlySet<PeerKey>;
  /**
   * Peers known to hold all of these entries themselves, not others of the same author and number. Who told last of a
   * log's entry that is not here yet is not known to: its log may be another branch.
   */
  holding(entries: readonly LogEntry[]): Promise<ReadonlySet<PeerKey>>;
  peers(): readonly PeerSync[];
  /** Exchanges with every connected peer now; resolves when done. */
  syncNow(): Promise<void>;
  /**
   * Resolves once this node's own log has been asked for from the known peers (or there is none): then it may append.
   */
  ownLogKnown(signal?: AbortSignal): Promise<void>;
}
