import type { Clock } from '../base/clock.ts';

/**
 * Waits for `ms`, or until what `listen` registers calls `wake`; rejects when the signal aborts. `listen` returns how
 * to stop listening.
 */
export const sleepUnless = (
  clock: Clock,
  ms: number,
  signal: AbortSignal | undefined,
  listen: (wake: () => void) => () => void = () => () => {},
): Promise<void> =>
  new Promise((resolve, reject) => {
    const end = (finish: () => void): void => {
      cancel();
      stopListening();
      signal?.removeEventListener('abort', onAbort);
      finish();
    };
    const onAbort = (): void => end(() => reject(signal?.reason));
    const cancel = clock.after(ms, () => end(resolve));
    const stopListening = listen(() => end(resolve));
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
  });
