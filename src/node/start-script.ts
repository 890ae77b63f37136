import { type Clock, sleep } from '../base/clock.ts';
import { asFault, type HoldfastError } from '../base/errors.ts';
import { DISK_LOOK_MS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { ScriptOutcome } from '../command/context.ts';
import { type CommandExecutor, createSession } from '../command/executor.ts';

/** A script that runs once, when the node has started. */
export interface StartScript {
  readonly executor: Pick<CommandExecutor, 'execute'>;
  readonly path: string;
  /** What the script waits for; where it rejects, the script is not run. */
  readonly before: Promise<unknown>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Keeps why the script was not run, or stopped. */
  readonly outcome?: ScriptOutcome | undefined;
}

const OF_THE_DISK: ReadonlySet<string> = new Set(['DISK_NO_ROOM', 'LEDGER_DISK_FAILED', 'SQLITE_DISK_FAILED']);

/** The disk stopped it before anything was done: it can be run again as if for the first time. */
const mayRunAgain = ({ code, data }: HoldfastError): boolean => OF_THE_DISK.has(code) && data['done'] === 0;

/**
 * Of a script that is to come it is said from the first: whoever asks before it has begun must not take the node for
 * one that stays as it is.
 */
export const toCome = (path: string | undefined): ScriptOutcome => ({
  failure: undefined,
  running: path === undefined ? undefined : { path, line: 0 },
});

/**
 * Runs the start script once the node is ready and, where peers can be reached, has taken up what they know of it: on a
 * new disk its policies come from them. A failing line is said and does not end the node; where the disk stops the
 * first one, the script waits for the disk. Never rejects.
 */
export const runStartScript = async (script: StartScript): Promise<void> => {
  const { outcome } = script;
  await runToItsEnd(script);
  if (outcome !== undefined) outcome.running = undefined;
};

/** The same for a node without a start script: why it did not get ready is said, and ends nothing. Never rejects. */
export const sayUnready = async ({
  before,
  log,
  signal,
}: Pick<StartScript, 'before' | 'log' | 'signal'>): Promise<void> => {
  try {
    await before;
  } catch (caught) {
    if (!signal.aborted) log.error(`what the peers know was not taken up: ${asFault(caught).message}`);
  }
};

const runToItsEnd = async (script: StartScript): Promise<void> => {
  const { path, before, log, signal, outcome } = script;
  try {
    await before;
  } catch (caught) {
    if (signal.aborted) return;
    const text = `the script ${path} was not run: ${asFault(caught).message}`;
    log.error(text);
    if (outcome !== undefined) outcome.failure = text;
    return;
  }
  try {
    await runOnceDiskAllows(script);
    log.info(`the script ${path} has run`);
  } catch (caught) {
    if (signal.aborted) return;
    const { message, hint } = asFault(caught);
    if (outcome !== undefined) outcome.failure = `the script ${path} stopped: ${message}`;
    log.error(`the script ${path} stopped: ${message}`, hint === undefined ? {} : { hint });
  }
};

const runOnceDiskAllows = async ({ executor, path, clock, log, signal, outcome }: StartScript): Promise<void> => {
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    try {
      await executor.execute({ text: `process "${path}"`, format: 'text', signal, session: createSession() });
      return;
    } catch (caught) {
      const error = asFault(caught);
      if (!mayRunAgain(error)) throw error;
      if (outcome !== undefined) outcome.running = { path, line: 0 };
      if (tries === 1) log.error(`the script ${path} waits for the disk: ${error.message}`);
    }
    await sleep(clock, DISK_LOOK_MS, signal);
  }
};
