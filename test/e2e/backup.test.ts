import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { textOf } from '../../src/base/errors.ts';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { holdfast } from '../support/executable.ts';
import { NetworkFixture, sensorRows } from '../support/network-fixture.ts';
import { waitFor } from '../support/wait.ts';

const DBMS = 'plant';
const TABLE = 'readings';

describe('backup and restore, on real processes', () => {
  let network: NetworkFixture;
  let copy: string;
  const others: NodeProcess[] = [];

  beforeEach(async () => {
    network = await NetworkFixture.create();
    copy = join(network.dir, 'copy');
  });
  afterEach(async () => {
    await Promise.all(others.splice(0).map((node) => node.stop('SIGKILL')));
    await network.close();
  }, 30_000);

  const rows = (node: string, what = 'count(*)'): Promise<number> =>
    network.localNumber(node, DBMS, `select ${what} from ${TABLE}`);
  const put = (node: string, from: number, count: number): Promise<string> =>
    network.node(node).put(DBMS, TABLE, sensorRows(from, count));
  const insert = (node: NodeProcess, name: string): Promise<string> =>
    node.run(`blockchain insert where policy = {"site": {"name": "${name}"}}`);
  const backUp = async (node: string, dir: string): Promise<void> => {
    const { status, stdout, stderr } = await holdfast(['backup', dir, '--node', network.node(node).facts.rest]);
    expect(stderr).toMatch(/backup: \w+, \d+ files, [\d.]+ of [\d.]+ MiB/);
    expect(stdout).toMatch(/^backup .* files=\d+ bytes=\d+/);
    expect(status).toBe(0);
  };
  /** Starts a copied directory in the place of a node that is gone, with the script of the operator. */
  const restore = async (name: string, dir: string, ...args: string[]): Promise<NodeProcess> => {
    const { listen, rest } = network.node(name).facts;
    const script = existsSync(join(dir, 'operator.al'))
      ? join(dir, 'operator.al')
      : join(network.dir, name, 'operator.al');
    const node = await NodeProcess.start({ dir, name, listen, rest, args: ['--script', script, ...args] });
    network.nodes.set(name, node);
    return node;
  };
  const twoOperators = async (): Promise<void> => {
    await network.start('op1', 'op2');
    await network.cluster('cluster1', 'op1', 'op2');
  };
  const auditIsClean = async (node: string): Promise<void> => {
    expect(await network.node(node).run('blockchain audit')).toMatch(
      /Ledger +\|sound +\|.*Proofs of equivocation +\| +0\|/s,
    );
  };

  test('a backup under load is whole; restored after the original went on, no number is used twice, no row lost or doubled', async () => {
    await twoOperators();
    let sent = 0;
    const loading = new AbortController();
    const load = (async () => {
      while (!loading.signal.aborted) {
        await put('op1', sent, 20);
        sent += 20;
        await insert(network.node('op1'), `during-${sent}`);
      }
    })();
    await waitFor(() => sent >= 60);
    await network.node('op1').run('id add user where name = anna and password = long-enough-1');
    writeFileSync(join(network.node('op1').options.dir, 'local_scripts', 'hello.al'), 'get status\n');
    await backUp('op1', copy);
    loading.abort();
    await load;
    expect(existsSync(join(copy, 'backup.incomplete'))).toBe(false);
    for (const secret of ['node.key', 'users.json']) expect(statSync(join(copy, secret)).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(copy, 'local_scripts', 'hello.al'), 'utf8')).toBe('get status\n');
    expect(existsSync(join(copy, 'rest.token'))).toBe(false);
    const sums = readFileSync(join(copy, 'SHA256SUMS'), 'utf8').trim().split('\n');
    for (const line of sums) {
      const [sha256, path] = line.split('  ');
      const content = readFileSync(join(copy, path ?? ''));
      expect([path, createHash('sha256').update(content).digest('hex')]).toEqual([path, sha256]);
    }
    expect(readdirSync(join(copy, 'data', 'dbms')).filter((file) => !file.endsWith('.sqlite'))).toEqual([]);
    for (let file = 0; file < 3; file += 1) {
      await put('op1', sent, 20);
      sent += 20;
      await insert(network.node('op1'), `after-${file}`);
    }
    await waitFor(async () => (await rows('op2')) === sent, { timeoutMs: 20_000 });
    await network.settled();
    await network.kill('op1');

    const restored = await restore('op1', copy, '--seed', network.node('op2').facts.listen);
    await insert(restored, 'written by the restored node');
    await waitFor(async () => (await restored.run('get processes')).includes('Consumer'), { timeoutMs: 20_000 });
    await waitFor(async () => /Operator +\|Running/.test(await restored.run('get processes')), { timeoutMs: 20_000 });
    await put('op1', sent, 20);
    sent += 20;
    for (const name of ['op1', 'op2']) {
      await waitFor(async () => (await rows(name)) === sent, { timeoutMs: 30_000 });
      expect(await rows(name, 'count(distinct reading)')).toBe(sent);
    }
    await waitFor(() => network.equalData('op2'), { timeoutMs: 20_000 });
    await network.settled();
    for (const name of ['op1', 'op2']) await auditIsClean(name);
    expect(
      await network.node('op2').json('blockchain get site where name = "written by the restored node"'),
    ).toHaveLength(1);
    expect(existsSync(join(copy, 'restored.json'))).toBe(false);
  }, 180_000);

  test('restored while the other operator is away it writes and answers nothing and says why; when it is back it goes on', async () => {
    await network.start('op1', 'op2', 'query');
    await network.cluster('cluster1', 'op1', 'op2');
    const counted = (): Promise<number> => network.queryNumber('query', DBMS, `select count(*) from ${TABLE}`);
    await put('op1', 0, 10);
    await waitFor(async () => (await rows('op2')) === 10, { timeoutMs: 20_000 });
    await backUp('op1', copy);
    await put('op1', 10, 10);
    await insert(network.node('op1'), 'after');
    await waitFor(async () => (await rows('op2')) === 20, { timeoutMs: 20_000 });
    await network.settled();
    await network.kill('op1');
    await network.kill('op2');
    const restored = await restore('op1', copy);
    await expect(insert(restored, 'too early')).rejects.toThrow(/restored from a backup.*cannot be reached/s);
    await waitFor(async () => /Operator +\|Running/.test(await restored.run('get processes')), { timeoutMs: 20_000 });
    await expect(put('op1', 20, 10)).rejects.toThrow(/restored from a backup/);
    expect(await rows('op1')).toBe(10);
    await waitFor(async () => (await network.node('query').run('test network')).includes('op1'));
    await expect(counted()).rejects.toThrow(/op1: this operator does not hold yet/);
    await network.revive('op2');
    await waitFor(
      () =>
        insert(restored, 'in time').then(
          () => true,
          () => false,
        ),
      { timeoutMs: 40_000 },
    );
    await put('op1', 20, 10);
    for (const name of ['op1', 'op2']) await waitFor(async () => (await rows(name)) === 30, { timeoutMs: 30_000 });
    await waitFor(async () => (await counted()) === 30, { timeoutMs: 20_000 });
    await network.settled();
    await auditIsClean('op2');
  }, 180_000);

  test('started while the original runs it writes nothing, and the original goes on', async () => {
    await twoOperators();
    await backUp('op1', copy);
    const clone = await NodeProcess.start({
      dir: copy,
      name: 'op1',
      args: ['--seed', network.node('op2').facts.listen],
    });
    others.push(clone);
    await expect(insert(clone, 'clone')).rejects.toThrow(/the original still runs|restored from a backup/);
    await waitFor(
      () =>
        insert(clone, 'clone').then(
          () => '',
          (error: unknown) => textOf(error).includes('the original still runs'),
        ),
      { timeoutMs: 30_000 },
    );
    await insert(network.node('op1'), 'original');
    await put('op1', 0, 10);
    await waitFor(async () => (await rows('op2')) === 10, { timeoutMs: 20_000 });
    await auditIsClean('op2');
  }, 180_000);

  test('a copy of a directory without the mark is found too: both stop writing before the key is void', async () => {
    await twoOperators();
    await network.kill('op1');
    await cp(network.node('op1').options.dir, copy, { recursive: true });
    await network.revive('op1');
    const clone = await NodeProcess.start({
      dir: copy,
      name: 'op1',
      args: ['--seed', network.node('op2').facts.listen],
    });
    others.push(clone);
    for (const node of [clone, network.node('op1')]) {
      const log = join(node.options.dir, 'node.log');
      await waitFor(() => readFileSync(log, 'utf8').includes('with the key of this one'), { timeoutMs: 30_000 });
      await expect(insert(node, 'any')).rejects.toThrow(/with the key of this one.*hint/s);
    }
    await auditIsClean('op2');
  }, 180_000);

  test('a network of one node: only told that it is alone does a restored node write', async () => {
    await network.start('solo');
    await insert(network.node('solo'), 'before');
    await backUp('solo', copy);
    await network.kill('solo');
    const { listen, rest } = network.node('solo').facts;
    const waiting = await NodeProcess.start({ dir: copy, name: 'solo', listen, rest });
    others.push(waiting);
    await expect(insert(waiting, 'refused')).rejects.toThrow(/no peer is known.*--restored alone/s);
    expect(await waiting.json('blockchain get site')).toMatchObject([{ site: { name: 'before' } }]);
    await waiting.stop();
    const alone = await waiting.restart(['--restored', 'alone']);
    others.push(alone);
    await insert(alone, 'accepted');
    await alone.stop();
    const again = await alone.restart([]);
    others.push(again);
    await insert(again, 'later');
    expect(await again.json('blockchain get site')).toHaveLength(3);
  }, 120_000);

  test('a backup that is broken off never passes for one; a directory that is not empty is refused', async () => {
    await network.start('solo');
    const solo = network.node('solo');
    await solo.run(`run backup where dir = "${copy}"`);
    await network.kill('solo');
    expect(existsSync(join(copy, 'backup.json'))).toBe(false);
    const { status, stderr } = await holdfast([
      'start',
      '--dir',
      copy,
      '--listen',
      '127.0.0.1:0',
      '--rest',
      '127.0.0.1:0',
    ]);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/broken off.*hint: /s)]);
    const again = await solo.restart([]);
    others.push(again);
    const refused = await holdfast(['backup', copy, '--node', again.facts.rest]);
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringMatching(/not empty.*hint: /s)]);
  }, 120_000);

  test('a backup of which a byte was changed is not started', async () => {
    await network.start('solo');
    await backUp('solo', copy);
    const path = join(copy, 'ledger', 'journal', '00000001.journal');
    const bytes = readFileSync(path);
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const { status, stderr } = await holdfast([
      'start',
      '--dir',
      copy,
      '--listen',
      '127.0.0.1:0',
      '--rest',
      '127.0.0.1:0',
    ]);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/00000001\.journal.*hint: /s)]);
  }, 120_000);
});
