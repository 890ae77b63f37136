import type { Access } from './access/access.ts';
import type { Clock } from '../base/clock.ts';
import type { ClockStatus } from '../base/clock-monitor.ts';
import type { DiskStatus } from '../base/disk-monitor.ts';
import type { HoldfastError } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { JsonValue } from '../codec/json.ts';
import type { ArchiveSource } from '../ledger/archive/client.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerSync } from '../ledger/sync/sync.ts';
import type { Address, Network } from '../network/network.ts';
import type { Holdings } from '../operator/file-record.ts';
import type { Operator, OperatorOptions } from '../operator/operator.ts';
import type { Refusal } from '../policy/introduction/introductions.ts';
import type { Policies } from '../policy/policies.ts';
import type { TilesStatus } from '../receipt/tiles/tiles-service.ts';
import type { Receipts } from '../receipt/receipts.ts';
import type { QueryService } from '../query/query.ts';
import type {
  Consumer,
  ConsumerOptions,
  Distributor,
  PeerReplication,
  Replication,
  Scrubbing,
} from '../replication/replication.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import type { Topology } from '../topology/topology.ts';
import type { PeerView } from './health/peer-watch.ts';
import type { Note } from './note.ts';

/** Directories of the node, absolute. */
interface NodeDirectories {
  readonly root: string;
  readonly watch: string;
  readonly error: string;
  readonly archive: string;
  readonly prep: string;
  readonly backup: string;
  readonly distribution: string;
  /** Where the logical databases are. */
  readonly databases: string;
  /** Where the ledger is. */
  readonly ledger: string;
  /** Where `process NAME` looks for a relative path. */
  readonly scripts: string;
}

/** What does not change while the node runs. */
export interface NodeFacts {
  readonly name: string;
  readonly company: string;
  readonly hostname: string;
  /** Of this program, `0.1.0`. */
  readonly version: string;
  /** Milliseconds since 1970 when the node started. */
  readonly startedMs: number;
  readonly directories: NodeDirectories;
  /** The start script, absolute; undefined where there is none. */
  readonly script: string | undefined;
  /** It was told to an earlier start, not to this one. */
  readonly scriptRemembered?: boolean;
  /**
   * Which commands of other nodes are served: `read` only those that change nothing, `registered` also others when the
   * sender's key stands in a node policy in force. `remote/SPEC.md` says which commands are never served.
   */
  readonly remoteCommands: 'read' | 'registered';
  /** As the REST server tells it in `get connections`; undefined until it listens. */
  restAddress(): Address | undefined;
}

/** A backup that runs or has ended since the node started. */
export interface BackupStatus {
  readonly state: 'running' | 'done' | 'failed';
  readonly dir: string;
  /** What is being copied: `databases`, `ledger`, `archive` … */
  readonly part: string;
  /** Copied so far; of the total only what is known yet. */
  readonly files: number;
  readonly bytes: number;
  readonly bytesTotal: number;
  /** How long it has run. */
  readonly ms: number;
  readonly error: HoldfastError | undefined;
}

/**
 * What only the composition root can do: start and stop the parts of the node. The command checks first (running
 * already, unknown policy …); these do it or throw the part's own error.
 */
export interface NodeControl {
  startOperator(options: OperatorOptions): Promise<void>;
  stopOperator(): Promise<void>;
  startDistributor(): Promise<void>;
  stopDistributor(): Promise<void>;
  startConsumer(options: ConsumerOptions): Promise<void>;
  stopConsumer(): Promise<void>;
  /**
   * Begins a backup into an absolute, new or empty directory. `BACKUP_RUNNING`, `BACKUP_DIR`, `BACKUP_DIR_NOT_EMPTY` …
   */
  startBackup(dir: string): Promise<void>;
  /** Breaks off the backup that runs and removes what it copied. */
  stopBackup(): Promise<void>;
  /**
   * Hands what the node holds to a new key, which it has from its next start on; resolves to that key.
   * `POLICY_NOT_AUTHORISED`.
   */
  rotateKey(): Promise<string>;
  /** Dials the address, keeps it dialled, and resolves once the node belongs to its network and has what it had. */
  seedFrom(address: Address, signal?: AbortSignal): Promise<void>;
  /** Ends the process cleanly, after the reply to the command has had time to leave. */
  exitNode(): void;
}

/** Kept up to date by whoever runs the start script: the node, and the command `process`. */
export interface ScriptOutcome {
  /** Why it did not run to its end. */
  failure: string | undefined;
  /** Where it is; line 0 before the first. Undefined where it has ended, or none runs. */
  running?: { readonly path: string; readonly line: number } | undefined;
}

/** What is looked at in the background, for the faults that a node tells of. */
export interface Watched {
  readonly clock: ClockStatus;
  /** What the connected nodes told of themselves. */
  readonly peers: readonly PeerView[];
  /** Of the operator that runs: whether it is filled, how its peers stand, and for whom it waits. */
  readonly sharing:
    (Pick<Replication, 'filled' | 'awaited'> & { readonly peers: readonly PeerReplication[] }) | undefined;
}

/** Writes of this node that may count later elsewhere than their author thinks. */
export interface DoubtfulWrites {
  /** How many there were since the start. */
  readonly count: number;
  /** What is to be known about the last of them. */
  readonly note: Note | undefined;
}

/** Where what nodes may drop is kept. */
export interface Archiving {
  sources(): readonly ArchiveSource[];
  /** Those in reach that say, asked anew, that they have everything. */
  confirmed(signal?: AbortSignal): Promise<readonly ArchiveSource[]>;
  /** The static files; undefined where this node keeps none. */
  tiles(): TilesStatus | undefined;
  /** Resolves once the directory of these files has shown to be of use; absent where there is none (tests). */
  readonly tilesWork?: Promise<unknown>;
}

/** Everything that handlers work with: lower floors, facts, and the parts that may or may not run. */
export interface CommandContext {
  readonly facts: NodeFacts;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly network: Network;
  readonly ledger: Ledger;
  readonly ledgerSync: LedgerSync;
  readonly policies: Policies;
  readonly receipts: Receipts;
  readonly sqlite: Sqlite;
  readonly query: QueryService;
  readonly control: NodeControl;
  /** Who may use the front doors. */
  readonly access: Access;
  /** This node's signature over the manifest of an audit bundle, 64 bytes. */
  signManifest(manifest: Uint8Array): Uint8Array;
  /** Derived from the policies in force; ask anew, never keep. */
  topology(): Topology;
  /** Undefined while not running; ask anew, never keep. */
  operator(): Operator | undefined;
  /**
   * Up to which file of each origin an operator of a cluster knows of any, as `[[1, file]]`.
   * `REPLICATION_COMMITTED_UNKNOWN` where none says it.
   */
  knownFiles(cluster: string, signal?: AbortSignal): Promise<Holdings>;
  distributor(): Distributor | undefined;
  consumer(): Consumer | undefined;
  /** The last backup since the start; undefined where there was none. */
  backup(): BackupStatus | undefined;
  /** How the node's disk stands; undefined where nobody watches it (tests). */
  readonly disk?: () => DiskStatus;
  /** Undefined where nobody watches (tests). */
  readonly watched?: () => Watched;
  /** Who keeps the whole history; undefined where nobody asks for it (tests). */
  readonly archiving?: Archiving;
  /** Who does not let this node in; undefined where nobody asks to be let in (tests). */
  readonly refusals?: () => readonly Refusal[];
  /** Written by a clock that others hold for wrong; undefined where nobody compares them (tests). */
  readonly doubts?: () => DoubtfulWrites;
  scrubber(): Scrubbing | undefined;
  /** How the start script ended last; undefined where nobody runs one (tests). */
  readonly startScript?: ScriptOutcome;
  /**
   * Why scripts that admins started in the background ended before their end, by script; undefined where nobody tells
   * of it (tests).
   */
  readonly threadFailures?: Map<string, string>;
  /**
   * Aborted when the node stops: ends what commands left running in the background. Undefined where nothing stops
   * (tests).
   */
  readonly stopping?: AbortSignal;
  /** `$NAME`: the one reader of the environment is `node/config`. */
  environment(name: string): string | undefined;
  /** Variables to begin with, beside those that follow from the facts. */
  readonly variables?: Readonly<Record<string, JsonValue>>;
}
