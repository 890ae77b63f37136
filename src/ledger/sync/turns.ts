import type { Clock } from '../../base/clock.ts';
import { SYNC_TURN_MS } from '../../base/limits.ts';
import type { Turn } from './protocol.ts';

/** Gives out one turn at a time, in the order of asking. */
export class Turns {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #busy = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async take(): Promise<Turn> {
    if (this.#busy) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#busy = true;
    const endMs = this.#clock.monotonicMs() + SYNC_TURN_MS;
    let released = false;
    return {
      over: () => this.#waiting.length > 0 && this.#clock.monotonicMs() >= endMs,
      release: () => {
        if (released) return;
        released = true;
        const next = this.#waiting.shift();
        // Stays busy when it is handed on, so that nobody slips in between.
        if (next === undefined) this.#busy = false;
        else next();
      },
    };
  }
}
