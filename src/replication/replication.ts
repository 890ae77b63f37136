import type { Resource } from '../base/lifecycle.ts';

/** How one peer of the cluster stands, for `get distributor`, `get consumer`, `get tsd sync status`. */
export interface PeerReplication {
  /** Operator policy id, name and member of the peer. */
  readonly operator: string;
  readonly name: string;
  readonly member: number;
  readonly connected: boolean;
  /** Files that the peer is known to lack of what we hold, and we of what it holds. */
  readonly filesBehind: number;
  readonly filesAhead: number;
  /** Files sent to it, taken from it, since start. */
  readonly sent: number;
  readonly received: number;
  /** ISO date of the last exchange; undefined where there was none since start. */
  readonly lastExchange: string | undefined;
  readonly lastError: string | undefined;
}

/** `run data distributor`: pushes each new file to every connected peer of the cluster. */
export interface Distributor extends Resource {
  peers(): readonly PeerReplication[];
}

export interface ConsumerOptions {
  /** Window of file times, milliseconds since 1970; older gaps stay. `undefined` end: now. */
  readonly startMs: () => number;
  readonly endMs: () => number | undefined;
  readonly mode: 'active' | 'suspend';
}

/** `run data consumer`: compares with the peers and pulls what this operator lacks. */
export interface Consumer extends Resource {
  peers(): readonly PeerReplication[];
  readonly mode: 'active' | 'suspend';
  setMode(mode: 'active' | 'suspend'): void;
  /** Whether this operator has held everything that its peers held when it joined: only then it answers network queries. */
  readonly filled: boolean;
  /** Compares and pulls now; resolves when nothing that a connected peer holds is lacking (or it cannot be had). */
  syncNow(): Promise<void>;
}
