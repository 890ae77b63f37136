/**
 * Work in slices of a few milliseconds: each `yield` is a place where it may be put aside. Pure until someone drives
 * it.
 */
export type Sliced<T> = Generator<undefined, T, undefined>;

/** Does the work in one go. */
export const atOnce = <T>(work: Sliced<T>): T => {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
};

/** Lets everything else that waits have its turn. */
export const giveWay = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Does the work and gives way to everything else between two slices. Rejects with the signal's reason when it is
 * aborted.
 */
export const inSlices = async <T>(work: Sliced<T>, signal?: AbortSignal): Promise<T> => {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await giveWay();
    signal?.throwIfAborted();
  }
};

const SORTED_AT_ONCE = 8_192;
const MERGED_AT_ONCE = 32_768;

/** The items in order, as a stable sort gives them; none is changed. */
export const sortInSlices = function* <T>(items: readonly T[], compare: (a: T, b: T) => number): Sliced<readonly T[]> {
  let runs: (readonly T[])[] = [];
  for (let at = 0; at < items.length; at += SORTED_AT_ONCE) {
    if (at > 0) yield;
    runs.push(items.slice(at, at + SORTED_AT_ONCE).sort(compare));
  }
  while (runs.length > 1) {
    const merged: (readonly T[])[] = [];
    for (let at = 0; at < runs.length; at += 2) merged.push(yield* merge(runs[at] ?? [], runs[at + 1] ?? [], compare));
    runs = merged;
  }
  return runs[0] ?? [];
};

const merge = function* <T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
): Sliced<readonly T[]> {
  const [last, first] = [left.at(-1), right[0]];
  if (last === undefined || first === undefined || compare(last, first) <= 0) return [...left, ...right];
  const merged: T[] = [];
  let at = 0;
  for (const item of right) {
    for (let other = left[at]; other !== undefined && compare(other, item) <= 0; other = left[(at += 1)]) {
      merged.push(other);
      if (merged.length % MERGED_AT_ONCE === 0) yield;
    }
    merged.push(item);
    if (merged.length % MERGED_AT_ONCE === 0) yield;
  }
  return [...merged, ...left.slice(at)];
};
