import { asFault, fault } from './errors.ts';

/** Something that is stopped once, in the reverse of the order in which things were started. */
export interface Resource {
  close(): Promise<void>;
}

/**
 * Owns resources in the order they were acquired and closes them in reverse.
 * (`AsyncDisposableStack` is not in Node 22, which we support.)
 */
export class ResourceStack implements Resource {
  readonly #owned: (() => Promise<void> | void)[] = [];

  /** Takes ownership and returns the resource. */
  use<T extends Resource>(resource: T): T {
    this.#owned.push(() => resource.close());
    return resource;
  }

  /** Calls `task` on close. */
  defer(task: () => Promise<void> | void): void {
    this.#owned.push(task);
  }

  /** Closes everything, even where one fails; throws the first failure at the end. Safe to call twice. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (let task = this.#owned.pop(); task !== undefined; task = this.#owned.pop()) {
      try {
        await task();
      } catch (caught) {
        failures.push(caught);
      }
    }
    if (failures.length > 0) {
      const first = asFault(failures[0]);
      throw fault('CLOSE_FAILED', `${failures.length} part(s) did not stop cleanly: ${first.message}`, {
        cause: first,
      });
    }
  }
}

/** Runs `start` with a stack; if it fails, what it took is released before the error goes on. */
export const acquire = async <T>(start: (stack: ResourceStack) => Promise<T>): Promise<T> => {
  const stack = new ResourceStack();
  try {
    return await start(stack);
  } catch (caught) {
    await stack.close().catch((closing: unknown) => {
      throw fault('START_FAILED', asFault(caught).message, { cause: new AggregateError([caught, closing]) });
    });
    throw caught;
  }
};
