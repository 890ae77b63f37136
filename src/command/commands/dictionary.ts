import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { asFault, fault, textOf, type HoldfastError } from '../../base/errors.ts';
import { SCRIPT_BYTES_MAX } from '../../base/limits.ts';
import { checkEnvironment } from '../environment.ts';
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

/** Over REST only scripts that were put where scripts are, or the start script: any other file is the node's user's. */
const scriptPath = ({ context, session }: Call<OptionTable>, name: string): string => {
  const { directories, script } = context.facts;
  const path = resolve(directories.scripts, name);
  const inside = relative(directories.scripts, path);
  const isOurs = inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
  if (session.caller === 'local' || isOurs || path === script) return path;
  throw fault('COMMAND_SCRIPT_REFUSED', `the script ${path} is not in ${directories.scripts}`, {
    hint: 'put it there, or name it when the node starts: --script FILE',
  });
};

const runScript = async (call: Call<OptionTable>): Promise<Reply> => {
  const name = call.args.text('file');
  const path = scriptPath(call, name);
  const outputs: string[] = [];
  let goesOn = false;
  let done = 0;
  for (const { text, line } of splitScript(await readScript(path))) {
    call.signal?.throwIfAborted();
    if (/^(?:end|exit) scripts?$/i.test(text)) break;
    try {
      const statement = parseLine(text);
      if (statement.kind === 'on-error') goesOn = statement.mode === 'ignore';
      const { text: output } = await call.execute(text);
      if (output !== '') outputs.push(output);
      done += 1;
    } catch (caught) {
      if (goesOn) continue;
      throw atLine(asFault(caught), name, { script: path, line, done });
    }
  }
  return says(outputs.join('\n'), outputs);
};

const WORD_SHOWN_CHARS_MAX = 40;

/** Where a script stopped. */
interface ScriptPlace {
  readonly script: string;
  readonly line: number;
  /** Commands that ran before. */
  readonly done: number;
}

/** The failure with its place. Of a line that is no command only the first word is shown: the file may be no script at all. */
const atLine = (failure: HoldfastError, name: string, place: ScriptPlace): HoldfastError => {
  const { code, message, hint, data } = failure;
  const word = code === 'COMMAND_UNKNOWN' ? data['word'] : undefined;
  const { word: _word, ...rest } = data;
  const shown = typeof word === 'string' ? `unknown command '${word.slice(0, WORD_SHOWN_CHARS_MAX)}'` : message;
  return fault(code, `line ${place.line} of ${name}: ${shown}`, {
    data: { ...rest, ...place },
    ...(hint === undefined ? {} : { hint }),
    // The cause repeats the line.
    ...(shown === message ? { cause: failure } : {}),
  });
};

const oversize = (bytes: number): HoldfastError =>
  fault('COMMAND_SCRIPT_OVERSIZE', `script of ${bytes} bytes or more; at most ${SCRIPT_BYTES_MAX}`);

/** Only from a regular file, and never more than `SCRIPT_BYTES_MAX`. */
const readScript = async (path: string): Promise<string> => {
  try {
    const about = await stat(path);
    // A pipe would never end, a device never stop.
    if (!about.isFile()) throw new Error('it is not a regular file');
    if (about.size > SCRIPT_BYTES_MAX) throw oversize(about.size);
    // One byte more than allowed shows a file that grows, or whose size the system does not tell.
    const content = await buffer(createReadStream(path, { end: SCRIPT_BYTES_MAX }));
    if (content.length > SCRIPT_BYTES_MAX) throw oversize(content.length);
    return content.toString('utf8');
  } catch (caught) {
    if (asFault(caught).code === 'COMMAND_SCRIPT_OVERSIZE') throw caught;
    throw fault('COMMAND_SCRIPT_MISSING', `the script ${path} cannot be read: ${textOf(caught)}`, {
      hint: 'give a name in !local_scripts',
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

const environment = ({ args, context, session }: Call<OptionTable>): Reply => {
  const name = args.raw('name').replace(/^\$/, '');
  checkEnvironment(session.caller, name);
  const value = context.environment(name);
  return value === undefined ? { text: `${name} is not set`, json: null } : says(value, value);
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
    patterns: ['process <file>', 'script <file>'],
    method: 'POST',
    remote: 'never',
    explanation:
      'runs the commands of a file in !local_scripts, or of the start script; stops at the first that fails, unless after: on error ignore',
    examples: ['process operator.al', 'process !local_scripts/operator.al'],
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
