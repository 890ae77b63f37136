import type { Clock } from '../base/clock.ts';
import { CLOCK_JUMP_MS_MIN, DISK_LOOK_MS } from '../base/limits.ts';
import { clockAhead, noteOnClock, type PeerClock } from '../command/health/clock-ahead.ts';
import type { DoubtfulWrites } from '../command/context.ts';

/** The own clock, and those that it is compared with. */
export interface ClockGuardPorts {
  readonly clock: Clock;
  /** The clocks of the connected nodes, as measured last. */
  clocks(): readonly PeerClock[];
  /** Measures them; undefined while nobody does yet. */
  measure(): Promise<void> | undefined;
}

/**
 * Keeps a node from dating entries by a clock that all others hold for wrong: they would wait there until their time
 * has come.
 */
export class ClockGuard {
  readonly #ports: ClockGuardPorts;
  /** How the wall clock stood to the monotonic one when the others were measured last. */
  #measuredAt: number | undefined;
  #lookedMs = -Infinity;
  #known: readonly PeerClock[] = [];
  #doubts: DoubtfulWrites = { count: 0, note: undefined };

  constructor(ports: ClockGuardPorts) {
    this.#ports = ports;
  }

  /** Writes that were allowed although this clock may be ahead. */
  get doubts(): DoubtfulWrites {
    return this.#doubts;
  }

  /** Resolves when this node may write. `LEDGER_CLOCK_AHEAD`. */
  async allowed(): Promise<void> {
    const { clock } = this.#ports;
    const standing = clock.wallMs() - clock.monotonicMs();
    // What was measured before this clock was set says nothing any more.
    if (this.#measuredAt === undefined || Math.abs(standing - this.#measuredAt) >= CLOCK_JUMP_MS_MIN) {
      const measured = this.#ports.measure();
      await measured;
      if (measured !== undefined) this.#measuredAt = standing;
      this.#lookedMs = -Infinity;
    }
    this.#look();
    const refusal = clockAhead(this.#known);
    if (refusal !== undefined) throw refusal;
    const note = noteOnClock(this.#known);
    if (note !== undefined) this.#doubts = { count: this.#doubts.count + 1, note };
  }

  /** Who is connected is not looked up for each of a thousand writes. */
  #look(): void {
    const nowMs = this.#ports.clock.monotonicMs();
    if (nowMs - this.#lookedMs < DISK_LOOK_MS) return;
    this.#lookedMs = nowMs;
    this.#known = this.#ports.clocks();
  }
}
