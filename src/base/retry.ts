import type { Clock } from './clock.ts';
import type { Resource } from './lifecycle.ts';

/** How long to wait before the first attempt, and at most before any: doubled in between. */
export interface RetryPauses {
  readonly minMs: number;
  readonly maxMs: number;
}

/** Repeats an attempt at growing intervals until it succeeds; one at a time, none before it is asked for. */
export class Retry implements Resource {
  readonly #clock: Clock;
  readonly #pauses: RetryPauses;
  readonly #attempt: () => Promise<void>;
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;
  /** Asked for while an attempt runs, which may have looked before what failed since. */
  #again = false;
  #closed = false;

  /** `attempt` rejects while it does not succeed; it says itself what went wrong. */
  constructor(clock: Clock, pauses: RetryPauses, attempt: () => Promise<void>) {
    this.#clock = clock;
    this.#pauses = pauses;
    this.#attempt = attempt;
  }

  /** Attempts until one succeeds that began after this call. */
  start(): void {
    if (this.#running !== undefined) this.#again = true;
    else if (this.#cancel === undefined) this.#after(this.#pauses.minMs);
  }

  /** No further attempt; resolves when the one that runs has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.#running;
  }

  #after(ms: number): void {
    if (this.#closed) return;
    this.#cancel = this.#clock.after(ms, () => {
      this.#cancel = undefined;
      this.#again = false;
      this.#running = this.#attempt().then(
        () => this.#ended(this.#again ? this.#pauses.minMs : undefined),
        () => this.#ended(Math.min(2 * ms, this.#pauses.maxMs)),
      );
    });
  }

  #ended(nextMs: number | undefined): void {
    this.#running = undefined;
    if (nextMs !== undefined) this.#after(nextMs);
  }
}
