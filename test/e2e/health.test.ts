import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { insertPolicy, nodePolicy } from '../../scripts/demo/network.ts';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { NetworkFixture } from '../support/network-fixture.ts';
import { waitFor } from '../support/wait.ts';

const WALL_CLOCK = fileURLToPath(new URL('../../scripts/faults/wall-clock.mjs', import.meta.url));

interface Fault {
  readonly code: string;
  readonly cause: string;
  readonly nextStep: string;
}

/** The promise: a fault is named within so long. */
const NAMED_MS = 5_000;

describe('faults are named within five seconds, on real processes', () => {
  let network: NetworkFixture;

  beforeEach(async () => {
    network = await NetworkFixture.create();
    await network.start('op1', 'op2');
    await network.cluster('cluster1', 'op1', 'op2');
  }, 60_000);
  afterEach(() => network.close(), 30_000);

  const faults = async (node: string, command = 'get status'): Promise<readonly Fault[]> =>
    ((await network.node(node).json(`${command} where format = json`)) as { faults: Fault[] }).faults;
  const named = (node: string, code: string): Promise<Fault> =>
    waitFor(async () => (await faults(node)).find((fault) => fault.code === code), { timeoutMs: NAMED_MS, what: code });
  const timeOf = async (node: string): Promise<number> =>
    ((await network.node(node).json('get status where format = json')) as { time: number }).time;
  const gone = (node: string, code: string): Promise<boolean> =>
    waitFor(async () => (await faults(node)).every((fault) => fault.code !== code), { timeoutMs: 2 * NAMED_MS });

  test('a member that runs no distributor, no consumer, no operator, or does not run at all', async () => {
    await waitFor(async () => (await faults('op1')).length === 0, { timeoutMs: 20_000 });
    await network.node('op2').run('exit distributor');
    expect((await named('op1', 'MEMBER_WITHOUT_DISTRIBUTOR')).cause).toMatch(/^op2 /);
    expect((await named('op2', 'DISTRIBUTOR_OFF')).nextStep).toMatch(/run data distributor/);
    expect(await network.node('op1').run('get distributor')).toMatch(/Fault MEMBER_WITHOUT_DISTRIBUTOR: op2 /);
    await network.node('op2').run('run data distributor');
    await gone('op1', 'MEMBER_WITHOUT_DISTRIBUTOR');
    await network.node('op2').run('exit operator');
    await named('op1', 'MEMBER_WITHOUT_OPERATOR');
    expect(await network.node('op1').run('test cluster data')).toMatch(/\nop2 does not answer: .*operator/);
    await network.kill('op2');
    const { cause } = await named('op1', 'PEER_UNREACHED');
    expect(cause).toContain(network.node('op2').facts.listen);
    const text = await network.node('op1').run('get status');
    expect(text).toMatch(/^[^\n]* running\nFault PEER_UNREACHED: /);
    expect(text).not.toMatch(/not/i);
    expect(await network.node('op1').run('get processes')).toContain('Fault PEER_UNREACHED');
  }, 90_000);

  test('a file that failed, until it was corrected as the next step says', async () => {
    await network.drop('op1', 'plant.readings.json', '{"reading": 1}\nno JSON\n');
    expect((await named('op1', 'FILES_FAILED')).cause).toMatch(/^1 file of the last day lies in .*plant\.readings/);
    const errors = join(network.dir, 'op1', 'data', 'error');
    const failed = (await readdir(errors)).find((name) => !name.endsWith('.reason.json')) ?? '';
    await rm(join(errors, failed));
    await network.drop('op1', 'plant.readings.json', '{"reading": 1}\n');
    await gone('op1', 'FILES_FAILED');
  }, 60_000);

  test('a clock that is years ahead of those of all others, and no policy is dated by it', async () => {
    const name = 'query1';
    const [dir, file] = [join(network.dir, name), join(network.dir, 'clock')];
    const node = await NodeProcess.start({
      ...{ dir, name, args: ['--seed', network.node('op1').facts.listen] },
      environment: { NODE_OPTIONS: `--import ${WALL_CLOCK}`, FAULTS_CLOCK: file },
    });
    network.nodes.set(name, node);
    const site = (of: string): Promise<string> =>
      node.run(`blockchain insert where policy = {"site": {"name": "${of}"}}`);
    await insertPolicy(node, 'query', nodePolicy(node, 'Lit San Leandro'));
    await network.settled();
    await writeFile(file, String(3_650 * 86_400_000));
    const ahead = async (): Promise<Fault | undefined> =>
      (await faults(name)).find(({ code }) => code === 'LEDGER_CLOCK_AHEAD');
    expect((await waitFor(ahead, { timeoutMs: 30_000 })).cause).toMatch(/op[12] by 3650 days, op[12] by 3650 days/);
    await expect(site('ahead')).rejects.toThrow(/op1 by [^]*LEDGER_CLOCK_AHEAD[^]*set the clock/);
    await rm(file);
    await waitFor(async () => Math.abs((await timeOf(name)) - Date.now()) < 60_000);
    await site('right');
    await network.settled();
    expect(await network.node('op1').run('blockchain get site')).not.toContain('ahead');
  }, 90_000);
});
