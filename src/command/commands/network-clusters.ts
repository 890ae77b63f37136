import { fault } from '../../base/errors.ts';
import type { ClusterInfo } from '../../topology/topology.ts';
import type { OptionTable } from '../options.ts';
import { define, type Call, type Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import { addressOf, askMembers, jsonMember, type MemberReply } from './common.ts';
import { problemsOf } from './cluster-tests.ts';

/** One operator of one cluster: how it is set up, and what it holds. */
interface Member {
  readonly member: MemberReply['member'];
  readonly setup: string;
  /** Files by table; undefined where it did not say. */
  readonly files: ReadonlyMap<string, number> | undefined;
}

const filesOf = ({ reply }: MemberReply): ReadonlyMap<string, number> | undefined => {
  const summary = reply.answer?.json;
  if (typeof summary !== 'object' || summary === null) return undefined;
  return new Map(
    Object.entries(summary).map(([table, counts]) => {
      const files = jsonMember(counts, 'files');
      return [table, typeof files === 'number' ? files : 0];
    }),
  );
};

const membersOf = async (call: Call<OptionTable>, cluster: ClusterInfo): Promise<readonly Member[]> => {
  const asking = { ...call, asked: 'json' as const };
  const [processes, summaries] = await Promise.all([
    askMembers(asking, cluster, 'get processes where format = json'),
    askMembers(asking, cluster, 'get tsd summary where table = * and format = json'),
  ]);
  return processes.map((reply, index) => {
    const summary = summaries[index];
    return {
      member: reply.member,
      setup: problemsOf(reply) || 'OK',
      files: summary === undefined ? undefined : filesOf(summary),
    };
  });
};

/** What a member lacks of what some member of its cluster has, by counts of files. */
const lacking = (files: ReadonlyMap<string, number> | undefined, all: readonly Member[]): string => {
  if (files === undefined) return 'Unknown';
  const most = new Map<string, number>();
  for (const { files: held } of all)
    for (const [table, count] of held ?? []) most.set(table, Math.max(count, most.get(table) ?? 0));
  const missing = [...most].filter(([table, count]) => (files.get(table) ?? 0) < count);
  const count = missing.reduce((sum, [table, held]) => sum + held - (files.get(table) ?? 0), 0);
  return missing.length === 0
    ? 'Complete'
    : `lacks ${count} ${count === 1 ? 'file' : 'files'}: ${missing.map(([table]) => table).join(', ')}`;
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
    members.map(({ member, setup, files }) => ({
      cluster: cluster.name,
      node: member.name,
      member: member.member,
      address: addressOf(member),
      setup,
      files: files === undefined ? null : [...files.values()].reduce((sum, count) => sum + count, 0),
      data: lacking(files, members),
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
    explanation: 'asks every operator of every cluster whether it replicates, and compares how many files each has',
    examples: ['test network clusters', 'test network clusters where format = json'],
    run: testClusters,
  }),
];
