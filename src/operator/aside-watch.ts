import type { Clock } from '../base/clock.ts';
import { ASIDE_LOOK_MS, ASIDE_REST_TIMES } from '../base/limits.ts';
import type { Resource } from '../base/lifecycle.ts';

/** Looks again and again whether what was put aside still lies there: a fault that a person has mended is over. */
export class AsideWatch implements Resource {
  readonly #clock: Clock;
  readonly #looks: readonly (() => Promise<void>)[];
  #cancel: () => void;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(clock: Clock, looks: readonly (() => Promise<void>)[]) {
    this.#clock = clock;
    this.#looks = looks;
    this.#cancel = this.#after(ASIDE_LOOK_MS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#looking;
  }

  #after(ms: number): () => void {
    return this.#clock.after(ms, () => {
      this.#looking = this.#look();
    });
  }

  async #look(): Promise<void> {
    const beganMs = this.#clock.monotonicMs();
    // A disk that does not answer is told of elsewhere; what was known stays.
    for (const look of this.#looks) await look().catch(() => {});
    const tookMs = this.#clock.monotonicMs() - beganMs;
    if (!this.#closed) this.#cancel = this.#after(Math.max(ASIDE_LOOK_MS, ASIDE_REST_TIMES * tookMs));
  }
}
