import { fault } from '../../base/errors.ts';
import { addressOf } from '../addresses.ts';
import { define, type Call } from '../define.ts';
import { nameText, required } from '../options.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import { askMembers, jsonMember, type MemberReply } from './common.ts';

/** What one operator holds of a table. */
interface Share {
  readonly address: string;
  readonly name: string;
  readonly cluster: string;
  /** Undefined where it did not say. */
  readonly rows: number | undefined;
  readonly error: string | undefined;
}

/**
 * The rows of a table in the network, and of these the part in percent that each operator holds: operators of a cluster
 * hold the same rows, so each cluster counts as often as whoever of it has most. Pure.
 */
export const distributionOf = (
  shares: readonly Share[],
): { readonly total: number; readonly percents: readonly (number | undefined)[] } => {
  const clusters = [...Map.groupBy(shares, ({ cluster }) => cluster).values()];
  const most = clusters.map((of) => Math.max(0, ...of.flatMap(({ rows }) => rows ?? [])));
  const total = most.reduce((sum, rows) => sum + rows, 0);
  const percentOf = (rows: number): number => (total === 0 ? 0 : Math.round((rows / total) * 1_000) / 10);
  return { total, percents: shares.map(({ rows }) => (rows === undefined ? undefined : percentOf(rows))) };
};

/** Rows in the answer of `get rows count` for one table; none where the operator has no such table yet. */
const rowsIn = (json: unknown): number | undefined => {
  if (!Array.isArray(json)) return undefined;
  const [first] = json as readonly unknown[];
  if (first === undefined) return 0;
  const rows = jsonMember(first, 'Rows Count');
  return typeof rows === 'number' ? rows : undefined;
};

const shareOf = (cluster: string, { member, reply }: MemberReply): Share => {
  const rows = rowsIn(reply.answer?.json);
  const error = rows === undefined ? (reply.failure?.message ?? 'it did not say') : undefined;
  return { address: addressOf(member), name: member.name, cluster, rows, error };
};

const tableOptions = { dbms: required(nameText, 'database'), table: required(nameText, 'table') };

const distribution = async (call: Call<typeof tableOptions>): Promise<Reply> => {
  const { dbms, table } = call.options;
  const clusters = call.context.topology().clustersOf(dbms, table);
  if (clusters.every(({ operators }) => operators.length === 0))
    throw fault('COMMAND_TABLE_NO_OPERATORS', `no operator serves the table ${dbms}.${table}`, {
      hint: 'see the tables with operators: get data nodes',
    });
  const asked = { ...call, asked: 'json' as const };
  const command = `get rows count where dbms = ${dbms} and table = ${table} and format = json`;
  const shares = (
    await Promise.all(
      clusters.map(async (cluster) =>
        (await askMembers(asked, cluster, command)).map((reply) => shareOf(cluster.name, reply)),
      ),
    )
  ).flat();
  const { total, percents } = distributionOf(shares);
  const failed = shares.some(({ error }) => error !== undefined);
  return givesTable({
    titles: ['Address', 'Node Type', 'Node Name', 'Rows', 'Percent', 'Cluster', ...(failed ? ['Error'] : [])],
    rows: [
      ...shares.map(({ address, name, rows, cluster, error }, at) => [
        ...[address, 'operator', name, rows, percents[at], cluster, error],
      ]),
      ['Total', '', '', total, '', '', ''],
    ],
    json: {
      total,
      nodes: shares.map((share, at) => ({
        ...{ ...share, type: 'operator', rows: share.rows ?? null, percent: percents[at] ?? null },
      })),
    },
  });
};

/** Where the rows of a table are. */
export const dataDistributionCommands = (): readonly Command[] => [
  define({
    patterns: ['get data distribution'],
    method: 'GET',
    explanation:
      'counts the rows of a table at each operator, and how much of all rows that is: operators of a cluster hold the same',
    examples: ['get data distribution where dbms = lsl_demo and table = ping_sensor'],
    options: tableOptions,
    run: distribution,
  }),
];
