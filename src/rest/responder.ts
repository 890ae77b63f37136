import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { fault } from '../base/errors.ts';
import {
  REST_BODY_BYTES_MAX,
  REST_COMMAND_BODY_BYTES_MAX,
  REST_GRACE_MS,
  REST_REQUEST_TIMEOUT_MS,
  REST_WHOLE_CHARS_MAX,
} from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { giveWay } from '../base/slices.ts';
import type { Access, Person } from '../command/access/access.ts';
import { createSession, type CommandExecutor, type CommandOutput } from '../command/executor.ts';
import type { Note } from '../command/note.ts';
import { BodyBudget, type Lease, readBody, textOfBody, unpack } from './body.ts';
import { agentOf, planOfGet, planOfPost, type CommandPlan } from './commands.ts';
import { errorReply, methodFault } from './faults.ts';
import { readTarget, type RestHeaders } from './headers.ts';
import { Places } from './places.ts';
import { certificateOf } from './tls.ts';

/** What goes back: a text whose length is known, or the bytes of a file as they come. */
export interface RestReply {
  readonly status: number;
  readonly type: string;
  readonly body: string | Readable;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What answers requests: the executor of commands, and who lets in their senders. */
export interface ResponderOptions {
  /** The node's name, for replies. */
  readonly node: string;
  readonly executor: CommandExecutor;
  readonly access: Pick<Access, 'admit'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Room for the bodies of all requests; that of the limits where left out. */
  readonly bodies?: BodyBudget;
}

/** The content type of answers in JSON. */
export const JSON_TYPE = 'application/json; charset=utf-8';
/** As documented; clients of the command language look at the text itself. */
const TEXT_JSON = 'text/json; charset=utf-8';
const TEXT = 'text/plain; charset=utf-8';
const FILE = 'application/octet-stream';
const COMMANDS_TOO_LONG =
  'a POST brings commands: put many into a script (process FILE), and send rows by PUT with the headers dbms and table';
const METHODS = 'GET, POST, PUT, OPTIONS';

const text = (body: string): RestReply => ({ status: 200, type: /^\s*[[{]/.test(body) ? TEXT_JSON : TEXT, body });
const json = (value: unknown): RestReply => ({ status: 200, type: JSON_TYPE, body: JSON.stringify(value) });

/** One request while it is answered. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly headers: RestHeaders;
  readonly path: string;
  /** Aborted when the client is gone or the node stops. */
  readonly ended: AbortSignal;
}

/** Answers requests that have passed the guard: commands by GET and POST, rows by PUT. Never throws. */
export const createResponder = (
  options: ResponderOptions,
  stopping: AbortSignal,
): ((request: IncomingMessage, response: ServerResponse) => Promise<RestReply>) => {
  const responder = new Responder(options);
  return async (request, response) => {
    const gone = new AbortController();
    const onClose = (): void => gone.abort(fault('REST_CLIENT_GONE', 'the client closed the connection'));
    response.once('close', onClose);
    const method = request.method ?? '';
    try {
      const { path, headers } = readTarget(request.url ?? '/', request.headers);
      return await responder.answer(method, {
        request,
        headers,
        path,
        ended: AbortSignal.any([gone.signal, stopping]),
      });
    } catch (caught) {
      const { status, error, body, headers } = errorReply(caught, method, options.node);
      if (status === 500) options.log.error('a request failed', { error: error.message, cause: error.cause });
      return { status, type: JSON_TYPE, body, headers };
    } finally {
      response.off('close', onClose);
    }
  };
};

class Responder {
  readonly #options: ResponderOptions;
  readonly #budget: BodyBudget;
  readonly #places = new Places();

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#budget = options.bodies ?? new BodyBudget();
  }

  async answer(method: string, exchange: Exchange): Promise<RestReply> {
    // What a browser asks before it sends, and what a monitor asks, comes without credentials and tells nothing.
    if (method === 'OPTIONS') return this.#allowed(exchange);
    const alive = method === 'GET' ? this.#alive(exchange) : undefined;
    if (alive !== undefined) return alive;
    const { authorization } = exchange.request.headers;
    const { socket } = exchange.request;
    const person = await this.#options.access.admit(authorization, socket.remoteAddress ?? '', certificateOf(socket));
    switch (method) {
      case 'GET':
        return this.#get(exchange, person);
      case 'POST':
        return this.#post(exchange, person);
      case 'PUT':
        return this.#put(exchange, person);
      default:
        throw methodFault(method);
    }
  }

  /** Whether the node is there. */
  #alive({ path, headers }: Exchange): RestReply | undefined {
    if (headers.has('command')) return undefined;
    const timestamp = new Date(this.#options.clock.wallMs()).toISOString();
    if (path === '/health') return json({ status: 'healthy', service: 'holdfast', timestamp });
    return path === '/api/status' ? json({ status: 'ok' }) : undefined;
  }

  async #get({ path, headers, ended, request }: Exchange, person: Person): Promise<RestReply> {
    const { executor } = this.#options;
    if (!headers.has('command') && path !== '/')
      throw fault('REST_PATH', `there is nothing at ${JSON.stringify(path.slice(0, 200))}`, {
        hint: 'commands and rows go to /, with headers; beside it there are /health and /api/status',
      });
    const agent = agentOf(headers);
    if (agent === 'grafana') return text('OK');
    if (agent === 'unknown') return text('');
    const plan = planOfGet(headers);
    if (executor.methodOf(plan.bare) === 'POST')
      throw fault('REST_VERB', 'this command changes something: it wants POST, not GET', { hint: 'send it by POST' });
    return this.#run(plan, request, ended, person);
  }

  async #post({ request, headers, ended }: Exchange, person: Person): Promise<RestReply> {
    const lease = this.#budget.lease();
    try {
      const plan = planOfPost(
        headers,
        textOfBody(await this.#read(request, REST_COMMAND_BODY_BYTES_MAX, lease, COMMANDS_TOO_LONG)),
      );
      return await this.#run(plan, request, ended, person);
    } finally {
      lease.release();
    }
  }

  async #put({ request, headers, ended }: Exchange, person: Person): Promise<RestReply> {
    const target = readPutHeaders(headers);
    const lease = this.#budget.lease();
    let working: Promise<unknown> | undefined;
    try {
      const content = await this.#read(request, REST_BODY_BYTES_MAX, lease);
      // Rows are taken in whole or not at all: a client that leaves meanwhile changes nothing.
      const giveBack = this.#places.take(person, 'rows');
      const { hash } = await this.#within({ ms: REST_REQUEST_TIMEOUT_MS, ended, giveBack }, () => {
        const put = this.#options.executor.put({ ...target, content }, person);
        working = put;
        return put;
      });
      return { status: 200, type: TEXT_JSON, body: `{"AnyLog.status":"Success", "AnyLog.hash": "${hash}" }` };
    } finally {
      // The bytes are in use until the rows are in or refused, whether or not somebody still waits for the answer.
      void Promise.allSettled([working]).then(() => lease.release());
    }
  }

  async #read(request: IncomingMessage, limit: number, lease: Lease, hint?: string): Promise<Buffer> {
    const packed = await readBody(request, { limit, lease, hint, clock: this.#options.clock });
    return unpack(packed, request.headers['content-encoding'], { limit, lease, hint });
  }

  /** What a browser asks before it sends: a page of this node's own may, others were refused by the guard. */
  #allowed({ request }: Exchange): RestReply {
    const origin = request.headers.origin;
    const cors = {
      'Access-Control-Allow-Methods': METHODS,
      'Access-Control-Allow-Headers': request.headers['access-control-request-headers'] ?? '',
      'Access-Control-Allow-Origin': origin ?? '',
      Vary: 'Origin',
    };
    return { status: 204, type: TEXT, body: '', headers: { Allow: METHODS, ...(origin === undefined ? {} : cors) } };
  }

  async #run(plan: CommandPlan, request: IncomingMessage, ended: AbortSignal, person: Person): Promise<RestReply> {
    const { executor } = this.#options;
    const session = createSession({ isolated: true, caller: 'rest', person });
    session.destination = plan.standing;
    const format = /\bapplication\/json\b/i.test(request.headers.accept ?? '') ? 'json' : undefined;
    const giveBack = this.#places.take(person, 'command');
    let note: Note | undefined;
    const output = await this.#within({ ms: plan.timeoutMs, ended, giveBack }, async (signal) => {
      for (const line of plan.before) {
        const before = await executor.execute({ text: line, format: undefined, signal, session });
        note ??= before.note;
        // What waits for nothing would have all its lines in one turn.
        await giveWay();
        signal.throwIfAborted();
      }
      return executor.execute({ text: plan.command, format, titlesOnce: plan.titlesOnce, signal, session });
    });
    const headers = noteHeaders(note ?? output.note);
    if (output.pieces !== undefined) return { ...(await longText(output.pieces())), headers };
    if (output.file === undefined) return { ...text(shown(output, format)), headers };
    return { status: 200, type: FILE, body: Readable.from(output.file, { objectMode: false }), headers };
  }

  /**
   * Runs `work` with a deadline that holds even where `work` does not heed its signal; it keeps its place to its own
   * end.
   */
  async #within<T>(
    { ms, ended, giveBack }: { readonly ms: number; readonly ended: AbortSignal; readonly giveBack: () => void },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock } = this.#options;
    const late = new AbortController();
    const timeout = fault('REST_TIMEOUT', `no answer within ${ms / 1_000} s`, {
      hint: 'give it longer: by the header `timeout`, for example 2 minutes; holdfast exec and shell by --timeout "2 minutes"',
    });
    const cancels: (() => void)[] = [];
    const expired = new Promise<never>((_, reject) => {
      const onEnd = (): void => reject(ended.reason);
      if (ended.aborted) onEnd();
      ended.addEventListener('abort', onEnd, { once: true });
      cancels.push(
        () => ended.removeEventListener('abort', onEnd),
        clock.after(ms, () => late.abort(timeout)),
        clock.after(ms + REST_GRACE_MS, () => reject(timeout)),
      );
    });
    const working = work(AbortSignal.any([ended, late.signal])).finally(giveBack);
    try {
      return await Promise.race([working, expired]);
    } finally {
      for (const cancel of cancels) cancel();
    }
  }
}

/** Beside the answer, so that its form stays what it is. Another node may have made it. */
const noteHeaders = (note: Note | undefined): Readonly<Record<string, string>> =>
  note === undefined
    ? {}
    : { 'Holdfast-Note': `${note.code}: ${note.text.slice(0, NOTE_CHARS_MAX)}`.replace(/[^ -~]/g, '?') };
const NOTE_CHARS_MAX = 1_000;

/** Text that fits is sent whole, so that its length is known; what is longer goes out piece by piece as it is made. */
const longText = async (pieces: Iterable<string>): Promise<RestReply> => {
  const rest = pieces[Symbol.iterator]();
  const first: string[] = [];
  let chars = 0;
  while (chars < REST_WHOLE_CHARS_MAX) {
    const piece = rest.next();
    if (piece.done === true) return text(first.join(''));
    first.push(piece.value);
    chars += piece.value.length;
    await giveWay();
  }
  const start = first.join('');
  return { ...text(start), body: Readable.from(bytesOf(start, rest), { objectMode: false }) };
};

const bytesOf = async function* (start: string, rest: Iterator<string>): AsyncGenerator<Uint8Array> {
  try {
    yield Buffer.from(start);
    for (let piece = rest.next(); piece.done !== true; piece = rest.next()) {
      if (piece.value !== '') yield Buffer.from(piece.value);
      await giveWay();
    }
  } finally {
    // A client that left takes no more: whoever makes the text lets go of what it is made from.
    rest.return?.();
  }
};

const shown = (output: CommandOutput, format: 'json' | undefined): string =>
  format === 'json' && output.text === '' && output.json !== undefined ? JSON.stringify(output.json) : output.text;

/** Says at once, before any byte of the body, what is missing. */
const readPutHeaders = (
  headers: RestHeaders,
): { dbms: string; table: string; mode: 'file' | 'streaming'; source: string; instructions: string } => {
  const required = (name: 'dbms' | 'table', code: string): string => {
    const value = headers.get(name);
    if (value === undefined || value === '')
      throw fault(code, `the header ${name} is missing`, { hint: 'PUT needs the headers dbms and table' });
    return value;
  };
  const dbms = required('dbms', 'REST_DBMS_MISSING');
  const table = required('table', 'REST_TABLE_MISSING');
  const mode = (headers.get('mode') ?? 'file').toLowerCase();
  if (mode !== 'file' && mode !== 'streaming')
    throw fault('REST_MODE', `mode: ${JSON.stringify(mode.slice(0, 40))} is neither file nor streaming`, {
      hint: 'leave the header out (file), or send: mode: streaming',
    });
  const type = (headers.get('type') ?? 'json').toLowerCase();
  if (type !== 'json')
    throw fault('REST_TYPE', `type: ${JSON.stringify(type.slice(0, 40))} is not json`, {
      hint: 'send the rows as JSON, with the header type: json or without it',
    });
  return { dbms, table, mode, source: headers.get('source') ?? '0', instructions: headers.get('instructions') ?? '0' };
};
