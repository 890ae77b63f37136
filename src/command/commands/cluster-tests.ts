import { fault } from '../../base/errors.ts';
import type { OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import type { Cell } from '../table.ts';
import { askMembers, jsonMember, memberTitles, ownCluster, paddedMember, type MemberReply } from './common.ts';

const processState = (json: unknown, name: string): string => {
  const status = jsonMember(jsonMember(json, name), 'Status');
  return typeof status === 'string' ? status : 'Unknown';
};

/** What another member of the cluster lacks, so that the copies may differ; empty where it is complete. */
export const problemsOf = ({ reply }: MemberReply): string => {
  if (reply.failure !== undefined) return `Not reached: ${reply.failure.message}`;
  return ['Operator', 'Distributor', 'Consumer']
    .filter((name) => processState(reply.answer?.json, name) !== 'Running')
    .map((name) => `${name} disabled`)
    .join(', ');
};

/** The rows of this node. A distributor that runs replicates, whatever the flag of `run operator` says. */
const ownRows = ({ context }: Call<OptionTable>): readonly (readonly [string, Cell])[] => {
  const { operator, cluster } = ownCluster(context);
  const running = context.operator()?.status();
  const flag = running?.options.distributor === true ? 'enabled' : 'disabled';
  const state = (part: unknown): string => (part === undefined ? 'Disabled' : 'Running');
  return [
    ['Operator', running === undefined ? 'Disabled' : `Running: distributor flag ${flag}`],
    ['Distributor', state(context.distributor())],
    ['Consumer', state(context.consumer())],
    ['Operator Name', operator.name],
    ['Member ID', operator.member],
    ['Cluster ID', cluster.id],
    ['almgm.tsd_info', running?.options.updateTsdInfo === true ? 'Defined' : 'Not Defined'],
  ];
};

const setup = async (call: Call<OptionTable>): Promise<Reply> => {
  const { operator, cluster } = ownCluster(call.context);
  const others = { ...cluster, operators: cluster.operators.filter(({ id }) => id !== operator.id) };
  const replies = await askMembers({ ...call, asked: 'json' }, others, 'get processes where format = json');
  const problems = replies.flatMap((item): (readonly [string, Cell])[] => {
    const problem = problemsOf(item);
    return problem === '' ? [] : [[`Peer ${item.member.name}`, problem]];
  });
  const rows = [...ownRows(call), ...problems];
  return givesTable({
    titles: ['Functionality', 'Details'],
    rows,
    json: { ...Object.fromEntries(ownRows(call)), Peers: Object.fromEntries(problems) },
  });
};

const namesIn = (replies: readonly MemberReply[]): readonly string[] => {
  const names = replies.flatMap(({ reply }) =>
    typeof reply.answer?.json === 'object' && reply.answer.json !== null ? Object.keys(reply.answer.json) : [],
  );
  return [...new Set(names)].sort();
};

const presence = async (call: Call<OptionTable>, command: string, first: string): Promise<Reply> => {
  const { cluster } = ownCluster(call.context);
  const replies = await askMembers({ ...call, asked: 'json' }, cluster, command);
  if (replies.every(({ reply }) => reply.failure !== undefined))
    throw replies[0]?.reply.failure ?? fault('COMMAND_NO_PEERS', 'the cluster has no operators');
  const names = namesIn(replies);
  const has = ({ reply }: MemberReply, name: string): boolean => jsonMember(reply.answer?.json, name) !== undefined;
  return givesTable({
    titles: [[first, ''], ...memberTitles(replies)],
    rows: names.map((name) => [name, ...replies.map((reply) => (has(reply, name) ? '    +' : ''))]),
    json: Object.fromEntries(
      names.map((name) => [
        name,
        Object.fromEntries(replies.map((reply) => [paddedMember(reply.member.member, 1), has(reply, name)])),
      ]),
    ),
  });
};

/** Whether the operators of the own cluster are set up alike. */
export const clusterTestCommands = (): readonly Command[] => [
  define({
    patterns: ['test cluster setup', 'test cluster', 'test node cluster'],
    method: 'GET',
    explanation: 'shows whether this node replicates, and which other members of its cluster do not',
    examples: ['test cluster setup'],
    run: setup,
  }),
  define({
    patterns: ['test cluster databases'],
    method: 'GET',
    explanation: 'shows which logical databases the members of the cluster have',
    examples: ['test cluster databases'],
    run: (call) => presence(call, 'get databases where format = json', 'DBMS'),
  }),
  define({
    patterns: ['test cluster partitions'],
    method: 'GET',
    explanation: 'shows which partition definitions the members of the cluster have',
    examples: ['test cluster partitions'],
    run: (call) => presence(call, 'get partitions where format = json', 'Partition'),
  }),
];
