import { asFault, fault } from '../../base/errors.ts';
import { THREADS_MAX } from '../../base/limits.ts';

/** A script in the background. */
export interface Thread {
  readonly number: number;
  readonly name: string;
  readonly startedMs: number;
  readonly state: 'Running' | 'Ended' | 'Failed' | 'Stopped';
  readonly error: string | undefined;
}

interface Running {
  readonly stop: AbortController;
  thread: Thread;
}

/** How many that have ended are remembered. */
const ENDED_SHOWN_MAX = 16;

/** The scripts that run in the background: a bounded number, and all end with the node. */
export class Threads {
  #all: readonly Running[] = [];
  #last = 0;

  /** Gives its number. `node` ends it too. `COMMAND_THREADS_FULL`. */
  start(
    { name, startedMs, node }: Pick<Thread, 'name' | 'startedMs'> & { readonly node: AbortSignal | undefined },
    run: (signal: AbortSignal) => Promise<void>,
  ): number {
    const count = this.#all.filter(({ thread }) => thread.state === 'Running').length;
    if (count >= THREADS_MAX)
      throw fault('COMMAND_THREADS_FULL', `${count} scripts run in the background already`, {
        hint: 'end them: exit scripts',
      });
    const stop = new AbortController();
    const signal = node === undefined ? stop.signal : AbortSignal.any([node, stop.signal]);
    const thread: Thread = {
      ...{ number: (this.#last += 1), name, startedMs, state: 'Running', error: undefined },
    };
    const running: Running = { stop, thread };
    const isEnded = ({ thread: { state } }: Running): boolean => state !== 'Running';
    const ended = this.#all.filter(isEnded).slice(-ENDED_SHOWN_MAX);
    this.#all = [...this.#all.filter((other) => !isEnded(other) || ended.includes(other)), running];
    void run(signal).then(
      () => (running.thread = { ...thread, state: 'Ended' }),
      (caught: unknown) => {
        running.thread = signal.aborted
          ? { ...thread, state: 'Stopped' }
          : { ...thread, state: 'Failed', error: asFault(caught).message };
      },
    );
    return thread.number;
  }

  list(): readonly Thread[] {
    return this.#all.map(({ thread }) => thread);
  }

  /** Ends all; each after the line that it is in. */
  stop(): void {
    for (const { stop } of this.#all) stop.abort(fault('COMMAND_SCRIPT_STOPPED', 'the script was told to end'));
  }
}
