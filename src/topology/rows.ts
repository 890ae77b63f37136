import type { ClusterInfo, OperatorInfo, Topology } from './topology.ts';

/** Which rows of a report are wanted; undefined: all. */
export interface TopologyFilter {
  readonly company?: string | undefined;
  readonly dbms?: string | undefined;
  readonly table?: string | undefined;
}

/** A table in a cluster with one of the cluster's operators; `operator` is undefined where the cluster has none. */
export interface DataNodeRow {
  readonly company: string;
  readonly dbms: string;
  readonly table: string;
  readonly cluster: ClusterInfo;
  readonly operator: OperatorInfo | undefined;
}

const matches = (wanted: string | undefined, value: string): boolean =>
  wanted === undefined || wanted === '*' || wanted.toLowerCase() === value.toLowerCase();

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The rows of `get data nodes` and of `blockchain query metadata`: company, dbms, table, cluster, operator, sorted in
 * this order. A cluster without tables yet shows with empty names, so that a new network is not shown as empty.
 */
export const dataNodeRows = (topology: Topology, filter: TopologyFilter = {}): readonly DataNodeRow[] => {
  const rows: DataNodeRow[] = [];
  for (const cluster of topology.clusters.values()) {
    if (!matches(filter.company, cluster.company)) continue;
    const tables = cluster.tables.length > 0 ? cluster.tables : [{ dbms: '', table: '' }];
    for (const { dbms, table } of tables) {
      if (!matches(filter.dbms, dbms) || !matches(filter.table, table)) continue;
      const operators = cluster.operators.length > 0 ? cluster.operators : [undefined];
      for (const operator of operators) rows.push({ company: cluster.company, dbms, table, cluster, operator });
    }
  }
  return rows.sort(
    (a, b) =>
      compareText(a.company, b.company) ||
      compareText(a.dbms, b.dbms) ||
      compareText(a.table, b.table) ||
      compareText(a.cluster.name, b.cluster.name) ||
      compareText(a.cluster.id, b.cluster.id) ||
      (a.operator?.member ?? 0) - (b.operator?.member ?? 0),
  );
};
