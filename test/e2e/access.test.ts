import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { holdfast } from '../support/executable.ts';

/** Node and command line as one user of a machine: with a home of their own. */
describe('REST of a real node', () => {
  let dir: string;
  let home: string;
  let node: NodeProcess;
  const tokenOf = (name: string): string => readFileSync(join(dir, name, 'rest.token'), 'utf8').trim();
  const exec = (args: readonly string[], environment: NodeJS.ProcessEnv = {}) =>
    holdfast(['exec', ...args, 'get node name'], { environment: { HOME: home, ...environment } });
  const start = (name: string, args: readonly string[] = []): Promise<NodeProcess> =>
    NodeProcess.start({ dir: join(dir, name), name, args: ['--network', name, ...args], environment: { HOME: home } });

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'holdfast-access-'));
    home = join(dir, 'home');
    node = await start('node-1');
  }, 60_000);
  afterAll(async () => {
    await node.stop('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });

  test('exec and shell of the same user need nothing', async () => {
    const { rest } = node.facts;
    const found = { status: 0, stdout: 'node-1\n', stderr: '' };
    expect(await exec(['--node', rest])).toEqual(found);
    expect(await exec(['--node', rest.replace('127.0.0.1', 'localhost')])).toEqual(found);
    expect(await exec([], { HOLDFAST_NODE: rest })).toEqual(found);
    expect(await exec(['--dir', join(dir, 'node-1')])).toEqual(found);
    const shell = await holdfast(['shell', '--node', rest], { input: 'get node name\n', environment: { HOME: home } });
    expect(shell).toMatchObject({ status: 0, stdout: 'node-1\n' });
  }, 60_000);

  test('another user is refused with what to do, and let in with the token', async () => {
    const { rest } = node.facts;
    const other = { HOME: join(dir, 'other') };
    const refused = await exec(['--node', rest], other);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toContain('HOLDFAST_TOKEN');
    expect(refused.stderr).toContain(join(dir, 'node-1', 'rest.token'));
    expect(await exec(['--node', rest], { ...other, HOLDFAST_TOKEN: tokenOf('node-1') })).toMatchObject({ status: 0 });
    expect(await exec(['--node', rest, '--token', tokenOf('node-1')], other)).toMatchObject({ status: 0 });
    expect(await exec(['--node', rest, '--token', 'wrong'], other)).toMatchObject({ status: 1 });
    // A token of the environment is for a node elsewhere.
    expect(await exec(['--node', rest], { HOLDFAST_TOKEN: 'of-another-node-x' })).toMatchObject({ status: 0 });
  }, 60_000);

  test('a request without token runs nothing; with it, or by a user and password, it does', async () => {
    const url = `http://${node.facts.rest}/`;
    const headers = { 'User-Agent': 'AnyLog/1.23', command: 'get node name' };
    const none = await fetch(url, { headers });
    expect(none.status).toBe(401);
    expect(await none.json()).toMatchObject({ err_code: 97, hint: expect.stringContaining('Authorization') as string });
    const given = { ...headers, Authorization: `Bearer ${tokenOf('node-1')}` };
    expect(await (await fetch(url, { headers: given })).text()).toBe('node-1');

    await node.run('id add user where name = ann and password = long-enough');
    const basic = (text: string) => ({ ...headers, Authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    expect((await fetch(url, { headers: basic('ann:long-enough') })).status).toBe(200);
    expect((await fetch(url, { headers: basic('ann:wrong') })).status).toBe(401);
    const exit = { ...basic('ann:long-enough'), command: 'exit node' };
    expect((await fetch(url, { method: 'POST', headers: exit })).status).toBe(403);
    expect(statSync(join(dir, 'node-1', 'users.json')).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, 'node-1', 'rest.token')).mode & 0o777).toBe(0o600);
  }, 60_000);

  test('token and users are kept over kill -9; a clean stop takes the note for exec back', async () => {
    const token = tokenOf('node-1');
    await node.stop('SIGKILL');
    node = await node.restart([]);
    expect(tokenOf('node-1')).toBe(token);
    expect(await exec(['--node', node.facts.rest])).toMatchObject({ status: 0 });
    expect(await node.json('get users where format = json')).toMatchObject([{ name: 'ann' }]);
    await node.stop('SIGTERM');
    expect(readdirSync(join(home, '.holdfast', 'nodes'))).toEqual([]);
    node = await node.restart([]);
  }, 60_000);

  test('authentication off is asked for, and said', async () => {
    const open = await start('node-2', ['--authentication', 'off']);
    try {
      const response = await fetch(`http://${open.facts.rest}/`, { headers: { 'User-Agent': 'curl/8' } });
      expect(await response.text()).toMatch(/ running\nAuthentication: off/);
      expect(readFileSync(join(dir, 'node-2', 'node.log'), 'utf8')).toMatch(/^warn rest: authentication is off/m);
      await open.run('set authentication on');
      expect((await fetch(`http://${open.facts.rest}/`, { headers: { 'User-Agent': 'curl/8' } })).status).toBe(401);
    } finally {
      await open.stop('SIGKILL');
    }
  }, 60_000);

  test('without a home that can be written the node runs; exec finds it by its directory', async () => {
    writeFileSync(join(dir, 'no-home'), '');
    const homeless = await NodeProcess.start({
      dir: join(dir, 'node-3'),
      name: 'node-3',
      args: ['--network', 'x'],
      environment: { HOME: join(dir, 'no-home') },
    });
    try {
      expect(readFileSync(join(dir, 'node-3', 'node.log'), 'utf8')).toContain('give it --dir');
      const found = await exec(['--dir', join(dir, 'node-3')], { HOME: join(dir, 'no-home') });
      expect(found).toMatchObject({ status: 0, stdout: 'node-3\n' });
    } finally {
      await homeless.stop('SIGKILL');
    }
    expect(existsSync(join(dir, 'no-home', '.holdfast'))).toBe(false);
  }, 60_000);
});
