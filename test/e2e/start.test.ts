import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, constants, existsSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { encodeToken } from '../../src/policy/admission/token.ts';
import { holdfast } from '../support/executable.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const ANY = '127.0.0.1:0';

describe('holdfast start', () => {
  let dir: string;
  const started: NodeProcess[] = [];

  const start = async (name: string, ...args: string[]): Promise<NodeProcess> => {
    const node = await NodeProcess.start({ dir: join(dir, name), name, args });
    started.push(node);
    return node;
  };
  const refused = (name: string, ...args: string[]): ReturnType<typeof holdfast> =>
    holdfast(['start', '--dir', join(dir, name), '--listen', ANY, '--rest', ANY, ...args]);

  beforeEach(() => void (dir = tempDir()));
  afterEach(() => Promise.all(started.splice(0).map((node) => node.stop('SIGKILL'))));

  test('writes node.json, keeps its key to itself, says ready once, stops cleanly on SIGTERM and SIGINT', async () => {
    for (const [name, signal] of [
      ['a', 'SIGTERM'],
      ['b', 'SIGINT'],
    ] as const) {
      const node = await start(name, '--network', 'test');
      expect(node.facts).toMatchObject({ name, listen: expect.stringMatching(/^127\.0\.0\.1:[1-9]/) as string });
      expect(JSON.parse(readFileSync(join(dir, name, 'node.json'), 'utf8'))).toEqual(node.facts);
      expect(node.facts.peer).toMatch(/^[0-9a-f]{64}$/);
      expect(node.facts.network).toMatch(/^[0-9a-f]{64}$/);
      expect(statSync(join(dir, name, 'node.key')).mode & 0o777).toBe(0o600);
      // A terminal that closes, or who renews certificates of all nodes, ends none.
      node.signal('SIGHUP');
      await waitFor(() => readFileSync(join(dir, name, 'node.log'), 'utf8').includes('nothing to read again'));
      // A stop that takes as long as 5 s is cut short, and has another end.
      expect(await node.stop(signal)).toBe(0);
      expect(existsSync(join(dir, name, 'node.json')), 'nobody is led to the port that it had').toBe(false);
      expect(readFileSync(join(dir, name, 'node.log'), 'utf8').match(/^ready/gm)).toHaveLength(1);
    }
  }, 60_000);

  test('a node that waits to be let in ends on SIGTERM with its reason, and is not cut short', async () => {
    const hash = 'f'.repeat(64);
    const invite = encodeToken({
      ...{ net: hash, name: 'acme', seeds: ['127.0.0.1:1'], grant: hash, time: 0, key: '1'.repeat(64) },
      ...{ roles: ['auditor'], expires: Number.MAX_SAFE_INTEGER },
    });
    const args = ['start', '--dir', join(dir, 'late'), '--listen', ANY, '--rest', ANY, '--invite', invite];
    const child = spawn(process.execPath, ['src/holdfast.mjs', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(child, 'close');
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await waitFor(() => said.includes('not let in yet'), { timeoutMs: 30_000 });
    child.kill('SIGTERM');
    expect(await ended).toEqual([1, null]);
    expect(said).toContain('the node was stopped before it had joined its network');
  }, 60_000);

  test.skipIf(process.platform !== 'linux')(
    'a start that hangs ends on SIGTERM all the same',
    async () => {
      // Nothing is written into the pipe: reading it does not end.
      const script = join(dir, 'pipe');
      execFileSync('mkfifo', [script]);
      const args = ['--dir', join(dir, 'a'), '--listen', ANY, '--rest', ANY, '--script', script];
      const child = spawn(process.execPath, ['src/holdfast.mjs', 'start', ...args], { stdio: 'ignore' });
      const ended = once(child, 'exit');
      // Fails until somebody reads it.
      const writer = await waitFor(() => openSync(script, constants.O_WRONLY | constants.O_NONBLOCK));
      // Ends no start either: it would end this one before the other signal is there.
      child.kill('SIGHUP');
      child.kill('SIGTERM');
      expect(await ended).toEqual([null, 'SIGKILL']);
      closeSync(writer);
    },
    30_000,
  );

  test('keeps key, network, policies, its start script and the port that it took over a restart', async () => {
    const script = join(dir, 'start.al');
    writeFileSync(script, 'kept = 5');
    const first = await start('a', '--network', 'test', '--script', script);
    await first.run('blockchain insert where policy = {"site": {"name": "Zürich"}}');
    await first.stop();
    const second = await start('a');
    const { peer, network, listen } = first.facts;
    expect(second.facts).toMatchObject({ peer, network, listen });
    await waitFor(async () => (await second.run('!kept')) === '5');
    expect(await second.json('blockchain get site')).toMatchObject([{ site: { name: 'Zürich' } }]);
  }, 60_000);

  test('refuses a directory that a live node uses, names it, and leaves it as it is', async () => {
    await start('a', '--network', 'test');
    // Both would be changed by a start: a token that others could have read, and the mark of a restored directory.
    const [token, mark] = [join(dir, 'a', 'rest.token'), join(dir, 'a', 'restored.json')];
    const before = readFileSync(token, 'utf8');
    chmodSync(token, 0o644);
    writeFileSync(mark, '{}');
    const { status, stderr } = await refused('a', '--network', 'test', '--restored', 'alone');
    expect(status).toBe(1);
    expect(stderr).toContain(join(dir, 'a'));
    expect(stderr).toMatch(/hint: /);
    expect(existsSync(mark)).toBe(true);
    expect(readFileSync(token, 'utf8')).toBe(before);
  }, 60_000);

  test.each(['--listen', '--rest'])(
    'refuses a taken port for %s, names it, and has created no network',
    async (option) => {
      const server = createServer().listen(0, '127.0.0.1');
      await waitFor(() => server.listening);
      const taken = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      const other = option === '--listen' ? '--rest' : '--listen';
      const args = ['start', '--dir', join(dir, 'a'), '--network', 'test', option, taken, other, ANY];
      const { status, stderr } = await holdfast(args);
      server.close();
      expect(status).toBe(1);
      expect(stderr).toContain(taken);
      expect(stderr).toMatch(/hint: /);
      // It has created no network, which the directory would keep.
      const node = await start('a');
      expect(node.facts.network).toBeNull();
    },
    60_000,
  );

  test('refuses the directory of another network, and of one with another admission', async () => {
    const node = await start('a', '--network', 'one');
    await node.stop();
    const { status, stderr } = await refused('a', '--network', 'two');
    expect(status).toBe(1);
    expect(stderr).toMatch(/one/);
    expect(stderr).toMatch(/two/);
    expect(await refused('a', '--admission', 'open')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/"one" has --admission invite.*\n.*hint: /) as string,
    });
  }, 60_000);

  test('a node of another network is not let in, and both say so', async () => {
    const one = await start('one', '--network', 'one', '--admission', 'open');
    const two = await start('two', '--network', 'two', '--admission', 'open');
    await two.stop();
    const joined = await two.restart(['--seed', one.facts.listen]);
    started.push(joined);
    await waitFor(async () => /OTHER_NETWORK/.test(await joined.run('get synchronizer')));
    for (const command of ['get status', 'get connections', 'get synchronizer']) {
      const text = await joined.run(command);
      expect(text).toContain(`Different network: ${one.facts.listen} belongs to the network ${one.facts.network}`);
      expect(text).toContain(`this node to ${joined.facts.network}`);
    }
    expect(await joined.run('get status')).toMatch(/^[^\n]* running\n(?:(?!not)[^])*$/);
    expect(await joined.json('get status where format = json')).toMatchObject({
      status: expect.stringMatching(/ running$/) as string,
      'Different network': [{ address: one.facts.listen, network: one.facts.network }],
    });
    const said = (name: string): string => readFileSync(join(dir, name, 'node.log'), 'utf8');
    await waitFor(() => said('two').includes(`belongs to the network ${one.facts.network}`));
    expect(said('two')).toMatch(
      /^error ledger\.sync: the node at .* this node to "two" \([0-9a-f]{64}\): start without that seed/m,
    );
    await waitFor(() => said('one').includes(`belongs to the network ${joined.facts.network}`));
    expect(said('one')).not.toMatch(/^error/m);
    expect(await one.run('get status')).not.toContain('Different network');
    expect(await joined.run('blockchain get *')).toBe('[]');
    // Not remembered: the next start without the seed is one without the fault.
    await waitFor(() => readFileSync(join(dir, 'two', 'peers.json'), 'utf8').trim() === '[]');
  }, 60_000);

  test('a start that names no network says what to do, and is no running synchronizer', async () => {
    const node = await start('a');
    expect(readFileSync(join(dir, 'a', 'node.log'), 'utf8')).toMatch(/^warn: .*no network.*--network NAME.*--invite/m);
    expect(await node.run('get status')).toMatch(/NETWORK_NONE: .*--network NAME/);
    expect(await node.json('get processes where format = json')).toMatchObject({
      'Blockchain Sync': { Status: 'Not declared' },
    });
  }, 60_000);

  test('a seed that is a REST port is told so', async () => {
    const one = await start('one', '--network', 'one');
    const node = await start('a', '--seed', one.facts.rest);
    await waitFor(async () =>
      (await node.run('get status')).includes(
        `what answers at ${one.facts.rest} speaks otherwise than the network port of a node`,
      ),
    );
    await expect(node.run(`seed from ${one.facts.rest}`)).rejects.toThrow(/REST port/);
  }, 60_000);

  test('an unreachable seed: keeps trying, says so, and joins when it comes', async () => {
    const first = await start('a', '--network', 'test', '--admission', 'open');
    const { listen } = first.facts;
    await first.stop();
    const joiner = await start('b', '--seed', listen);
    await waitFor(() => readFileSync(join(dir, 'b', 'node.log'), 'utf8').includes(listen));
    expect(await joiner.run('get connections')).toContain(`Not reached: ${listen}`);
    await expect(joiner.run('blockchain insert where policy = {"site": {"name": "x"}}')).rejects.toThrow(/network/);
    started.push(await first.restart([]));
    const site = 'blockchain insert where policy = {"site": {"name": "x"}}';
    await waitFor(() => joiner.run(site).then(() => true), { what: 'the joiner may write' });
  }, 60_000);

  test.each([
    [['--listen', 'nonsense'], 1, /--listen.*nonsense/],
    [
      ['--listen', '192.0.2.1:0'],
      1,
      /^error: cannot listen on 192\.0\.2\.1:0: [^\n]*\n {2}hint: --listen needs [^\n]*\n$/,
    ],
    [['--admission', 'closed'], 1, /closed/],
    [['--invite', 'holdfast-invite-1.AAAA'], 1, /invite cannot be read/],
    [['--network', 'x', '--invite', 'y'], 1, /--network x/],
    [['--nonsense'], 2, /nonsense/],
    [['--script', '/nowhere.al'], 1, /\/nowhere\.al/],
  ])('start %j ends with %i and names the value', async (args, expected, text) => {
    const { status, stderr } = await holdfast(['start', '--dir', join(dir, 'a'), '--rest', ANY, ...args]);
    expect(status).toBe(expected);
    expect(stderr).toMatch(text);
  });
});

describe('holdfast', () => {
  test('--help and --version', async () => {
    const help = await holdfast(['--help']);
    expect(help.status).toBe(0);
    for (const word of ['start', 'exec', 'shell', 'demo']) expect(help.stdout).toContain(word);
    const version = await holdfast(['--version']);
    expect(version).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string });
  });

  test('exec: 1 with a hint where no node answers, 2 for a wrong use', async () => {
    const unreachable = await holdfast(['exec', '--node', '127.0.0.1:1', 'get status']);
    expect(unreachable.status).toBe(1);
    expect(unreachable.stderr).toMatch(/127\.0\.0\.1:1/);
    expect(unreachable.stderr).toMatch(/hint: /);
    expect((await holdfast(['exec'])).status).toBe(2);
    expect((await holdfast(['nonsense'])).status).toBe(2);
  });
});
