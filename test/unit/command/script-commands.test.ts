import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, test } from 'vitest';
import type { Clock } from '../../../src/base/clock.ts';
import { createSession, type Session } from '../../../src/command/executor.ts';
import { CommandNodes, type CommandNode } from '../../support/command-node.ts';
import { faultOf } from '../../support/operator-command-node.ts';
import { waitFor } from '../../support/wait.ts';

const nodes = new CommandNodes();
afterAll(() => nodes.close());

let node: CommandNode;
beforeAll(async () => {
  node = await nodes.add({ name: 'a' });
});

const script = async (name: string, content: string): Promise<string> => {
  const { scripts } = node.context.facts.directories;
  await mkdir(scripts, { recursive: true });
  await writeFile(join(scripts, name), content);
  return name;
};

const threads = async (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
  (await node.json('get user threads')) as readonly Readonly<Record<string, unknown>>[];

describe('loops', () => {
  it('give each line the item of the turn, also over the answer of a command', async () => {
    for (const name of ['one', 'two']) await node.run(`blockchain insert where policy = {"well": {"name": "${name}"}}`);
    await script(
      'loop.al',
      'found = blockchain get well bring.json [*][name]\nother[] = get node name\nfor loop start where list = !found\nif !found.name[+] == two then echo two it is\nfor loop start where list = !other\necho !found.name[+] on !other[+]\nfor loop end\nfor loop end',
    );
    expect((await node.text('process loop.al')).split('\n')).toEqual([
      'one on {"node name":"a"}',
      'two it is',
      'two on {"node name":"a"}',
    ]);
  });

  it('the first failure ends a script whose handler fails as well, with the place of both', async () => {
    await script('twice.al', 'on error goto failed\nget error 99999\n:failed:\necho handled\nget nosuch');
    const { message, data } = await faultOf(node, 'process twice.al');
    expect(message).toMatch(
      /^line 2 of twice\.al: .*; what `on error` led to failed as well: line 5 of twice\.al: unknown/,
    );
    expect(data).toMatchObject({ line: 2, printed: ['handled'] });
  });
});

/** The session of who comes over REST and is no admin. */
const guest = async (name: string): Promise<Session> => {
  const { access } = node.context;
  const key = createHash('sha256').update(name).digest('hex');
  if (access.users.named(name) === undefined)
    await access.users.add({ name, type: 'user', expires: undefined, key }, undefined);
  const person = await access.admit(undefined, '127.0.0.1', { key, subject: name, untilMs: 1e15, wrong: undefined });
  return createSession({ isolated: true, caller: 'rest', person });
};

test('a start script that stops is a fault until it has run to its end', async () => {
  const { script: path = '' } = node.context.facts;
  const faults = async (): Promise<readonly string[]> => {
    const { faults: all } = (await node.json('get status')) as { faults: readonly { code: string; cause: string }[] };
    return all.filter(({ code }) => code === 'START_SCRIPT_FAILED').map(({ cause }) => cause);
  };
  await writeFile(path, 'started = yes\nget nosuch');
  await expect(node.run(`process "${path}"`)).rejects.toThrow(/unknown command/);
  expect(await faults()).toEqual([
    expect.stringMatching(/the script .*start\.al stopped: line 2 of .*unknown command/),
  ]);
  await node.run(`process ${await script('other.al', 'started = again')}`);
  expect(await faults()).toHaveLength(1);
  await writeFile(path, 'started = yes');
  await node.run(`process "${path}"`, await guest('ann'));
  expect(await faults()).toHaveLength(1);
  await node.run(`process "${path}"`);
  expect(await faults()).toEqual([]);
  await writeFile(path, 'get nosuch');
  await expect(node.run(`process "${path}"`, await guest('ann'))).rejects.toThrow(/unknown command/);
  expect(await faults()).toEqual([]);
});

test('a PUT while the start script runs is told so and to come again, and that no operator runs once it has ended', async () => {
  const { script: path = '' } = node.context.facts;
  const put = () => node.executor.put({ ...{ dbms: 'd', table: 't', mode: 'file' }, source: '0', ...PUT });
  await writeFile(path, 'started = yes\nwait 600 for !go_on');
  const ended = node.run(`process "${path}"`);
  await waitFor(() => node.context.startScript?.running?.line === 2);
  expect(await node.json('get status format = json')).toMatchObject({ starting: true });
  await expect(put()).rejects.toMatchObject({
    code: 'COMMAND_START_SCRIPT_RUNS',
    message: `no operator runs here yet, and the start script is still running: ${path} is at line 2`,
    hint: expect.stringContaining('send it again') as string,
  });
  await node.run('go_on = yes');
  await ended;
  await expect(put()).rejects.toMatchObject({ code: 'COMMAND_NO_OPERATOR' });
});
const PUT = { instructions: '0', content: Buffer.from('{}') };

describe('scripts in the background', () => {
  it('run beside their caller, and are listed with what became of them', async () => {
    await script('long.al', 'wait 600\nnever = 1');
    await script('bad.al', 'get nosuch');
    await script('good.al', 'done_there = yes');
    const rest = createSession({ isolated: true, caller: 'rest' });
    expect((await node.run('thread long.al', rest)).text).toContain('in the background as number 1');
    await node.run('thread bad.al');
    await node.run('thread good.al');
    await waitFor(async () => (await threads()).filter(({ Status }) => Status === 'Running').length === 1);
    expect(await threads()).toMatchObject([
      { Number: 1, Script: 'long.al', Status: 'Running', Error: '' },
      { Script: 'bad.al', Status: 'Failed', Error: expect.stringContaining('line 1 of bad.al') as string },
      { Script: 'good.al', Status: 'Ended' },
    ]);
    expect(await node.text('!done_there')).toBe('yes');
    await node.run('exit scripts');
    await waitFor(async () => (await threads())[0]?.['Status'] === 'Stopped');
  });

  it('are a fault where one of an admin fails, until it is started again or forgotten', async () => {
    const faults = async (): Promise<readonly string[]> => {
      const { faults: all } = (await node.json('get status')) as { faults: readonly { code: string; cause: string }[] };
      return all.filter(({ code }) => code === 'THREAD_FAILED').map(({ cause }) => cause);
    };
    await node.run('exit scripts');
    await script('fails.al', 'get nosuch');
    await node.run('thread fails.al', await guest('zoe'));
    await waitFor(async () => (await threads()).at(-1)?.['Status'] === 'Failed');
    expect(await faults()).toEqual([]);
    await node.run('thread fails.al');
    await waitFor(async () => (await faults()).length === 1);
    expect(await faults()).toEqual([expect.stringMatching(/^line 1 of fails\.al: unknown command/)]);
    await script('fails.al', 'wait 600');
    await node.run('thread fails.al');
    expect(await faults()).toEqual([]);
    await script('fails.al', 'get nosuch');
    await node.run('thread fails.al');
    await waitFor(async () => (await faults()).length === 1);
    await node.run('exit scripts');
    expect(await faults()).toEqual([]);
  });

  it('have their lines anew after a wait', async () => {
    const { clock } = node.context;
    onTestFinished(() => void Object.assign(node.context, { clock }));
    let nowMs = 0;
    // Each timer takes what it was asked for, but for a moment: Node's may end early.
    const after: Clock['after'] = (ms, task) => {
      nowMs += Math.max(ms - 0.5, 0.5);
      const soon = setImmediate(task);
      return () => clearImmediate(soon);
    };
    Object.assign(node.context, { clock: { ...clock, monotonicMs: () => nowMs, after } });
    let rests = 0;
    const session: Session = { ...createSession(), rested: () => (rests += 1) };
    await node.run('wait 0.001', session);
    await node.run('wait 0.001 for !nosuch', session);
    expect(rests).toBe(0);
    await node.run('wait 0.1', session);
    await node.run('if not !nosuch then wait 0.1 for !nosuch', session);
    expect(rests).toBe(2);
  });

  it('are bounded, and read before anything runs', async () => {
    await script('wait.al', 'wait 600');
    for (let count = 0; count < 8; count += 1) await node.run('thread wait.al');
    expect((await faultOf(node, 'thread wait.al')).code).toBe('COMMAND_THREADS_FULL');
    await node.run('exit scripts');
    await script('lost.al', 'goto nowhere');
    expect((await faultOf(node, 'thread lost.al')).code).toBe('COMMAND_SYNTAX');
    expect((await faultOf(node, 'thread nosuch.al')).code).toBe('COMMAND_SCRIPT_MISSING');
  });
});

describe('who started a script', () => {
  it('has two in the background unless it is an admin, and ends its own alone', async () => {
    const running = async () => (await threads()).filter(({ Status }) => Status === 'Running').length;
    await waitFor(async () => (await running()) === 0);
    await script('wait.al', 'wait 600');
    const [ann, bob] = [await guest('ann'), await guest('bob')];
    for (const session of [ann, ann, bob, undefined]) await node.run('thread wait.al', session);
    await expect(node.run('thread wait.al', ann)).rejects.toMatchObject({ code: 'COMMAND_THREADS_FULL' });
    await node.run('exit scripts', ann);
    await waitFor(async () => (await running()) === 2);
    await node.run('thread wait.al', ann);
    await node.run('exit scripts', bob);
    await waitFor(async () => (await running()) === 2);
    await node.run('exit scripts');
    await waitFor(async () => (await running()) === 0);
  });

  it('may no more in it than today: a script of a user who was removed ends, also where it goes on after errors', async () => {
    const { access } = node.context;
    await node.run('id add user where name = eve and type = admin and password = "a long password"');
    const person = await access.admit(`Basic ${btoa('eve:a long password')}`, '127.0.0.1');
    await script(
      'outlive.al',
      'on error ignore\nid remove user where name = eve\nid add user where name = mallory and type = admin and password = "another one"',
    );
    const session = createSession({ isolated: true, caller: 'rest', person });
    await node.run('thread outlive.al', session);
    const outlived = async () => (await threads()).find(({ Script }) => Script === 'outlive.al');
    await waitFor(async () => (await outlived())?.['Status'] !== 'Running');
    expect(await outlived()).toMatchObject({
      Status: 'Failed',
      Error: expect.stringContaining('not let in') as string,
    });
    expect(access.users.named('mallory')).toBeUndefined();
    await expect(node.run('process outlive.al', session)).rejects.toMatchObject({ code: 'ACCESS_REFUSED' });
  });
});

describe('config from policy', () => {
  it('runs the commands of the policy', async () => {
    await node.run(
      `blockchain insert where policy = {"config": {"name": "c", "script": ["greeting = hello", "if !greeting then echo !greeting"]}}`,
    );
    await node.run('config_id = blockchain get config bring [*][id]');
    expect(await node.text('config from policy where id = !config_id')).toBe('hello');
    expect(await node.json('get config policies')).toHaveLength(1);
    await node.run('well_id = blockchain get well where name = one bring [*][id]');
    expect((await faultOf(node, 'config from policy where id = !well_id')).hint).toContain('list of commands');
    expect((await faultOf(node, 'config from policy where id = nosuch')).code).toBe('POLICY_UNKNOWN');
  });
});

describe('wait', () => {
  it('for a condition, and for the ledger of the connected nodes', async () => {
    await node.run('count = 2');
    await node.run('wait 600 for !count == 2');
    await node.run('wait 600 for not !nosuch and !count');
    await node.run('wait 600 for sync');
    await node.run('wait 0.05 for !nosuch');
    expect((await faultOf(node, 'wait 1 for a b c')).code).toBe('COMMAND_SYNTAX');
  });

  it('for sync tries again while a node does not answer', async () => {
    const { ledgerSync } = node.context;
    let asked = 0;
    const failing = {
      syncNow: async () => {
        if ((asked += 1) < 3) throw new Error('no answer');
      },
    };
    Object.assign(node.context, { ledgerSync: failing });
    await node.run('wait 600 for sync');
    expect(asked).toBe(3);
    Object.assign(node.context, { ledgerSync: { syncNow: () => new Promise(() => {}) } });
    await node.run('wait 0.05 for sync');
    Object.assign(node.context, { ledgerSync });
  });
});
