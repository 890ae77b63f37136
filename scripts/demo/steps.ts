import { setTimeout as delay } from 'node:timers/promises';
import { dropFile } from './drop-file.ts';
import {
  becomeOperator,
  compareCluster,
  insertPolicy,
  nodePolicy,
  type PolicyDocument,
  restartOperator,
  startNodes,
} from './network.ts';
import type { NodeProcess } from './node-process.ts';
import type { Screen } from './screen.ts';
import type { SensorFile } from '../fixtures-sensor.ts';
import { countRows, sensorContent, sensorFileName, sensorFiles } from './sensor-data.ts';

const COMPANY = 'Lit San Leandro';
const DBMS = 'edge';
const STEPS = 6;
const WAIT_MS = 30_000;
const POLL_MS = 100;
const QUERY =
  'select device, count(*), min(temperature), max(temperature), avg(temperature) from mote_reading group by device order by device';

export interface DemoState {
  readonly dir: string;
  readonly screen: Screen;
  /** By name; filled by the first step. */
  readonly nodes: Map<string, NodeProcess>;
}

const nodeOf = ({ nodes }: DemoState, name: string): NodeProcess => {
  const node = nodes.get(name);
  if (node === undefined) throw new Error(`${name} is not running`);
  return node;
};

/** Runs a command as the user would and shows it with its output. */
const show = async (state: DemoState, name: string, command: string): Promise<string> => {
  state.screen.command(name, command);
  const output = await nodeOf(state, name).run(command);
  state.screen.output(output);
  return output;
};

const until = async (state: DemoState, what: string, look: () => Promise<boolean>): Promise<void> => {
  const start = performance.now();
  let last: unknown;
  while (performance.now() - start < WAIT_MS) {
    try {
      if (await look()) {
        state.screen.check(true, `${what} (${((performance.now() - start) / 1_000).toFixed(1)} s)`);
        return;
      }
    } catch (caught) {
      last = caught;
    }
    state.screen.progress(`${what} … ${Math.round((performance.now() - start) / 1_000)} s`);
    await delay(POLL_MS);
  }
  throw new Error(`${what}: not within ${WAIT_MS / 1_000} s${last instanceof Error ? ` (${last.message})` : ''}`);
};

const sameMetadata = async (state: DemoState): Promise<boolean> => {
  const versions = [...state.nodes.values()].map((node) => node.run('get metadata version'));
  return new Set(await Promise.all(versions)).size === 1;
};

/** Whether all operators of a node's cluster hold the same files, rows and content, and how many rows. */
const comparedRows = async (node: NodeProcess): Promise<{ equal: boolean; rows: number }> => {
  const { equal, tables } = await compareCluster(node);
  const own = Object.values(tables).map(({ nodes }) => Object.values(nodes)[0]?.rows ?? 0);
  return { equal, rows: own.reduce((sum, rows) => sum + rows, 0) };
};

const startNetwork = async (state: DemoState): Promise<void> => {
  const { screen, nodes } = state;
  screen.step(1, STEPS, 'Five processes: one creates the network, four join it by its address');
  await startNodes(state.dir, ['operator1', 'operator2', 'operator3', 'operator4', 'query'], (node) => {
    nodes.set(node.facts.name, node);
    const { name, listen, rest, pid } = node.facts;
    screen.line(`  ${name.padEnd(9)}  process ${pid}  network ${listen}  REST ${rest}`);
  });
  await until(state, 'all five hold the same ledger', () => sameMetadata(state));
};

const insertPolicies = async (state: DemoState): Promise<ReadonlyMap<string, PolicyDocument>> => {
  const { screen } = state;
  screen.step(2, STEPS, 'Policies: IDs, dates and member numbers come from the network');
  const operators = new Map<string, PolicyDocument>();
  for (const [cluster, names] of [
    ['lsl-cluster1', ['operator1', 'operator2']],
    ['lsl-cluster2', ['operator3', 'operator4']],
  ] as const) {
    const policy = await insertPolicy(nodeOf(state, 'operator1'), 'cluster', { company: COMPANY, name: cluster });
    screen.line(`  cluster   ${cluster.padEnd(12)}  id ${policy.id}  date ${policy.date}`);
    for (const name of names) {
      const node = nodeOf(state, name);
      await until(state, `${name} knows ${cluster}`, async () =>
        (await node.run(`blockchain test id ${policy.id}`)).includes('true'),
      );
      const operator = await becomeOperator(node, COMPANY, policy.id);
      operators.set(name, operator);
      screen.line(
        `  operator  ${name.padEnd(12)}  id ${operator.id}  date ${operator.date}  member ${String(operator['member'])}`,
      );
    }
  }
  const query = nodeOf(state, 'query');
  await insertPolicy(query, 'query', nodePolicy(query, COMPANY));
  await until(state, 'all five hold the same ledger', () => sameMetadata(state));
  return operators;
};

/** Every other file by REST PUT, the others into the watch directory. */
const feed = async (state: DemoState, name: string, files: readonly SensorFile[]): Promise<void> => {
  const node = nodeOf(state, name);
  for (const [index, file] of files.entries()) {
    if (index % 2 === 0) await dropFile(node, sensorFileName(file), sensorContent(file));
    else await node.put(file.dbms, file.table, sensorContent(file));
    state.screen.progress(`${name}: ${index + 1} of ${files.length} files`);
  }
  state.screen.line(
    `  ${name}: ${countRows(files)} rows in ${files.length} files, half by REST PUT, half by the watch directory`,
  );
};

interface Shares {
  readonly now: readonly SensorFile[];
  /** Arrives later, while an operator is down. */
  readonly later: readonly SensorFile[];
}

const shareOf = (site: 'a' | 'b'): Shares => {
  const files = sensorFiles(site);
  const later = files.filter(({ table }) => table === 'mote_reading').slice(-1);
  return { now: files.filter((file) => !later.includes(file)), later };
};

const takeInData = async (state: DemoState, siteA: Shares, siteB: Shares): Promise<void> => {
  state.screen.step(3, STEPS, 'Sensor data flow in, to one operator of each cluster only');
  await feed(state, 'operator1', siteA.now);
  await feed(state, 'operator3', siteB.now);
  for (const [name, share] of [
    ['operator2', siteA],
    ['operator4', siteB],
  ] as const)
    await until(
      state,
      `${name}, which received nothing from outside, holds all ${countRows(share.now)} rows`,
      async () => {
        const { equal, rows } = await comparedRows(nodeOf(state, name));
        return equal && rows === countRows(share.now);
      },
    );
};

const showDistribution = async (state: DemoState): Promise<void> => {
  state.screen.step(4, STEPS, 'Who holds what');
  await until(state, 'all five hold the same ledger', () => sameMetadata(state));
  const metadata = await show(state, 'query', 'blockchain query metadata');
  await show(state, 'operator2', 'get cluster info');
  await show(state, 'operator1', 'test cluster data');
  await show(state, 'operator3', 'test cluster data');
  const clusters = ['lsl-cluster1', 'lsl-cluster2'].every((name) => metadata.includes(name));
  state.screen.check(clusters && metadata.includes('mote_reading'), 'the same logical table is in both clusters');
};

const queryJson = (node: NodeProcess): Promise<string> =>
  node.run(`run client () sql ${DBMS} format = json and stat = false "${QUERY}"`);

const surviveAKill = async (state: DemoState, later: readonly SensorFile[]): Promise<void> => {
  const { screen, nodes } = state;
  screen.step(5, STEPS, 'An operator dies and the answer stays the same');
  await show(state, 'query', `run client () sql ${DBMS} format = table "${QUERY}"`);
  const before = await queryJson(nodeOf(state, 'query'));
  const victim = nodeOf(state, 'operator1');
  await victim.stop('SIGKILL');
  screen.line(`  operator1 (process ${victim.facts.pid}) was killed with SIGKILL`);
  const start = performance.now();
  const after = await queryJson(nodeOf(state, 'query'));
  screen.check(
    after === before,
    `the same query gives the same answer, ${Math.round(performance.now() - start)} ms later`,
  );
  await show(state, 'query', 'query status');
  for (const file of later) await nodeOf(state, 'operator2').put(file.dbms, file.table, sensorContent(file));
  screen.line(`  ${countRows(later)} new rows went to operator2 meanwhile`);
  nodes.set('operator1', await restartOperator(victim, undefined));
  screen.line('  operator1 was started again, without being told any address');
  await until(state, 'operator1 has caught up: both operators hold the same', async () => {
    const { equal, rows } = await comparedRows(nodeOf(state, 'operator1'));
    return equal && rows === countRows(sensorFiles('a'));
  });
  await show(state, 'operator1', 'test cluster data');
};

const showHistory = async (state: DemoState, operators: ReadonlyMap<string, PolicyDocument>): Promise<void> => {
  const { screen } = state;
  screen.step(6, STEPS, 'The history of a policy, and the audit of the ledger');
  const id = operators.get('operator1')?.id ?? '';
  await nodeOf(state, 'operator1').run(
    `blockchain update where id = ${id} and policy = {"operator": {"city": "San Leandro"}}`,
  );
  await until(
    state,
    'an update reached the query node',
    async () =>
      (await nodeOf(state, 'query').run(`blockchain get operator where id = ${id} bring.first [*][city]`)) ===
      'San Leandro',
  );
  await show(state, 'query', `blockchain history where id = ${id}`);
  await show(state, 'query', 'blockchain audit');
  const audit = (await nodeOf(state, 'query').json('blockchain audit where format = json')) as {
    sound: boolean;
  };
  screen.check(audit.sound, 'the audit found no fault');
};

/** The six steps; throws where one cannot go on. What did not hold is counted by the screen. */
export const runSteps = async (state: DemoState): Promise<void> => {
  const siteA = shareOf('a');
  const siteB = shareOf('b');
  await startNetwork(state);
  const operators = await insertPolicies(state);
  await takeInData(state, siteA, siteB);
  await showDistribution(state);
  await surviveAKill(state, siteA.later);
  await showHistory(state, operators);
  state.screen.line();
  for (const { facts } of state.nodes.values())
    state.screen.line(`  ${facts.name.padEnd(9)}  network ${facts.listen}  REST http://${facts.rest}`);
};
