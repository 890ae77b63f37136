import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, says, type Reply } from '../reply.ts';
import { integer, nameText, anyText, optional, repeated, type OptionTable } from '../options.ts';
import { clean, renderTable, type Cell } from '../table.ts';
import type { ClusterInfo, OperatorInfo } from '../../topology/topology.ts';
import { policyDate } from '../../entry/time.ts';
import { addressOf } from '../addresses.ts';
import { noteOnTable } from '../near-tables.ts';
import { namedTable, operatorStatus, ownCluster, paddedMember } from './common.ts';

const tableFilter = {
  company: optional(anyText, 'only this company'),
  dbms: optional(nameText, 'only this database'),
  table: optional(nameText, 'only this table'),
};

interface ServedTable {
  readonly company: string;
  readonly dbms: string;
  readonly table: string;
  readonly cluster: ClusterInfo;
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** One item for each table in reach of each cluster, by company, database, table and cluster. */
const servedTables = ({ context, options, mayReach }: Call<typeof tableFilter>): readonly ServedTable[] => {
  const wanted = (given: string | undefined, value: string): boolean =>
    given === undefined || given.toLowerCase() === value.toLowerCase();
  return [...context.topology().clusters.values()]
    .flatMap((cluster) => cluster.tables.map(({ dbms, table }) => ({ company: cluster.company, dbms, table, cluster })))
    .filter(
      ({ company, dbms, table }) =>
        wanted(options.company, company) &&
        wanted(options.dbms, dbms) &&
        wanted(options.table, table) &&
        mayReach(dbms, table),
    )
    .sort(
      (a, b) =>
        byText(a.company, b.company) ||
        byText(a.dbms, b.dbms) ||
        byText(a.table, b.table) ||
        byText(a.cluster.id, b.cluster.id),
    );
};

/** A list of tables, and beside it, where it is empty for a name that none has, which may be meant. */
const noted =
  <C extends Call<typeof tableFilter>>(list: (call: C) => Reply): ((call: C) => Reply) =>
  (call) => {
    const reply = list(call);
    return Array.isArray(reply.json) && reply.json.length === 0
      ? { ...reply, note: noteOnTable(call, call.options) }
      : reply;
  };

const ARROW = ' ==> ';
const TITLES = [
  { words: ' Company ', least: 13, dashes: [1, 1] },
  { words: ' DBMS  ', least: 13, dashes: [2, 2] },
  { words: ' Table ', least: 20, dashes: [6, 5] },
  { words: ' Cluster ID and Name', least: 47, dashes: [13, 12] },
] as const;
const LAST_TITLE = '|---- Operator IP, Port, Member ID, Status -----|';
const ADDRESS_CHARS = 27;

const titleOf = ({ words, least, dashes }: (typeof TITLES)[number], width: number): string => {
  const extra = width - least;
  const left = dashes[0] + Math.floor(extra / 2);
  return `|${'-'.repeat(left)}${words}${'-'.repeat(dashes[1] + extra - Math.floor(extra / 2))}|`;
};

const operatorText = (call: Call<typeof tableFilter>, operator: OperatorInfo): string => {
  const place = operator.peer === call.context.network.self ? 'local ' : 'remote';
  const status = operatorStatus(call.context, operator);
  return `${clean(addressOf(operator)).padEnd(ADDRESS_CHARS)}[${paddedMember(operator.member, 4)}  ${place} ${status}]`;
};

const metadata = (call: Call<typeof tableFilter>): Reply => {
  const served = servedTables(call);
  const columns = ({ company, dbms, table, cluster }: ServedTable): readonly string[] => [
    company,
    dbms,
    table,
    `${cluster.id} (${cluster.name})`,
  ];
  const widths = TITLES.map(({ least }, at) =>
    Math.max(least, ...served.map((item) => (columns(item)[at] ?? '').length)),
  );
  const head = TITLES.map((title, at) => titleOf(title, widths[at] ?? 0));
  const lines = [
    `${head.slice(0, 3).join(' '.repeat(5))}${' '.repeat(5)}${head[3] ?? ''}${' '.repeat(4)}${LAST_TITLE}`,
    '',
  ];
  for (const item of served) {
    const lead = columns(item)
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join(ARROW);
    const { operators } = item.cluster;
    if (operators.length === 0) lines.push(`${lead}${ARROW}no operator`);
    for (const [at, operator] of operators.entries())
      lines.push(`${at === 0 ? lead : ' '.repeat(lead.length)}${ARROW}${operatorText(call, operator)}`);
  }
  return { text: lines.join('\n'), json: served.map((item) => metadataJson(call, item)) };
};

const metadataJson = (
  { context }: Call<typeof tableFilter>,
  { company, dbms, table, cluster }: ServedTable,
): unknown => ({
  company,
  dbms,
  table,
  cluster: cluster.id,
  cluster_name: cluster.name,
  operators: cluster.operators.map((operator) => ({
    id: operator.id,
    name: operator.name,
    ip: operator.ip,
    port: operator.port,
    member: operator.member,
    local: operator.peer === context.network.self,
    status: operatorStatus(context, operator),
  })),
});

const clusterInfo = ({ context, mayReach }: Call<OptionTable>): Reply => {
  const { operator, cluster } = ownCluster(context);
  const operators = cluster.operators.map((each): readonly Cell[] => [
    each.ip,
    each.port,
    { right: paddedMember(each.member, 3) },
    operatorStatus(context, each),
  ]);
  const served = cluster.tables.filter(({ dbms, table }) => mayReach(dbms, table));
  const tables = served.map(({ dbms, table }): readonly Cell[] => [cluster.company, dbms, table]);
  const text = [
    `Cluster ID : ${cluster.id}`,
    `Cluster Name : ${clean(cluster.name)}`,
    `Member ID  : ${operator.member}`,
    'Participating Operators:',
    renderTable(['IP', 'Port', 'Member', 'Status'], operators, { indent: 6 }),
    'Tables Supported:',
    renderTable(['Company', 'DBMS', 'Table'], tables, { indent: 6 }),
  ].join('\n');
  return {
    text,
    json: {
      'Cluster ID': cluster.id,
      'Cluster Name': cluster.name,
      'Member ID': operator.member,
      'Participating Operators': cluster.operators.map((each) => ({
        ip: each.ip,
        port: each.port,
        member: each.member,
        name: each.name,
        status: operatorStatus(context, each),
      })),
      'Tables Supported': served.map(({ dbms, table }) => ({ company: cluster.company, dbms, table })),
    },
  };
};

const dataNodesOptions = { ...tableFilter, sort: repeated(integer(0, 10), 'columns to sort by, from 0') };
const DATA_NODE_TITLES = [
  'Company',
  'DBMS',
  'Table',
  'Cluster ID',
  'Cluster Status',
  'Node Name',
  'Member ID',
  'External IP/Port',
  'Local IP/Port',
  'Main',
  'Node Status',
];

const cellText = (cell: Cell): string => (typeof cell === 'object' ? cell.right : String(cell ?? ''));

const compareCells = (a: Cell, b: Cell): number =>
  typeof a === 'number' && typeof b === 'number' ? a - b : byText(cellText(a), cellText(b));

/** In following rows what repeats is left blank, from the left, as long as everything before it repeats as well. */
const withoutRepeats = (rows: readonly (readonly Cell[])[]): readonly (readonly Cell[])[] =>
  rows.map((row, index) => {
    const before = rows[index - 1];
    let same = before !== undefined;
    return row.map((cell, at) => {
      same = same && at < 4 && before?.[at] === cell;
      return same ? '' : cell;
    });
  });

const dataNodes = (call: Call<typeof dataNodesOptions>): Reply => {
  const { context, options } = call;
  const rows = servedTables(call).flatMap(({ company, dbms, table, cluster }) =>
    cluster.operators.map((operator): readonly Cell[] => [
      company,
      dbms,
      table,
      cluster.id,
      cluster.status,
      operator.name,
      operator.member,
      addressOf(operator),
      operator.localIp === undefined ? '' : addressOf({ ip: operator.localIp, port: operator.port }),
      operator.main ? ' +' : '',
      operatorStatus(context, operator),
    ]),
  );
  const json = rows.map((row) =>
    Object.fromEntries(DATA_NODE_TITLES.map((title, at) => [title, title === 'Main' ? row[at] !== '' : row[at]])),
  );
  if (options.sort.length === 0) return givesTable({ titles: DATA_NODE_TITLES, rows: withoutRepeats(rows), json });
  const sorted = [...rows].sort((a, b) => options.sort.reduce((order, at) => order || compareCells(a[at], b[at]), 0));
  return givesTable({ titles: DATA_NODE_TITLES, rows: sorted, json });
};

const membersStatus = ({ context }: Call<OptionTable>): Reply => {
  const since = new Map(context.network.peers().map(({ key, sinceMs }) => [key, sinceMs]));
  const rows = context.topology().nodes.map((node): readonly Cell[] => {
    const seen = node.peer === context.network.self ? context.facts.startedMs : since.get(node.peer ?? '');
    return [
      addressOf(node),
      operatorStatus(context, node),
      seen === undefined ? '' : policyDate(Math.round(seen * 1_000)),
    ];
  });
  return givesTable({ titles: ['Address', 'Status', 'Recorded time'], rows, indent: 6 });
};

const virtualTables = (call: Call<typeof tableFilter>): Reply => {
  const rows = new Map<string, { readonly cells: readonly Cell[]; copies: number; clusters: number }>();
  for (const { company, dbms, table, cluster } of servedTables(call)) {
    const key = JSON.stringify([company, dbms, table]);
    const held = rows.get(key) ?? { cells: [company, dbms, table], copies: cluster.operators.length, clusters: 0 };
    held.copies = Math.min(held.copies, cluster.operators.length);
    held.clusters += 1;
    rows.set(key, held);
  }
  return givesTable({
    titles: ['Company', 'DBMS', 'Table', 'Clusters', 'Copies'],
    rows: [...rows.values()].map(({ cells, copies, clusters }) => [...cells, clusters, copies]),
  });
};

/** Who serves what: clusters, their operators, their tables. */
export const clusterCommands = (): readonly Command[] => [
  define({
    patterns: ['blockchain query metadata'],
    method: 'GET',
    explanation: 'shows how the data is distributed: company, database, table, cluster, operators',
    examples: ['blockchain query metadata', 'blockchain query metadata where dbms = lsl_demo'],
    options: tableFilter,
    touches: namedTable,
    run: noted(metadata),
  }),
  define({
    patterns: ['get cluster info'],
    method: 'GET',
    explanation: 'shows the cluster of this operator: its members and the tables that it serves',
    examples: ['get cluster info', 'get cluster info where format = json'],
    filtered: true,
    run: clusterInfo,
  }),
  define({
    patterns: ['get data nodes'],
    method: 'GET',
    explanation: 'lists the operators that serve each table',
    examples: ['get data nodes', 'get data nodes where table = ping_sensor and sort = (1,2)'],
    options: dataNodesOptions,
    touches: namedTable,
    run: noted(dataNodes),
  }),
  define({
    patterns: ['get virtual tables'],
    method: 'GET',
    explanation: 'lists the tables of the network, with the number of clusters and the copies of each row',
    examples: ['get virtual tables where dbms = lsl_demo'],
    options: tableFilter,
    touches: namedTable,
    run: noted(virtualTables),
  }),
  define({
    patterns: ['get virtual tables info'],
    method: 'GET',
    explanation: 'lists the tables of the network with each cluster that holds them and its copies of each row',
    examples: ['get virtual tables info where dbms = lsl_demo'],
    options: tableFilter,
    touches: namedTable,
    run: (call) =>
      givesTable({
        titles: ['Company', 'DBMS', 'Table', 'Cluster ID', 'Copies'],
        rows: servedTables(call).map(({ company, dbms, table, cluster }) => [
          ...[company, dbms, table, cluster.id, cluster.operators.length],
        ]),
      }),
  }),
  define({
    patterns: ['get members status'],
    method: 'GET',
    explanation: 'shows which nodes this node hears from, and since when',
    examples: ['get members status'],
    run: membersStatus,
  }),
  define({
    patterns: ['get metadata version', 'get metadata info', 'get network info'],
    method: 'GET',
    explanation: 'prints the version of the ledger: equal on two nodes exactly when they hold the same entries',
    examples: ['get metadata version'],
    run: ({ context }) => says(context.ledger.version, { version: context.ledger.version }),
  }),
];
