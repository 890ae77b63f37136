import { z } from 'zod';
import { fault, hasCode } from '../base/errors.ts';
import { sentenceOf } from '../base/zod-text.ts';
import { REST_LINES_MAX, REST_TIMEOUT_MS, REST_TIMEOUT_MS_MAX } from '../base/limits.ts';
import { atOnce } from '../base/slices.ts';
import { parseSpan } from '../command/grammar/dates.ts';
import { splitScript } from '../command/grammar/script.ts';
import type { RestHeaders } from './headers.ts';

/** What a request asks to run. */
export interface CommandPlan {
  /** Run first, in this order: normally assignments such as `policy = {…}`. */
  readonly before: readonly string[];
  readonly command: string;
  /** The command without what a header wraps around it: its verb decides which method may bring it. */
  readonly bare: string;
  readonly timeoutMs: number;
  /** Where a shell that has said `run client (DEST)` before sends its commands; undefined: this node. */
  readonly standing: string | undefined;
  /** Of a long table, the titles once. */
  readonly titlesOnce: boolean;
}

/** Who speaks: a client of the command language, Grafana, or something else that looks whether anybody is there. */
export type Agent = 'client' | 'curl' | 'grafana' | 'unknown';

/** `AnyLog-Agent` goes over `User-Agent`. */
export const agentOf = (headers: RestHeaders): Agent => {
  const name = (headers.get('anylog-agent') ?? headers.get('user-agent') ?? '').toLowerCase();
  if (name.startsWith('anylog')) return 'client';
  if (name.startsWith('curl')) return 'curl';
  if (name.startsWith('grafana')) return 'grafana';
  // Whoever says a command means it; without one an unknown agent only looks whether anybody is there.
  return headers.has('command') ? 'client' : 'unknown';
};

const BODY_HINT = 'expected {"command": …, "destination": …} or {"dbms": …, "sql": …}';

/** A time-out in seconds, or with a unit: `2 minutes`. Throws `REST_HEADERS`. */
const timeoutOf = (headers: RestHeaders): { readonly ms: number; readonly text: string | undefined } => {
  const given = headers.get('timeout');
  if (given === undefined || given === '') return { ms: REST_TIMEOUT_MS, text: undefined };
  const text = /^\d+$/.test(given) ? `${given} seconds` : given;
  try {
    const ms = parseSpan(text);
    if (ms > 0 && ms <= REST_TIMEOUT_MS_MAX) return { ms, text };
  } catch (caught) {
    if (!hasCode(caught, 'COMMAND_SPAN')) throw caught;
  }
  throw fault(
    'REST_HEADERS',
    `timeout: ${JSON.stringify(given.slice(0, 40))} is not a time up to ${REST_TIMEOUT_MS_MAX / 1_000} s`,
    {
      hint: 'a number of seconds, or with a unit: 2 minutes',
    },
  );
};

/** The command with its destination: `network` and lists of nodes become `run client (…)`, as documented. */
const sentTo = (command: string, headers: RestHeaders, timeout: string | undefined): string => {
  const destination = headers.get('destination') ?? '';
  if (['', 'local'].includes(destination.toLowerCase())) return command;
  if (/[\p{Cc}]/u.test(destination)) throw fault('REST_HEADERS', 'the destination has control characters');
  const settings = [
    ...(destination.toLowerCase() === 'network' ? [] : [destination]),
    ...(headers.get('subset')?.toLowerCase() === 'true' ? ['subset = true'] : []),
    ...(timeout === undefined ? [] : [`timeout = ${timeout}`]),
  ];
  return `run client (${settings.join(', ')}) ${command}`;
};

/** `assignment: name` puts the reply into a variable of the node. */
const assigned = (command: string, headers: RestHeaders): string => {
  const name = headers.get('assignment');
  if (name === undefined || name === '') return command;
  if (!/^[A-Za-z_][\w-]{0,127}$/.test(name))
    throw fault('REST_HEADERS', `assignment: ${JSON.stringify(name.slice(0, 40))} is not the name of a variable`, {
      hint: 'a name has letters, digits and _: the reply is then got by: get !NAME',
    });
  return `${name} = ${command}`;
};

const noCommand = (): Error =>
  fault('REST_NO_COMMAND', 'the request has no command', {
    hint: 'put it into the header `command`, or into the body with `command: body`',
  });

const planned = (before: readonly string[], command: string, headers: RestHeaders): CommandPlan => {
  const { ms, text } = timeoutOf(headers);
  const bare = sentTo(command, headers, text);
  const standing = headers.get('standing');
  return {
    ...{ before, bare, command: assigned(bare, headers), timeoutMs: ms },
    standing: standing === '' ? undefined : standing,
    titlesOnce: headers.get('titles')?.toLowerCase() === 'once',
  };
};

/** What a GET asks for. curl without a command gets `get status`. */
export const planOfGet = (headers: RestHeaders): CommandPlan => {
  const command = headers.get('command') ?? (agentOf(headers) === 'curl' ? 'get status' : '');
  if (command === '') throw noCommand();
  return planned([], command, headers);
};

const jsonCommand = z.looseObject({
  command: z.string().min(1).optional(),
  dbms: z.string().optional(),
  sql: z.string().optional(),
  destination: z.string().optional(),
  timeout: z.union([z.string(), z.number()]).optional(),
  subset: z.union([z.string(), z.boolean()]).optional(),
  'anylog-agent': z.string().optional(),
});

type JsonCommand = z.infer<typeof jsonCommand>;

/** A JSON body with the command's headers as its members; undefined where the body is no JSON object. */
const readJsonBody = (body: string): JsonCommand | undefined => {
  if (!body.startsWith('{')) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (caught) {
    throw fault('REST_BODY_JSON', 'the body is not well-formed JSON', { cause: caught, hint: BODY_HINT });
  }
  const members = Object.entries(parsed as object).map(([name, value]) => [name.toLowerCase(), value as unknown]);
  const command = jsonCommand.safeParse(Object.fromEntries(members));
  if (!command.success)
    throw fault(
      'REST_BODY_JSON',
      `the body is no command: ${command.error.issues.map((issue) => `${issue.path.join('.')} ${sentenceOf(issue)}`).join('; ')}`,
      {
        hint: BODY_HINT,
      },
    );
  return command.data;
};

/** The SQL in whichever quotes it does not hold itself; the blank keeps a backslash at its end from the closing one. */
const quotedSql = (sql: string): string => {
  const quote = ['"', '`', "'"].find((sign) => !sql.includes(sign));
  return quote === undefined ? `"${sql.replaceAll('"', '\\"')} "` : `${quote}${sql} ${quote}`;
};

const networkQuery = (dbms: string, sql: string): string => {
  if (!/^[\w-]{1,64}$/.test(dbms))
    throw fault('REST_BODY_JSON', `"dbms": ${JSON.stringify(dbms.slice(0, 80))} is not a name`, {
      hint: 'see: get databases',
    });
  return `run client () sql ${dbms} format = json ${quotedSql(sql)}`;
};

/** A JSON body's members as headers, over those of the request. */
const planOfJson = (json: JsonCommand, headers: RestHeaders): CommandPlan => {
  const merged = new Map(headers);
  for (const name of ['anylog-agent', 'destination', 'timeout', 'subset'] as const) {
    const value = json[name];
    if (value !== undefined) merged.set(name, String(value).trim());
  }
  checkAgent(merged);
  if (json.command !== undefined) return planned([], json.command.trim(), merged);
  if (json.dbms === undefined || json.sql === undefined) throw noCommand();
  merged.delete('destination');
  return planned([], networkQuery(json.dbms, json.sql), merged);
};

const checkAgent = (headers: RestHeaders): void => {
  const agent = agentOf(headers);
  if (agent === 'grafana')
    throw fault('REST_AGENT', 'Grafana’s own searches and queries are not supported, only its test of the connection', {
      hint: 'use a data source that sends headers of its own (Infinity): User-Agent AnyLog/1.23 and command, with format = json:list and stat = false in the sql',
    });
  if (agent === 'unknown')
    throw fault(
      'REST_AGENT',
      `commands are not taken from the agent ${JSON.stringify(headers.get('user-agent')?.slice(0, 80) ?? '')}`,
      {
        hint: 'send the header `User-Agent: AnyLog/1.23`, or `AnyLog-Agent`',
      },
    );
};

/**
 * What a POST asks for, in the documented forms of its body. Throws `REST_AGENT`, `REST_NO_COMMAND`, `REST_MAPPING`,
 * `REST_LINES` …
 */
export const planOfPost = (headers: RestHeaders, body: string): CommandPlan => {
  const command = headers.get('command');
  const text = body.trim();
  const json = command === undefined ? readJsonBody(text) : undefined;
  if (json !== undefined) return planOfJson(json, headers);
  checkAgent(headers);
  if (command === undefined || command === 'body') {
    if (text === '') throw noCommand();
    return planned([], text, headers);
  }
  if (command === 'data')
    throw fault('REST_MAPPING', 'no message client takes data for this topic', {
      hint: 'send the rows of a table with PUT and the headers dbms and table',
    });
  const lines = atOnce(splitScript(text, REST_LINES_MAX));
  if (lines.length > REST_LINES_MAX)
    throw fault('REST_LINES', `the body has more than ${REST_LINES_MAX} commands`, {
      hint: 'put many into a script: process FILE',
    });
  return planned(
    lines.map((line) => line.text),
    command,
    headers,
  );
};
