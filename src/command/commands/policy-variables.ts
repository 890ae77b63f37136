import { COMMAND_DEPTH_MAX } from '../../base/limits.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../codec/json.ts';
import { isKeyword, tokenize, type Token } from '../grammar/lexer.ts';
import { readPairs } from '../grammar/pairs.ts';
import { syntaxFault } from '../grammar/syntax.ts';
import { valueOfRun } from '../grammar/values.ts';
import { json, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesJson, says, SILENT, type Reply } from '../reply.ts';

/** Where a policy type listens unless told otherwise. */
const DEFAULT_PORTS: Readonly<Record<string, readonly [number, number]>> = {
  master: [32048, 32049],
  operator: [32148, 32149],
  publisher: [32248, 32249],
  query: [32348, 32349],
};
const PORT_NAMES = new Set(['port', 'rest_port', 'broker_port']);

/** Text that says a number where policies have one; everything else stays text, as typed. */
const typedValue = (key: string, tokens: readonly Token[], value: JsonValue): JsonValue => {
  if (tokens.length !== 1 || tokens[0]?.kind === 'string' || typeof value !== 'string') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  return PORT_NAMES.has(key) && /^\d{1,5}$/.test(value) ? Number(value) : value;
};

const withDefaults = (call: Call<OptionTable>, type: string): JsonObject => {
  const ports = Object.hasOwn(DEFAULT_PORTS, type) ? DEFAULT_PORTS[type] : undefined;
  return {
    ip: call.dictionary.variable('external_ip') ?? '',
    internal_ip: call.dictionary.variable('ip') ?? '',
    ...(ports === undefined ? {} : { port: ports[0], rest_port: ports[1] }),
  };
};

/** Keys are the user's own, so they are read here and not by a table. */
const createPolicy = (call: Call<OptionTable>): Reply => {
  const { args, dictionary } = call;
  const type = args.text('type').toLowerCase();
  const rest = args.raw('rest');
  const head = /^\s*(with\s+defaults\s*)?(?:where\s+(.*))?$/is.exec(rest);
  if (head === null)
    throw syntaxFault(
      'create policy is not complete',
      0,
      rest,
      'create policy TYPE {with defaults} where KEY = VALUE and …',
    );
  const tokens = tokenize(head[2] ?? '');
  const given = tokens.length === 0 ? [] : readPairs(tokens);
  const members = given.map(({ key, value }) => [key, typedValue(key, value, valueOfRun(value, dictionary))] as const);
  const defaults = head[1] === undefined ? {} : withDefaults(call, type);
  const policy: JsonObject = { [type]: { ...defaults, ...Object.fromEntries(members) } };
  if (head[1] !== undefined) call.context.policies.prepare(policy);
  return givesJson(policy);
};

interface Step {
  readonly path: readonly string[];
  /** `+` adds to a list. */
  readonly append: boolean;
  readonly value: JsonValue;
  /** An empty text takes the key away. */
  readonly remove: boolean;
}

const bracketNames = (token: Token): string =>
  token.text
    .slice(1, -1)
    .trim()
    .replace(/^(["'])(.*)\1$/, '$2');

const isPath = (token: Token | undefined): token is Token => token?.kind === 'braces' && token.text.startsWith('[');

/** An `and` that goes on with a path starts the next step; any other belongs to the value. */
const startsStep = (tokens: readonly Token[], at: number): boolean =>
  isKeyword(tokens[at], 'and') && isPath(tokens[at + 1]);

const readStep = (call: Call<OptionTable>, tokens: readonly Token[]): Step => {
  const end = tokens.findIndex((token) => !isPath(token));
  const sign = tokens[end];
  const path = tokens.slice(0, Math.max(0, end)).map(bracketNames);
  const append = sign?.text === '+';
  if (sign === undefined || path.length === 0 || path.length > COMMAND_DEPTH_MAX || !(append || sign.kind === 'equals'))
    throw syntaxFault(
      'set policy needs a path and a value',
      sign?.at ?? 0,
      sign?.raw ?? '',
      'set policy NAME [a][b] = VALUE and …',
    );
  const run = tokens.slice(end + 1);
  if (run.length === 0) throw syntaxFault('set policy needs a value', sign.end, '', 'a value');
  const value = typedValue(path.at(-1) ?? '', run, valueOfRun(run, call.dictionary));
  return { path, append, value, remove: run.length === 1 && run[0]?.kind === 'string' && value === '' };
};

/** Reads `[a][b] = v and [c] + v`. */
const readSteps = (call: Call<OptionTable>): readonly Step[] => {
  const tokens = call.args.tokens('steps');
  const steps: Step[] = [];
  let from = 0;
  for (let at = 0; at <= tokens.length; at += 1) {
    if (at < tokens.length && !startsStep(tokens, at)) continue;
    if (at > from || steps.length === 0) steps.push(readStep(call, tokens.slice(from, at)));
    from = at + 1;
  }
  return steps;
};

/** A copy of `target` with the step taken. Names from outside become own properties only. */
const applied = (target: JsonValue | undefined, { path, append, value, remove }: Step): JsonValue => {
  const [name, ...rest] = path;
  if (name === undefined) {
    if (Array.isArray(target)) return [...(target as readonly JsonValue[]), value];
    return append ? [...(target === undefined ? [] : [target]), value] : value;
  }
  const held = isJsonObject(target) ? target : {};
  const members = new Map(Object.entries(held));
  if (remove && rest.length === 0) members.delete(name);
  else members.set(name, applied(members.get(name), { path: rest, append, value, remove }));
  return Object.fromEntries(members);
};

const setPolicy = (call: Call<OptionTable>): Reply => {
  const { args, dictionary } = call;
  const name = args.raw('name').replace(/^!/, '');
  if (!/^[A-Za-z_][\w-]*$/.test(name)) throw syntaxFault('set policy needs the name of a variable', 0, name, 'a name');
  const current = dictionary.variable(name);
  let policy: JsonValue =
    typeof current === 'string' && current.trim().startsWith('{')
      ? json.read(tokenize(current), dictionary)
      : (current ?? {});
  if (typeof policy === 'string') policy = {};
  for (const step of readSteps(call)) policy = applied(policy, step);
  dictionary.assign(name, policy);
  return SILENT;
};

const hasReference = (value: JsonValue): boolean => {
  if (typeof value === 'string') return /^!{1,2}[A-Za-z_]/.test(value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some((item) => hasReference(item));
};

const isSound = (call: Call<OptionTable>): boolean => {
  try {
    return !hasReference(json.read(call.args.tokens('object'), call.dictionary));
  } catch {
    return false;
  }
};

/** Policies in variables. */
export const policyVariableCommands = (): readonly Command[] => [
  define({
    patterns: ['create policy <type> <rest...>'],
    method: 'POST',
    explanation: 'makes a policy of keys and values; assign it to a variable',
    examples: [
      'new = create policy cluster where name = c1 and company = mine',
      'new = create policy operator with defaults where name = op1',
    ],
    run: createPolicy,
  }),
  define({
    patterns: ['set policy <name> <steps...>'],
    method: 'POST',
    explanation:
      'sets attributes of a policy in a variable; {} and [] make objects and lists, + adds to a list, "" removes',
    examples: ['set policy new_policy [operator][port] = 7848', 'set policy new_policy [cluster] = {}'],
    run: setPolicy,
  }),
  define({
    patterns: ['json <object>'],
    method: 'any',
    remote: 'always',
    explanation: 'prints a JSON object with its variables filled in',
    examples: ['json !policy'],
    run: ({ args, dictionary }) => givesJson(json.read(args.tokens('object'), dictionary)),
  }),
  define({
    patterns: ['json <object> test'],
    method: 'any',
    remote: 'always',
    explanation: 'whether it is JSON without a variable that is not defined',
    examples: ['json !policy test'],
    run: (call) => {
      const sound = isSound(call);
      return says(String(sound), sound);
    },
  }),
];
