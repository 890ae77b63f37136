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
}

/** Real time that files and threads are given once no virtual time is left. */
const REAL_WORK_MS = 3_000;

/** Lets everything go on that needs no time: all promises, then one turn of the event loop. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const createVirtualClock = (startWallMs = 1_767_225_600_000): VirtualClock => {
  let nowMs = 0;
  let wallOffsetMs = startWallMs;
  let order = 0;
  let ran = 0;
  const tasks = new TaskQueue();

  const runNext = async (limitMs: number): Promise<boolean> => {
    const task = tasks.peek();
    if (task === undefined || task.dueMs > limitMs) return false;
    tasks.pop();
    nowMs = Math.max(nowMs, task.dueMs);
    ran += 1;
    task.run();
    await settle();
    return true;
  };
  const runUntil = async (done: () => boolean, limitMs: number, what = done.toString()): Promise<void> => {
    const endMs = nowMs + limitMs;
    await settle();
    while (!done()) {
      if (await runNext(endMs)) continue;
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
    after: (ms, run) => tasks.push({ dueMs: nowMs + Math.max(0, ms), order: order++, run }),
    get pending() {
      return tasks.size;
    },
    get ran() {
      return ran;
    },
    async advance(ms) {
      const endMs = nowMs + ms;
      await settle();
      while (await runNext(endMs)) continue;
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
  readonly #live = new Set<Task>();

  get size(): number {
    return this.#live.size;
  }

  push(task: Task): () => void {
    this.#live.add(task);
    this.#heap.push(task);
    this.#rise(this.#heap.length - 1);
    return () => this.#live.delete(task);
  }

  peek(): Task | undefined {
    while (this.#heap.length > 0 && !this.#live.has(this.#heap[0] as Task)) this.#removeTop();
    return this.#heap[0];
  }

  pop(): Task | undefined {
    const task = this.peek();
    if (task === undefined) return undefined;
    this.#live.delete(task);
    this.#removeTop();
    return task;
  }

  isDue(atMs: number): boolean {
    const task = this.peek();
    return task !== undefined && task.dueMs <= atMs;
  }

  #removeTop(): void {
    const last = this.#heap.pop() as Task;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink();
  }

  #rise(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(): void {
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let first = at;
      if (left < this.#heap.length && this.#before(left, first)) first = left;
      if (right < this.#heap.length && this.#before(right, first)) first = right;
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #before(a: number, b: number): boolean {
    const [first, second] = [this.#heap[a] as Task, this.#heap[b] as Task];
    return first.dueMs - second.dueMs < 0 || (first.dueMs === second.dueMs && first.order < second.order);
  }

  #swap(a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b] as Task, this.#heap[a] as Task];
  }
}
