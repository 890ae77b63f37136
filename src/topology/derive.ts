import { asFault, fault, type HoldfastError } from '../base/errors.ts';
import { isJsonObject, type JsonObject } from '../codec/json.ts';
import type { PolicyBook, PolicyState } from '../policy/book.ts';
import { NODE_TYPES } from '../policy/kinds/registry.ts';
import { columnsToMake } from './create-statement.ts';
import type {
  ClusterInfo,
  ClusterTable,
  Column,
  NodeInfo,
  OperatorInfo,
  TableDrop,
  TableInfo,
  Topology,
} from './topology.ts';

const textOf = (value: JsonObject, ...names: readonly string[]): string | undefined => {
  for (const name of names) {
    const found = value[name];
    if (typeof found === 'string' && found !== '') return found;
  }
  return undefined;
};

const numberOf = (value: JsonObject, ...names: readonly string[]): number | undefined => {
  for (const name of names) {
    const found = value[name];
    if (typeof found === 'number') return found;
    if (typeof found === 'string' && /^\d{1,9}$/.test(found)) return Number(found);
  }
  return undefined;
};

const operatorOf = ({ id, value }: PolicyState): OperatorInfo => ({
  id,
  name: textOf(value, 'name') ?? `${textOf(value, 'ip') ?? ''}:${numberOf(value, 'port') ?? ''}`,
  company: textOf(value, 'company') ?? '',
  cluster: textOf(value, 'cluster') ?? '',
  member: numberOf(value, 'member') ?? 0,
  ip: textOf(value, 'ip') ?? '',
  port: numberOf(value, 'port') ?? 0,
  localIp: textOf(value, 'local_ip', 'internal_ip', 'local ip'),
  restPort: numberOf(value, 'rest_port', 'restport'),
  main: value['main'] === true,
  peer: textOf(value, 'peer'),
});

const nodeOf = ({ id, type, value }: PolicyState): NodeInfo => ({
  id,
  type,
  name: textOf(value, 'name') ?? `${textOf(value, 'ip') ?? ''}:${numberOf(value, 'port') ?? ''}`,
  company: textOf(value, 'company') ?? '',
  ip: textOf(value, 'ip') ?? '',
  port: numberOf(value, 'port') ?? 0,
  restPort: numberOf(value, 'rest_port', 'restport'),
  peer: textOf(value, 'peer'),
});

const tablesOf = ({ id, value }: PolicyState): readonly ClusterTable[] => {
  const list = value['table'];
  if (!Array.isArray(list)) return [];
  return list.filter(isJsonObject).flatMap((entry) => {
    const dbms = textOf(entry, 'dbms');
    const table = textOf(entry, 'name');
    if (dbms === undefined || table === undefined) return [];
    return [{ dbms, table, status: textOf(entry, 'status') ?? 'active', policy: id }];
  });
};

/**
 * The cluster that a cluster policy adds to: itself, or the top of its parents. A parent that is not there ends the
 * climb.
 */
const rootOf = (policies: ReadonlyMap<string, PolicyState>, id: string): string => {
  if (policies.get(id)?.value['parent'] === undefined) return id;
  const seen = new Set<string>();
  let root = id;
  for (;;) {
    seen.add(root);
    const parent = policies.get(root)?.value['parent'];
    if (typeof parent !== 'string' || seen.has(parent) || !policies.has(parent)) return root;
    root = parent;
  }
};

/** A key for a table; names hold no NUL. */
const tableKey = (dbms: string, table: string): string => `${dbms.toLowerCase()}\u0000${table.toLowerCase()}`;

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

interface Draft {
  readonly state: PolicyState;
  readonly tables: Map<string, ClusterTable>;
  readonly operators: OperatorInfo[];
}

const groupBy = <T>(items: Iterable<T>, keyOf: (item: T) => string | undefined): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
};

const deriveClusters = (
  policies: ReadonlyMap<string, PolicyState>,
  operators: readonly OperatorInfo[],
): ReadonlyMap<string, ClusterInfo> => {
  const drafts = new Map<string, Draft>();
  for (const id of policies.keys()) {
    const root = rootOf(policies, id);
    const state = policies.get(root);
    if (state !== undefined && !drafts.has(root)) drafts.set(root, { state, tables: new Map(), operators: [] });
  }
  // A table named by the cluster and by a child of it is one table; the earlier policy names it.
  for (const state of policies.values()) {
    const draft = drafts.get(rootOf(policies, state.id));
    for (const entry of tablesOf(state)) {
      const key = tableKey(entry.dbms, entry.table);
      if (draft?.tables.has(key) === false) draft.tables.set(key, entry);
    }
  }
  for (const operator of operators) drafts.get(operator.cluster)?.operators.push(operator);
  return new Map(
    [...drafts].map(([id, { state, tables, operators: members }]): [string, ClusterInfo] => [
      id,
      {
        id,
        name: textOf(state.value, 'name') ?? '',
        company: textOf(state.value, 'company') ?? '',
        status: textOf(state.value, 'status') ?? 'active',
        tables: [...tables.values()].sort((a, b) => compareText(a.dbms, b.dbms) || compareText(a.table, b.table)),
        operators: members.sort((a, b) => a.member - b.member),
      },
    ]),
  );
};

interface Statement {
  readonly columns: readonly Column[];
  readonly unread: HoldfastError | undefined;
}

/** What was read of policies: they stay the same objects while others change. */
const statements = new WeakMap<JsonObject, Statement>();

/** The columns of a policy's statement, or why it says none. */
const statementOf = ({ id, value }: PolicyState): Statement => {
  let statement = statements.get(value);
  if (statement === undefined) {
    statement = readStatement(id, value);
    statements.set(value, statement);
  }
  return statement;
};

const readStatement = (id: string, value: JsonObject): Statement => {
  try {
    return { columns: columnsToMake(textOf(value, 'create') ?? ''), unread: undefined };
  } catch (caught) {
    return { columns: [], unread: unreadable(id, value, asFault(caught).message) };
  }
};

const unreadable = (id: string, value: JsonObject, why: string): HoldfastError => {
  const name = `${textOf(value, 'dbms') ?? ''}.${textOf(value, 'name') ?? ''}`;
  return fault(
    'TOPOLOGY_CREATE_STATEMENT',
    `the table policy ${id} of ${name} does not say which columns it has: ${why}`,
    {
      data: { id },
      hint: `give it a statement: blockchain update where id = ${id} and policy = {"table": {"create": "CREATE TABLE …"}}`,
    },
  );
};

const deriveTables = (book: PolicyBook): ReadonlyMap<string, TableInfo> => {
  const tables = new Map<string, TableInfo>();
  for (const state of book.ofType('table')) {
    const { id, value } = state;
    const dbms = textOf(value, 'dbms') ?? '';
    const name = textOf(value, 'name') ?? '';
    tables.set(tableKey(dbms, name), {
      id,
      dbms,
      name,
      create: textOf(value, 'create') ?? '',
      // Read when it is asked for: ten thousand statements are not parsed for one look at a cluster.
      get columns() {
        return statementOf(state).columns;
      },
      get unread() {
        return statementOf(state).unread;
      },
    });
  }
  return tables;
};

/** What was read of drops: asked for with each query. */
const dropsRead = new WeakMap<JsonObject, TableDrop>();

const dropOf = ({ id, value }: PolicyState): TableDrop => {
  const known = dropsRead.get(value);
  if (known !== undefined) return known;
  const files = new Map(
    Object.entries(isJsonObject(value['files']) ? value['files'] : {}).flatMap(([origin, upTo]) =>
      typeof upTo === 'number' ? [[origin, upTo] as const] : [],
    ),
  );
  const drop = { id, dbms: textOf(value, 'dbms') ?? '', table: textOf(value, 'table') ?? '', files };
  dropsRead.set(value, drop);
  return drop;
};

/**
 * Whether a drop is one of its cluster: a right to write for one company, or in a child of the cluster, reaches no
 * tables of others. One whose content was erased is none.
 */
const isDropIn =
  (clusters: ReadonlyMap<string, ClusterInfo>) =>
  ({ value }: PolicyState): boolean => {
    const cluster = clusters.get(textOf(value, 'cluster') ?? '');
    return cluster?.company === value['company'] && cluster !== undefined && textOf(value, 'table') !== undefined;
  };

/** What the policies in force say of who serves what. Pure: equal books give equal topologies. */
export const deriveTopology = (book: PolicyBook): Topology => {
  const policies = new Map(book.ofType('cluster').map((state) => [state.id, state]));
  const operators = new Map(
    book.ofType('operator').map((state): [string, OperatorInfo] => {
      const operator = operatorOf(state);
      return [state.id, { ...operator, cluster: rootOf(policies, operator.cluster) }];
    }),
  );
  const clusters = deriveClusters(policies, [...operators.values()]);
  const tables = deriveTables(book);
  const drops = groupBy(book.ofType('drop').filter(isDropIn(clusters)), ({ value }) => textOf(value, 'cluster') ?? '');
  const byPeer = new Map(
    [...operators.values()].flatMap((operator) =>
      operator.peer === undefined ? [] : [[operator.peer, operator] as const],
    ),
  );
  const holding = groupBy(
    [...clusters.values()].flatMap((cluster) =>
      cluster.tables.map(({ dbms, table }) => ({ cluster, key: tableKey(dbms, table) })),
    ),
    ({ key }) => key,
  );
  return {
    clusters,
    operators,
    nodes: NODE_TYPES.flatMap((type) => book.ofType(type).map(nodeOf)),
    table: (dbms, name) => tables.get(tableKey(dbms, name)),
    tables: () => [...tables.values()],
    clustersOf: (dbms, table) =>
      (holding.get(tableKey(dbms, table)) ?? []).map(({ cluster }) => cluster).sort((a, b) => compareText(a.id, b.id)),
    dropsOf: (cluster) => (drops.get(cluster) ?? []).map(dropOf),
    operatorByPeer: (peer) => byPeer.get(peer),
  };
};

/** The topology of a living book, derived again only after the book has changed. */
export const followTopology = (book: PolicyBook): (() => Topology) => {
  let revision = -1;
  let topology: Topology | undefined;
  return () => {
    if (topology === undefined || revision !== book.revision) {
      topology = deriveTopology(book);
      revision = book.revision;
    }
    return topology;
  };
};
