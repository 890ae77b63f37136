import { appendFile, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { styleText } from 'node:util';
import { z } from 'zod';
import { asFault, textOf } from '../base/errors.ts';
import { oneLine } from '../base/log.ts';
import { parseLine } from '../command/grammar/line.ts';
import { quoted } from './quoted.ts';
import { callNode } from './rest-client.ts';
import type { Target } from './target.ts';
import { isWatched, printFault, printNote, printText, type Terminal } from './terminal.ts';

const HISTORY_LINES_MAX = 1_000;
/** Ends the shell, not the node. */
const LEAVE = new Set(['exit', 'quit', 'exit shell']);

const historyPath = (): string => join(homedir(), '.holdfast_history');

/** A line that may hold a secret, or begins with a blank, as shells have it, is not kept. */
const SECRET = /^\s|\b(?:password|token)\b|holdfast-invite-/i;

/** Newest first, as readline wants it. */
const readHistory = async (): Promise<string[]> => {
  const text = await readFile(historyPath(), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .slice(-HISTORY_LINES_MAX)
    .reverse();
};

/** Ways to go on from what was typed: those of the node's commands that begin with it. */
export const completions = (commands: readonly string[], typed: string): [string[], string] => {
  const start = typed.trimStart().toLowerCase();
  return [commands.filter((command) => command.toLowerCase().startsWith(start)), typed.trimStart()];
};

/**
 * A command up to the first place that is to be filled in: `blockchain get <query…>` is completed to `blockchain get `.
 */
const typedPart = (usage: string): string => usage.replace(/[<[({].*$/s, '');

const commandNames = async (target: Target): Promise<readonly string[]> => {
  const reply: unknown = JSON.parse(await callNode({ ...target, command: 'get commands where format = json' }));
  const names = z.array(z.union([z.string(), z.looseObject({ command: z.string() })])).safeParse(reply);
  return names.success ? names.data.map((name) => typedPart(typeof name === 'string' ? name : name.command)) : [];
};

/** Commands are known here; what may follow them (options, their values) the node says. */
const completeAt = async (target: Target, names: readonly string[], typed: string): Promise<[string[], string]> => {
  const here = completions(names, typed);
  if (here[0].length > 0) return here;
  try {
    const command = `get completions ${quoted(here[1])} format = json`;
    const lines = z.array(z.string()).parse(JSON.parse(await callNode({ ...target, command })));
    return [lines.filter((line) => line === oneLine(line)), here[1]];
  } catch {
    return here; // an older node, or one that has gone: a key press is no place for an error
  }
};

const nodeName = async (target: Target): Promise<string> =>
  (await callNode({ ...target, command: 'get node name' })).trim();

/** Joins the lines of a `<…>` block; undefined while the block is open. */
export const joinBlock = (lines: readonly string[]): string | undefined => {
  const text = lines.join(' ').trim();
  return text.startsWith('<') && !text.endsWith('>') ? undefined : text;
};

/** The destination that a line makes the standing one, empty for this node; undefined for any other line. */
const standingOf = (line: string): string | undefined => {
  try {
    const statement = parseLine(line);
    return statement.kind === 'client' && statement.command === '' ? statement.destination : undefined;
  } catch {
    return undefined; // the node says what is wrong with it
  }
};

/** A shell's own state: where its commands go from the node. */
class Commands {
  readonly #terminal: Terminal;
  readonly #target: Target;
  readonly #timeoutMs: number | undefined;
  #standing: string | undefined;

  constructor(terminal: Terminal, target: Target, timeoutMs: number | undefined) {
    this.#terminal = terminal;
    this.#target = target;
    this.#timeoutMs = timeoutMs;
  }

  /** As the prompt shows it. */
  get destination(): string {
    return this.#standing === undefined ? '' : ` (${this.#standing})`;
  }

  /** Whether the command did what it should. */
  async run(line: string, signal: AbortSignal): Promise<boolean> {
    const onNote = (text: string): void => printNote(this.#terminal, text);
    const titlesOnce = !isWatched(this.#terminal.stdout);
    const call = { ...this.#target, command: line, signal, timeoutMs: this.#timeoutMs, onNote, titlesOnce };
    try {
      const standing = standingOf(line);
      const text = await callNode(this.#standing === undefined ? call : { ...call, standing: this.#standing });
      if (standing === undefined) printText(this.#terminal.stdout, text);
      // Only what the node takes for a destination.
      else this.#standing = standing === '' ? undefined : standing.replace(/\s+/g, ' ');
      return true;
    } catch (caught) {
      printFault(this.#terminal, asFault(caught));
      return false;
    }
  }
}

/** `ask` shows a prompt where there is a person. Resolves to the number of commands that failed. */
const readLines = async (
  terminal: Terminal,
  commands: Commands,
  readline: Interface,
  ask: (open: boolean) => void,
): Promise<number> => {
  let failed = 0;
  let block: string[] = [];
  let running: AbortController | undefined;
  readline.on('SIGINT', () => {
    if (running !== undefined) running.abort(new Error('interrupted'));
    else {
      block = [];
      readline.write(null, { ctrl: true, name: 'e' });
      readline.write(null, { ctrl: true, name: 'u' });
      terminal.stdout.write('\n');
      ask(false);
    }
  });
  terminal.gone?.addEventListener('abort', () => readline.close(), { once: true });
  ask(false);
  for await (const line of readline) {
    if (terminal.gone?.aborted === true) break; // whose commands these are no longer sees what they do
    block.push(line);
    const command = joinBlock(block);
    if (command !== undefined) {
      block = [];
      if (LEAVE.has(command)) return failed;
      running = new AbortController();
      if (command !== '' && !(await commands.run(command, running.signal))) failed += 1;
      running = undefined;
    }
    ask(block.length > 0);
  }
  // A block that never ends would take all that follows it without a word: the node says what it lacks.
  const isLost = block.length > 0 && !terminal.stdin.isTTY && terminal.gone?.aborted !== true;
  if (isLost && !(await commands.run(block.join(' '), new AbortController().signal))) failed += 1;
  return failed;
};

/**
 * Reads commands from a person (history, completion, prompt) or from a pipe (plain) until the end of input or `exit`. A
 * failing command is shown and the shell goes on; a pipe with one ends with status 1. Ctrl-C drops the line or stops
 * waiting; Ctrl-D leaves.
 */
export const runShell = async (terminal: Terminal, target: Target, timeoutMs?: number): Promise<number> => {
  const interactive = terminal.stdin.isTTY;
  const name = await nodeName(target);
  const names = interactive ? await commandNames(target) : [];
  const commands = new Commands(terminal, target, timeoutMs);
  const readline = createInterface({
    input: terminal.stdin,
    output: interactive ? terminal.stdout : undefined,
    terminal: interactive,
    history: interactive ? await readHistory() : [],
    historySize: HISTORY_LINES_MAX,
    removeHistoryDuplicates: true,
    completer: (typed: string, done: (error: null, result: [string[], string]) => void) => {
      void completeAt(target, names, typed).then((result) => done(null, result));
    },
  });
  if (interactive) {
    readline.on('line', (line) => {
      if (line.trim() === '' || SECRET.test(line)) return;
      appendFile(historyPath(), `${line}\n`, { mode: 0o600 }).catch((caught: unknown) => {
        terminal.stderr.write(`history is not kept: ${textOf(caught)}\n`);
      });
    });
  }
  const prompt = (): string => styleText('cyan', `AL ${name}${commands.destination} +> `, { stream: terminal.stdout });
  const failed = await readLines(terminal, commands, readline, (open) => {
    if (!interactive) return; // a pipe needs no prompt, and may have ended
    readline.setPrompt(open ? '   … ' : prompt());
    readline.prompt();
  });
  readline.close();
  if (interactive) terminal.stdout.write('\n');
  return interactive || failed === 0 ? 0 : 1;
};
