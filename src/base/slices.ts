/** Work in slices of a few milliseconds: each `yield` is a place where it may be put aside. Pure until someone drives it. */
export type Sliced<T> = Generator<undefined, T, undefined>;

/** Does the work in one go. */
export const atOnce = <T>(work: Sliced<T>): T => {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
};

/** Does the work and gives way to everything else between two slices. Rejects with the signal's reason when it is aborted. */
export const inSlices = async <T>(work: Sliced<T>, signal?: AbortSignal): Promise<T> => {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
  }
};
