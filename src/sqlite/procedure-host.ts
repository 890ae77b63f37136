import { asFault, fault, type HoldfastError } from '../base/errors.ts';
import { SQLITE_STREAMS_MAX } from '../base/limits.ts';
import type { ReadDirectory } from './databases.ts';

/** What a thread is asked. A stream keeps its number until its last item or `end`. */
export type ProcedureRequest =
  | { readonly kind: 'call'; readonly module: string; readonly name: string; readonly args: readonly unknown[] }
  | {
      readonly kind: 'open';
      readonly stream: number;
      readonly module: string;
      readonly name: string;
      readonly args: readonly unknown[];
    }
  | { readonly kind: 'next' | 'end'; readonly stream: number }
  /**
   * The writer opens again what rests because the disk failed a write; before it the readers let go of what they have
   * open.
   */
  | { readonly kind: 'mend' };

/** The answer to `mend`. */
export interface Mended {
  /** Databases that are written again. */
  readonly names: readonly string[];
  /** Of one that must rest on. */
  readonly failing: FaultImage | undefined;
}

/** The answer to `open` and `next`. After `done` comes nothing; a `value` beside it is the last item. */
export interface StreamStep {
  readonly done: boolean;
  readonly value: unknown;
}

/** A `HoldfastError` as plain values, to cross a thread. */
export interface FaultImage {
  readonly code: string;
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly hint: string | undefined;
  /** Where it was thrown. */
  readonly stack: string | undefined;
}

/** Whatever was thrown, as plain values; what is no `HoldfastError` is `INTERNAL` with its own stack. */
export const imageOf = (caught: unknown): FaultImage => {
  const { code, message, data, hint, stack, cause } = asFault(caught);
  const thrown = code === 'INTERNAL' && cause instanceof Error ? cause.stack : stack;
  return { code, text: message, data, hint, stack: thrown };
};

/** The error again, on the other side; its cause has the stack of where it was thrown. */
export const fromImage = ({ code, text, data, hint, stack }: FaultImage): HoldfastError => {
  const origin = new Error(text);
  if (stack !== undefined) origin.stack = stack;
  return fault(code, text, { data, cause: origin, ...(hint === undefined ? {} : { hint }) });
};

type Procedure = (databases: ReadDirectory, ...args: readonly unknown[]) => unknown;
type Loader = (module: string) => unknown;

interface OpenStream {
  readonly iterator: Iterator<unknown>;
  readonly databases: ReadDirectory;
}

/**
 * Runs procedures over the databases of one directory; the inside of a SQLite thread. Each open stream has
 * connections of its own, so that a slow reader of one neither blocks the thread nor shares a deadline with others.
 */
export class ProcedureHost {
  readonly #openDirectory: () => ReadDirectory;
  readonly #load: Loader;
  readonly #main: ReadDirectory;
  readonly #idle: ReadDirectory[] = [];
  readonly #streams = new Map<number, OpenStream>();

  /** `load` gives the `procedures` of a module, or a promise of them. */
  constructor(openDirectory: () => ReadDirectory, load: Loader) {
    this.#openDirectory = openDirectory;
    this.#load = load;
    this.#main = openDirectory();
  }

  /**
   * The procedure's result, a {@link StreamStep}, or undefined for `end`. Throws what the procedure throws, as
   * `HoldfastError`.
   */
  async handle(request: ProcedureRequest): Promise<unknown> {
    try {
      return await this.#handle(request);
    } catch (caught) {
      throw asFault(caught);
    }
  }

  /** Of a database that rests because the disk failed a write; undefined while all are written. */
  get failing(): HoldfastError | undefined {
    return this.#main.failing;
  }

  close(): void {
    for (const stream of [...this.#streams.keys()]) this.#end(stream);
    for (const databases of [this.#main, ...this.#idle]) databases.close();
  }

  async #handle(request: ProcedureRequest): Promise<unknown> {
    switch (request.kind) {
      case 'call': {
        const procedure = await this.#procedure(request.module, request.name);
        try {
          return procedure(this.#main, ...request.args);
        } finally {
          this.#main.rest();
        }
      }
      case 'open':
        return this.#open(request.stream, await this.#procedure(request.module, request.name), request.args);
      case 'next':
        return this.#next(request.stream);
      case 'end':
        this.#end(request.stream);
        return undefined;
      case 'mend':
        return this.#mend();
    }
  }

  #mend(): Mended {
    const names = [...this.#idle, this.#main].flatMap((databases) => databases.mend());
    return { names, failing: this.failing && imageOf(this.failing) };
  }

  async #procedure(module: string, name: string): Promise<Procedure> {
    const procedures = await this.#load(module);
    const found: unknown =
      typeof procedures === 'object' && procedures !== null && Object.hasOwn(procedures, name)
        ? Reflect.get(procedures, name)
        : undefined;
    if (typeof found !== 'function') throw fault('SQLITE_PROCEDURE', `${module} has no procedure ${name}`);
    return found as Procedure;
  }

  #open(stream: number, procedure: Procedure, args: readonly unknown[]): StreamStep {
    if (this.#streams.size >= SQLITE_STREAMS_MAX)
      throw fault('SQLITE_OVERLOADED', `${SQLITE_STREAMS_MAX} streams are open in this thread`, {
        hint: 'try again when queries have ended',
      });
    const databases = this.#idle.pop() ?? this.#openDirectory();
    try {
      const items = procedure(databases, ...args) as Iterable<unknown>;
      this.#streams.set(stream, { iterator: items[Symbol.iterator](), databases });
    } catch (caught) {
      this.#release(databases);
      throw caught;
    }
    return this.#next(stream);
  }

  #next(stream: number): StreamStep {
    const open = this.#streams.get(stream);
    if (open === undefined) throw fault('SQLITE_THREAD_DIED', 'the thread that read this stream ended');
    try {
      const step = open.iterator.next();
      if (step.done === true) this.#end(stream);
      return { done: step.done === true, value: step.value };
    } catch (caught) {
      this.#end(stream);
      throw caught;
    }
  }

  #end(stream: number): void {
    const open = this.#streams.get(stream);
    if (open === undefined) return;
    this.#streams.delete(stream);
    try {
      open.iterator.return?.();
    } finally {
      this.#release(open.databases);
    }
  }

  #release(databases: ReadDirectory): void {
    databases.rest();
    this.#idle.push(databases);
  }
}

/**
 * Byte arrays to hand over instead of copying: the value itself or one level inside it, each only where it is all of
 * its buffer (a view of a shared pool is copied).
 */
export const transferable = (value: unknown): ArrayBuffer[] => {
  if (typeof value !== 'object' || value === null) return [];
  const inside: readonly unknown[] = value instanceof Uint8Array ? [value] : Object.values(value);
  const found = new Set<ArrayBuffer>();
  for (const item of inside) {
    if (item instanceof Uint8Array && item.buffer instanceof ArrayBuffer && item.byteLength === item.buffer.byteLength)
      found.add(item.buffer);
  }
  return [...found];
};
