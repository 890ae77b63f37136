import type { Clock } from '../base/clock.ts';
import type { FileRanges, Holdings } from '../operator/file-record.ts';
import { rangesOf } from './transfer/holdings.ts';

/** A file by its name. */
interface Named {
  readonly origin: string;
  readonly file: number;
}

/** Files that are on their way in and not stored yet: who asked for one of them would get it twice. */
export class Arrivals {
  readonly #under = new Set<readonly Named[]>();
  readonly #clock: Clock;
  readonly #onEnd: () => void;

  /** `onEnd`: some are stored, will not come, or are waited for no longer. */
  constructor(clock: Clock, onEnd: () => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  /** These come, within `ms` or not at all; returns how to say that they are here, or will not come. */
  expect(files: readonly Named[], ms: number): () => void {
    if (files.length === 0) return () => {};
    // As a list of its own: the same file may come from two peers.
    const named = files.map(({ origin, file }) => ({ origin, file }));
    this.#under.add(named);
    const end = (): void => {
      cancel();
      if (this.#under.delete(named)) this.#onEnd();
    };
    const cancel = this.#clock.after(ms, end);
    return end;
  }

  get files(): Holdings {
    const files = new Map<string, FileRanges>();
    if (this.#under.size === 0) return files;
    const named = [...this.#under].flat();
    for (const [origin, of] of Map.groupBy(named, (one) => one.origin))
      files.set(origin, rangesOf(of.map(({ file }) => file)));
    return files;
  }
}
