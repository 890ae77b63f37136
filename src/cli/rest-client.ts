import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { fault, HoldfastError, systemCode, textOf } from '../base/errors.ts';
import { type HostPort, parseAddress } from '../base/host.ts';
import { http, https } from '../base/http.ts';
import { REST_TIMEOUT_MS } from '../base/limits.ts';
import type { Target } from './target.ts';
import { tlsOptions } from './tls.ts';

/** How much longer than the command's own deadline is waited here: the node answers first, with a reason. */
const GRACE_MS = 60_000;
/** A file may be large and the line slow. */
const FILE_TIMEOUT_MS = 3_600_000;
const FILE_TYPE = 'application/octet-stream';

/** A command for a node, and how its answer is wanted. */
export interface CommandCall extends Target {
  readonly command: string;
  /** Ask for JSON where the command has a choice. */
  readonly json?: boolean;
  readonly signal?: AbortSignal;
  /** How long the command may take; undefined: as long as the node gives it. */
  readonly timeoutMs?: number | undefined;
  /** Told what the node says beside its answer. */
  readonly onNote?: (text: string) => void;
  /** Where the command goes from the node, as `run client (DEST)` alone has said it. */
  readonly standing?: string;
  /** Of a long table, the titles once: no person looks at it page by page. */
  readonly titlesOnce?: boolean;
}

const inside = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

/** Text of a JSON member, or undefined. */
const member = (value: unknown, name: string): string | undefined => {
  const found = inside(value, name);
  return typeof found === 'string' || typeof found === 'number' ? String(found) : undefined;
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // an answer that is not of a node, shown as it is
  }
};

interface Answer {
  readonly note: string | undefined;
  readonly status: number;
  readonly reason: string;
  readonly text: string;
}

const REFUSED = 'ECONNREFUSED';

/** A server of the other kind hangs up on what it does not understand, a wrong certificate ends the connection. */
const wayOn = (tls: boolean, code: string | undefined): string => {
  if (code === REFUSED || code === undefined)
    return 'is it started? Name its directory with --dir DIR, or its REST address with --node HOST:PORT';
  return tls
    ? 'does it have TLS (--rest-tls), and is its certificate believed? Name who signed it: --ca FILE'
    : 'is it the REST address? The port for other nodes (--listen) hangs up so; DIR/node.json has both. ' +
        'Where its REST has TLS: --dir DIR on its machine, else --node https://HOST:PORT --ca FILE';
};

const unreachable = ({ node, tls }: CommandCall, caught: unknown): Error =>
  caught instanceof HoldfastError
    ? caught
    : fault(
        'CLI_NODE_UNREACHABLE',
        `no node answers at ${node}: ${textOf(caught) || systemCode(caught) || 'no connection'}`,
        { hint: wayOn(tls !== undefined, systemCode(caught)), cause: caught },
      );

/** The person told it to stop, or the time is over: the node is not at fault, nor away. */
const unanswered = (call: CommandCall, { ms, signal }: Deadline, caught: unknown): Error => {
  if (call.signal?.aborted === true)
    return fault('CLI_INTERRUPTED', 'interrupted: nobody waits for the answer any more, and the node is told so', {
      hint: 'what the command had begun to write may be there',
    });
  if (signal.aborted)
    return fault('CLI_TIMEOUT', `${call.node} gave no whole answer within ${ms / 1_000} s`, {
      hint: 'how the node is: get status; to wait longer: --timeout SPAN, for example --timeout "10 minutes"',
    });
  return unreachable(call, caught);
};

interface Deadline {
  readonly ms: number;
  readonly signal: AbortSignal;
}

const deadline = (ms: number): Deadline => ({ ms, signal: AbortSignal.timeout(ms) });

const requestTo = (
  { node, token, tls, command, json, signal, timeoutMs, standing, titlesOnce }: CommandCall,
  timeout: AbortSignal,
): ClientRequest => {
  const options = {
    ...splitNode(node),
    method: 'POST',
    headers: {
      'User-Agent': 'AnyLog/holdfast',
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(command),
      command: 'body',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      // As bytes of UTF-8: the node reads its headers so.
      ...(standing === undefined ? {} : { standing: Buffer.from(standing).toString('latin1') }),
      ...(timeoutMs === undefined ? {} : { timeout: `${timeoutMs}ms` }),
      ...(titlesOnce === true ? { titles: 'once' } : {}),
      ...(json === true ? { accept: 'application/json' } : {}),
    },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  };
  return tls === undefined ? http.request(options) : https().request({ ...options, ...tlsOptions(tls) });
};

/** By `node:http`: `fetch` takes longer to load than a command takes to run, and refuses some ports. */
const send = (call: CommandCall): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const until = deadline((call.timeoutMs ?? REST_TIMEOUT_MS) + GRACE_MS);
    const outgoing = requestTo(call, until.signal);
    const fail = (caught: unknown): void => reject(unanswered(call, until, caught));
    outgoing.on('error', fail);
    outgoing.on('response', (response) => readWhole(response, resolve, fail));
    outgoing.end(call.command);
  });

const readWhole = (
  response: IncomingMessage,
  done: (answer: Answer) => void,
  fail: (caught: unknown) => void,
): void => {
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('error', fail);
  response.on('end', () =>
    done({
      note: noteOf(response.headers['holdfast-note']),
      status: response.statusCode ?? 0,
      reason: response.statusMessage ?? '',
      text: Buffer.concat(chunks).toString('utf8'),
    }),
  );
};

const noteOf = (header: string | readonly string[] | undefined): string | undefined =>
  typeof header === 'string' ? header : header?.join('; ');

/**
 * As {@link send}, but a file that the node answers with goes where `take` wants it; any other answer is read whole.
 */
const sendForFile = (call: CommandCall, take: (file: Readable) => Promise<void>): Promise<Answer | undefined> =>
  new Promise((resolve, reject) => {
    const until = deadline(FILE_TIMEOUT_MS);
    const outgoing = requestTo(call, until.signal);
    const fail = (caught: unknown): void => reject(unanswered(call, until, caught));
    outgoing.on('error', fail);
    outgoing.on('response', (response) => {
      if (response.headers['content-type'] === FILE_TYPE) take(response).then(() => resolve(undefined), reject);
      else readWhole(response, resolve, fail);
    });
    outgoing.end(call.command);
  });

/** Whether a text is `HOST:PORT`, or `https://HOST:PORT`. */
export const isAddress = (text: string): boolean => parseAddress(text.replace(/^https:\/\//i, '')) !== undefined;

const splitNode = (node: string): HostPort => {
  const parsed = parseAddress(node);
  if (parsed !== undefined) return parsed;
  throw fault('CLI_NODE_ADDRESS', `${JSON.stringify(node)} is not the address of a node`, {
    hint: 'HOST:PORT, for example 127.0.0.1:32149',
  });
};

/**
 * Runs one command on a node. `CLI_NODE_ADDRESS`, `CLI_NODE_UNREACHABLE`, `CLI_INTERRUPTED`, `CLI_TIMEOUT`, or
 * `CLI_COMMAND_FAILED` with the node's own text and hint.
 */
export const callNode = async (call: CommandCall): Promise<string> => {
  const answer = await send(call);
  if (answer.status < 200 || answer.status >= 300) throw refusedBy(answer);
  if (answer.note !== undefined) call.onNote?.(answer.note);
  return answer.text;
};

/**
 * The same for a command whose answer is a file, which `take` reads as it comes. What `take` fails with goes through.
 */
export const fetchFile = async (call: CommandCall, take: (file: Readable) => Promise<void>): Promise<void> => {
  const answer = await sendForFile(call, take);
  if (answer !== undefined) throw refusedBy(answer);
};

const refusedBy = ({ status, reason, text }: Answer): Error => {
  const answer = parsed(text);
  const number = member(answer, 'err_code');
  const hint = member(answer, 'hint');
  return fault(
    'CLI_COMMAND_FAILED',
    `${member(answer, 'err_text') ?? (text.trim() || reason)}${number === undefined ? '' : ` (error ${number})`}`,
    { data: { status, printed: inside(answer, 'printed') }, ...(hint === undefined ? {} : { hint }) },
  );
};
