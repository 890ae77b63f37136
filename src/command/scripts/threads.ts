import { asFault, fault } from '../../base/errors.ts';
import { THREADS_MAX, THREADS_OF_ONE_MAX } from '../../base/limits.ts';

/** A script in the background. */
export interface Thread {
  readonly number: number;
  readonly name: string;
  readonly startedMs: number;
  /** Who started it and may end it, beside admins; undefined for one of an admin. */
  readonly owner: string | undefined;
  readonly state: 'Running' | 'Ended' | 'Failed' | 'Stopped';
  readonly error: string | undefined;
}

interface Running {
  readonly stop: AbortController;
  thread: Thread;
}

/** How many that have ended are remembered. */
const ENDED_SHOWN_MAX = 16;

/** A script that is to run in the background. */
interface ThreadStart extends Pick<Thread, 'name' | 'startedMs' | 'owner'> {
  /** Ends it too. */
  readonly node: AbortSignal | undefined;
  /** Keeps why those of admins failed: of others it says nothing about the node. */
  readonly failures: Map<string, string> | undefined;
}

/** The newest of each script, at most as many as are remembered of the others. */
const noteFailure = (failures: Map<string, string>, name: string, error: string): void => {
  failures.delete(name);
  failures.set(name, error);
  const [oldest] = failures.keys();
  if (failures.size > ENDED_SHOWN_MAX && oldest !== undefined) failures.delete(oldest);
};

/** The scripts that run in the background: a bounded number, and all end with the node. */
export class Threads {
  #all: readonly Running[] = [];
  #last = 0;

  /** Gives its number. `COMMAND_THREADS_FULL`. */
  start({ name, startedMs, owner, node, failures }: ThreadStart, run: (signal: AbortSignal) => Promise<void>): number {
    const running = this.#all.filter(({ thread }) => thread.state === 'Running');
    const own = owner === undefined ? 0 : running.filter(({ thread }) => thread.owner === owner).length;
    if (running.length >= THREADS_MAX || own >= THREADS_OF_ONE_MAX)
      throw fault(
        'COMMAND_THREADS_FULL',
        own >= THREADS_OF_ONE_MAX
          ? `${own} of your scripts run in the background already, the most for who is no admin`
          : `${running.length} scripts run in the background already`,
        { hint: 'end them: exit scripts' },
      );
    const stop = new AbortController();
    const signal = node === undefined ? stop.signal : AbortSignal.any([node, stop.signal]);
    const thread: Thread = {
      ...{ number: (this.#last += 1), name, startedMs, owner, state: 'Running', error: undefined },
    };
    if (owner === undefined) failures?.delete(name);
    const started: Running = { stop, thread };
    const isEnded = ({ thread: { state } }: Running): boolean => state !== 'Running';
    const ended = this.#all.filter(isEnded).slice(-ENDED_SHOWN_MAX);
    this.#all = [...this.#all.filter((other) => !isEnded(other) || ended.includes(other)), started];
    void run(signal).then(
      () => (started.thread = { ...thread, state: 'Ended' }),
      (caught: unknown) => {
        const error = signal.aborted ? undefined : asFault(caught).message;
        started.thread = { ...thread, state: error === undefined ? 'Stopped' : 'Failed', error };
        if (error !== undefined && owner === undefined && failures !== undefined) noteFailure(failures, name, error);
      },
    );
    return thread.number;
  }

  list(): readonly Thread[] {
    return this.#all.map(({ thread }) => thread);
  }

  /** Ends all, or those of one owner; each after the line that it is in. */
  stop(owner: string | undefined): void {
    const meant = this.#all.filter(({ thread }) => owner === undefined || thread.owner === owner);
    for (const { stop } of meant) stop.abort(fault('COMMAND_SCRIPT_STOPPED', 'the script was told to end'));
  }
}
