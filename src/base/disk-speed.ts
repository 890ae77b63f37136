import type { Clock } from './clock.ts';
import { DISK_SLOW_MS, DISK_STALLED_MS } from './limits.ts';

/** So many writes are tried before a disk is judged, and looked back on: one may have waited for a busy machine. */
const TRIES_MIN = 3;
const TRIES_KEPT = 5;

/**
 * How long it takes until a small write is on the disk, tried while somebody waits for writes: an idle node leaves the
 * disk alone. A write that fails says nothing of its speed; whoever writes in earnest tells of that.
 */
export class DiskSpeed {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #write: () => Promise<void>;
  /** Milliseconds, the newest last. */
  #took: readonly number[] = [];
  #begunMs: number | undefined;
  #isAsked = false;

  /** `write` resolves when some bytes are on the disk. */
  constructor(clock: Pick<Clock, 'monotonicMs'>, write: () => Promise<void>) {
    this.#clock = clock;
    this.#write = write;
  }

  /** Somebody waits for the disk: the next {@link look} tries it. Cheap. */
  ask(): void {
    this.#isAsked = true;
  }

  /** To be called regularly: begins a try where one is due, and calls `tried` at its end. */
  look(tried: () => void): void {
    if (this.#begunMs !== undefined) return;
    // What was found slow is looked at until it is fast again.
    const isDue = this.#isAsked || this.cause !== undefined;
    this.#isAsked = false;
    if (isDue) void this.#try().then(tried);
    else this.#took = [];
  }

  /** Why the disk counts as slow; undefined where it does not, or nobody has asked. */
  get cause(): string | undefined {
    const waitsMs = this.#begunMs === undefined ? 0 : this.#clock.monotonicMs() - this.#begunMs;
    if (waitsMs >= DISK_STALLED_MS) return `a small write waits for the disk since ${(waitsMs / 1_000).toFixed(0)} s`;
    if (this.#took.length < TRIES_MIN) return undefined;
    const median = this.#took.toSorted((a, b) => a - b)[this.#took.length >> 1] ?? 0;
    return median < DISK_SLOW_MS ? undefined : `a small write takes ${median.toFixed(0)} ms to be on the disk`;
  }

  async #try(): Promise<void> {
    const begunMs = this.#clock.monotonicMs();
    this.#begunMs = begunMs;
    try {
      await this.#write();
      this.#took = [...this.#took, this.#clock.monotonicMs() - begunMs].slice(-TRIES_KEPT);
    } catch {
      this.#took = [];
    } finally {
      this.#begunMs = undefined;
    }
  }
}
