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

/** After all promises, without a turn of the event loop. */
const afterPromises = (step: () => void): void => queueMicrotask(() => process.nextTick(step));

export interface VirtualClockOptions {
  /**
   * Nothing of what runs does real work (files, threads, streams): then the event loop turns once each time that time
   * is moved, and between tasks all promises go on. Quicker.
   */
  readonly isPure?: boolean;
}

export const createVirtualClock = (startWallMs = 1_767_225_600_000, options: VirtualClockOptions = {}): VirtualClock =>
  new TaskClock(startWallMs, options.isPure === true ? afterPromises : setImmediate);

/** A class, since V8 would keep the getters of an object literal, and with them every world, until it collects all. */
class TaskClock implements VirtualClock {
  readonly #tasks = new TaskQueue();
  readonly #soon: (step: () => void) => void;
  #nowMs = 0;
  #wallOffsetMs: number;
  #order = 0;
  #ran = 0;

  constructor(startWallMs: number, soon: (step: () => void) => void) {
    this.#wallOffsetMs = startWallMs;
    this.#soon = soon;
  }

  get pending(): number {
    return this.#tasks.size;
  }

  get ran(): number {
    return this.#ran;
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    return this.#tasks.push({ dueMs: this.#nowMs + Math.max(0, ms), order: this.#order++, run, isSet: true });
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await this.#run(endMs, never);
    this.#nowMs = endMs;
  }

  async runUntil(done: () => boolean, limitMs: number, what = done.toString()): Promise<void> {
    const endMs = this.#nowMs + limitMs;
    while (!(await this.#run(endMs, done))) {
      // Real work (a file, a thread) may still be under way on a busy machine: give it real time before giving up.
      const giveUpMs = performance.now() + REAL_WORK_MS;
      while (performance.now() < giveUpMs && !done() && !this.#tasks.isDue(endMs)) await settle();
      if (done() || this.#tasks.isDue(endMs)) continue;
      throw new Error(`waited ${limitMs} virtual ms in vain for: ${what}`);
    }
  }

  async runWhile<T>(work: Promise<T>, limitMs: number, what = 'a promise'): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    work.then(mark, mark);
    await this.runUntil(() => settled, limitMs, what);
    return work;
  }

  setWallMs(ms: number): void {
    this.#wallOffsetMs = ms - this.#nowMs;
  }

  /**
   * Task by task until `endMs` or until `done` holds; true where it came to hold. Without a promise for each: there are
   * many.
   */
  #run(endMs: number, done: () => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          const isDone = done();
          const task = isDone ? undefined : this.#tasks.takeDue(endMs);
          if (task === undefined) {
            resolve(isDone);
            return;
          }
          this.#nowMs = Math.max(this.#nowMs, task.dueMs);
          this.#ran += 1;
          task.run();
          this.#soon(step);
        } catch (caught) {
          reject(caught);
        }
      };
      setImmediate(step);
    });
  }
}

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
