import type { Clock } from './clock.ts';
import type { Resource } from './lifecycle.ts';
import { CLOCK_JUMP_MS_MIN, CLOCK_JUMP_SHOWN_MS, DISK_LOOK_MS } from './limits.ts';
import type { Logger } from './log.ts';

/** How the wall clock stands, as far as this machine alone can tell. */
export interface ClockStatus {
  /** The last jump, for a while: when (by the clock after it), and by how much; negative: backwards. */
  readonly jump: { readonly atMs: number; readonly byMs: number } | undefined;
}

/** Compares the wall clock with the monotonic one, and sees when it was set or jumped. */
export class ClockMonitor implements Resource {
  readonly #clock: Clock;
  readonly #log: Logger;
  #offsetMs: number;
  #jump: { readonly atMs: number; readonly byMs: number; readonly seenMs: number } | undefined;
  #cancel: () => void;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
    this.#offsetMs = clock.wallMs() - clock.monotonicMs();
    this.#cancel = clock.after(DISK_LOOK_MS, () => this.#look());
  }

  status(): ClockStatus {
    const jump = this.#jump;
    if (jump === undefined || this.#clock.monotonicMs() - jump.seenMs > CLOCK_JUMP_SHOWN_MS) return { jump: undefined };
    return { jump: { atMs: jump.atMs, byMs: jump.byMs } };
  }

  async close(): Promise<void> {
    this.#cancel();
  }

  #look(): void {
    const [wallMs, seenMs] = [this.#clock.wallMs(), this.#clock.monotonicMs()];
    const byMs = wallMs - seenMs - this.#offsetMs;
    this.#offsetMs = wallMs - seenMs;
    // Less is what a time service does all day.
    if (Math.abs(byMs) >= CLOCK_JUMP_MS_MIN) {
      this.#jump = { atMs: wallMs, byMs, seenMs };
      this.#log.warn(`the clock jumped by ${(byMs / 1_000).toFixed(1)} s`);
    }
    this.#cancel = this.#clock.after(DISK_LOOK_MS, () => this.#look());
  }
}
