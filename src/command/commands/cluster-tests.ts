import { fault } from '../../base/errors.ts';
import { date, optional, type OptionTable } from '../options.ts';
import { define, type Call, type Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import type { Cell, Title } from '../table.ts';
import { addressOf, askMembers, jsonMember, ownCluster, paddedMember, type MemberReply } from './common.ts';

const processState = (json: unknown, name: string): string => {
  const status = jsonMember(jsonMember(json, name), 'Status');
  return typeof status === 'string' ? status : 'Unknown';
};

/** What another member of the cluster lacks, so that the copies may differ; empty where it is complete. */
const problemsOf = ({ reply }: MemberReply): string => {
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

interface TableSummary {
  readonly files: number;
  readonly rows: number;
  readonly content: string | undefined;
}

const summaryOf = (json: unknown, table: string): TableSummary | undefined => {
  const item = jsonMember(json, table);
  const [files, rows, content] = ['files', 'rows', 'content'].map((name) => jsonMember(item, name));
  if (typeof files !== 'number' || typeof rows !== 'number') return undefined;
  return { files, rows, content: typeof content === 'string' ? content : undefined };
};

const namesIn = (replies: readonly MemberReply[]): readonly string[] => {
  const names = replies.flatMap(({ reply }) =>
    typeof reply.answer?.json === 'object' && reply.answer.json !== null ? Object.keys(reply.answer.json) : [],
  );
  return [...new Set(names)].sort();
};

const dataOptions = { start_date: optional(date, 'from this date on'), end_date: optional(date, 'before this date') };

const memberTitles = (replies: readonly MemberReply[]): readonly Title[] =>
  replies.map(({ member }): Title => [`Node_${member.member}`, `${addressOf(member)} `]);

const summaryCell = ({ reply }: MemberReply, table: string): Cell => {
  if (reply.failure !== undefined) return 'no answer';
  const summary = summaryOf(reply.answer?.json, table);
  return summary === undefined ? 0 : `${summary.files}/${summary.rows}`;
};

const WINDOW_DIGITS = 19;

/** The same window for every member, in the form that all read alike. */
const windowText = ({ context, options }: Call<typeof dataOptions>): string => {
  const now = context.clock.wallMs();
  return Object.entries(options)
    .map(([name, at]) =>
      at === undefined ? '' : ` and ${name} = ${new Date(at(now)).toISOString().slice(0, WINDOW_DIGITS)}Z`,
    )
    .join('');
};

const data = async (call: Call<typeof dataOptions>): Promise<Reply> => {
  const { cluster } = ownCluster(call.context);
  // The content is read row by row, so it is compared only where it is shown.
  const content = call.format === 'json' ? ' and content = true' : '';
  const command = `get tsd summary where table = *${windowText(call)}${content} and format = json`;
  const replies = await askMembers(
    { ...call, asked: 'json' },
    cluster,
    command,
    content === '' ? undefined : CONTENT_TIMEOUT_MS,
  );
  const tables = namesIn(replies);
  const same = (values: readonly unknown[]): boolean => new Set(values.map((value) => JSON.stringify(value))).size <= 1;
  const summaries = (table: string): readonly (TableSummary | undefined)[] =>
    replies.map(({ reply }) => summaryOf(reply.answer?.json, table));
  return givesTable({
    above: 'TSD Summary on all nodes in the cluster (files/rows)\n',
    titles: [['Table', ''], ...memberTitles(replies)],
    rows: tables.map((table) => [table, ...replies.map((reply) => summaryCell(reply, table))]),
    json: {
      equal:
        replies.every(({ reply }) => reply.failure === undefined) && tables.every((table) => same(summaries(table))),
      nodes: replies.map(({ member, reply }) => ({
        address: addressOf(member),
        name: member.name,
        member: member.member,
        ...(reply.failure === undefined ? {} : { error: reply.failure.message }),
      })),
      tables: Object.fromEntries(
        tables.map((table) => [
          table,
          {
            equal: same(summaries(table)),
            nodes: Object.fromEntries(
              replies.map(({ member }, index) => [addressOf(member), summaries(table)[index] ?? { files: 0, rows: 0 }]),
            ),
          },
        ]),
      ),
    },
  });
};
const CONTENT_TIMEOUT_MS = 15_000;

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

/** Whether the operators of the own cluster are set up alike and hold the same. */
export const clusterTestCommands = (): readonly Command[] => [
  define({
    patterns: ['test cluster setup', 'test cluster', 'test node cluster'],
    method: 'GET',
    explanation: 'shows whether this node replicates, and which other members of its cluster do not',
    examples: ['test cluster setup'],
    run: setup,
  }),
  define({
    patterns: ['test cluster data'],
    method: 'GET',
    explanation: 'compares files and rows of every table on all members; with format = json the content as well',
    examples: [
      'test cluster data',
      'test cluster data where start_date = -3d',
      'test cluster data where format = json',
    ],
    options: dataOptions,
    run: data,
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
