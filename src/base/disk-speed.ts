import type { Clock } from './clock.ts';
import type { DiskProbe } from './disk-probe.ts';
import type { Resource } from './lifecycle.ts';
import { DISK_SLOW_MS, DISK_STALLED_MS, DISK_TRIES_APART_MS } from './limits.ts';

/** So many writes are tried before a disk is judged, and looked back on: one may have waited for a busy machine. */
const TRIES_MIN = 3;
const TRIES_KEPT = 5;

/**
 * How long it takes until a small write is on the disk, tried while somebody waits for writes: an idle node leaves the
 * disk alone. A write that fails says nothing of its speed; whoever writes in earnest tells of that.
 */
export class DiskSpeed implements Resource {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #probe: DiskProbe;
  /** Milliseconds, the newest last. */
  #took: readonly number[] = [];
  /** When the newest try ended. */
  #triedMs = 0;
  #trying: Promise<void> | undefined;
  /** Since when the disk works on the try under way; undefined while that waits for a thread. */
  #atDiskMs: number | undefined;
  #isAsked = false;

  /** Owns the probe. */
  constructor(clock: Pick<Clock, 'monotonicMs'>, probe: DiskProbe) {
    this.#clock = clock;
    this.#probe = probe;
  }

  /** Somebody waits for the disk: the next {@link look} tries it. Cheap. */
  ask(): void {
    this.#isAsked = true;
  }

  /** To be called regularly: begins a try where one is due, and calls `tried` at its end. */
  look(tried: () => void): void {
    if (this.#trying !== undefined) return;
    // What was found slow is looked at until it is fast again.
    const isDue = this.#isAsked || this.cause !== undefined;
    this.#isAsked = false;
    if (isDue) {
      this.#trying = this.#try();
      void this.#trying.then(tried);
    } else if (this.#clock.monotonicMs() - this.#triedMs >= DISK_TRIES_APART_MS) this.#took = [];
  }

  /** Waits for the try under way; no {@link look} may follow. */
  async close(): Promise<void> {
    await this.#trying;
    await this.#probe.close();
  }

  /** Why the disk counts as slow; undefined where it does not, or nobody has asked. */
  get cause(): string | undefined {
    const waitsMs = this.#atDiskMs === undefined ? 0 : this.#clock.monotonicMs() - this.#atDiskMs;
    if (waitsMs >= DISK_STALLED_MS) return `a small write waits for the disk since ${(waitsMs / 1_000).toFixed(0)} s`;
    if (this.#took.length < TRIES_MIN) return undefined;
    const median = this.#took.toSorted((a, b) => a - b)[this.#took.length >> 1] ?? 0;
    return median < DISK_SLOW_MS ? undefined : `a small write takes ${median.toFixed(0)} ms to be on the disk`;
  }

  async #try(): Promise<void> {
    let tookMs = 0;
    try {
      await this.#probe.write((isAtDisk) => {
        const nowMs = this.#clock.monotonicMs();
        tookMs += nowMs - (this.#atDiskMs ?? nowMs);
        this.#atDiskMs = isAtDisk ? nowMs : undefined;
      });
      this.#took = [...this.#took, tookMs].slice(-TRIES_KEPT);
    } catch {
      this.#took = [];
    } finally {
      this.#triedMs = this.#clock.monotonicMs();
      this.#trying = undefined;
    }
  }
}
