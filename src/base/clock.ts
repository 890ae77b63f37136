/** Time as a port: the simulation drives a virtual one, everything else gets {@link systemClock}. */
export interface Clock {
  /** Milliseconds since 1970, with a fraction; may jump. For what people see, never for order or time-outs. */
  wallMs(): number;
  /** Milliseconds since some start, never going back. */
  monotonicMs(): number;
  /**
   * Calls `task` once after `ms`, soon where that is negative; the returned function takes it back. Does not keep the
   * process alive.
   */
  after(ms: number, task: () => void): () => void;
}

/** A timer of Node's that should take longer (24.8 days) fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The clock of this machine. `after` does not keep the process alive. */
export const systemClock: Clock = {
  wallMs: () => performance.timeOrigin + performance.now() + wallDrift(),
  monotonicMs: () => performance.now(),
  after(ms, task) {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const nowMs = Math.min(leftMs, TIMER_MS_MAX);
      timer = setTimeout(() => (leftMs > nowMs ? arm(leftMs - nowMs) : task()), nowMs);
      timer.unref();
    };
    arm(Math.max(0, ms));
    return () => clearTimeout(timer);
  },
};

/**
 * `performance` gives microseconds but does not follow a corrected wall clock: follow it when it is off by more than 1
 * ms.
 */
let driftMs = 0;
const wallDrift = (): number => {
  const off = Date.now() - (performance.timeOrigin + performance.now());
  if (Math.abs(off - driftMs) > 1.5) driftMs = off;
  return driftMs;
};

/** Resolves after `ms`, or rejects with the signal's reason when it is aborted first. */
export const sleep = (clock: Clock, ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
