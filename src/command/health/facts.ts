import type { DiskStatus } from '../../base/disk-monitor.ts';
import type { LedgerStatus } from '../../ledger/ledger.ts';
import type { DialState } from '../../network/network.ts';
import type { Damage } from '../../operator/file-check.ts';
import type { FailedFiles, IngestFailure } from '../../operator/operator.ts';
import type { PeerReplication } from '../../replication/replication.ts';
import type { ForeignSeed } from '../commands/foreign-seeds.ts';
import type { ClockStatus } from '../../base/clock-monitor.ts';
import type { OwnAddress } from './own-address.ts';
import type { PeerView } from './peer-watch.ts';
import type { NamedRefusal } from './refused.ts';

/** A connected or remembered peer, as the exchange of the ledger knows it. */
export interface SyncFacts {
  /** For people. */
  readonly name: string;
  readonly connected: boolean;
  readonly behind: number;
  readonly lastError: string | undefined;
}

/** The operator that this node runs. */
export interface OperatorFacts {
  readonly filled: boolean;
  /** It was restored or recovered, and waits for these before it answers and numbers. */
  readonly awaited: readonly string[];
  readonly distributor: boolean;
  /** Undefined: it does not run. */
  readonly consumer: 'active' | 'suspend' | undefined;
  readonly peers: readonly PeerReplication[];
  /** Files that failed within the last day and that nobody has corrected or removed yet, the newest first. */
  readonly failures: readonly IngestFailure[];
  /** All that lies in the error directory. */
  readonly failed: FailedFiles;
  /** Why files of the watch directory are not taken up or not stored just now. */
  readonly watchFailure: string | undefined;
  readonly setAside: readonly string[];
  readonly damages: readonly Damage[];
  readonly scrubError: string | undefined;
  /** Why rows of a table that was dropped are still here. */
  readonly dropFailure: string | undefined;
}

/** What another node of the network told of itself, with its name. */
export interface NamedPeer extends PeerView {
  readonly name: string;
  /** It is the node of an operator of the own cluster. */
  readonly inCluster: boolean;
}

/** All that faults are told from: plain data, gathered at one moment. */
export interface HealthFacts {
  readonly disk: DiskStatus | undefined;
  readonly clock: ClockStatus | undefined;
  readonly ledger: LedgerStatus;
  /** False before the node has joined a network. */
  readonly hasNetwork: boolean;
  /** It was handed to a new key, which the node has from its next start on: no peer lets it in until then. */
  readonly isKeyRotated: boolean;
  /** Authors that signed two entries with one number, as people know them. */
  readonly equivocations: readonly { readonly name: string; readonly seq: number; readonly own: boolean }[];
  /** Who does not let this node in. */
  readonly refusals: readonly NamedRefusal[];
  /** Who is kept out, as people know it. */
  readonly expelled: readonly { readonly name: string; readonly code: string; readonly text: string }[];
  /** Where it listens, and where its policies say that it is. */
  readonly address: OwnAddress;
  readonly foreignSeeds: readonly ForeignSeed[];
  readonly dialled: readonly (DialState & { readonly name?: string | undefined })[];
  readonly sync: readonly SyncFacts[];
  readonly peers: readonly NamedPeer[];
  readonly operator: OperatorFacts | undefined;
  /** Id of the operator policy of this node while it runs no operator, and no start script is about to start one. */
  readonly idleOperator: string | undefined;
  /** Why the start script did not run to its end; undefined where it did, or runs. */
  readonly scriptFailure: string | undefined;
  /** Why scripts in the background did not run to their end. */
  readonly threadFailures: readonly string[];
  /** Files of receipts that cannot be read, and what is done about each. */
  readonly receiptsDamaged: readonly { readonly cause: string; readonly nextStep: string }[];
  /** Why the static files of the archive are not written. */
  readonly tilesFailure: string | undefined;
  /** Why the columns of tables cannot be read from their policies. */
  readonly tablesUnread: readonly string[];
  /** Why the book may be other than its entries say: bodies that were dropped here are needed. */
  readonly historyNeeded: string | undefined;
}
