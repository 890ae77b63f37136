import { FewAtATime } from '../base/few-at-a-time.ts';

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
  const few = new FewAtATime(atOnce);
  const one = async (item: T): Promise<void> => {
    try {
      both.throwIfAborted();
      await work(item, both);
    } catch (caught) {
      stop.abort(caught);
      throw caught;
    }
  };
  const outcomes = await Promise.allSettled(items.map((item) => few.run(() => one(item))));
  if (outcomes.some(({ status }) => status === 'rejected')) both.throwIfAborted();
};
