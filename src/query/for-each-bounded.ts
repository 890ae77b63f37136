/**
 * Works on all items, at most `atOnce` at the same time. The first failure ends the others through their signal and is
 * thrown when all have ended.
 */
export const forEachBounded = async <T>(
  items: readonly T[],
  atOnce: number,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) {
      both.throwIfAborted();
      await work(item, both);
    }
  };
  const workers = Array.from({ length: Math.min(atOnce, items.length) }, async () => {
    try {
      await worker();
    } catch (caught) {
      stop.abort(caught);
      throw caught;
    }
  });
  const failed = (await Promise.allSettled(workers)).some(({ status }) => status === 'rejected');
  if (failed) both.throwIfAborted();
};
