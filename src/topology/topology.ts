import type { HoldfastError } from '../base/errors.ts';

/** An operator by its policy: a node that holds the data of one cluster. */
export interface OperatorInfo {
  /** Operator policy id: the origin of its files. */
  readonly id: string;
  readonly name: string;
  readonly company: string;
  readonly cluster: string;
  /** 1 … 255, unique in the cluster; a name for people, never a key. */
  readonly member: number;
  readonly ip: string;
  readonly port: number;
  readonly localIp: string | undefined;
  readonly restPort: number | undefined;
  /** Preferred for queries among the operators of its cluster. */
  readonly main: boolean;
  /** Public key of the node that runs it (64 hex digits); undefined until the node has proved it. */
  readonly peer: string | undefined;
}

/** A table that a cluster holds. */
export interface ClusterTable {
  readonly dbms: string;
  readonly table: string;
  readonly status: string;
  /** The child cluster policy that names it, or the cluster itself. */
  readonly policy: string;
}

/** Operators that hold the same data, and which tables that is. */
export interface ClusterInfo {
  readonly id: string;
  readonly name: string;
  readonly company: string;
  readonly status: string;
  /** Of the cluster itself and of its child clusters, by dbms and table. */
  readonly tables: readonly ClusterTable[];
  /** Sorted by member number. */
  readonly operators: readonly OperatorInfo[];
}

/** A column of a table as its policy declares it. */
export interface Column {
  readonly name: string;
  /** `int`, `float`, `bool`, `timestamp`, `date`, `time`, `varchar`, `char(n)`, `uuid`, `text` … lower case */
  readonly type: string;
}

/** A table by its policy, whichever clusters hold it. */
export interface TableInfo {
  readonly id: string;
  readonly dbms: string;
  readonly name: string;
  /** User columns in order, from the policy's `create` statement, without the four that every table gets. */
  readonly columns: readonly Column[];
  /** The statement as the policy has it. */
  readonly create: string;
  /** Why no columns can be read from it, `TOPOLOGY_CREATE_STATEMENT`; undefined where they can. */
  readonly unread: HoldfastError | undefined;
}

/** The columns of a table, never none. Throws `TOPOLOGY_CREATE_STATEMENT` where its policy does not say which. */
export const readableColumns = ({ columns, unread }: TableInfo): readonly Column[] => {
  if (unread !== undefined) throw unread;
  return columns;
};

/** Any policy that stands for a node that can be dialled (operator, query, master, publisher, node). */
export interface NodeInfo {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly company: string;
  readonly ip: string;
  readonly port: number;
  readonly restPort: number | undefined;
  readonly peer: string | undefined;
}

/** A table that was dropped in a cluster, by its policy. */
export interface TableDrop {
  /** Its policy id. */
  readonly id: string;
  readonly dbms: string;
  readonly table: string;
  /** Origin → its files up to this one are dropped. */
  readonly files: ReadonlyMap<string, number>;
}

/** What the policies say of who serves what: derived and pure. */
export interface Topology {
  readonly clusters: ReadonlyMap<string, ClusterInfo>;
  readonly operators: ReadonlyMap<string, OperatorInfo>;
  readonly nodes: readonly NodeInfo[];
  table(dbms: string, name: string): TableInfo | undefined;
  tables(): readonly TableInfo[];
  /** Clusters that hold a table, by cluster id. */
  clustersOf(dbms: string, table: string): readonly ClusterInfo[];
  /** What was dropped in a cluster, the earliest first. */
  dropsOf(cluster: string): readonly TableDrop[];
  /** The operator that the node of a key runs. */
  operatorByPeer(peer: string): OperatorInfo | undefined;
}
