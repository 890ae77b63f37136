import type { FileRanges, Holdings } from '../../operator/file-record.ts';
import { inRanges, subtractRanges } from '../../operator/ranges.ts';
import { backoffMs } from './backoff.ts';
import { NO_FILES, rangesOf } from './holdings.ts';
import type { FilesByOrigin } from './messages.ts';

interface Failure {
  readonly untilMs: number;
  readonly times: number;
}

/** The files that one peer failed to deliver: each is left alone for a while, longer each time. Pure. */
export class Failures {
  readonly #files = new Map<string, Map<number, Failure>>();
  /** Whether what failed had its turn the last time that there was anything else. */
  #triesAgain = true;

  get count(): number {
    let count = 0;
    for (const files of this.#files.values()) count += files.size;
    return count;
  }

  note(origin: string, file: number, nowMs: number): void {
    const files = this.#files.get(origin) ?? new Map<number, Failure>();
    this.#files.set(origin, files);
    const times = this.#times(origin, file) + 1;
    files.set(file, { untilMs: nowMs + backoffMs(times), times });
  }

  /** Forgets those that are held by now. */
  forgetHeld(held: Holdings): void {
    for (const [origin, files] of this.#files) {
      const ranges = held.get(origin) ?? NO_FILES;
      for (const file of files.keys()) if (inRanges(ranges, file)) files.delete(file);
      if (files.size === 0) this.#files.delete(origin);
    }
  }

  clear(): void {
    this.#files.clear();
  }

  /** Those of an origin that are left alone now. */
  waiting(origin: string, nowMs: number): FileRanges {
    const files = this.#files.get(origin);
    if (files === undefined) return NO_FILES;
    return rangesOf([...files].filter(([, { untilMs }]) => untilMs > nowMs).map(([file]) => file));
  }

  /** When each may be asked for again. */
  *untilMs(): Iterable<number> {
    for (const files of this.#files.values()) for (const { untilMs } of files.values()) yield untilMs;
  }

  /** Whether any of some files failed. */
  areAmong(holdings: Holdings): boolean {
    for (const [origin, files] of this.#files)
      for (const file of files.keys()) if (inRanges(holdings.get(origin) ?? NO_FILES, file)) return true;
    return false;
  }

  /**
   * Of some files those to ask for next: in turn what never failed, and of what did the files that failed the fewest
   * times. One that always fails would else be the first of each request, and where it fills an answer alone, nothing
   * behind it would ever come. What failed once would wait for the end of all else, and its duplicates be given up
   * meanwhile.
   */
  inTurn(files: FilesByOrigin): FilesByOrigin {
    if (this.#files.size === 0) return files;
    const never = keepFiles(files, (origin, ranges) =>
      subtractRanges(ranges, rangesOf(this.#files.get(origin)?.keys() ?? [])),
    );
    const fewest = this.#fewest(files);
    if (never.length === 0) return fewest;
    if (fewest.length === 0) return never;
    this.#triesAgain = !this.#triesAgain;
    return this.#triesAgain ? fewest : never;
  }

  #fewest(files: FilesByOrigin): FilesByOrigin {
    const failed = files.flatMap(([origin, ranges]) =>
      [...(this.#files.get(origin) ?? [])].flatMap(([file, { times }]) =>
        inRanges(ranges, file) ? [{ origin, file, times }] : [],
      ),
    );
    const fewest = failed.reduce((least, { times }) => Math.min(least, times), Number.POSITIVE_INFINITY);
    const byOrigin = Map.groupBy(
      failed.filter(({ times }) => times === fewest),
      ({ origin }) => origin,
    );
    return [...byOrigin].map(([origin, some]) => [origin, rangesOf(some.map(({ file }) => file))] as const);
  }

  #times(origin: string, file: number): number {
    return this.#files.get(origin)?.get(file)?.times ?? 0;
  }
}

const keepFiles = (files: FilesByOrigin, keep: (origin: string, ranges: FileRanges) => FileRanges): FilesByOrigin =>
  files.map(([origin, ranges]) => [origin, keep(origin, ranges)] as const).filter(([, ranges]) => ranges.length > 0);
