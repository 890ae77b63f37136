import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { verifyBundle } from '../../../src/bundle/verify.ts';
import { callNode } from '../../../src/cli/rest-client.ts';
import { waitFor } from '../../support/wait.ts';
import { runCli, type StartOptions } from '../../../src/cli/cli.ts';
import { completions, joinBlock, runShell } from '../../../src/cli/shell.ts';

interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly started: StartOptions | undefined;
}

const EXECUTABLE = fileURLToPath(new URL('../../../src/holdfast.mjs', import.meta.url));

const run = async (args: readonly string[], input = '', output?: Writable): Promise<Ran> => {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  let started: StartOptions | undefined;
  stdin.end(input);
  const status = await runCli(
    args,
    { stdin, stdout: output ?? stdout, stderr },
    {
      version: '1.2.3',
      environment: () => undefined,
      start: async (options) => {
        started = options;
        return 0;
      },
      demo: async ({ once }) => (once ? 0 : 1),
      verifyBundle: async (archive, root) => verifyBundle(archive, root === undefined ? {} : { root }),
    },
  );
  stdout.end();
  stderr.end();
  return { status, stdout: await text(stdout), stderr: await text(stderr), started };
};

/** A shell at a terminal: `type` sends keys, `shown` is all that it printed. */
const openTerminal = (node: string): { type: (keys: string) => void; shown: () => string; status: Promise<number> } => {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => stdin });
  const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 200 });
  let shown = '';
  const note = (chunk: Buffer): void => {
    shown += chunk.toString();
  };
  stdout.on('data', note);
  const stderr = new PassThrough().on('data', note);
  const status = runShell({ stdin, stdout, stderr }, { node, token: undefined });
  return { type: (keys) => stdin.write(keys), shown: () => shown, status };
};

describe('holdfast', () => {
  test('passes the options of start on as typed', async () => {
    const { status, started } = await run(['start', '--name', 'a', '--seed', 'x:1', '--seed', 'y:2']);
    expect(status).toBe(0);
    expect(started).toMatchObject({ name: 'a', seed: ['x:1', 'y:2'] });
  });

  test.each([
    [['nonsense']],
    [['start', '--nonsense']],
    [['exec']],
    [['exec', 'a', 'b']],
    [['exec', '']],
    [['exec', ' ']],
    [[]],
  ])('%j is a wrong use: status 2, nothing on stdout', async (args) => {
    const { status, stdout } = await run(args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
  });

  test('a near miss is named', async () => {
    expect((await run(['strat'])).stderr).toMatch(/start/);
  });

  test('the status of the demo is the status of the program', async () => {
    expect((await run(['demo'])).status).toBe(1);
    expect((await run(['demo', '--once'])).status).toBe(0);
  });
});

test('a command that is not in quotes is said to need them', async () => {
  const { status, stderr } = await run(['exec', 'get', 'status']);
  expect(status).toBe(2);
  expect(stderr).toMatch(/hint: the command stands in quotes: holdfast exec "get status"/);
});

describe('exec and shell', () => {
  let server: Server;
  let node: string;
  const commands: string[] = [];
  const standing: unknown[] = [];
  const titles: unknown[] = [];
  const timeouts: unknown[] = [];

  beforeEach(async () => {
    commands.length = 0;
    standing.length = 0;
    titles.length = 0;
    timeouts.length = 0;
    server = createServer((request: IncomingMessage, response) => {
      void text(request).then((command) => {
        commands.push(command);
        standing.push(request.headers['standing']);
        titles.push(request.headers['titles']);
        timeouts.push(request.headers['timeout']);
        if (command === 'get node name') response.end('operator1');
        else if (command === 'noted') response.setHeader('Holdfast-Note', 'ENTRY_BODY_MISSING: look').end('[]');
        else if (command === 'long') response.end('a line\n'.repeat(50_000));
        else if (command === 'fail' || command === 'run client (bad)') {
          response.statusCode = 400;
          response.end(JSON.stringify({ err_code: 113, err_text: 'no such policy', hint: 'look again' }));
        } else if (command === 'process half.al') {
          response.statusCode = 400;
          response.end(JSON.stringify({ err_code: 10, err_text: 'line 3 of half.al: no', printed: ['one', 'two'] }));
        } else response.end(`answer to ${command}`);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    node = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => server.close());

  test('prints the answer on stdout', async () => {
    expect(await run(['exec', '--node', node, 'get status'])).toMatchObject({
      status: 0,
      stdout: 'answer to get status\n',
      stderr: '',
    });
  });

  test('asks for the titles of a long table once where no person looks', async () => {
    await run(['exec', '--node', node, 'one']);
    await run(['exec', '--node', node, 'two'], '', Object.assign(new PassThrough(), { isTTY: true }));
    await run(['shell', '--node', node], 'three\n');
    // The name of the node is for the prompt.
    expect(titles).toEqual(['once', undefined, undefined, 'once']);
  });

  test('prints what a script printed before it failed', async () => {
    expect(await run(['exec', '--node', node, 'process half.al'])).toMatchObject({
      status: 1,
      stdout: 'one\ntwo\n',
      stderr: 'error: line 3 of half.al: no (error 10)\n',
    });
  });

  test('prints what the node says beside its answer on stderr', async () => {
    const noted = { status: 0, stdout: '[]\n', stderr: 'note: ENTRY_BODY_MISSING: look\n' };
    expect(await run(['exec', '--node', node, 'noted'])).toMatchObject(noted);
    expect(await run(['shell', '--node', node], 'noted\n')).toMatchObject(noted);
  });

  test('prints a refusal with its number and hint on stderr, status 1', async () => {
    expect(await run(['exec', '--node', node, 'fail'])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: 'error: no such policy (error 113)\n  hint: look again\n',
    });
  });

  test.each(['stdout', 'stderr'] as const)(
    'whose reader of %s has gone ends quietly, as other tools do',
    async (stream) => {
      const child = spawn(process.execPath, [
        EXECUTABLE,
        'exec',
        '--node',
        node,
        stream === 'stdout' ? 'long' : 'fail',
      ]);
      child[stream].destroy();
      const other = text(stream === 'stdout' ? child.stderr : child.stdout);
      const [status] = (await once(child, 'close')) as [number | null];
      expect([status, await other]).toEqual([stream === 'stdout' ? 0 : 1, '']);
    },
    30_000,
  );

  test('a longer time for a command is told to the node', async () => {
    await run(['exec', '--node', node, 'wait 2']);
    await run(['exec', '--node', node, '--timeout', '2 minutes', 'wait 70']);
    expect(timeouts).toEqual([undefined, '120000ms']);
    await run(['shell', '--node', node, '--timeout', '90'], 'wait 70\n');
    expect(timeouts.at(-1)).toBe('90000ms');
    for (const wrong of ['soon', '0', '2h'])
      expect(await run(['exec', '--node', node, '--timeout', wrong, 'wait 70'])).toMatchObject({ status: 2 });
  });

  test('its own time being over is told as that', async () => {
    vi.spyOn(AbortSignal, 'timeout').mockReturnValue(AbortSignal.abort());
    const { status, stderr } = await run(['exec', '--node', node, 'get status']);
    vi.restoreAllMocks();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: 127\.0\.0\.1:\d+ gave no whole answer within 120 s\n {2}hint: .*--timeout/);
  });

  test('a piped shell whose reader has gone runs nothing more', async () => {
    const child = spawn(process.execPath, [EXECUTABLE, 'shell', '--node', node]);
    const errors = text(child.stderr);
    // Listened for from the start: it may have ended before the wait below has seen its command.
    const closed = once(child, 'close');
    child.stdout.destroy();
    child.stdin.on('error', () => {}).write('one\n');
    await waitFor(() => commands.includes('one'));
    const [status] = (await closed) as [number | null];
    expect([status, await errors]).toEqual([0, '']);
  }, 30_000);

  test('what cannot be written is said, with status 1', async () => {
    const full = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('no space left'), { code: 'ENOSPC' })),
    });
    const { status, stderr } = await run(['exec', '--node', node, 'one'], '', full);
    expect(status).toBe(1);
    expect(stderr).toMatch(/the output cannot be written: no space left/);
  });

  test('a bundle has its name once it is whole; a part that is left over is in nobody’s way', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
    const out = join(dir, 'bundle.tar');
    writeFileSync(`${out}.part`, 'of an export that was interrupted');
    server.removeAllListeners('request');
    let isCut = true;
    server.on('request', (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': 6 });
      response.write('abc', () => (isCut ? response.destroy() : response.end('def')));
    });
    const exported = () => run(['audit', 'export', '--node', node, '--out', out]);
    expect(await exported()).toMatchObject({ status: 1, stderr: expect.stringContaining('whole') as string });
    expect(readdirSync(dir)).toEqual([]);
    writeFileSync(`${out}.part`, 'of an export that was interrupted');
    isCut = false;
    expect(await exported()).toMatchObject({ status: 0, stdout: expect.stringContaining('bytes=6') as string });
    expect(readdirSync(dir)).toEqual(['bundle.tar']);
    expect(await exported()).toMatchObject({ status: 1, stderr: expect.stringContaining('new file') as string });
    rmSync(dir, { recursive: true });
  });

  test('a bundle goes into a new file: one that is there is named as that', async () => {
    const { status, stderr } = await run(['audit', 'export', '--node', node, '--out', fileURLToPath(import.meta.url)]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/EEXIST[\s\S]*a new file: name one that is not there yet/);
  });

  test('a directory is no bundle', async () => {
    const { status, stderr } = await run(['audit', 'verify', import.meta.dirname]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/no tar bundle[\s\S]*the file that audit export wrote/);
  });

  test('a shell keeps the destination that run client alone sets, until run client ()', async () => {
    const lines = 'run client (10.0.0.2:1)\none\n. two\nrun client (bad)\nthree\nrun client ()\nfour\n';
    const { stdout } = await run(['shell', '--node', node], lines);
    expect(standing).toEqual([
      undefined,
      undefined,
      '10.0.0.2:1',
      '10.0.0.2:1',
      '10.0.0.2:1',
      '10.0.0.2:1',
      '10.0.0.2:1',
      undefined,
    ]);
    expect(stdout).not.toContain('answer to run client');
  });

  test('a piped shell runs line by line, goes on after a failure, and ends with its input', async () => {
    const { status, stdout, stderr } = await run(['shell', '--node', node], 'one\n\nfail\n<two\n three>\nexit\nfour\n');
    expect(status).toBe(1);
    expect(commands).toEqual(['get node name', 'one', 'fail', '<two  three>']);
    expect(stdout).toContain('answer to one\n');
    expect(stderr).toContain('no such policy');
  });
});

test('a block that a piped shell never ends goes to the node as it is: what follows it is not lost without a word', async () => {
  const server = createServer((request: IncomingMessage, response) => {
    void text(request).then((command) => {
      response.statusCode = command.startsWith('<') ? 400 : 200;
      response.end(JSON.stringify({ err_code: 2, err_text: `refused ${command}` }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const node = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { status, stderr } = await run(['shell', '--node', node], '<one\ntwo\n');
  expect([status, stderr]).toEqual([1, expect.stringContaining('refused <one two')]);
  server.close();
});

describe('a shell at a terminal', () => {
  let server: Server;
  let node: string;
  let home: string;
  const commands: string[] = [];
  beforeEach(async () => {
    commands.length = 0;
    home = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
    vi.stubEnv('HOME', home);
    server = createServer((request, response) => {
      void text(request).then((command) => {
        commands.push(command);
        if (command === 'get node name') response.end('operator1');
        else if (command.startsWith('get commands'))
          response.end(JSON.stringify([{ command: 'get status' }, { command: 'blockchain get <query...>' }]));
        else if (command === 'get completions "get tables where d" format = json')
          response.end('["get tables where dbms = "]');
        else if (command !== 'hang') response.end(`answer to ${command}`);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    node = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
    rmSync(home, { recursive: true, force: true });
  });
  const last = (): string | undefined => commands.at(-1);
  /** Types and presses the tab key; both at once would be a pasted tab, which stays as it is. */
  const completed = async (shell: ReturnType<typeof openTerminal>, keys: string, line: string): Promise<void> => {
    shell.type(keys);
    await waitFor(() => shell.shown().endsWith(keys));
    shell.type('\t');
    await waitFor(
      () => shell.shown().includes(line.slice(keys.length)) && shell.shown().trimEnd().endsWith(line.trimEnd()),
    );
  };

  test('prompt, completion, history over shells, Ctrl-D', async () => {
    const first = openTerminal(node);
    await waitFor(() => first.shown().includes('AL operator1 +> '));
    await completed(first, 'get st', 'get status');
    first.type('\r');
    await waitFor(() => first.shown().includes('answer to get status'));
    await completed(first, 'get tables where d', 'get tables where dbms = ');
    first.type('\x03');
    await completed(first, 'blockchain g', 'blockchain get ');
    first.type('cluster\r');
    await waitFor(() => last() === 'blockchain get cluster');
    await waitFor(() => first.shown().includes('answer to blockchain get cluster'));
    // A line with a secret is not kept.
    first.type('id add user where name = x and password = one two three\r');
    await waitFor(() => first.shown().includes('answer to id add user'));
    first.type('\x04');
    expect(await first.status).toBe(0);
    const second = openTerminal(node);
    await waitFor(() => second.shown().includes('AL operator1 +> '));
    second.type('\x1b[A\x1b[A\r');
    await waitFor(() => second.shown().includes('answer to get status'));
    second.type('\x04');
    expect(await second.status).toBe(0);
  });

  test('Ctrl-C drops the line, or stops waiting for an answer; the shell goes on', async () => {
    const shell = openTerminal(node);
    await waitFor(() => shell.shown().includes('AL operator1 +> '));
    shell.type('abc\x03get status\r');
    await waitFor(() => shell.shown().includes('answer to get status'));
    expect(last()).toBe('get status');
    shell.type('run client (10.0.0.2:1)\r');
    await waitFor(() => shell.shown().includes('AL operator1 (10.0.0.2:1) +> '));
    shell.type('hang\r');
    await waitFor(() => last() === 'hang');
    shell.type('\x03');
    await waitFor(() => shell.shown().includes('error: interrupted'));
    expect(shell.shown()).not.toContain('no node answers');
    shell.type('get version\r');
    await waitFor(() => shell.shown().includes('answer to get version'));
    shell.type('\x04');
    expect(await shell.status).toBe(0);
  });
});

test('a wrong --node is a wrong use; one from the environment is named', async () => {
  expect(await run(['exec', '--node', 'nonsense', 'get status'])).toMatchObject({ status: 2, stdout: '' });
  await expect(callNode({ node: 'x:99999', token: undefined, command: 'get status' })).rejects.toMatchObject({
    code: 'CLI_NODE_ADDRESS',
  });
});

describe('the shell', () => {
  test('completes what was typed, in any case', () => {
    expect(completions(['get status', 'get version', 'test network'], 'GET s')).toEqual([['get status'], 'GET s']);
  });

  test('joins a block of lines', () => {
    expect(joinBlock(['<run operator', 'where x = 1'])).toBeUndefined();
    expect(joinBlock(['<run operator', 'where x = 1>'])).toBe('<run operator where x = 1>');
  });
});
