import { readFileSync } from 'node:fs';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { holdfast } from '../support/executable.ts';
import { NetworkFixture, sensorRows } from '../support/network-fixture.ts';
import { waitFor } from '../support/wait.ts';

const DBMS = 'plant';
const TABLE = 'readings';
const ANY = '127.0.0.1:0';

describe('recovery of a node whose directory is gone, on real processes', () => {
  let network: NetworkFixture;

  beforeEach(async () => {
    network = await NetworkFixture.create();
    await network.start('op1', 'op2');
    await network.cluster('cluster1', 'op1', 'op2');
  }, 90_000);
  afterEach(() => network.close(), 30_000);

  const rows = (node: string, what = 'count(*)'): Promise<number> =>
    network.localNumber(node, DBMS, `select ${what} from ${TABLE}`);
  /** Files of both origins on both operators. */
  const fill = async (files: number, count: number): Promise<number> => {
    for (let file = 0; file < files; file += 1)
      await network.node(file % 2 === 0 ? 'op1' : 'op2').put(DBMS, TABLE, sensorRows(file * count, count));
    for (const name of ['op1', 'op2'])
      await waitFor(async () => (await rows(name)) === files * count, { timeoutMs: 40_000 });
    return files * count;
  };
  const policyOf = async (name: string): Promise<{ id: string; peer: string; replaces?: string }> => {
    const found = (await network.node('op2').json(`blockchain get operator where name = ${name}`)) as {
      operator: { id: string; peer: string };
    }[];
    return found[0]?.operator ?? { id: '', peer: '' };
  };
  const recover = async (dir: string, ...args: string[]): Promise<NodeProcess> => {
    const { listen, rest } = network.node('op1').facts;
    const seed = network.node('op2').facts.listen;
    const node = await NodeProcess.start({
      dir,
      name: 'op1',
      listen,
      rest,
      args: ['--recover', '--seed', seed, ...args],
    });
    network.nodes.set('op1', node);
    return node;
  };
  const logOf = (node: NodeProcess): string => readFileSync(join(node.options.dir, 'node.log'), 'utf8');
  const recovered = (node: NodeProcess): Promise<true> =>
    waitFor(() => /^recovered op1 .*missing=0$/m.test(logOf(node)), { timeoutMs: 90_000, what: () => logOf(node) });
  const goesOn = async (sent: number): Promise<void> => {
    await waitFor(async () => /Operator +\|Running/.test(await network.node('op1').run('get processes')), {
      timeoutMs: 30_000,
    });
    await network.node('op1').put(DBMS, TABLE, sensorRows(sent, 10));
    for (const name of ['op1', 'op2']) {
      await waitFor(async () => (await rows(name)) === sent + 10, { timeoutMs: 40_000 });
      expect(await rows(name, 'count(distinct reading)')).toBe(sent + 10);
    }
    await waitFor(() => network.equalData('op2'), { timeoutMs: 20_000 });
    await network.settled();
    expect(await network.node('op2').run('blockchain audit')).toMatch(/Proofs of equivocation +\| +0\|/);
  };

  test('with its key and script everything comes back, and it runs on as it did', async () => {
    const sent = await fill(6, 50);
    const old = network.node('op1').options.dir;
    const keep = join(network.dir, 'keep');
    await mkdir(keep);
    for (const file of ['node.key', 'operator.al']) await cp(join(old, file), join(keep, file));
    await network.kill('op1');
    await rm(old, { recursive: true });
    const node = await recover(old, '--key', join(keep, 'node.key'), '--script', join(keep, 'operator.al'));
    await recovered(node);
    expect(logOf(node)).toMatch(/files of op1: \d+ of 3, \d+ rows/);
    expect(logOf(node)).toMatch(/files of op2: 3 of 3, 150 rows/);
    expect(await rows('op1')).toBe(sent);
    await goesOn(sent);
  }, 240_000);

  test('under a new key it takes over the policy; killed during the recovery it goes on', async () => {
    const sent = await fill(20, 500);
    const { id, peer } = await policyOf('op1');
    const old = network.node('op1').options.dir;
    const alive = await holdfast([
      ...['start', '--dir', join(network.dir, 'early'), '--listen', ANY, '--rest', ANY],
      ...['--recover', '--operator', id, '--seed', network.node('op2').facts.listen],
    ]);
    expect([alive.status, alive.stderr]).toEqual([1, expect.stringMatching(/is up.*hint: stop it first/s)]);
    await network.kill('op1');
    await rm(old, { recursive: true });
    const first = await recover(old, '--operator', id);
    await waitFor(() => /ledger: |files of/.test(logOf(first)), { timeoutMs: 60_000 });
    await network.kill('op1');
    expect(logOf(first)).not.toMatch(/^recovered/m);
    const node = await recover(old);
    await recovered(node);
    expect(await policyOf('op1')).toMatchObject({ id, peer: node.facts.peer, replaces: peer });
    expect(node.facts.peer).not.toBe(peer);
    expect(await rows('op1')).toBe(sent);
    await goesOn(sent);
  }, 240_000);

  test('what nobody gives back is said; a wrong use is refused with the next step', async () => {
    const refused = async (...args: string[]): Promise<string> => {
      const { status, stderr } = await holdfast(['start', '--listen', ANY, '--rest', ANY, ...args]);
      expect(status).toBe(1);
      return stderr;
    };
    const seed = network.node('op2').facts.listen;
    const dir = join(network.dir, 'new');
    expect(await refused('--dir', dir, '--recover', '--seed', seed)).toMatch(/which node.*hint: .*--key/s);
    expect(await refused('--dir', dir, '--recover')).toMatch(/hint: .*--seed/s);
    expect(await refused('--dir', network.node('op2').options.dir, '--recover', '--seed', seed)).toMatch(
      /another running node uses/,
    );
    await network.node('op1').put(DBMS, TABLE, sensorRows(0, 10));
    await waitFor(async () => (await rows('op2')) === 10, { timeoutMs: 20_000 });
    await network.settled();
    const { id } = await policyOf('op2');
    await network.node('op2').run('exit operator');
    await network.kill('op1');
    const old = network.node('op1').options.dir;
    await cp(join(old, 'node.key'), join(network.dir, 'node.key'));
    await rm(old, { recursive: true });
    const node = await recover(old, '--key', join(network.dir, 'node.key'));
    await waitFor(() => /^recovered op1 .*rows=0 missing=2$/m.test(logOf(node)), {
      timeoutMs: 90_000,
      what: () => logOf(node),
    });
    expect(logOf(node)).toMatch(/missing: op2 was not reached/);
    expect(logOf(node)).toMatch(/missing: the table plant.readings: nobody gave back a file of it/);
    expect(id).not.toBe('');
  }, 240_000);
});
