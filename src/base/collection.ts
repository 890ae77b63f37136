import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from './clock.ts';
import type { Resource } from './lifecycle.ts';
import { COLLECTION_LOOK_MS, COLLECTION_QUIET_MS } from './limits.ts';

export type Collection = 'minor' | 'major';

/** What was seen of this thread up to the last look. */
export interface Workload {
  /** It has worked since everything was collected. */
  readonly worked: boolean;
  /** How long it has been quiet. */
  readonly quietMs: number;
}

export const FRESH: Workload = { worked: false, quietMs: 0 };

/** A thread that is busy for less of its time than this is quiet: timers and pings. */
const QUIET_SHARE = 0.1;

/**
 * What to collect after a look that found the thread busy for `busyMs` of `elapsedMs`: while it works the young
 * objects, once it has been quiet for a while everything, and then nothing until it works again.
 */
export const nextCollection = (
  { worked, quietMs }: Workload,
  { busyMs, elapsedMs }: { readonly busyMs: number; readonly elapsedMs: number },
): { readonly workload: Workload; readonly collect: Collection | undefined } => {
  if (busyMs > QUIET_SHARE * elapsedMs) return { workload: { worked: true, quietMs: 0 }, collect: 'minor' };
  const quiet = quietMs + elapsedMs;
  if (worked && quiet >= COLLECTION_QUIET_MS) return { workload: FRESH, collect: 'major' };
  return { workload: { worked, quietMs: quiet }, collect: undefined };
};

export interface CollectionPorts {
  readonly clock: Clock;
  /** How long this thread's event loop was busy so far, milliseconds. */
  readonly busyMs?: () => number;
  readonly collect?: (kind: Collection) => void;
}

const threadBusyMs = (): number => performance.eventLoopUtilization().active;

/** V8's own collector, which a program gets only by a flag. */
const collectorOfV8 = (): ((kind: Collection) => void) => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: { readonly type: Collection }) => void;
  return (kind) => gc({ type: kind });
};

/**
 * Gives memory back that V8 would keep, of the thread that calls it: V8 does not count memory that threads share, so
 * the files that come in would pile up in each thread that has seen them; and it collects nothing in a thread that has
 * nothing to do, which would stay as large as its last work was.
 */
export const startCollecting = ({
  clock,
  busyMs = threadBusyMs,
  collect = collectorOfV8(),
}: CollectionPorts): Resource => {
  let workload = FRESH;
  let last = { busyMs: busyMs(), atMs: clock.monotonicMs() };
  let cancel: () => void = () => {};
  const look = (): void => {
    const now = { busyMs: busyMs(), atMs: clock.monotonicMs() };
    const step = nextCollection(workload, { busyMs: now.busyMs - last.busyMs, elapsedMs: now.atMs - last.atMs });
    last = now;
    ({ workload } = step);
    if (step.collect !== undefined) collect(step.collect);
    cancel = clock.after(COLLECTION_LOOK_MS, look);
  };
  cancel = clock.after(COLLECTION_LOOK_MS, look);
  return {
    close() {
      cancel();
      return Promise.resolve();
    },
  };
};
