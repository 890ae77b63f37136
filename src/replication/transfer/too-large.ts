import type { Clock } from '../../base/clock.ts';
import type { HoldfastError } from '../../base/errors.ts';
import { TOO_LARGE_REST_MS } from '../../base/limits.ts';
import type { FileCopy, FileRanges } from '../../operator/file-record.ts';
import { inRanges } from '../../operator/ranges.ts';
import { bundlesOf, type Packing } from './bundle.ts';
import { rangesOf } from './holdings.ts';
import type { FilesByOrigin } from './messages.ts';

interface Noted {
  readonly fault: HoldfastError;
  /** Until then it is not read again: it would be made again from its rows for each peer, all the time. */
  readonly untilMs: number;
}

/** Files that are held here and that nothing can carry to a peer, as far as one wanted them. They hold up no other. */
export class TooLarge {
  readonly #clock: Clock;
  readonly #files = new Map<string, Map<number, Noted>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** As {@link bundlesOf}; remembers those that cannot travel. */
  pack(copies: readonly FileCopy[], filesMax?: number): Packing {
    const packing = bundlesOf(copies, filesMax);
    if (this.#files.size > 0) for (const { record } of copies) this.#files.get(record.origin)?.delete(record.file);
    const untilMs = this.#clock.monotonicMs() + TOO_LARGE_REST_MS;
    for (const { record, fault } of packing.tooLarge) {
      const { origin, file } = record;
      this.#files.set(origin, (this.#files.get(origin) ?? new Map<number, Noted>()).set(file, { fault, untilMs }));
    }
    return packing;
  }

  /** Those of an origin that are not worth another look yet. */
  resting(origin: string): FileRanges {
    const nowMs = this.#clock.monotonicMs();
    return rangesOf(
      [...(this.#files.get(origin) ?? [])].filter(([, { untilMs }]) => untilMs > nowMs).map(([file]) => file),
    );
  }

  /** Why one of these cannot be sent; undefined where none is known to be too large. */
  reason(files: FilesByOrigin): string | undefined {
    for (const [origin, ranges] of files)
      for (const [file, { fault }] of this.#files.get(origin) ?? []) if (inRanges(ranges, file)) return fault.message;
    return undefined;
  }
}
