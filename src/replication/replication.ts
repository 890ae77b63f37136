import type { Resource } from '../base/lifecycle.ts';
import type { PeerKey } from '../network/network.ts';
import type { Strays } from '../operator/file-check.ts';
import type { Holdings } from '../operator/file-record.ts';
import type { Shortfall } from './announced.ts';
import type { MendReport } from './scrub/messages.ts';

/** Another operator of the own cluster, as the policies have it, with the key that its node has proved. */
export interface ClusterPeer {
  /** Operator policy id: the origin of its files. */
  readonly operator: string;
  readonly name: string;
  readonly member: number;
  readonly peer: PeerKey;
}

/** How one peer of the cluster stands, for `get distributor`, `get consumer`, `get tsd sync status`. */
export interface PeerReplication {
  /** Operator policy id, name and member of the peer. */
  readonly operator: string;
  readonly name: string;
  readonly member: number;
  readonly connected: boolean;
  /**
   * Of the files of the cluster, those that the peer is known to lack of what we hold (of one that is away: as last heard
   * of), and we of what it holds.
   */
  readonly filesBehind: number;
  readonly filesAhead: number;
  /** Of one that is away: files that it held when it was last heard of, and that neither this operator nor one in reach holds. */
  readonly filesAway: number;
  /**
   * Of those that it lacks, files that are on the way to it or stored there just now; of those that are lacking here, files
   * that come, or that it was asked for.
   */
  readonly filesLeaving: number;
  readonly filesArriving: number;
  /** Those that the peer lacks: how many rows they have, the store tells. */
  readonly lacking: Holdings;
  /** For how long either of the two has lacked a file that the other has; 0 where both have all. */
  readonly lagMs: number;
  /** Files sent to it, taken from it, since start. */
  readonly sent: number;
  readonly received: number;
  /** ISO date of the last exchange; undefined where there was none since start. */
  readonly lastExchange: string | undefined;
  /** The last failure; where there is none, why the operator is not filled although nothing is asked of this peer. */
  readonly lastError: string | undefined;
}

/** `run data distributor`: pushes each new file to every connected peer of the cluster. */
export interface Distributor extends Resource {
  peers(): readonly PeerReplication[];
}

/** Which files a consumer takes, and whether it does just now. */
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

/** What an operator remembers over restarts. */
export interface Remembered {
  /** It was filled: that counts only while all of the files are held. */
  readonly filled: boolean;
  /** What it held since; before it is filled, with what its peers held when they were heard of. */
  readonly files: Holdings;
  /** In which cluster; undefined where an earlier version kept it. In another one it is not filled. */
  readonly cluster?: string | undefined;
}

/** Whether this operator was filled once, kept over restarts. Forms: `createFilledFlag` (a small file), memory (tests). */
export interface FilledFlag {
  /** undefined: it was never filled, and knows nothing that it lacks. */
  load(): Promise<Remembered | undefined>;
  /** Never rejects: where the disk does not take it, it is written later. */
  save(remembered: Remembered): Promise<void>;
}

/** What the scrub does and found, for `get scrub`. */
export interface ScrubStatus {
  /** Files of this pass: looked at, of how many. */
  readonly looked: number;
  readonly files: number;
  readonly rows: number;
  /** Passes since start; ISO date of the end of the last. */
  readonly passes: number;
  readonly lastPass: string | undefined;
  /** Damage found and mended since start. */
  readonly found: number;
  readonly mended: number;
  /** The newest deeds, newest first. */
  readonly deeds: readonly (MendReport & { readonly time: string })[];
  /** Rows of no file, as the last pass saw them. */
  readonly strays: readonly Strays[];
  readonly lastError: string | undefined;
}

/** What a repair of the whole cluster did, operator by operator. */
export interface ClusterRepair {
  readonly reports: readonly MendReport[];
  readonly aside: number;
  /** Operators that did not answer, by name. */
  readonly failed: readonly { readonly name: string; readonly text: string }[];
}

/** The background scrub, as commands see it. */
export interface Scrubbing {
  status(): ScrubStatus;
  /** Begins a pass now, as fast as the bound on rows allows. */
  runNow(): void;
  /** Asks every operator of the cluster, this one too, to check files and mend them; says what each did. */
  repairAll(files: readonly { readonly origin: string; readonly file: number }[]): Promise<ClusterRepair>;
}

/**
 * What an operator shares with its peers, for as long as it runs: it serves what they ask for, takes what they push, takes
 * its own files back, and knows what they hold. Distributor and consumer come and go on top of it.
 */
export interface Replication extends Resource {
  /** As `Consumer.filled`, without a consumer too, and while none of its databases may be damaged. */
  readonly filled: boolean;
  /** Whether queries of a database are answered: while another one is looked through, too. */
  answersFrom(dbms: string): boolean;
  /** Whether all peers said what they hold since the start, or were waited for: what came meanwhile is known to be lacking. */
  readonly heard: boolean;
  /** Of an operator whose store is older: those without which it answers and numbers nothing, and that were not heard of yet. */
  readonly awaited: readonly ClusterPeer[];
  peers(): readonly PeerReplication[];
  /** `run data distributor`. `REPLICATION_ALREADY_RUNNING`. */
  startDistributor(): Distributor;
  /** `run data consumer`. `REPLICATION_ALREADY_RUNNING`. */
  startConsumer(options: ConsumerOptions): Consumer;
  /**
   * Resolves when the own files that the known peers hold are held here, so that new ones can be numbered; peers that
   * cannot be reached are waited for no longer than a bound. Rejects with `REPLICATION_STOPPED` on close.
   */
  ownFilesKnown(): Promise<void>;
  /**
   * Files that every active operator of the cluster is known to hold, for queries with `committed = true`; of one that
   * was just connected again, as it last said. Undefined while one is connected that never said what it holds.
   */
  committedRanges(): Holdings | undefined;
  /** What is known to be lacking here of what peers told of since the start, and of `needed`. */
  shortfall(needed: Holdings): Shortfall;
  /** Files of each origin that are held here or that a peer has told of since the start. */
  known(): Holdings;
  /** Finds damage in the background and mends it. */
  readonly scrubber: Scrubbing;
  /** The policies have changed: who belongs to the cluster is looked up again. */
  refresh(): void;
}
