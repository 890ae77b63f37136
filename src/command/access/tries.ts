import type { Clock } from '../../base/clock.ts';
import { PASSWORD_ADDRESSES_MAX, PASSWORD_PAUSE_MS, PASSWORD_TRIES_MAX } from '../../base/limits.ts';

/** Wrong passwords of each address: after some in a row it has to wait. */
export class Tries {
  readonly #clock: Clock;
  /** Longest unchanged first. */
  readonly #wrong = new Map<string, { readonly count: number; readonly atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until the address may try again; 0 where it may now. */
  waitMs(address: string): number {
    const found = this.#wrong.get(address);
    if (found === undefined || found.count < PASSWORD_TRIES_MAX) return 0;
    return Math.max(0, found.atMs + PASSWORD_PAUSE_MS - this.#clock.monotonicMs());
  }

  wrong(address: string): void {
    const found = this.#wrong.get(address);
    const nowMs = this.#clock.monotonicMs();
    const isOld = found !== undefined && nowMs - found.atMs > PASSWORD_PAUSE_MS;
    this.#wrong.delete(address);
    this.#wrong.set(address, { count: found === undefined || isOld ? 1 : found.count + 1, atMs: nowMs });
    const [oldest] = this.#wrong.keys();
    if (this.#wrong.size > PASSWORD_ADDRESSES_MAX && oldest !== undefined) this.#wrong.delete(oldest);
  }

  right(address: string): void {
    this.#wrong.delete(address);
  }
}
