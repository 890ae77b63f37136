import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Network, PeerKey } from '../network/network.ts';
import type { Holdings } from '../operator/file-record.ts';
import type { DropsView } from '../operator/operator.ts';
import type { Shortfall } from '../replication/announced.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import type { OperatorInfo, Topology } from '../topology/topology.ts';

/** The operator that this node runs, as it is at this moment. */
export interface OwnOperator {
  readonly operator: string;
  /** The cluster that it belongs to, by the policies as this node has them. */
  readonly cluster: string | undefined;
  /**
   * One that is not filled yet answers no network queries; nor one of the database that was named while that may be
   * damaged.
   */
  readonly filled: boolean;
  /** One that has just started waits a moment for what its peers hold: it would not know what it lacks. */
  readonly heard: boolean;
  held(): Holdings;
  /**
   * Which file a database is known to be, if it is: where it is another one or gone, nothing is answered from it.
   * Absent: nobody knows.
   */
  readonly fileOf?: (dbms: string) => string | undefined;
  /** What was dropped of its cluster's tables, and how far that is here. */
  readonly drops: Omit<DropsView, 'failure'>;
  /** What is known to be lacking here, of what peers told of and of what is needed. */
  shortfall(needed: Holdings): Shortfall;
}

/** What queries need of the rest of the node. */
export interface QueryPorts {
  readonly network: Pick<Network, 'self' | 'open' | 'handle'>;
  readonly sqlite: Sqlite;
  readonly clock: Clock;
  readonly log: Logger;
  /** As it is now. */
  topology(): Topology;
  /** Whether an operator is believed to answer. A wrong belief costs time, never a wrong result. */
  isUp(operator: OperatorInfo): boolean;
  /** The operator that this node runs, if any; as it is for queries of a database, where one is named. */
  operating(dbms?: string): OwnOperator | undefined;
  /** Throws where a node's key may not ask a table here; absent where all may. */
  checkAsker?(asker: PeerKey, dbms: string, table: () => string): void;
  /**
   * Files that every active operator of a cluster holds, by origin. `REPLICATION_COMMITTED_UNKNOWN` where no operator
   * says it; rejects with the signal's reason when it is aborted.
   */
  committedRanges(cluster: string, signal: AbortSignal): Promise<Holdings>;
}

/** How patient queries are, in milliseconds; what is left out is that of the limits. */
export interface QueryServiceOptions {
  /** The next operator of a cluster is asked too when one is silent for so long. */
  readonly hedgeMs?: number;
  /** … or has not finished after so long. */
  readonly hedgeSlowMs?: number;
}
