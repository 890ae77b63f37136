import { asFault, fault, textOf } from '../../base/errors.ts';
import { withoutTokens } from '../../policy/admission/token.ts';
import { commandsAll } from '../access/door.ts';
import { policyScript, scriptAt, type Script } from '../scripts/load.ts';
import { runScript } from '../scripts/run.ts';
import { Threads, type Thread } from '../scripts/threads.ts';
import { anyText, required, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, says, SILENT, type Reply } from '../reply.ts';

const finished = async (call: Call<OptionTable>, script: Script, onLine?: (line: number) => void): Promise<Reply> => {
  const { texts, note } = await runScript(call, script, call.signal, onLine);
  return { ...says(texts.join('\n'), texts), note };
};

/** Whose scripts in the background they are; an admin's need no name, since admins command all. */
const ownerOf = (call: Call<OptionTable>): string | undefined => {
  if (commandsAll(call.context, call.session)) return undefined;
  const { by = '', name = '', key = '' } = call.session.person ?? {};
  return JSON.stringify([by, name, key]);
};

/**
 * Of the start script it is kept how it ended: a node whose script stopped half-way does less than was meant. Others
 * than admins may lack what it needs, or have what they set stand in its way, and say nothing of the node by that.
 */
const processFile = async (call: Call<OptionTable>): Promise<Reply> => {
  const script = await scriptAt(call, call.args.text('file'));
  const { facts, startScript } = call.context;
  const outcome = script.path === facts.script && commandsAll(call.context, call.session) ? startScript : undefined;
  const { path } = script;
  try {
    const reply = await finished(call, script, (line) => {
      if (outcome !== undefined) outcome.running = { path, line };
    });
    if (outcome !== undefined) outcome.failure = undefined;
    return reply;
  } catch (caught) {
    if (outcome !== undefined && call.signal?.aborted !== true)
      outcome.failure = `the script ${path} stopped: ${asFault(caught).message}`;
    throw caught;
  } finally {
    if (outcome !== undefined) outcome.running = undefined;
  }
};

/** Reads the script before it answers, so that what can be known of it is said at once. */
const startThread = async (call: Call<OptionTable>, threads: Threads): Promise<Reply> => {
  const script = await scriptAt(call, call.args.text('file'));
  const { context } = call;
  const number = threads.start(
    {
      name: script.name,
      startedMs: context.clock.wallMs(),
      owner: ownerOf(call),
      node: context.stopping,
      failures: context.threadFailures,
    },
    async (signal) => {
      try {
        const { texts, note } = await runScript(call, script, signal);
        context.log.info(`the script ${script.path} has run in the background`, {
          printed: withoutTokens(texts.join('\n')).slice(0, PRINTED_CHARS_LOGGED),
          ...(note === undefined ? {} : { note: note.text }),
        });
      } catch (caught) {
        if (!signal.aborted) context.log.error(`the script ${script.path} stopped: ${withoutTokens(textOf(caught))}`);
        throw caught;
      }
    },
  );
  return says(`The script ${script.name} runs in the background as number ${number}: get user threads`, {
    thread: number,
  });
};
const PRINTED_CHARS_LOGGED = 1_000;

const shownThreads = (threads: readonly Thread[]): Reply =>
  threads.length === 0
    ? says('No script runs in the background, and none has ended', [])
    : givesTable({
        titles: ['Number', 'Script', 'Status', 'Started', 'Error'],
        rows: threads.map(({ number, name, state, startedMs, error }) => [
          ...[number, name, state],
          ...[new Date(startedMs).toISOString(), error ?? ''],
        ]),
      });

/** Lines that lead on within a script: the script itself takes them, so that alone they mean nothing. */
const flowCommand = (
  patterns: readonly [string, ...string[]],
  explanation: string,
  examples: readonly string[],
  usage?: string,
): Command =>
  define({
    patterns,
    ...(usage === undefined ? {} : { usage }),
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

const flowCommands = (): readonly Command[] => [
  flowCommand(['goto <label>'], 'in a script: goes on after the line :LABEL:', ['goto declare-cluster']),
  flowCommand(
    ['call <label>', 'return'],
    'in a script: goes on after the line :LABEL:, and comes back at the line return',
    ['call declare-cluster', 'return'],
  ),
  flowCommand(
    ['do <command...>', 'else <command...>', 'else'],
    'in a script: after a line `if CONDITION` (all in one line, also outside of scripts: if CONDITION then COMMAND else COMMAND) or `if CONDITION then`, lines that begin with do belong to it; else, or else if, for where it is not met',
    ['do run data distributor', 'else echo there is none', 'else if !policy_id then goto known'],
    'if CONDITION then COMMAND {else COMMAND}, or in lines of a script: if CONDITION, do COMMAND, else COMMAND',
  ),
  flowCommand(
    ['for loop start where list = <list>', 'for loop end'],
    'in a script: runs the lines up to `for loop end` once for each item of the list; !list[+] is the item of the turn, !list.name[+] its attribute',
    ['for loop start where list = !tables', 'for loop end'],
  ),
];

const policyOptions = { id: required(anyText, 'id of the config policy') };

/** Scripts, and the lines that only stand in them. */
export const scriptCommands = (): readonly Command[] => {
  const threads = new Threads();
  const configured = new Map<string, string>();
  return [
    define({
      patterns: ['process <file>', 'script <file>'],
      method: 'POST',
      remote: 'never',
      explanation:
        'runs the commands of a file in !local_scripts, or of the start script (at most 1 MiB); stops at the first that fails, unless after: on error ignore, goto LABEL or call LABEL',
      examples: ['process operator.al', 'process !local_scripts/operator.al'],
      run: processFile,
    }),
    define({
      patterns: ['thread <file>'],
      method: 'POST',
      remote: 'never',
      explanation:
        'runs the commands of a file in the background, as process does; what it prints and why it stopped stands in the log of the node; at most 8 at once, 2 of one who is no admin. A script that goes on and on waits in between (wait SECONDS): without, it ends after 100,000 lines. Where one of an admin fails, get status says so',
      examples: ['thread watch.al'],
      run: (call) => startThread(call, threads),
    }),
    define({
      patterns: ['get user threads', 'get threads'],
      method: 'GET',
      remote: 'never',
      explanation: 'lists the scripts that run in the background, and the last ones that ended',
      examples: ['get user threads'],
      run: () => shownThreads(threads.list()),
    }),
    define({
      patterns: ['config from policy'],
      method: 'POST',
      remote: 'never',
      explanation: 'runs the commands in the attribute `script` of a config policy',
      examples: ['config from policy where id = 64999c0d4d8762f67f6fe4f120c7a54b'],
      options: policyOptions,
      run: async (call) => {
        const script = await policyScript(call, call.options.id);
        configured.set(call.options.id, new Date(call.context.clock.wallMs()).toISOString());
        return finished(call, script);
      },
    }),
    define({
      patterns: ['get config policies'],
      method: 'GET',
      explanation: 'lists the config policies that were run since the node started',
      examples: ['get config policies'],
      run: () => givesTable({ titles: ['Policy', 'Run'], rows: [...configured] }),
    }),
    define({
      patterns: ['exit scripts', 'end script', 'exit script'],
      method: 'POST',
      remote: 'never',
      explanation:
        'in a script: ends it. Elsewhere: ends the scripts that run in the background, for an admin all, else those that the caller started',
      examples: ['exit scripts'],
      run: (call) => {
        const owner = ownerOf(call);
        threads.stop(owner);
        if (owner === undefined) call.context.threadFailures?.clear();
        return SILENT;
      },
    }),
    ...flowCommands(),
  ];
};
