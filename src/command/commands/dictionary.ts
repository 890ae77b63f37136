import { readFile, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { asFault, fault, textOf } from '../../base/errors.ts';
import { SCRIPT_BYTES_MAX } from '../../base/limits.ts';
import { parseLine } from '../grammar/line.ts';
import { splitScript } from '../grammar/script.ts';
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

const runScript = async (call: Call<OptionTable>): Promise<Reply> => {
  const name = call.args.text('file');
  const path = isAbsolute(name) ? name : join(call.context.facts.directories.scripts, name);
  const outputs: string[] = [];
  let goesOn = false;
  for (const { text, line } of splitScript(await readScript(path))) {
    call.signal?.throwIfAborted();
    if (/^(?:end|exit) scripts?$/i.test(text)) break;
    try {
      const statement = parseLine(text);
      if (statement.kind === 'on-error') goesOn = statement.mode === 'ignore';
      const { text: output } = await call.execute(text);
      if (output !== '') outputs.push(output);
    } catch (caught) {
      if (goesOn) continue;
      const { code, message, hint, data } = asFault(caught);
      throw fault(code, `line ${line} of ${name}: ${message}`, {
        data: { ...data, script: path, line },
        ...(hint === undefined ? {} : { hint }),
        cause: caught,
      });
    }
  }
  return says(outputs.join('\n'), outputs);
};

const readScript = async (path: string): Promise<string> => {
  try {
    const about = await stat(path);
    // A pipe would never end, a device never stop.
    if (!about.isFile()) throw new Error('it is not a regular file');
    const { size } = about;
    if (size > SCRIPT_BYTES_MAX)
      throw fault('COMMAND_SCRIPT_OVERSIZE', `script of ${size} bytes; at most ${SCRIPT_BYTES_MAX}`);
    return await readFile(path, 'utf8');
  } catch (caught) {
    if (asFault(caught).code === 'COMMAND_SCRIPT_OVERSIZE') throw caught;
    throw fault('COMMAND_SCRIPT_MISSING', `the script ${path} cannot be read: ${textOf(caught)}`, {
      hint: 'give an absolute path, or a name in !local_scripts',
    });
  }
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

const environment = ({ args, context }: Call<OptionTable>): Reply => {
  const name = args.raw('name').replace(/^\$/, '');
  return says(context.environment(name) ?? '', context.environment(name) ?? null);
};

/** Variables, output, scripts. */
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
    explanation: 'prints a variable of the environment',
    examples: ['get env var HOME'],
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
    patterns: ['process <file>', 'script <file>'],
    method: 'POST',
    remote: 'never',
    explanation: 'runs the commands of a file; stops at the first that fails, unless after: on error ignore',
    examples: ['process /etc/holdfast/operator.al'],
    run: runScript,
  }),
  define({
    patterns: ['wait <time> for <variable>', 'wait <time>'],
    method: 'any',
    remote: 'never',
    explanation: 'waits for a number of seconds, or until a variable is defined',
    examples: ['wait 5', 'wait 10 for !policy_id'],
    run: wait,
  }),
  define({
    patterns: ['exit scripts', 'end script', 'exit script'],
    method: 'POST',
    remote: 'never',
    explanation: 'ends the script that runs',
    examples: ['exit scripts'],
    run: () => SILENT,
  }),
];
