import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { HoldfastError } from '../../../src/base/errors.ts';
import { createSession } from '../../../src/command/executor.ts';
import { parseDestination } from '../../../src/command/remote/destination.ts';
import { COMMAND_PROTOCOL, encodeMessage } from '../../../src/command/remote/messages.ts';
import { FIRST_REPLY_STATE, mayRun, takeFrame, type ReplyState } from '../../../src/command/remote/state.ts';
import { CommandNodes, type CommandNode, type CommandNodeOptions } from '../../support/command-node.ts';
import { faultOf } from '../../support/operator-command-node.ts';
import { waitFor } from '../../support/wait.ts';

let nodes = new CommandNodes();
afterEach(async () => {
  await nodes.close();
  nodes = new CommandNodes();
});

const A = '10.0.0.1:7848';
const B = '10.0.0.2:7848';

const pair = async (options: CommandNodeOptions = {}): Promise<readonly [CommandNode, CommandNode]> => {
  const a = await nodes.add({ address: A, name: 'a' });
  const b = await nodes.add({ address: B, name: 'b', ...options });
  return [a, b];
};

const register = async (node: CommandNode, ip: string): Promise<void> => {
  await node.run(
    `blockchain insert where policy = {"query": {"company": "c", "name": "${node.context.facts.name}", "ip": "${ip}", "port": 7848}}`,
  );
  await nodes.settled();
};

describe('destinations', () => {
  const lookup = {
    variable: (name: string) => (name === 'dest' ? '1.1.1.1:1, 2.2.2.2:2' : undefined),
    environment: () => undefined,
  };
  const to = (text: string): unknown => parseDestination(text, lookup).to;

  it.each<readonly [string, unknown]>([
    ['', { kind: 'network' }],
    ['1.1.1.1:1', { kind: 'addresses', addresses: ['1.1.1.1:1'] }],
    ['1.1.1.1 1', { kind: 'addresses', addresses: ['1.1.1.1:1'] }],
    ['1.1.1.1:1, 2.2.2.2:2,1.1.1.1:1', { kind: 'addresses', addresses: ['1.1.1.1:1', '2.2.2.2:2'] }],
    ['1.1.1.1:1 2.2.2.2:2', { kind: 'addresses', addresses: ['1.1.1.1:1', '2.2.2.2:2'] }],
    ['[::1]:7', { kind: 'addresses', addresses: ['[::1]:7'] }],
    ['!dest', { kind: 'addresses', addresses: ['1.1.1.1:1', '2.2.2.2:2'] }],
    ['dbms=D and table=t', { kind: 'table', dbms: 'd', table: 't' }],
    ['operator', { kind: 'policies', get: 'blockchain get operator' }],
    ['operator where company = X', { kind: 'policies', get: 'blockchain get operator where company = X' }],
    [
      '(operator,query) where company = X',
      { kind: 'policies', get: 'blockchain get (operator,query) where company = X' },
    ],
    [
      'blockchain get operator bring.ip_port separator = ,',
      { kind: 'policies', get: 'blockchain get operator bring.ip_port separator = ,' },
    ],
    ['blockchain get operator bring.ip_port', { kind: 'policies', get: 'blockchain get operator bring.ip_port' }],
  ])('(%s)', (text, expected) => expect(to(text)).toEqual(expected));

  it('takes subset and timeout off the end', () => {
    expect(parseDestination('1.1.1.1:1, subset = true, timeout = 2 minutes', lookup)).toEqual({
      to: { kind: 'addresses', addresses: ['1.1.1.1:1'] },
      subset: true,
      timeoutMs: 120_000,
    });
    expect(parseDestination('subset = true', lookup)).toMatchObject({ to: { kind: 'network' }, subset: true });
  });

  it.each(['1.1.1.1:99999', 'dbms = d', 'a=b and c=d and e=f', '1.1.1.1:1:1 x', '!nosuch'])('refuses (%s)', (text) => {
    expect(() => to(text)).toThrow(HoldfastError);
  });
});

describe('replies of several nodes', () => {
  it('marks texts, merges JSON, and names who is away', async () => {
    const [a] = await pair();
    expect(await a.text(`run client (${B}) get status`)).toBe(`b@${B} running`);
    expect(await a.text(`run client (${A}, ${B}) get status`)).toBe(
      `[From Node ${A}] a@${A} running\n[From Node ${B}] b@${B} running`,
    );
    expect(await a.text(`run client (${A}, ${B}) get processes`)).toMatch(
      /^\[From Node 10\.0\.0\.1:7848\]\n\n {4}Process/,
    );
    expect(JSON.parse(await a.text(`run client (${A}, ${B}) get status where format = json`))).toMatchObject({
      [A]: { status: `a@${A} running` },
      [B]: { status: `b@${B} running` },
    });
    const withOneAway = await a.text(`run client (${B}, 10.9.9.9:1) get status`);
    expect(withOneAway).toContain('[From Node 10.9.9.9:1] Error 15: ');
    const subset = await a.text(`run client (${B}, 10.9.9.9:1, subset = true) get status`);
    expect(subset).toMatch(/^\[From Node 10\.0\.0\.2:7848\] b@.*\n\nReply errors:\nNode/);
    expect(await a.json(`run client (${B}, 10.9.9.9:1) get status`)).toMatchObject({ '10.9.9.9:1': { err_code: 15 } });
  });

  it('fails where nobody answers', async () => {
    const [a] = await pair();
    expect((await faultOf(a, 'run client (10.9.9.9:1, 10.9.9.8:1) get status')).code).toBe('NETWORK_UNREACHABLE');
  });

  it('finds nodes by their policies', async () => {
    const [a, b] = await pair();
    await register(a, '10.0.0.1');
    await register(b, '10.0.0.2');
    expect(await a.text('run client (query where name = b) get node name')).toBe('b');
    expect(await a.text('run client (query) get node name')).toBe(`[From Node ${A}] a\n[From Node ${B}] b`);
    await a.run('dest = blockchain get query where name = b bring.ip_port');
    expect(await a.text('run client !dest get node name')).toBe('b');
  });

  it('keeps a destination until it is reset', async () => {
    const [a] = await pair();
    await a.run(`run client (${B})`);
    expect(await a.text('get node name')).toBe('b');
    expect(await a.text('.get node name')).toBe('a');
    expect(await a.text('. get node name')).toBe('a');
    await a.run('x = get node name');
    await a.run('. y = get node name');
    expect([await a.text('!x'), await a.text('!y')]).toEqual(['b', 'a']);
    expect(await a.text('if !x then get node name')).toBe('b');
    expect(await a.text('. if !x then get node name')).toBe('a');
    await a.run('run client ()');
    expect(await a.text('get node name')).toBe('a');
  });

  it('refuses at once what is no destination, and keeps the one it has', async () => {
    const [a] = await pair();
    await a.run(`run client (${B})`);
    expect((await faultOf(a, 'run client (nowhere:99999)')).code).toBe('COMMAND_DESTINATION');
    expect(await a.text('get node name')).toBe('b');
  });

  it('keeps a destination within a script, and not beyond it', async () => {
    const [a] = await pair();
    const { scripts } = a.context.facts.directories;
    await mkdir(scripts, { recursive: true });
    await writeFile(
      join(scripts, 'there.al'),
      `get node name\nrun client (${B})\nget node name\n. get node name\nrun client ()\nget node name\nrun client (${B})`,
    );
    expect(await a.text('process there.al')).toBe('a\nb\na\na');
    expect(await a.text('get node name')).toBe('a');
  });

  it('test network: a node that is connected, but by another address than its policy names, is not reached there', async () => {
    const [a, b] = await pair();
    await b.run(
      `blockchain insert where policy = {"node": {"name": "b", "company": "x", "ip": "${B.split(':')[0] ?? ''}", "port": ${B.split(':')[1] ?? ''}, "peer": "${b.network.self}"}}`,
    );
    const tested = async (address: string): Promise<string> => {
      const [ip = '', port = ''] = address.split(':');
      await b.run('node_id = blockchain get node bring [*][id]');
      await b.run(`blockchain update where id = !node_id and policy = {"node": {"ip": "${ip}", "port": ${port}}}`);
      await waitFor(
        async () => (await a.text('blockchain get node bring [*][ip] : [*][port]')).replaceAll(' ', '') === address,
      );
      return a.text('test network');
    };
    expect(await tested('10.9.9.9:1')).toMatch(
      /b +\| {6}\|\nb: 10\.9\.9\.9:1 of its policy takes no call; it is connected at /,
    );
    expect(await tested(A)).toContain(`\nb: another node answers at ${A}`);
    expect(await tested(B)).toMatch(/b +\| {3}\+ {2}\|$/);
  });

  it('collects answers in a list, or by their addresses', async () => {
    const [a] = await pair();
    await a.run(`names[] = run client (${A}, ${B}) get node name`);
    await a.run(`one[] = run client (${B}) get node name`);
    await a.run(`by{} = run client (${B}) get node name`);
    expect(await a.json('!names')).toEqual([{ 'node name': 'a' }, { 'node name': 'b' }]);
    expect([await a.text('!names.len'), await a.text('!one.len')]).toEqual(['2', '1']);
    await a.run(`some[] = run client (${A}, 10.9.9.9:1) get node name`);
    expect(await a.text('echo !some.len !some.replies !some.diff')).toBe('2 1 1');
    expect(await a.json('!by')).toEqual({ [B]: { 'node name': 'b' } });
  });

  it('gives the other node its own !!variables, and the caller’s !variables', async () => {
    const [a] = await pair();
    await a.run('greeting = "hello there"');
    expect(await a.text(`run client (${B}) echo !greeting from !!node_name`)).toBe('hello there from b');
    expect(await a.text(`run client (${B}) get !node_name`)).toBe('b');
  });

  it('carries answers of several frames', async () => {
    const [a, b] = await pair();
    for (let index = 0; index < 20; index += 1)
      await b.run(`blockchain insert where policy = {"note": {"name": "n${index}", "text": "${'é'.repeat(20_000)}"}}`);
    const notes = JSON.parse(await a.text(`run client (${B}) blockchain get note`)) as unknown[];
    expect(notes).toHaveLength(20);
  });
});

describe('I1 to I4: what other nodes may run', () => {
  it('is a total table', () => {
    for (const registered of [true, false])
      for (const served of ['read', 'registered'] as const) {
        expect(mayRun('always', { registered }, served)).toBe(true);
        expect(mayRun('never', { registered }, served)).toBe(false);
        expect(mayRun('registered', { registered }, served)).toBe(registered && served === 'registered');
      }
  });

  it('I2 changes come from registered nodes only', async () => {
    const [a, b] = await pair();
    expect((await faultOf(a, `run client (${B}) connect dbms x`)).code).toBe('COMMAND_REMOTE_REFUSED');
    await register(a, '10.0.0.1');
    await a.run(`run client (${B}) connect dbms x`);
    expect(await b.json('get databases')).toHaveProperty('x');
  });

  it('I2 and from nobody where the node is so configured', async () => {
    const [a] = await pair({ remoteCommands: 'read' });
    await register(a, '10.0.0.1');
    expect((await faultOf(a, `run client (${B}) connect dbms x`)).code).toBe('COMMAND_REMOTE_REFUSED');
    expect(await a.text(`run client (${B}) get node name`)).toBe('b');
  });

  it.each([
    'exit node',
    'process /etc/passwd',
    'get env var HOME',
    `seed from ${A}`,
    'wait 60',
    'x = 3',
    'if !ip then get status',
    `run client (${A}) get status`,
  ])('I3, I4 never: %s', async (command) => {
    const [a, b] = await pair();
    await register(a, '10.0.0.1');
    const { code } = await faultOf(a, `run client (${B}) ${command}`);
    expect(code).toBe('COMMAND_REMOTE_REFUSED');
    expect(b.parts.exits + b.parts.seeds.length).toBe(0);
  });

  it('I3 holds for a command within a command', async () => {
    const [a, b] = await pair();
    await register(a, '10.0.0.1');
    for (const inner of ['exit node', 'blockchain get x'])
      await a
        .run(`run client (${B}) blockchain wait where timeout = 0 and command = "${inner}"`)
        .catch(() => undefined);
    await expect(b.run('exit node', createSession({ isolated: true, caller: 'peer' }))).rejects.toMatchObject({
      code: 'COMMAND_REMOTE_REFUSED',
    });
    expect(b.parts.exits).toBe(0);
  });

  it('I5 sets no variable here', async () => {
    const [, b] = await pair();
    await b.run('x = 3', createSession({ isolated: true, caller: 'peer' }));
    expect(await b.text('!x')).toBe('');
  });

  it('passes on the error of the other node under its code, and holds it against nobody', async () => {
    const [a] = await pair();
    expect(await faultOf(a, `run client (${B}) get databses`)).toMatchObject({ code: 'COMMAND_UNKNOWN' });
    expect(await faultOf(a, `run client (${B}) blockchain history where id = x`)).toMatchObject({
      code: 'POLICY_UNKNOWN',
    });
    expect(await faultOf(a, `run client (${B}) exit node`)).toMatchObject({ code: 'COMMAND_REMOTE_REFUSED' });
    expect(a.network.expelled()).toEqual([]);
    expect(await a.text(`run client (${B}) get node name`)).toBe('b');
  });
});

describe('I6: what a stranger may send', () => {
  const ask = async (a: CommandNode, frame: Uint8Array): Promise<unknown> => {
    const peer = nodes.nodes[1]?.network.self ?? '';
    return JSON.parse(Buffer.from(await a.network.request(peer, COMMAND_PROTOCOL, frame)).toString());
  };

  it.each<readonly [string, Uint8Array]>([
    ['nothing that is JSON', Buffer.from([0xff, 0x00])],
    ['another form', encodeMessage({ hello: 1 })],
    ['a command that is too long', encodeMessage({ text: 'x'.repeat(300_000), format: null })],
    ['a format that is none', encodeMessage({ text: 'get status', format: 'xml' })],
  ])('%s gets an error and is kept out, and the node lives', async (_, frame) => {
    const [a, b] = await pair();
    expect(await ask(a, frame)).toMatchObject({ ok: false });
    expect(b.network.expelled()).toMatchObject([{ key: a.network.self, code: 'COMMAND_REMOTE_MALFORMED' }]);
    expect(await b.text('get node name')).toBe('b');
  });

  it('a command with NUL gets an error, which anybody may type', async () => {
    const [a] = await pair();
    expect(await ask(a, encodeMessage({ text: 'get \0', format: null }))).toMatchObject({ ok: false });
    expect(await a.text(`run client (${B}) get node name`)).toBe('b');
  });

  it.each<readonly [string, readonly Uint8Array[]]>([
    ['rubbish first', [Buffer.from('rubbish')]],
    ['a negative size', [encodeMessage({ ok: true, bytes: -1 })]],
    ['a size above the bound', [encodeMessage({ ok: true, bytes: 1e12 })]],
    ['more than it announced', [encodeMessage({ ok: true, bytes: 3 }), Buffer.from('12345')]],
    ['an empty frame', [encodeMessage({ ok: true, bytes: 3 }), new Uint8Array()]],
    ['an answer of the wrong form', [encodeMessage({ ok: true, bytes: 2 }), Buffer.from('{}')]],
    ['a code that is none', [encodeMessage({ ok: false, code: 'lower case', text: '', hint: null })]],
    [
      'anything after its answer',
      [
        encodeMessage({ ok: true, bytes: 22 }),
        Buffer.from('{"text":"","json":null}').subarray(0, 22),
        Buffer.from('x'),
      ],
    ],
  ])('%s from the node that answers is refused', (_, frames) => {
    expect(() => frames.reduce<ReplyState>(takeFrame, FIRST_REPLY_STATE)).toThrow(HoldfastError);
  });
});
