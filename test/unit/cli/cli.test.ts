import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli, type StartOptions } from '../../../src/cli/cli.ts';
import { completions, joinBlock } from '../../../src/cli/shell.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';

interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly started: StartOptions | undefined;
}

const run = async (args: readonly string[], input = ''): Promise<Ran> => {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  let started: StartOptions | undefined;
  stdin.end(input);
  const status = await runCli(args, { stdin, stdout, stderr } as unknown as Terminal, {
    version: '1.2.3',
    defaultNode: () => undefined,
    start: async (options) => {
      started = options;
      return 0;
    },
    demo: async ({ once }) => (once ? 0 : 1),
  });
  stdout.end();
  stderr.end();
  return { status, stdout: await text(stdout), stderr: await text(stderr), started };
};

describe('holdfast', () => {
  test('passes the options of start on as typed', async () => {
    const { status, started } = await run(['start', '--name', 'a', '--seed', 'x:1', '--seed', 'y:2']);
    expect(status).toBe(0);
    expect(started).toMatchObject({ name: 'a', seed: ['x:1', 'y:2'] });
  });

  test.each([[['nonsense']], [['start', '--nonsense']], [['exec']], [['exec', 'a', 'b']], [[]]])(
    '%j is a wrong use: status 2, nothing on stdout',
    async (args) => {
      const { status, stdout } = await run(args);
      expect(status).toBe(2);
      expect(stdout).toBe('');
    },
  );

  test('a near miss is named', async () => {
    expect((await run(['strat'])).stderr).toMatch(/start/);
  });

  test('the status of the demo is the status of the program', async () => {
    expect((await run(['demo'])).status).toBe(1);
    expect((await run(['demo', '--once'])).status).toBe(0);
  });
});

describe('exec and shell', () => {
  let server: Server;
  let node: string;
  const commands: string[] = [];

  beforeEach(async () => {
    commands.length = 0;
    server = createServer((request: IncomingMessage, response) => {
      void text(request).then((command) => {
        commands.push(command);
        if (command === 'get node name') response.end('operator1');
        else if (command === 'fail') {
          response.statusCode = 400;
          response.end(JSON.stringify({ err_code: 113, err_text: 'no such policy', hint: 'look again' }));
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

  test('prints a refusal with its number and hint on stderr, status 1', async () => {
    expect(await run(['exec', '--node', node, 'fail'])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: 'error: no such policy (error 113)\n  hint: look again\n',
    });
  });

  test('a piped shell runs line by line, goes on after a failure, and ends with its input', async () => {
    const { status, stdout, stderr } = await run(['shell', '--node', node], 'one\n\nfail\n<two\n three>\nexit\nfour\n');
    expect(status).toBe(0);
    expect(commands).toEqual(['get node name', 'one', 'fail', '<two  three>']);
    expect(stdout).toContain('answer to one\n');
    expect(stderr).toContain('no such policy');
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
