import type { Clock } from './clock.ts';

/** How many wrong tries a key has, and how long it waits then. */
export interface TriesBounds {
  /** After so many wrong ones in a row a key has to wait … */
  readonly most: number;
  /** … until this long after the last. */
  readonly pauseMs: number;
  /** Keys that are remembered: the longest unchanged is forgotten first. */
  readonly keysMax: number;
}

/** Wrong tries of each key (an address, a peer): after some in a row it has to wait. */
export class Tries {
  readonly #clock: Clock;
  readonly #bounds: TriesBounds;
  readonly #wrong = new Map<string, { readonly count: number; readonly atMs: number }>();

  constructor(clock: Clock, bounds: TriesBounds) {
    this.#clock = clock;
    this.#bounds = bounds;
  }

  /** Milliseconds until the key may try again; 0 where it may now. */
  waitMs(key: string): number {
    const found = this.#wrong.get(key);
    if (found === undefined || found.count < this.#bounds.most) return 0;
    return Math.max(0, found.atMs + this.#bounds.pauseMs - this.#clock.monotonicMs());
  }

  wrong(key: string): void {
    const found = this.#wrong.get(key);
    const nowMs = this.#clock.monotonicMs();
    const isOld = found !== undefined && nowMs - found.atMs >= this.#bounds.pauseMs;
    this.#wrong.delete(key);
    this.#wrong.set(key, { count: found === undefined || isOld ? 1 : found.count + 1, atMs: nowMs });
    const [oldest] = this.#wrong.keys();
    if (this.#wrong.size > this.#bounds.keysMax && oldest !== undefined) this.#wrong.delete(oldest);
  }

  right(key: string): void {
    this.#wrong.delete(key);
  }
}
