import { fault, type HoldfastError } from '../../base/errors.ts';
import type { NodeInfo } from '../../topology/topology.ts';
import { address, anyText, optional, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import type { CommandContext } from '../context.ts';
import { askAll, reach } from '../remote/client.ts';
import type { Touch } from '../../policy/permissions/judge.ts';
import { countInForce } from '../../policy/state.ts';
import { givesTable, says, type Reply } from '../reply.ts';
import type { Cell } from '../table.ts';
import { addressOf } from '../addresses.ts';
import { jsonMember } from './common.ts';

/** How long a node has to answer a test. */
const TEST_TIMEOUT_MS = 3_000;
const REACHED = '   +';

/** The nodes to test: all, those of a type, or the one at an address. `COMMAND_NO_PEERS` (211) where there is none. */
const nodesToTest = ({ context, args }: Call<OptionTable>): readonly NodeInfo[] => {
  const wanted = args.text('target');
  const all = context.topology().nodes;
  const nodes = all.filter((node) => wanted === '' || node.type === wanted.toLowerCase() || addressOf(node) === wanted);
  if (nodes.length > 0) return nodes;
  if (/:\d+$/.test(wanted)) {
    const colon = wanted.lastIndexOf(':');
    const at = { ip: wanted.slice(0, colon), port: Number(wanted.slice(colon + 1)) };
    return [{ id: '', type: '', name: '', company: '', restPort: undefined, peer: undefined, ...at }];
  }
  throw fault(
    'COMMAND_NO_PEERS',
    wanted === '' ? 'no policy stands for a node' : `no policy of a node is of type ${wanted}`,
    {
      hint: 'insert operator, query or node policies; nodes connected without one: get connections; of clusters: test network clusters',
    },
  );
};

interface Probe {
  readonly node: NodeInfo;
  readonly reached: boolean;
  readonly problem: string;
}

/**
 * Others dial what the policy names, so of a node that is connected by another address it is called; where its own
 * network has another address for it, either counts. `NETWORK_UNREACHABLE`, `NETWORK_WRONG_PEER`.
 */
const checkAddress = async (context: CommandContext, node: NodeInfo): Promise<void> => {
  const { network } = context;
  const named = addressOf(node);
  const peers = network.peers();
  const isOwn = node.peer === network.self;
  const connected = peers.find(({ key }) => key === node.peer);
  // One that is not connected is dialled there.
  if (node.peer === undefined || (!isOwn && connected === undefined)) return;
  const dialled = isOwn ? network.address : connected?.outbound === true ? connected.address : undefined;
  if (named === dialled) return;
  if (named === network.address || peers.some(({ outbound, address: at }) => outbound && at === named))
    throw fault('NETWORK_WRONG_PEER', `another node answers at ${named}`, { hint: 'mend the address in its policy' });
  const { localIp } = context.topology().operators.get(node.id) ?? { localIp: undefined };
  const addresses = [named, ...(localIp === undefined ? [] : [addressOf({ ip: localIp, port: node.port })])];
  try {
    await Promise.any(addresses.map((each) => network.call(each)));
  } catch {
    const where = isOwn ? `it listens at ${network.address}` : `it is connected at ${connected?.address ?? ''}`;
    throw fault('NETWORK_UNREACHABLE', `${addresses.join(' and ')} of its policy takes no call; ${where}`);
  }
};

const probe = async ({ context }: Call<OptionTable>, node: NodeInfo): Promise<Probe> => {
  try {
    await checkAddress(context, node);
    await reach(context, addressOf(node), TEST_TIMEOUT_MS);
    return { node, reached: true, problem: '' };
  } catch (caught) {
    return { node, reached: false, problem: caught instanceof Error ? caught.message : String(caught) };
  }
};

const testNetwork = async (call: Call<OptionTable>): Promise<Reply> => {
  const probes = await Promise.all(nodesToTest(call).map((node) => probe(call, node)));
  const table = givesTable({
    titles: ['Address', 'Node Type', 'Node Name', 'Status'],
    rows: probes.map(({ node, reached }): readonly Cell[] => [
      addressOf(node),
      node.type,
      node.name,
      reached ? REACHED : '',
    ]),
    json: probes.map(({ node, reached, problem }) => ({
      address: addressOf(node),
      type: node.type,
      name: node.name,
      status: reached ? '+' : '',
      ...(reached ? {} : { error: problem }),
    })),
  });
  return { ...table, text: `${table.text ?? ''}${problemLines(probes)}` };
};

/** Which address was tried, and why the node is not reached there. Without the signs of a table. */
const problemLines = (probes: readonly Probe[]): string =>
  probes
    .filter(({ reached }) => !reached)
    .map(({ node, problem }) =>
      `\n${node.name || addressOf(node)}: ${problem}`.replaceAll('|', ' ').replaceAll('---', ' '),
    )
    .join('');

const testVersions = async (call: Call<OptionTable>): Promise<Reply> => {
  const nodes = nodesToTest(call);
  const replies = await askAll(
    { ...call, asked: undefined, execute: call.executeOwn },
    nodes.map(addressOf),
    'get metadata version',
    TEST_TIMEOUT_MS,
  );
  const version = (index: number): string => replies[index]?.answer?.text.trim() ?? '';
  return givesTable({
    titles: ['Address', 'Node Type', 'Node Name', 'Status', 'Metadata Version'],
    rows: nodes.map((node, index): readonly Cell[] => [
      addressOf(node),
      node.type,
      node.name,
      version(index) === '' ? '' : REACHED,
      version(index),
    ]),
    json: nodes.map((node, index) => ({
      address: addressOf(node),
      type: node.type,
      name: node.name,
      status: version(index) === '' ? '' : '+',
      version: version(index),
    })),
  });
};

const tableOptions = { name: optional(anyText, 'table'), dbms: optional(anyText, 'database') };

/** `table` with the option `dbms`, or `dbms.table`. */
const namedTable = ({
  options,
  args,
}: Call<typeof tableOptions>): { readonly dbms: string; readonly table: string } => {
  const name = options.name ?? (args.text('name') || '*');
  const dot = name.indexOf('.');
  if (options.dbms !== undefined) return { dbms: options.dbms, table: name };
  if (dot < 1 || dot === name.length - 1)
    throw fault('COMMAND_OPTION_MISSING', name === '*' ? 'no table is named' : `${name} names no table of a database`, {
      hint: 'name it DBMS.TABLE, all tables of a database DBMS.*: test network table DBMS.TABLE',
    });
  return { dbms: name.slice(0, dot), table: name.slice(dot + 1) };
};

/** An answer all the same: the node is there, the database is not. */
const hasNoDatabase = (failure: HoldfastError): boolean => failure.code === 'COMMAND_DBMS_UNKNOWN';
const isReached = (failure: HoldfastError | undefined): boolean => failure === undefined || hasNoDatabase(failure);

const touchedTable = (call: Call<typeof tableOptions>): readonly Touch[] => {
  const { dbms, table } = namedTable(call);
  return [{ dbms: dbms.toLowerCase(), table: table.toLowerCase() }];
};

const testTable = async (call: Call<typeof tableOptions>): Promise<Reply> => {
  const { dbms, table } = namedTable(call);
  const nodes = nodesToTest(call).filter(({ type }) => type === 'operator');
  const replies = await askAll(
    { ...call, asked: undefined, execute: call.executeOwn },
    nodes.map(addressOf),
    `get tables where dbms = "${dbms}" and format = json`,
    TEST_TIMEOUT_MS,
  );
  const verdict = (index: number): string => {
    const { answer, failure } = replies[index] ?? { answer: undefined, failure: undefined };
    if (failure !== undefined && !hasNoDatabase(failure)) return failure.message;
    const tables = jsonMember(answer?.json, dbms);
    if (table === '*') return tables === undefined ? 'no table' : 'Pass';
    return jsonMember(jsonMember(tables, table), 'local') === true ? 'Pass' : 'Table not declared';
  };
  return givesTable({
    titles: ['Address', 'Node Type', 'Node Name', 'Status', 'Table Test'],
    rows: nodes.map((node, index): readonly Cell[] => [
      addressOf(node),
      node.type,
      node.name,
      isReached(replies[index]?.failure) ? REACHED : '',
      verdict(index),
    ]),
  });
};

const testNode = ({ context }: Call<OptionTable>): Reply => {
  const { ledger, network, facts, policies } = context;
  const rest = facts.restAddress();
  const { damaged, signatures, failure } = ledger.status();
  const isMetadataSound =
    ledger.network !== undefined && damaged.length === 0 && signatures.bad === 0 && failure === undefined;
  const rows: readonly (readonly [string, string])[] = [
    ['Metadata Version', ledger.version],
    ['Metadata Test', isMetadataSound ? 'Pass' : 'Failed'],
    ['Policies', String(countInForce(policies.book))],
    [`TCP test using ${network.address}`, `[From Node ${network.address}] ${facts.name} running`],
    [`REST test using ${rest ?? ''}`, rest === undefined ? 'Not running' : `[From Node ${rest}] ${facts.name} running`],
  ];
  return givesTable({ titles: ['Functionality', 'Details'], rows, json: Object.fromEntries(rows) });
};

/** Whether other nodes answer and hold the same ledger. */
export const networkTestCommands = (): readonly Command[] => [
  define({
    patterns: ['test network', 'test network with <target>', 'test network <target?>'],
    method: 'GET',
    explanation:
      'tries to reach every node that a policy stands for, at the address that the policy names; + where it answers, else why it does not',
    examples: ['test network', 'test network with operator', 'test network where format = json'],
    run: testNetwork,
  }),
  define({
    patterns: ['test network metadata version', 'test network metadata'],
    method: 'GET',
    explanation: 'asks every node for the version of its ledger: equal versions are equal ledgers',
    examples: ['test network metadata version'],
    run: testVersions,
  }),
  define({
    patterns: ['test network table <name?>', 'test table <name?>'],
    method: 'GET',
    explanation: 'asks every operator whether it has the table',
    examples: ['test network table ping_sensor where dbms = lsl_demo', 'test network table lsl_demo.ping_sensor'],
    options: tableOptions,
    touches: touchedTable,
    run: testTable,
  }),
  define({
    patterns: ['test node'],
    method: 'GET',
    explanation: 'tests this node: its ledger, its addresses',
    examples: ['test node'],
    run: testNode,
  }),
  define({
    patterns: ['test connection <target>'],
    method: 'GET',
    explanation: 'tries to reach the node at an address',
    examples: ['test connection 10.0.0.78:32148'],
    run: async (call) => {
      await reach(call.context, address.read(call.args.tokens('target'), call.dictionary), TEST_TIMEOUT_MS);
      return says('Connected', true);
    },
  }),
];
