import { asFault, fault, type HoldfastError, printedIn } from '../base/errors.ts';
import { errorNumber } from '../command/error-numbers.ts';

/** HTTP status and documented number of what this front door itself refuses. */
const OWN: Readonly<Record<string, readonly [status: number, number: number]>> = {
  ACCESS_DENIED: [401, 97],
  ACCESS_CERTIFICATE: [403, 97],
  ACCESS_TRIES: [429, 97],
  ACCESS_BUSY: [503, 3],
  ACCESS_REFUSED: [403, 212],
  REST_HOST: [403, 210],
  REST_ORIGIN: [403, 210],
  REST_PATH: [404, 110],
  REST_VERB: [400, 156],
  REST_METHOD: [501, 156],
  REST_MALFORMED: [400, 110],
  REST_HEADERS: [400, 110],
  REST_HEADERS_OVERSIZE: [431, 110],
  REST_AGENT: [400, 163],
  REST_NO_COMMAND: [400, 110],
  REST_DBMS_MISSING: [400, 83],
  REST_TABLE_MISSING: [400, 28],
  REST_MODE: [400, 175],
  REST_TYPE: [400, 161],
  REST_MAPPING: [400, 167],
  REST_BODY_JSON: [400, 6],
  REST_BODY_ENCODING: [415, 161],
  REST_BODY_OVERSIZE: [413, 110],
  REST_LINES: [413, 110],
  REST_STALLED: [408, 26],
  REST_CLIENT_GONE: [400, 15],
  REST_BUSY: [503, 3],
  REST_STOPPING: [503, 3],
  REST_TIMEOUT: [504, 26],
};

const statusOf = (code: string): number => (Object.hasOwn(OWN, code) ? OWN[code]?.[0] : undefined) ?? otherStatus(code);
/** Documented: a command that fails is 400; only what is our own fault is not. */
const otherStatus = (code: string): number => OF_THE_NODE[code] ?? 400;
const OF_THE_NODE: Readonly<Record<string, number>> = {
  INTERNAL: 500,
  COMMAND_START_SCRIPT_RUNS: 503,
  DISK_NO_ROOM: 507,
  FILE_TABLE_NO_ROOM: 507,
  LEDGER_DISK_FAILED: 503,
  NODE_STARTING: 503,
  SQLITE_CORRUPT: 503,
  SQLITE_DISK_FAILED: 503,
};

const numberOf = (code: string): number => (Object.hasOwn(OWN, code) ? OWN[code]?.[1] : undefined) ?? errorNumber(code);

/**
 * A refusal as HTTP: status, and the documented members of the JSON body. `code` is the stable code beside the number.
 */
export interface ErrorReply {
  readonly status: number;
  readonly error: HoldfastError;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a client may show to be let in. */
const CHALLENGE = { 'WWW-Authenticate': 'Bearer realm="holdfast", Basic realm="holdfast", charset="UTF-8"' };

/** Any failure as a reply. `node` is the node's name, `method` the HTTP method. */
export const errorReply = (caught: unknown, method: string, node: string): ErrorReply => {
  const error = asFault(caught);
  const { code, message, hint } = error;
  const printed = printedIn(error);
  const body = {
    method,
    node,
    err_code: numberOf(code),
    err_text: message,
    code,
    ...(hint === undefined ? {} : { hint }),
    ...(printed.length === 0 ? {} : { printed }),
  };
  const status = statusOf(code);
  return { status, error, body: JSON.stringify(body), headers: status === 401 ? CHALLENGE : {} };
};

/** An error of Node's server; `rawPacket` holds the first bytes of what Node's parser refused. */
export type TransportError = Error & {
  readonly code?: string;
  readonly rawPacket?: unknown;
};

const startsAsRequest = (packet: unknown): boolean =>
  packet instanceof Buffer && /^[A-Z-]{3,20} \S+ HTTP\/1/.test(packet.toString('latin1', 0, 200));

/** Node's own errors in the form of ours: malformed requests, time-outs while one is read. */
export const transportFault = (caught: TransportError): HoldfastError => {
  switch (caught.code) {
    case 'HPE_HEADER_OVERFLOW':
      return fault('REST_HEADERS_OVERSIZE', 'the headers are too long', {
        hint: 'send a long command as the body, with the header `command: body`',
      });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return fault('REST_STALLED', 'the request did not come in time', { hint: 'send it whole, without long pauses' });
    case 'HPE_INVALID_METHOD':
      return startsAsRequest(caught.rawPacket) ? methodFault('this method') : malformed(caught);
    default:
      return caught.code?.startsWith('HPE_') === true ? malformed(caught) : asFault(caught);
  }
};

/** `REST_METHOD`: a method that is not served. */
export const methodFault = (method: string): HoldfastError =>
  fault('REST_METHOD', `${method} is not served`, {
    hint: 'GET for commands that read, POST for all commands, PUT for rows of a table',
  });

const malformed = (caught: Error): HoldfastError =>
  fault('REST_MALFORMED', `not a well-formed HTTP request: ${caught.message}`, { cause: caught });
