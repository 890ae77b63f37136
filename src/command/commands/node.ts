import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { type DiskStatus, sized } from '../../base/disk-monitor.ts';
import { fault } from '../../base/errors.ts';
import type { DialState } from '../../network/network.ts';
import type { CommandContext } from '../context.ts';
import { isRevoked, ownOperator, versionText } from '../facts.ts';
import { faultLines, faultsOf } from '../health/faults.ts';
import { heldJson, heldText } from '../held.ts';
import { healthFacts } from '../health/gather.ts';
import { type MayReach, peerFor } from '../health/reach.ts';
import { foreignSeedLines, foreignSeeds } from './foreign-seeds.ts';
import { splitLines, splitSummary } from './split-views.ts';
import { anyText, optional, repeated, variableName, type OptionTable } from '../options.ts';
import { givesTable, says, SILENT, type Reply } from '../reply.ts';
import { hoursMinutesSeconds, type Cell } from '../table.ts';

/** Clients take the status for bad when its text holds the letters "not", so a name that does is left out. */
const safeName = (name: string): string => (/not/i.test(name) ? 'node' : name);

const status = ({ context, dictionary, options, mayReach }: Call<typeof statusOptions>): Reply => {
  const text = `${safeName(context.facts.name)}@${context.network.address} running`;
  const included = Object.fromEntries(options.include.map((name) => [name, dictionary.variable(name) ?? null]));
  const foreign = foreignSeeds(context);
  const disk = context.disk?.();
  const open = context.access.required ? '' : '\nAuthentication: off. Whoever reaches REST commands this node';
  const splits = context.receipts.splits();
  const faults = faultsOf(healthFacts(context, mayReach));
  return {
    text: `${text}${historyLine(context)}${faultLines(faults, true)}${open}${splitLines(context)}${foreignSeedLines(context)}`,
    json: {
      Status: text,
      status: text,
      time: context.clock.wallMs(),
      ...runningParts(context),
      ...heldFiles(context),
      faults,
      history: heldJson(context),
      ...(context.access.required ? {} : { authentication: 'off' }),
      ...(disk === undefined ? {} : { disk: diskJson(disk) }),
      ...(splits.length === 0 ? {} : { 'Split views': splits.map(splitSummary(context)) }),
      ...(foreign.length === 0 ? {} : { 'Different network': foreign }),
      ...included,
    },
  };
};

/** For peers: what runs here, and whether a start script that is under way may be about to start what does not. */
const runningParts = (context: CommandContext): object => {
  const running = {
    operator: context.operator() !== undefined,
    distributor: context.distributor() !== undefined,
    consumer: context.consumer() !== undefined,
  };
  const starting = context.startScript?.running !== undefined && Object.values(running).includes(false);
  return { running, ...(starting ? { starting } : {}) };
};

/** For peers: from it they know how many rows they lack. */
const heldFiles = (context: CommandContext): { readonly held?: { readonly files: number; readonly rows: number } } => {
  const operator = context.operator();
  if (operator === undefined) return {};
  const { files, rows } = operator.status();
  return { held: { files, rows } };
};

const statusOptions = { include: repeated(variableName, 'variables to add to the JSON') };

/** Clients take a status with the letters "not" for a bad one. */
const historyLine = (context: CommandContext): string =>
  context.policies.pruning?.count === 0 || context.policies.pruning === undefined
    ? ''
    : `\nHistory: ${heldText(context)}`;

/** State, since when, why and what to do, in one line. */
export const diskDetails = (disk: DiskStatus): string => {
  const { state, sinceMs, freeBytes, cause, nextStep } = disk;
  const free = freeBytes === undefined ? '' : `, ${sized(freeBytes)} free`;
  if (state === 'ok') return `ok${free}`;
  return `${state} since ${new Date(sinceMs).toISOString()}${free}. ${cause ?? ''}. ${nextStep ?? ''}`;
};

const diskJson = ({ sinceMs, lastError, ...disk }: DiskStatus): object => ({
  ...disk,
  since: new Date(sinceMs).toISOString(),
  lastError: lastError === undefined ? null : { ...lastError, at: new Date(lastError.atMs).toISOString() },
});

interface Process {
  readonly name: string;
  readonly status: 'Running' | 'Not declared';
  readonly details: string;
}

const process = (name: string, runs: boolean, details: string): Process => ({
  name,
  status: runs ? 'Running' : 'Not declared',
  details: runs ? details : '',
});

const peersDetails = (
  peers: readonly { readonly lastError: string | undefined; readonly name: string }[] | undefined,
): string => {
  if (peers === undefined) return '';
  if (peers.length === 0) return 'No peer Operators supporting the cluster';
  const failing = peers.find(({ lastError }) => lastError !== undefined);
  return failing === undefined ? `${peers.length} peer Operators` : `${failing.name}: ${failing.lastError ?? ''}`;
};

const processesOf = (context: CommandContext, mayReach: MayReach): readonly Process[] => {
  const { facts, network, ledgerSync, ledger } = context;
  const rest = facts.restAddress();
  const operator = context.operator();
  const synchronized = ledgerSync.peers().filter(({ connected }) => connected).length;
  const [distributor, consumer] = [context.distributor(), context.consumer()];
  const threshold = operator?.buffers()[0]?.threshold;
  return [
    process('TCP', true, `Listening on: ${network.address}, Peers: ${network.peers().length}`),
    process('REST', rest !== undefined, `Listening on: ${rest ?? ''}`),
    process(
      'Operator',
      operator !== undefined,
      `Cluster Member: ${ownOperator(context) === undefined ? 'False' : 'True'}, Threads Pool: ${operator?.status().options.threads ?? 0}`,
    ),
    ledger.network === undefined
      ? { name: 'Blockchain Sync', status: 'Not declared', details: 'This node belongs to no network yet' }
      : process('Blockchain Sync', true, `Sync with ${synchronized} connected nodes, ${ledger.size} entries`),
    ...(context.disk === undefined ? [] : [process('Disk', true, diskDetails(context.disk()))]),
    process('Scheduler', false, ''),
    process('Distributor', distributor !== undefined, peersDetails(distributor?.peers().map(peerFor(mayReach)))),
    process(
      'Consumer',
      consumer !== undefined,
      `${consumer?.mode === 'suspend' ? 'Suspended. ' : ''}${peersDetails(consumer?.peers().map(peerFor(mayReach)))}`,
    ),
    process('MQTT', false, ''),
    process('MSG Broker', false, ''),
    process(
      'Streamer',
      operator !== undefined,
      threshold === undefined
        ? 'Part of the Operator'
        : `Default streaming thresholds are ${threshold.seconds} seconds and ${threshold.bytes.toLocaleString('en-US')} bytes`,
    ),
    process('Query Pool', true, `Jobs: ${context.query.jobs().length}`),
    process('Publisher', false, ''),
  ];
};

const processes = ({ context, mayReach }: Call<OptionTable>): Reply => {
  const all = processesOf(context, mayReach);
  const faults = faultsOf(healthFacts(context, mayReach));
  const table = givesTable({
    titles: ['Process', 'Status', 'Details'],
    rows: all.map(({ name, status: state, details }) => [name, state, details]),
    json: {
      ...Object.fromEntries(all.map(({ name, status: state, details }) => [name, { Status: state, Details: details }])),
      faults,
    },
    indent: 4,
  });
  return { ...table, text: `${table.text ?? ''}${faultLines(faults)}` };
};

const connections = ({ context }: Call<OptionTable>): Reply => {
  const { network, facts } = context;
  const rest = facts.restAddress() ?? '';
  const rows: readonly (readonly Cell[])[] = [
    ['TCP', network.address, network.address, network.address],
    ['REST', rest, rest, rest],
    ['Messaging', 'Not declared', 'Not declared', 'Not declared'],
  ];
  const json = Object.fromEntries(
    rows.map(([type, external, local, bind]) => [type as string, { external, local, bind }]),
  );
  const dialled = network.dialStates().map((state) => withGrant(state, isRevoked(context, state.key)));
  const table = givesTable({
    titles: ['Type', 'External Address', 'Internal Address', 'Bind Address'],
    rows,
    json: { ...json, Peers: network.peers(), Dialled: dialled, 'Different network': foreignSeeds(context) },
  });
  return { ...table, text: `${table.text ?? ''}${unreached(dialled)}${foreignSeedLines(context)}` };
};

/** Who was revoked comes back for a moment each time, as a guest: that is no connection. */
const withGrant = (state: DialState, revoked: boolean): DialState & { readonly revoked?: true } =>
  revoked ? { ...state, connected: false, lastError: 'its key was revoked', revoked } : state;

/** The addresses that are dialled in vain, one a line; nothing while all are reached. Without the signs of a table. */
const unreached = (dialled: readonly DialState[]): string =>
  dialled
    .filter(({ connected }) => !connected)
    .map(({ address, attempts, lastError }) => `\nNot reached: ${address} (tried ${attempts} times) ${lastError ?? ''}`)
    .join('')
    .replaceAll('|', ' ');

const running =
  (what: string, address: (context: CommandContext) => string | undefined) =>
  ({ context }: Call<OptionTable>): Reply =>
    says(
      `The ${what} server runs already on ${address(context) ?? 'no address'}: its address is set when the node starts`,
    );

const addressOptions = Object.fromEntries(
  ['external_ip', 'external_port', 'internal_ip', 'internal_port', 'bind', 'threads', 'timeout', 'ssl'].map((name) => [
    name,
    optional(anyText, 'accepted: set when the node starts'),
  ]),
);

const uptime = ({ context }: Call<OptionTable>): Reply => {
  const ms = context.clock.wallMs() - context.facts.startedMs;
  return says(hoursMinutesSeconds(ms), { seconds: Math.floor(ms / 1_000) });
};

const fact = (
  patterns: readonly [string, ...string[]],
  explanation: string,
  read: (context: CommandContext) => string,
): Command =>
  define({
    patterns,
    method: 'GET',
    explanation,
    examples: [patterns[0]],
    run: ({ context }) => says(read(context), { [patterns[0].replace('get ', '')]: read(context) }),
  });

const shown = (): readonly Command[] => [
  define({
    patterns: ['get status'],
    method: 'GET',
    explanation:
      'says that the node runs, and names each fault that it knows of (disk, ledger, clocks, peers, replication, damage, failed files) with its cause and the next step; in JSON under faults',
    examples: ['get status', 'get status where format = json'],
    options: statusOptions,
    filtered: 'words',
    run: status,
  }),
  define({
    patterns: ['get processes'],
    method: 'GET',
    explanation: 'shows which parts of the node run, and the faults of get status; in JSON under faults',
    examples: ['get processes'],
    filtered: 'words',
    run: processes,
  }),
  define({
    patterns: ['get connections'],
    method: 'GET',
    explanation: 'shows the addresses of the node; in JSON its peers as well',
    examples: ['get connections where format = json'],
    run: connections,
  }),
  fact(['get version'], 'prints the version', ({ facts }) => versionText(facts.version)),
  fact(['get hostname'], 'prints the name of the machine', ({ facts }) => facts.hostname),
  fact(['get node name'], 'prints the name of the node', ({ facts }) => facts.name),
  fact(
    ['get node id'],
    'prints the public key of the node, which identifies it everywhere',
    ({ network }) => network.self,
  ),
  define({
    patterns: ['get uptime'],
    method: 'GET',
    explanation: 'prints for how long the node has run',
    examples: ['get uptime'],
    run: uptime,
  }),
];

const changed = (): readonly Command[] => [
  define({
    patterns: ['run tcp server', 'run tcp server <address...>'],
    method: 'POST',
    explanation: 'accepted: the node listens from its start',
    examples: ['run tcp server'],
    options: addressOptions,
    run: running('TCP', ({ network }) => network.address),
  }),
  define({
    patterns: ['run rest server', 'run rest server <address...>'],
    method: 'POST',
    explanation: 'accepted: the node listens from its start',
    examples: ['run rest server'],
    options: addressOptions,
    run: running('REST', ({ facts }) => facts.restAddress()),
  }),
  define({
    patterns: ['create work directories', 'set anylog home <path>', 'set debug <what>', 'set echo queue <what>'],
    method: 'POST',
    remote: 'never',
    explanation:
      'accepted, since start scripts of deployments begin with it: the node makes its directories by itself (--dir)',
    examples: ['create work directories', 'set debug off'],
    run: () => SILENT,
  }),
  define({
    patterns: ['exit node'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation: 'stops the node',
    examples: ['exit node'],
    run: ({ context }) => {
      context.control.exitNode();
      return SILENT;
    },
  }),
  define({
    patterns: ['exit tcp', 'exit rest', 'exit synchronizer'],
    method: 'POST',
    remote: 'never',
    explanation: 'refused: a node without them would not be one',
    examples: ['exit tcp'],
    run: () => {
      throw fault('COMMAND_UNSUPPORTED', 'this part of the node runs as long as the node', {
        hint: 'to stop the node: exit node',
      });
    },
  }),
];

/** The node itself. */
export const nodeCommands = (): readonly Command[] => [...shown(), ...changed()];
