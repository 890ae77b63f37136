import { fault, textOf } from '../base/errors.ts';

/** Longer than any command's own deadline: the node answers first, with a reason. */
const ANSWER_TIMEOUT_MS = 120_000;

export interface CommandCall {
  /** `HOST:PORT` of the node's REST. */
  readonly node: string;
  readonly command: string;
  /** Ask for JSON where the command has a choice. */
  readonly json?: boolean;
  readonly signal?: AbortSignal;
}

/** Text of a JSON member, or undefined. */
const member = (value: unknown, name: string): string | undefined => {
  if (typeof value !== 'object' || value === null) return undefined;
  const found: unknown = Reflect.get(value, name);
  return typeof found === 'string' || typeof found === 'number' ? String(found) : undefined;
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // an answer that is not of a node, shown as it is
  }
};

const send = async ({ node, command, json, signal }: CommandCall): Promise<Response> => {
  const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  try {
    return await fetch(`http://${node}/`, {
      method: 'POST',
      headers: {
        'User-Agent': 'AnyLog/holdfast',
        'Content-Type': 'text/plain; charset=utf-8',
        command: 'body',
        ...(json === true ? { accept: 'application/json' } : {}),
      },
      body: command,
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
  } catch (caught) {
    const cause = caught instanceof Error && caught.cause !== undefined ? caught.cause : caught;
    throw fault('CLI_NODE_UNREACHABLE', `no node answers at ${node}: ${textOf(cause)}`, {
      hint: 'is it started? Name its REST address with --node HOST:PORT, as `rest` in its node.json tells it',
      cause: caught,
    });
  }
};

/** Runs one command on a node. `CLI_NODE_UNREACHABLE`, or `CLI_COMMAND_FAILED` with the node's own text and hint. */
export const callNode = async (call: CommandCall): Promise<string> => {
  const response = await send(call);
  const text = await response.text();
  if (response.ok) return text;
  const answer = parsed(text);
  const number = member(answer, 'err_code');
  const hint = member(answer, 'hint');
  throw fault(
    'CLI_COMMAND_FAILED',
    `${member(answer, 'err_text') ?? (text.trim() || response.statusText)}${number === undefined ? '' : ` (error ${number})`}`,
    { data: { status: response.status }, ...(hint === undefined ? {} : { hint }) },
  );
};
