import type { Clock } from '../../src/base/clock.ts';

/** Time that moves only when it is told to. Tasks due at the same moment run in the order in which they were set. */
export interface VirtualClock extends Clock {
  /** Tasks that are set and have not run. */
  readonly pending: number;
  /** Tasks that have run. */
  readonly ran: number;
  /**
   * Moves time forward by `ms`, running what falls due on the way; after each task everything that can go on
   * without time passing does (promises, and one turn of the event loop).
   */
  advance(ms: number): Promise<void>;
  /** Runs task by task until `done` holds; throws when that takes more than `limitMs` of virtual time. */
  runUntil(done: () => boolean, limitMs: number, what?: string): Promise<void>;
  /** Awaits `work` while time moves as fast as it can; throws as `runUntil` does. */
  runWhile<T>(work: Promise<T>, limitMs: number, what?: string): Promise<T>;
  /** Makes the wall clock jump, as a corrected clock does; monotonic time and tasks are not touched. */
  setWallMs(ms: number): void;
}

interface Task {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
  /** Not run and not taken back. */
  isSet: boolean;
}

/** Real time that files and threads are given once no virtual time is left. */
const REAL_WORK_MS = 3_000;

/** Lets everything go on that needs no time: all promises, then one turn of the event loop. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const never = (): boolean => false;

export const createVirtualClock = (startWallMs = 1_767_225_600_000): VirtualClock => {
  let nowMs = 0;
  let wallOffsetMs = startWallMs;
  let order = 0;
  let ran = 0;
  const tasks = new TaskQueue();

  /** Task by task until `endMs` or until `done` holds; true where it came to hold. Without a promise for each: there are many. */
  const run = (endMs: number, done: () => boolean): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          const isDone = done();
          const task = isDone ? undefined : tasks.takeDue(endMs);
          if (task === undefined) {
            resolve(isDone);
            return;
          }
          nowMs = Math.max(nowMs, task.dueMs);
          ran += 1;
          task.run();
          setImmediate(step);
        } catch (caught) {
          reject(caught);
        }
      };
      setImmediate(step);
    });
  const runUntil = async (done: () => boolean, limitMs: number, what = done.toString()): Promise<void> => {
    const endMs = nowMs + limitMs;
    while (!(await run(endMs, done))) {
      // Real work (a file, a thread) may still be under way on a busy machine: give it real time before giving up.
      const giveUpMs = performance.now() + REAL_WORK_MS;
      while (performance.now() < giveUpMs && !done() && !tasks.isDue(endMs)) await settle();
      if (done() || tasks.isDue(endMs)) continue;
      throw new Error(`waited ${limitMs} virtual ms in vain for: ${what}`);
    }
  };
  return {
    wallMs: () => wallOffsetMs + nowMs,
    monotonicMs: () => nowMs,
    after: (ms, run) => tasks.push({ dueMs: nowMs + Math.max(0, ms), order: order++, run, isSet: true }),
    get pending() {
      return tasks.size;
    },
    get ran() {
      return ran;
    },
    async advance(ms) {
      const endMs = nowMs + ms;
      await run(endMs, never);
      nowMs = endMs;
    },
    runUntil,
    async runWhile(work, limitMs, what = 'a promise') {
      let settled = false;
      const mark = (): void => {
        settled = true;
      };
      work.then(mark, mark);
      await runUntil(() => settled, limitMs, what);
      return work;
    },
    setWallMs(ms) {
      wallOffsetMs = ms - nowMs;
    },
  };
};

/** A binary heap by (due, order); a task that was taken back is skipped when it comes up. */
class TaskQueue {
  readonly #heap: Task[] = [];
  #set = 0;

  /** Tasks that were neither taken nor taken back. */
  get size(): number {
    return this.#set;
  }

  push(task: Task): () => void {
    this.#set += 1;
    this.#rise(task);
    return () => {
      if (!task.isSet) return;
      task.isSet = false;
      this.#set -= 1;
    };
  }

  /** Takes the first one, if it is due by then. */
  takeDue(atMs: number): Task | undefined {
    if (!this.isDue(atMs)) return undefined;
    const task = this.#removeTop();
    task.isSet = false;
    this.#set -= 1;
    return task;
  }

  isDue(atMs: number): boolean {
    let task = this.#heap[0];
    for (; task?.isSet === false; task = this.#heap[0]) this.#removeTop();
    return task !== undefined && task.dueMs <= atMs;
  }

  #removeTop(): Task {
    const top = this.#heap[0] as Task;
    const last = this.#heap.pop() as Task;
    if (this.#heap.length > 0) this.#sink(last);
    return top;
  }

  #rise(task: Task): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Task;
      if (!isBefore(task, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = task;
  }

  /** Puts a task in the place of the top one. */
  #sink(task: Task): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let next = 2 * at + 1;
      if (next >= heap.length) break;
      if (next + 1 < heap.length && isBefore(heap[next + 1] as Task, heap[next] as Task)) next += 1;
      const below = heap[next] as Task;
      if (!isBefore(below, task)) break;
      heap[at] = below;
      at = next;
    }
    heap[at] = task;
  }
}

const isBefore = (a: Task, b: Task): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
