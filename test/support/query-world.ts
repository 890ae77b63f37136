import { systemClock } from '../../src/base/clock.ts';
import { fault } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import { createMemoryHub, type MemoryHub } from '../../src/network/memory.ts';
import type { Network } from '../../src/network/network.ts';
import type { FileRanges, Holdings } from '../../src/operator/file-record.ts';
import type { OwnOperator } from '../../src/query/ports.ts';
import type { QueryOptions, QueryRequest, QueryService } from '../../src/query/query.ts';
import { createQueryService } from '../../src/query/service.ts';
import { uniteHoldings } from '../../src/replication/announced.ts';
import { countFiles, lackingOf } from '../../src/replication/transfer/holdings.ts';
import { openInlineSqlite } from '../../src/sqlite/inline.ts';
import type { ProcedureModule, Sqlite, SqlValue, WriteDatabases } from '../../src/sqlite/sqlite.ts';
import type { ClusterInfo, OperatorInfo, TableInfo, Topology } from '../../src/topology/topology.ts';
import { createSeededRandom } from './seeded-random.ts';

/** One row of the table `sensors.readings`: member and file that it came with, then the user's columns. */
export interface SensorRow {
  readonly member: number;
  readonly file: number;
  readonly device: string;
  readonly timestamp: string;
  readonly value: number | null;
}

const sensorRow = (row: Partial<SensorRow>): SensorRow => ({
  member: 1,
  file: 1,
  device: 'd1',
  timestamp: '2026-01-01 00:00:00.000000',
  value: 1,
  ...row,
});

const valuesOf = (row: SensorRow): readonly SqlValue[] => [
  ...[String(row.member), BigInt(row.file), row.device, row.timestamp, row.value],
];

const store = (databases: WriteDatabases, table: string, rows: readonly (readonly SqlValue[])[]): void => {
  const connection = databases.write('sensors');
  connection.exec(`create table if not exists "${table}" (row_id integer primary key, insert_timestamp timestamp,
    tsd_name char(3), tsd_id int, device varchar, timestamp timestamp, value float)`);
  connection.transaction(() => {
    for (const row of rows)
      connection.run(
        `insert into "${table}" (insert_timestamp, tsd_name, tsd_id, device, timestamp, value) values ('2026-01-01 00:00:00.000000', ?, ?, ?, ?, ?)`,
        row,
      );
  });
};
/** As an operator does: the rows of a file, and its record with their place. */
const storeFile = (
  databases: WriteDatabases,
  origin: string,
  file: number,
  rows: readonly (readonly SqlValue[])[],
): void => {
  const connection = databases.write('sensors');
  connection.exec(`create table if not exists holdfast_files (origin text, file integer, table_name text, status text,
    first_row integer, last_row integer, primary key (origin, file)) without rowid`);
  store(databases, 'readings', rows);
  const last = Number(connection.get('select max(row_id) from readings')?.[0]);
  connection.run(`insert into holdfast_files values (?, ?, 'readings', 'stored', ?, ?)`, [
    ...[origin, BigInt(file), BigInt(last - rows.length + 1), BigInt(last)],
  ]);
};
const procedures = { store, storeFile };
const target: ProcedureModule<typeof procedures> = { module: import.meta.url, procedures };

const COLUMNS = [
  { name: 'device', type: 'varchar' },
  { name: 'timestamp', type: 'timestamp' },
  { name: 'value', type: 'float' },
];

export interface WorldNode {
  operator: OperatorInfo;
  readonly network: Network;
  readonly sqlite: Sqlite;
  readonly service: QueryService;
  filled: boolean;
  /** Files that it holds, and that peers have told it of. */
  held: Holdings;
  told: Holdings;
  drops: OwnOperator['drops'];
  /** The cluster that its node takes it for, where that has not heard of it yet. */
  believes: string | undefined;
  rows(rows: readonly Partial<SensorRow>[], table?: string): Promise<void>;
  /** A file of an origin, which it holds from now on. */
  file(origin: string, file: number, rows: readonly Partial<SensorRow>[]): Promise<void>;
}

const ownOperator = ({ operator, filled, held, told, drops, believes }: WorldNode): OwnOperator => ({
  heard: true,
  ...{ operator: operator.id, cluster: believes ?? operator.cluster, filled },
  held: () => held,
  drops,
  shortfall: (needed) => {
    const lacking = countFiles(lackingOf(uniteHoldings([told, needed]), held));
    return { lacking, overdue: lacking };
  },
});

/** Clusters of operators over a memory network, each with databases of its own, and a query node without any data. */
export class QueryWorld {
  readonly hub: MemoryHub = createMemoryHub({
    clock: systemClock,
    random: createSeededRandom(1),
    delayMs: { min: 0, max: 1 },
  });
  readonly nodes = new Map<string, WorldNode>();
  readonly down = new Set<string>();
  /** `KEY DBMS.TABLE` of whom the operators asked whether it may. */
  readonly checked: string[] = [];
  /** Tables that nobody may ask for. */
  readonly forbidden = new Set<string>();
  readonly committed = new Map<string, Map<string, FileRanges>>();
  /** Clusters of which nobody says what their operators all hold. */
  readonly committedUnknown = new Set<string>();
  readonly #tables: TableInfo[] = [];
  readonly #closing: (() => Promise<void>)[] = [];
  #clusters: ClusterInfo[] = [];
  /** Operators without a policy. */
  readonly #deleted = new Set<string>();
  #asker: QueryService | undefined;

  /** Operators by cluster: `{ east: ['e1', 'e2'] }`. */
  static async create(
    clusters: Readonly<Record<string, readonly string[]>>,
    tables = ['readings'],
  ): Promise<QueryWorld> {
    const world = new QueryWorld();
    for (const name of tables)
      world.#tables.push({
        id: name,
        dbms: 'sensors',
        name,
        columns: COLUMNS,
        create: `CREATE TABLE ${name}`,
        unread: undefined,
      });
    for (const [cluster, names] of Object.entries(clusters)) world.#cluster(cluster, names, tables);
    const network = world.#network('f');
    const sqlite = world.#sqlite();
    world.#asker = world.#service(network, sqlite, () => undefined);
    for (const { network: other } of world.nodes.values()) await network.dial({ address: other.address });
    return world;
  }

  /** From now on the policy of a table does not say which columns it has. */
  spoilPolicy(name: string): void {
    const at = this.#tables.findIndex((table) => table.name === name);
    const unread = fault('TOPOLOGY_CREATE_STATEMENT', `the table policy ${name} does not say which columns it has`);
    this.#tables[at] = { ...(this.#tables[at] as TableInfo), columns: [], unread };
  }

  node(name: string): WorldNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  /** From now on an operator is of another cluster, or of none where its policy is deleted. All nodes have heard of it. */
  move(name: string, to: string | undefined): void {
    const node = this.node(name);
    const operator = { ...node.operator, cluster: to ?? '' };
    node.operator = operator;
    if (to === undefined) this.#deleted.add(name);
    this.#clusters = this.#clusters.map((cluster) => {
      const others = cluster.operators.filter(({ id }) => id !== name);
      return { ...cluster, operators: cluster.id === to ? [...others, operator] : others };
    });
  }

  /** From now on there is no such cluster; its operators name it still. */
  deleteCluster(id: string): void {
    this.#clusters = this.#clusters.filter((cluster) => cluster.id !== id);
  }

  /** From now on a cluster holds these tables by its policies. */
  declare(cluster: string, ...tables: readonly string[]): void {
    this.#clusters = this.#clusters.map((one) =>
      one.id === cluster
        ? { ...one, tables: tables.map((table) => ({ dbms: 'sensors', table, status: 'active', policy: cluster })) }
        : one,
    );
  }

  /** The query node. */
  get asker(): QueryService {
    if (this.#asker === undefined) throw new Error('not started');
    return this.#asker;
  }

  /** Asks over the network, as the query node or another. */
  async ask(sql: string, options: Partial<QueryOptions> = {}, more: Partial<QueryRequest> = {}) {
    const result = await this.asker.network(request(sql, options, more));
    return { ...result, rows: [...result.rows] };
  }

  async close(): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
  }

  #cluster(id: string, names: readonly string[], tables: readonly string[]): void {
    const operators = names.map((name, index): OperatorInfo => {
      const peer = String(this.nodes.size + index + 1)
        .padStart(2, '0')
        .repeat(32);
      return {
        ...{ id: name, name, company: 'acme', cluster: id, member: index + 1, ip: name, port: 1, peer },
        ...{ localIp: undefined, restPort: undefined, main: index === 0 },
      };
    });
    for (const operator of operators) this.nodes.set(operator.id, this.#operator(operator));
    this.#clusters.push({
      ...{ id, name: id, company: 'acme', status: 'active', operators },
      tables: tables.map((table) => ({ dbms: 'sensors', table, status: 'active', policy: id })),
    });
  }

  #operator(operator: OperatorInfo): WorldNode {
    const network = this.#network(operator.peer ?? '');
    const sqlite = this.#sqlite();
    const node: WorldNode = {
      operator,
      network,
      sqlite,
      service: this.#service(network, sqlite, () => ownOperator(node)),
      ...{ filled: true, held: new Map(), told: new Map(), believes: undefined },
      drops: { isApplied: () => false, isDropping: () => false },
      rows: (rows, table = 'readings') => sqlite.write(target, 'store', table, rows.map(sensorRow).map(valuesOf)),
      file: async (origin, file, rows) => {
        const { member = 1 } = this.nodes.get(origin)?.operator ?? {};
        const values = rows.map((row) => sensorRow({ member, ...row, file })).map(valuesOf);
        await sqlite.write(target, 'storeFile', origin, file, values);
        node.held = uniteHoldings([node.held, new Map([[origin, [[file, file]]]])]);
      },
    };
    return node;
  }

  #network(key: string): Network {
    const network = this.hub.node({ key: key.padEnd(64, '0') });
    this.#closing.push(() => network.close());
    return network;
  }

  #sqlite(): Sqlite {
    const sqlite = openInlineSqlite({ dir: ':memory:' });
    this.#closing.push(() => sqlite.close());
    return sqlite;
  }

  #service(network: Network, sqlite: Sqlite, operating: () => OwnOperator | undefined): QueryService {
    return createQueryService(
      {
        ...{ network, sqlite, clock: systemClock, log: silentLogger, operating },
        topology: () => this.#topology(),
        isUp: ({ id }) => !this.down.has(id),
        checkAsker: (asker, dbms, table) => {
          this.checked.push(`${asker.slice(0, 1)} ${dbms}.${table()}`);
          if (this.forbidden.has(table())) throw fault('ACCESS_REFUSED', 'no');
        },
        committedRanges: async (cluster): Promise<Holdings> => {
          if (this.committedUnknown.has(cluster))
            throw fault('REPLICATION_COMMITTED_UNKNOWN', `nobody says of ${cluster}`);
          return this.committed.get(cluster) ?? new Map();
        },
      },
      { hedgeMs: 100, hedgeSlowMs: 1_000 },
    );
  }

  #topology(): Topology {
    return {
      clusters: new Map(this.#clusters.map((cluster) => [cluster.id, cluster])),
      operators: new Map(
        [...this.nodes.values()]
          .filter(({ operator }) => !this.#deleted.has(operator.id))
          .map(({ operator }) => [operator.id, operator]),
      ),
      nodes: [],
      table: (dbms, name) => this.#tables.find((table) => table.dbms === dbms && table.name === name),
      tables: () => this.#tables,
      dropsOf: () => [],
      clustersOf: (dbms, table) =>
        this.#clusters.filter(({ tables }) => tables.some((held) => held.dbms === dbms && held.table === table)),
      operatorByPeer: (peer) => [...this.nodes.values()].find(({ operator }) => operator.peer === peer)?.operator,
    };
  }
}

export const request = (
  sql: string,
  options: Partial<QueryOptions> = {},
  more: Partial<QueryRequest> = {},
): QueryRequest => ({
  dbms: 'sensors',
  sql,
  options: { nodes: 'main', committed: false, partial: false, timeoutMs: 10_000, include: [], ...options },
  ...more,
});
