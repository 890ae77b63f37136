import { fault } from '../../base/errors.ts';
import type { ClusterInfo } from '../../topology/topology.ts';
import { type MayReach, reachesNamed } from '../health/reach.ts';
import type { OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import { type TableSums, tablesIn } from './cluster-differences.ts';
import { addressOf } from '../addresses.ts';
import { askMembers, type MemberReply } from './common.ts';
import { problemsOf } from './cluster-tests.ts';

/** One operator of one cluster: how it is set up, and what it holds. */
interface Member {
  readonly member: MemberReply['member'];
  readonly setup: string;
  /** Undefined where it did not say. */
  readonly tables: TableSums | undefined;
}

/** Every row is read. */
const SUMS_TIMEOUT_MS = 60_000;

const membersOf = async (call: Call<OptionTable>, cluster: ClusterInfo): Promise<readonly Member[]> => {
  const asking = { ...call, asked: 'json' as const };
  const [processes, sums] = await Promise.all([
    askMembers(asking, cluster, 'get processes where format = json'),
    askMembers(asking, cluster, 'get tsd sums where bucket = year and format = json', SUMS_TIMEOUT_MS),
  ]);
  return processes.map((reply, index) => ({
    member: reply.member,
    setup: problemsOf(reply) || 'OK',
    tables: reached(tablesIn(sums[index]?.reply.answer?.json), call.mayReach),
  }));
};

/** Of what a member says, the tables that the caller may reach. */
const reached = (tables: TableSums | undefined, mayReach: MayReach): TableSums | undefined => {
  const isReached = reachesNamed(mayReach);
  return tables && Object.fromEntries(Object.entries(tables).filter(([table]) => isReached({ table })));
};

const filesOf = (tables: TableSums, table?: string): number =>
  Object.entries(tables)
    .filter(([name]) => table === undefined || name === table)
    .flatMap(([, { buckets }]) => buckets)
    .reduce((sum, { files }) => sum + files, 0);

const contentOf = (tables: TableSums, table: string): string => {
  const { strays = 0, buckets = [] } = tables[table] ?? {};
  return JSON.stringify([strays, buckets.map(({ bucket, sum }) => [bucket, sum]).sort()]);
};

/**
 * What a member lacks of what some member of its cluster has, and tables whose rows differ from those of members with
 * as many files, where fewer hold them so: of two that differ, both. Pure.
 */
export const dataOf = (own: TableSums | undefined, all: readonly (TableSums | undefined)[]): string => {
  if (own === undefined) return 'Unknown';
  const answered = all.filter((tables) => tables !== undefined);
  const names = [...new Set(answered.flatMap((tables) => Object.keys(tables)))].sort();
  const most = (table: string): number => Math.max(...answered.map((tables) => filesOf(tables, table)));
  const missing = names.filter((table) => filesOf(own, table) < most(table));
  if (missing.length > 0) {
    const count = missing.reduce((sum, table) => sum + most(table) - filesOf(own, table), 0);
    return `lacks ${count} ${count === 1 ? 'file' : 'files'}: ${missing.join(', ')}`;
  }
  const differing = names.filter((table) => {
    const contents = answered
      .filter((tables) => filesOf(tables, table) === most(table))
      .map((tables) => contentOf(tables, table));
    const alike = contents.filter((content) => content === contentOf(own, table)).length;
    return alike * 2 <= contents.length && contents.length > 1;
  });
  return differing.length === 0
    ? 'Complete'
    : `differs in content: ${differing.join(', ')}; see there: test cluster data`;
};

const testClusters = async (call: Call<OptionTable>): Promise<Reply> => {
  const clusters = [...call.context.topology().clusters.values()].filter(({ operators }) => operators.length > 0);
  if (clusters.length === 0)
    throw fault('COMMAND_NO_PEERS', 'no operator policy names a cluster', {
      hint: 'insert a cluster policy and operator policies that name it; see: blockchain get (cluster, operator)',
    });
  const tested = await Promise.all(
    clusters.map(async (cluster) => ({ cluster, members: await membersOf(call, cluster) })),
  );
  const lines = tested.flatMap(({ cluster, members }) =>
    members.map(({ member, setup, tables }) => ({
      cluster: cluster.name,
      node: member.name,
      member: member.member,
      address: addressOf(member),
      setup,
      files: tables === undefined ? null : filesOf(tables),
      data: dataOf(
        tables,
        members.map((other) => other.tables),
      ),
    })),
  );
  return givesTable({
    titles: ['Cluster', 'Node Name', 'Member ID', 'Address', 'Setup', 'Files', 'Data'],
    rows: lines.map(({ cluster, node, member, address, setup, files, data }) => [
      ...[cluster, node, member, address, setup],
      ...[files ?? '', data],
    ]),
    json: lines,
  });
};

/** All clusters of the network at once. */
export const networkClusterCommands = (): readonly Command[] => [
  define({
    patterns: ['test network clusters'],
    method: 'GET',
    explanation:
      'asks every operator of every cluster whether it replicates, and compares the files and the content of all tables: every row is read',
    examples: ['test network clusters', 'test network clusters where format = json'],
    filtered: true,
    run: testClusters,
  }),
];
