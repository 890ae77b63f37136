import { checkEnvironment } from '../environment.ts';
import { resolveReference, textOfValue, valueOfRun } from '../grammar/values.ts';
import { span, type OptionTable } from '../options.ts';
import { define, type Call, type Command } from '../registry.ts';
import { givesTable, says, SILENT, type Reply } from '../reply.ts';
import { sleepUnless } from '../wait.ts';

const dictionary = ({ variables, session, args }: Call<OptionTable>): Reply => {
  const part = args.text('part').toLowerCase();
  const all = new Map(variables.entries());
  for (const [name, value] of session.scope ?? []) all.set(name, value);
  const shown = [...all].filter(([name]) => name.toLowerCase().includes(part)).sort(([a], [b]) => (a < b ? -1 : 1));
  return givesTable({
    titles: ['Variable', 'Value'],
    rows: shown.map(([name, value]) => [name, textOfValue(value)]),
    json: Object.fromEntries(shown),
  });
};

const WAIT_STEP_MS = 100;

/** `wait 5`, `wait 10 for !x`: until the time is over or the variable is defined. */
const wait = async (call: Call<OptionTable>): Promise<Reply> => {
  const { args, context, signal } = call;
  const until = context.clock.monotonicMs() + span.read(args.tokens('time'), call.dictionary);
  const [variable] = args.tokens('variable');
  for (let left = until - context.clock.monotonicMs(); left > 0; left = until - context.clock.monotonicMs()) {
    if (variable !== undefined && resolveReference(variable.raw, call.dictionary) !== undefined) return SILENT;
    await sleepUnless(context.clock, variable === undefined ? left : Math.min(left, WAIT_STEP_MS), signal);
  }
  return SILENT;
};

const environment = ({ args, context, session }: Call<OptionTable>): Reply => {
  const name = args.raw('name').replace(/^\$/, '');
  checkEnvironment(session.caller, name);
  const value = context.environment(name);
  return value === undefined ? { text: `${name} is not set`, json: null } : says(value, value);
};

/** Variables and output. */
export const dictionaryCommands = (): readonly Command[] => [
  define({
    patterns: ['get dictionary <part?>'],
    method: 'GET',
    remote: 'registered',
    explanation: 'lists the variables whose names hold the text',
    examples: ['get dictionary', 'get dictionary _dir'],
    run: dictionary,
  }),
  define({
    patterns: ['get env var <name>', 'get env <name>'],
    method: 'GET',
    remote: 'never',
    explanation: 'prints a variable of the environment: one that begins with HOLDFAST_, or that deployments set',
    examples: ['get env var HOLDFAST_NAME', 'get env var NODE_TYPE'],
    run: environment,
  }),
  define({
    patterns: ['echo <text...>', 'print <text...>'],
    method: 'any',
    remote: 'always',
    explanation: 'prints text, with variables filled in',
    examples: ['echo the node is !node_name'],
    run: (call) => says(textOfValue(valueOfRun(call.args.tokens('text'), call.dictionary))),
  }),
  define({
    patterns: ['wait <time> for <variable>', 'wait <time>'],
    method: 'any',
    remote: 'never',
    explanation: 'waits for a number of seconds, or until a variable is defined',
    examples: ['wait 5', 'wait 10 for !policy_id'],
    run: wait,
  }),
];
