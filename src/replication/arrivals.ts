import type { FileRanges, Holdings } from '../operator/file-record.ts';
import { NO_FILES, rangesOf } from './transfer/holdings.ts';

/** A file by its name. */
interface Named {
  readonly origin: string;
  readonly file: number;
}

/** Files that are on their way in and not stored yet: who asked for one of them would get it twice. */
export class Arrivals {
  readonly #under = new Set<readonly Named[]>();
  readonly #onEnd: () => void;

  /** `onEnd`: some are stored, or will not come. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** These come; returns how to say that they are here, or will not come. */
  expect(files: readonly Named[]): () => void {
    // As a list of its own: the same file may come from two peers.
    const named = files.map(({ origin, file }) => ({ origin, file }));
    this.#under.add(named);
    return () => {
      if (this.#under.delete(named)) this.#onEnd();
    };
  }

  get files(): Holdings {
    const files = new Map<string, FileRanges>();
    if (this.#under.size === 0) return files;
    const named = [...this.#under].flat();
    for (const [origin, of] of Map.groupBy(named, (one) => one.origin))
      files.set(origin, of.length === 0 ? NO_FILES : rangesOf(of.map(({ file }) => file)));
    return files;
  }
}
