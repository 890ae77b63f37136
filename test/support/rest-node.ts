import { connect } from 'node:net';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { fault } from '../../src/base/errors.ts';
import { type Logger, silentLogger } from '../../src/base/log.ts';
import type { Access, Person } from '../../src/command/access/access.ts';
import type { CommandExecutor, CommandOutput, CommandRequest, PutCommand } from '../../src/command/executor.ts';
import type { BodyBudget } from '../../src/rest/body.ts';
import { startRest, type RestServer } from '../../src/rest/rest.ts';

/** A node's REST over an executor that notes what it is asked. */
export interface RestNode extends RestServer {
  readonly port: number;
  readonly url: string;
  readonly executed: CommandRequest[];
  readonly puts: PutCommand[];
  /** Who sent them. */
  readonly putters: (Person | undefined)[];
  /** Ends what goes on without heeding its signal: each `hang`, and each PUT to the table `slow`. */
  release(): void;
}

const answer = async (
  { text, format, signal }: CommandRequest,
  {
    released,
    file,
    pieces,
  }: {
    readonly released: Promise<undefined>;
    readonly file: (() => AsyncIterable<Uint8Array>) | undefined;
    readonly pieces: (() => Iterable<string>) | undefined;
  },
): Promise<CommandOutput> => {
  if (text.startsWith('get file') && file !== undefined) return { text: '', json: undefined, file: file() };
  if (text.startsWith('get long') && pieces !== undefined) return { text: 'made at once', json: undefined, pieces };
  if (text === 'refuse half way')
    throw fault('COMMAND_UNKNOWN', 'line 2 of half.al: no such command', { data: { printed: ['one'] } });
  if (text.startsWith('noted'))
    return { text: '[]', json: [], note: { code: 'ENTRY_BODY_MISSING', text: 'what 1 of\nthe entries say' } };
  if (text.startsWith('refuse')) throw fault('POLICY_UNKNOWN', 'there is no such policy', { hint: 'look again' });
  if (text.startsWith('crash')) throw new TypeError('not foreseen');
  if (text.startsWith('hang')) await released;
  if (text.startsWith('wait'))
    return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  if (text.startsWith('quiet') || text.includes('=')) return { text: '', json: undefined };
  if (format === 'json') return { text: '{"answer": true}', json: { answer: true } };
  return { text: `answer to ${text}`, json: { answer: true } };
};

const OWNER: Person = { by: 'token', name: '', admin: true };

/** Starts REST on a free port of loopback. */
export const startRestNode = async (
  options: {
    readonly host?: string;
    readonly port?: number;
    readonly clock?: Clock;
    readonly access?: Pick<Access, 'admit'>;
    readonly bodies?: BodyBudget;
    readonly stallMs?: number;
    readonly tls?: string;
    readonly log?: Logger;
    /** What `get long` gives. */
    readonly pieces?: () => Iterable<string>;
    /** What `get file` gives. */
    readonly file?: () => AsyncIterable<Uint8Array>;
  } = {},
): Promise<RestNode> => {
  const executed: CommandRequest[] = [];
  const puts: PutCommand[] = [];
  const putters: (Person | undefined)[] = [];
  const released = Promise.withResolvers<undefined>();
  const executor: CommandExecutor = {
    execute(request) {
      executed.push(request);
      return answer(request, { released: released.promise, file: options.file, pieces: options.pieces });
    },
    methodOf: (text) => (/^(get|refuse)/.test(text) ? 'GET' : /^(set|exit|run (?!client))/.test(text) ? 'POST' : 'any'),
    complete: () => [],
    async put(command, person) {
      puts.push(command);
      putters.push(person);
      if (command.table === 'bad') throw fault('INGEST_JSON', 'line 3 is not JSON', { hint: 'repair line 3' });
      if (command.table === 'slow') await released.promise;
      return { hash: command.mode === 'file' ? '0123456789abcdef0123456789abcdef' : '0' };
    },
  };
  const server = await startRest({
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    node: 'node-1',
    executor,
    access: options.access ?? { admit: async () => OWNER },
    clock: options.clock ?? systemClock,
    log: options.log ?? silentLogger,
    tls: options.tls,
    ...(options.bodies === undefined ? {} : { bodies: options.bodies }),
    ...(options.stallMs === undefined ? {} : { stallMs: options.stallMs }),
  });
  const port = Number(server.address.slice(server.address.lastIndexOf(':') + 1));
  return {
    ...server,
    port,
    url: `http://127.0.0.1:${port}/`,
    executed,
    puts,
    putters,
    release: () => released.resolve(undefined),
  };
};

/** Sends bytes as they are and resolves with everything that comes back until the other end hangs up. */
export const rawRequest = (
  port: number,
  bytes: string | Uint8Array,
  options: { readonly end?: boolean } = {},
): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
    socket.on('close', () => resolve(received));
    socket.on('error', (error: Error & { code?: string }) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.write(bytes);
    if (options.end === true) socket.end();
  });
