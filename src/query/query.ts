import type { ResultColumn } from '../sqlite/sqlite.ts';
import type { RowList } from './row-list.ts';

/** How a query is to be answered. */
export interface QueryOptions {
  /** Who of a cluster is asked first: its main operator, or each in turn (`targets.ts`). */
  readonly nodes: 'main' | 'all';
  /** Only data that every active operator of the cluster holds. */
  readonly committed: boolean;
  /** Answer with what there is and say what is missing, instead of failing. */
  readonly partial: boolean;
  readonly timeoutMs: number;
  /** Tables of other names whose rows are counted in: `db.table`. */
  readonly include: readonly string[];
}

/** A question of a user: SQL as typed, over one database. */
export interface QueryRequest {
  readonly dbms: string;
  readonly sql: string;
  readonly options: QueryOptions;
  /** Operators to ask instead of those that the topology gives, by operator policy id. */
  readonly operators?: readonly string[];
  readonly signal?: AbortSignal;
}

/** A cluster whose answer lacks files that are known to exist: no operator that is up holds them all. */
export interface BehindCluster {
  readonly cluster: string;
  readonly operator: string;
  readonly files: number;
}

/** One operator's part in a query, for `query status` and statistics. */
export interface QueryPart {
  readonly cluster: string;
  readonly operator: string;
  readonly address: string;
  readonly status: 'Sending' | 'Processing' | 'Completed' | 'Empty Set' | 'Error' | 'Replaced' | 'Behind';
  readonly rows: number;
  /** Pieces in which its rows came. */
  readonly blocks: number;
  /** Files that the operator knew to lack when it answered. */
  readonly behind: number;
  readonly runMs: number;
  readonly error: string | undefined;
}

/** A complete answer, or one that says what it lacks. */
export interface QueryResult {
  readonly job: number;
  readonly columns: readonly ResultColumn[];
  readonly rows: RowList;
  readonly runMs: number;
  readonly parts: readonly QueryPart[];
  /** Empty where all that is known was answered from. */
  readonly behind: readonly BehindCluster[];
  /** Clusters without an answer, by id and why; empty unless `partial`. */
  readonly missing: readonly { readonly cluster: string; readonly reason: string }[];
  /**
   * The rows were read and will not be again: others may have their room. What nobody holds any more is given back too,
   * later.
   */
  release(): void;
}

/** A query that runs or ran, for `query status` and `query explain`. */
export interface QueryJob {
  readonly job: number;
  readonly sql: string;
  readonly dbms: string;
  readonly table: string;
  readonly status: 'Processing' | 'Completed' | 'Empty Set' | 'Error';
  readonly startedMs: number;
  readonly runMs: number;
  readonly rows: number;
  readonly error: string | undefined;
  readonly parts: readonly QueryPart[];
  /** What was sent to the operators and what merged their answers: `query explain`. */
  readonly remoteSql: string;
  readonly mergeSql: string;
}

/** Answers SQL from the clusters that hold the tables. */
export interface QueryService {
  /**
   * Cluster by cluster, one operator each, next on failure, merged. Never silently partial. `QUERY_…` and `SQL_…`
   * errors.
   */
  network(request: QueryRequest): Promise<QueryResult>;
  /** The local databases alone. */
  local(request: QueryRequest): Promise<QueryResult>;
  /** Newest first, bounded. */
  jobs(): readonly QueryJob[];
}
