import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { asFault, fault, printedIn, textOf, type HoldfastError } from '../../base/errors.ts';
import { SCRIPT_BYTES_MAX, SCRIPT_OUTPUT_CHARS_MAX } from '../../base/limits.ts';
import { Flow, readProgram, type Program } from '../grammar/program.ts';
import { splitScript } from '../grammar/script.ts';
import type { OptionTable } from '../options.ts';
import { define, type Call, type Command } from '../registry.ts';
import { says, SILENT, type Reply } from '../reply.ts';

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

/** Other work has its turn after so many lines. */
const LINES_AT_ONCE = 100;

const runScript = async (call: Call<OptionTable>): Promise<Reply> => {
  const name = call.args.text('file');
  const path = scriptPath(call, name);
  const flow = new Flow(readFlow(await readScript(path), name, path));
  const execute = call.newScript();
  const outputs = new Outputs();
  let [done, ran] = [0, 0];
  const placed = (caught: unknown): HoldfastError =>
    atLine(asFault(caught), name, { script: path, line: flow.line, done, printed: outputs.texts });
  const onTheWay = <T>(ask: () => T): T => {
    try {
      return ask();
    } catch (caught) {
      throw placed(caught);
    }
  };
  const next = (): string | undefined => onTheWay(() => flow.next(call.dictionary));
  for (let text = next(); text !== undefined; text = next()) {
    call.signal?.throwIfAborted();
    if ((ran += 1) % LINES_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    try {
      outputs.add((await execute(text)).text);
      done += 1;
    } catch (caught) {
      call.signal?.throwIfAborted();
      const failure = placed(caught);
      if (onTheWay(() => flow.failed()) === 'end') throw failure;
      call.context.log.warn(`the script goes on after a failure, as it says itself: ${failure.message}`);
    }
  }
  return says(outputs.texts.join('\n'), outputs.texts);
};

/** What the lines of a script print, up to a bound: a loop prints without end. */
class Outputs {
  readonly texts: string[] = [];
  #chars = 0;

  add(text: string): void {
    if (text === '' || this.#chars > SCRIPT_OUTPUT_CHARS_MAX) return;
    this.#chars += text.length + 1;
    this.texts.push(this.#chars > SCRIPT_OUTPUT_CHARS_MAX ? '… more is not shown' : text);
  }
}

const readFlow = (content: string, name: string, path: string): Program => {
  try {
    return readProgram(splitScript(content));
  } catch (caught) {
    const failure = asFault(caught);
    const { line } = failure.data;
    throw typeof line === 'number' ? atLine(failure, name, { script: path, line, done: 0, printed: [] }) : failure;
  }
};

const WORD_SHOWN_CHARS_MAX = 40;

/** Where a script stopped. */
interface ScriptPlace {
  readonly script: string;
  readonly line: number;
  /** Commands that ran before. */
  readonly done: number;
  /** What they printed. */
  readonly printed: readonly string[];
}

/** The failure with its place. Of a line that is no command only the first word is shown: the file may be no script at all. */
const atLine = (failure: HoldfastError, name: string, place: ScriptPlace): HoldfastError => {
  const { code, message, hint, data } = failure;
  const word = code === 'COMMAND_UNKNOWN' ? data['word'] : undefined;
  const { word: _word, ...rest } = data;
  // What a script within this one printed comes last.
  const printed = [...place.printed, ...printedIn(failure)];
  const shown = typeof word === 'string' ? `unknown command '${word.slice(0, WORD_SHOWN_CHARS_MAX)}'` : message;
  return fault(code, `line ${place.line} of ${name}: ${shown}`, {
    data: { ...rest, ...place, printed },
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

/** Lines that lead on within a script: the script itself takes them, so that alone they mean nothing. */
const flowCommand = (
  patterns: readonly [string, ...string[]],
  explanation: string,
  examples: readonly string[],
): Command =>
  define({
    patterns,
    method: 'POST',
    remote: 'never',
    explanation,
    examples,
    run: () => {
      throw fault('COMMAND_SCRIPT_ONLY', 'this line means something in a script only', {
        hint: 'put it into a file of !local_scripts, and run that: process FILE',
      });
    },
  });

/** Scripts, and the lines that only stand in them. */
export const scriptCommands = (): readonly Command[] => [
  define({
    patterns: ['process <file>', 'script <file>'],
    method: 'POST',
    remote: 'never',
    explanation:
      'runs the commands of a file in !local_scripts, or of the start script; stops at the first that fails, unless after: on error ignore, goto LABEL or call LABEL',
    examples: ['process operator.al', 'process !local_scripts/operator.al'],
    run: runScript,
  }),
  define({
    patterns: ['exit scripts', 'end script', 'exit script'],
    method: 'POST',
    remote: 'never',
    explanation: 'ends the script that runs',
    examples: ['exit scripts'],
    run: () => SILENT,
  }),
  flowCommand(['goto <label>'], 'in a script: goes on after the line :LABEL:', ['goto declare-cluster']),
  flowCommand(
    ['call <label>', 'return'],
    'in a script: goes on after the line :LABEL:, and comes back at the line return',
    ['call declare-cluster', 'return'],
  ),
  flowCommand(
    ['do <command...>', 'else <command...>', 'else'],
    'in a script: after a line `if CONDITION` or `if CONDITION then`, lines that begin with do belong to it; else, or else if, for where it is not met',
    ['do set node name a', 'else echo there is none', 'else if !policy_id then goto known'],
  ),
];
