import { fault } from '../../base/errors.ts';
import type { CommandContext } from '../context.ts';
import { checkEnvironment } from '../environment.ts';
import { perLine } from '../grammar/budget.ts';
import { meets, parseCondition } from '../grammar/condition.ts';
import { isKeyword } from '../grammar/lexer.ts';
import { textOfValue, valueOfRun } from '../grammar/values.ts';
import { span, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
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

/** Who waits so long does not go round and round. */
const WAIT_STEP_MS = 100;

/** Resolves once this node has what all connected nodes had when they were asked. */
const synced = async ({ ledger, ledgerSync, policies, clock }: CommandContext, ended: AbortSignal): Promise<void> => {
  for (;;) {
    ended.throwIfAborted();
    try {
      if (ledger.network !== undefined) {
        await ledgerSync.syncNow();
        await policies.caughtUp();
        return;
      }
    } catch {
      // A node that does not answer is asked again, while there is time.
    }
    await sleepUnless(clock, WAIT_STEP_MS, ended);
  }
};

/** `wait 5`, `wait 10 for !x`, `wait 10 for sync`: until the time is over or what is waited for is there. */
const wait = async (call: Call<OptionTable>): Promise<Reply> => {
  const { args, context, signal, dictionary: lookup } = call;
  const { clock } = context;
  const ms = span.read(args.tokens('time'), lookup);
  const tokens = args.tokens('condition');
  const fromMs = clock.monotonicMs();
  if (tokens.length === 0) await sleepUnless(clock, ms, signal);
  else if (tokens.length === 1 && isKeyword(tokens[0], 'sync')) {
    const ended = new AbortController();
    await sleepUnless(clock, ms, signal, (wake) => {
      void synced(context, ended.signal).then(wake, wake);
      return () => ended.abort();
    });
  } else {
    const condition = parseCondition(tokens);
    const until = clock.monotonicMs() + ms;
    for (let left = ms; left > 0 && !meets(condition, perLine(lookup)); left = until - clock.monotonicMs())
      await sleepUnless(clock, Math.min(left, WAIT_STEP_MS), signal);
  }
  // A timer may end up to a millisecond early.
  if (clock.monotonicMs() - fromMs >= WAIT_STEP_MS - 1) call.session.rested?.();
  return SILENT;
};

const environment = ({ args, context, session, text }: Call<OptionTable>): Reply => {
  if (/\benv\s+var\s*$/i.test(text))
    throw fault('COMMAND_STRUCTURE', 'the name of the variable is missing', { hint: 'usage: get env var <name>' });
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
    patterns: ['wait <time>', 'wait <time> for <condition...>'],
    usage: 'wait SECONDS {for CONDITION|sync}',
    method: 'any',
    remote: 'never',
    explanation:
      'waits for a number of seconds, or until a condition is met (a bare !x: defined and not false); sync: until this node has what all connected nodes have',
    examples: ['wait 5', 'wait 10 for !policy_id', 'wait 5 for !replies.diff == 0', 'wait 10 for sync'],
    run: wait,
  }),
];
