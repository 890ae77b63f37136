import type { Cursor } from '../ledger/ledger.ts';

interface Waiter extends PromiseWithResolvers<undefined> {
  readonly cursor: Cursor;
}

/** Those who wait until the entries before a place of the ledger are taken up. */
export class CursorWaiters {
  #waiters: Waiter[] = [];

  until(cursor: Cursor): Promise<void> {
    const waiter = { cursor, ...Promise.withResolvers<undefined>() };
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  /** The entries before `cursor` are taken up. */
  reached(cursor: Cursor): void {
    for (const { resolve } of this.#take((waiter) => waiter.cursor <= cursor)) resolve(undefined);
  }

  /** They cannot be. */
  fail(reason: unknown): void {
    for (const { reject } of this.#take(() => true)) reject(reason);
  }

  #take(isDue: (waiter: Waiter) => boolean): readonly Waiter[] {
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => !isDue(waiter));
    return waiters.filter(isDue);
  }
}
