import { ORPHAN_ROUNDS_MIN } from '../../base/limits.ts';
import type { FileRanges, Holdings } from '../../operator/file-record.ts';
import { subtractRanges, uniteRanges } from '../../operator/ranges.ts';
import { backoffMs } from './backoff.ts';
import { NO_FILES } from './holdings.ts';
import type { FilesByOrigin } from './messages.ts';

type Files = Map<string, FileRanges>;

const without = (files: Files, held: Holdings): void => {
  for (const [origin, ranges] of files) {
    const left = subtractRanges(ranges, held.get(origin) ?? NO_FILES);
    if (left.length > 0) files.set(origin, left);
    else files.delete(origin);
  }
};

/**
 * The duplicates that one peer gave and whose original is not here. They are asked for again in rounds, all of them,
 * each round later: there may be as many as a table that was dropped had files. Pure.
 */
export class Orphans {
  /** Of this round, and of the one before. */
  #files: Files = new Map();
  #before: Files = new Map();
  #round = 1;
  #untilMs = 0;

  /** Begins the next round when its time has come; forgets what is held by now. */
  look(nowMs: number, held: Holdings): void {
    if (this.#files.size === 0 && this.#before.size === 0) return;
    for (const files of [this.#files, this.#before]) without(files, held);
    if (this.#files.size === 0 || nowMs < this.#untilMs) return;
    this.#before = this.#files;
    this.#files = new Map();
    this.#round += 1;
  }

  /** Some were given; returns in which round since all of this round are known. */
  note(given: FilesByOrigin, nowMs: number): number {
    for (const [origin, ranges] of given) {
      if (subtractRanges(ranges, this.#before.get(origin) ?? NO_FILES).length > 0) this.#round = 1;
      this.#files.set(origin, uniteRanges(this.#files.get(origin) ?? NO_FILES, ranges));
    }
    this.#untilMs = nowMs + backoffMs(this.#round);
    return this.#round;
  }

  /** Those of an origin that are not asked for in this round any more. */
  of(origin: string): FileRanges {
    return this.#files.get(origin) ?? NO_FILES;
  }

  /** When the next round begins; undefined where there is none. */
  get untilMs(): number | undefined {
    return this.#files.size === 0 ? undefined : this.#untilMs;
  }

  /** Whether those of this round were the same in several: what they wait for is not on its way. */
  get settled(): boolean {
    return this.#round >= ORPHAN_ROUNDS_MIN;
  }
}
