import { fault } from '../base/errors.ts';
import { parseSelect } from './sql/parser.ts';
import type { ClusterInfo, OperatorInfo, Topology } from '../topology/topology.ts';
import type { QueryOptions } from './query.ts';

/** Who may answer: an operator, or this node from its own databases. */
export interface Candidate {
  /** Undefined where this node runs no operator and is asked about its own databases. */
  readonly operator: OperatorInfo | undefined;
  readonly local: boolean;
  /** Whether it is believed to answer. */
  readonly up: boolean;
}

/** One table in one cluster: answered by exactly one of the candidates. */
export interface Target {
  /** Undefined for the local databases. */
  readonly cluster: ClusterInfo | undefined;
  readonly dbms: string;
  readonly table: string;
  readonly candidates: readonly Candidate[];
}

/** A table as a query names it, in lower case. */
export interface TableName {
  readonly dbms: string;
  readonly table: string;
}

/** `db.table`, or `table` in the same database; lower case. */
export const includedTables = (main: TableName, include: readonly string[]): readonly TableName[] => {
  const all = [main, ...include.map((name) => includedTable(main.dbms, name))];
  return [...new Map(all.map((table) => [`${table.dbms}.${table.table}`, table])).values()];
};

/**
 * All tables that the SQL of a query and its `include` name, without looking whether they are there. `SQL_…`,
 * `QUERY_TABLE_UNKNOWN`.
 */
export const tablesOf = (dbms: string, sql: string, include: readonly string[]): readonly TableName[] =>
  includedTables({ dbms: dbms.toLowerCase(), table: tableIn(sql) }, include);

/** The table that a select reads. */
export const tableIn = (sql: string): string => parseSelect(sql).table.normalize('NFC').toLowerCase();

const includedTable = (dbms: string, name: string): TableName => {
  const dot = name.indexOf('.');
  const table = name
    .slice(dot + 1)
    .trim()
    .toLowerCase();
  if (table === '') throw fault('QUERY_TABLE_UNKNOWN', `include: ${JSON.stringify(name)} is not the name of a table`);
  return { dbms: dot < 0 ? dbms : name.slice(0, dot).trim().toLowerCase(), table };
};

/** What decides which operator of a cluster is asked first. */
export interface CandidateOrder {
  readonly nodes: QueryOptions['nodes'];
  /** Operator that this node runs. */
  readonly own: string | undefined;
  isUp(operator: OperatorInfo): boolean;
  /** Which of equals begins. */
  readonly turn: number;
}

/**
 * The operators of a cluster in the order in which they are asked: those believed up first; among them, with
 * `nodes = main`, the main one, then this node itself, then the others in rotation. Those believed down come last: the
 * belief may be old.
 */
export const orderCandidates = (operators: readonly OperatorInfo[], order: CandidateOrder): readonly Candidate[] => {
  const { nodes, own, turn } = order;
  const start = operators.length === 0 ? 0 : turn % operators.length;
  const rotated = [...operators.slice(start), ...operators.slice(0, start)];
  const rank = (operator: OperatorInfo, up: boolean): number =>
    (nodes === 'all' ? 2 : operator.main ? 0 : operator.id === own ? 1 : 2) + (up ? 0 : 10);
  return rotated
    .map((operator) => ({ operator, local: operator.id === own, up: operator.id === own || order.isUp(operator) }))
    .sort((a, b) => rank(a.operator, a.up) - rank(b.operator, b.up));
};

/**
 * What must be asked for some tables over the network. With `only`, those operators stand for their clusters. Throws
 * `QUERY_NO_CLUSTER` for a table of no cluster, `QUERY_NO_OPERATOR` for an operator that no policy names.
 */
export const networkTargets = (
  topology: Topology,
  tables: readonly TableName[],
  only: readonly string[] | undefined,
  order: (operators: readonly OperatorInfo[], cluster: string) => readonly Candidate[],
): readonly Target[] => {
  const chosen = only?.map((id) => {
    const operator = topology.operators.get(id);
    if (operator !== undefined) return operator;
    throw fault('QUERY_NO_OPERATOR', `there is no operator policy ${id}`, { hint: 'see `blockchain get operator`' });
  });
  return tables.flatMap(({ dbms, table }) => {
    const holding = topology.clustersOf(dbms, table);
    const clusters = chosen === undefined ? holding : clustersOf(topology, chosen);
    if (clusters.length === 0)
      throw fault('QUERY_NO_CLUSTER', `no cluster holds the table ${dbms}.${table}`, {
        data: { dbms, table },
        hint: 'see `get data nodes`',
      });
    return clusters.map((cluster) => {
      const operators = chosen?.filter((operator) => operator.cluster === cluster.id) ?? cluster.operators;
      return { cluster, dbms, table, candidates: order(operators, cluster.id) };
    });
  });
};

const clustersOf = (topology: Topology, operators: readonly OperatorInfo[]): readonly ClusterInfo[] =>
  [...new Set(operators.map(({ cluster }) => cluster))].flatMap((id) => topology.clusters.get(id) ?? []);
