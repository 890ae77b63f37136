import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from './clock.ts';
import type { Resource } from './lifecycle.ts';
import { COLLECTION_GROWTH_BYTES, COLLECTION_LOOK_MS, COLLECTION_QUIET_MS, COLLECTION_REST_TIMES } from './limits.ts';

/** What V8 collects: the young objects alone, or everything. */
export type Collection = 'minor' | 'major';

/** What was seen of this thread up to the last look. */
export interface Workload {
  /** It has worked since everything was collected and nothing was left to come after that. */
  readonly worked: boolean;
  /** How long it has been quiet. */
  readonly quietMs: number;
  /** Memory of the process after everything was collected, and the least seen since; undefined until the next look. */
  readonly floorBytes: number | undefined;
  /** Time until everything may be collected again while it works. */
  readonly restMs: number;
}

/** A thread that has not worked yet. */
export const FRESH: Workload = { worked: false, quietMs: 0, floorBytes: undefined, restMs: 0 };

/** What is seen at a look. */
export interface Look {
  readonly busyMs: number;
  readonly elapsedMs: number;
  /** Resident memory of the process. */
  readonly bytes: number;
}

/** A thread that is busy for less of its time than this is quiet: timers and pings. */
const QUIET_SHARE = 0.1;
/** What works in other threads of the process may hold memory of this one for a while after it has become quiet. */
const QUIET_TIMES = [1, 2, 4] as const;

/**
 * What to collect after a look: while the thread works the young objects, and everything where the process has grown;
 * once it has been quiet for a while everything, a few times, and then nothing until it works again.
 */
export const nextCollection = (
  before: Workload,
  { busyMs, elapsedMs, bytes }: Look,
): { readonly workload: Workload; readonly collect: Collection | undefined } => {
  const floorBytes = Math.min(before.floorBytes ?? bytes, bytes);
  const restMs = Math.max(0, before.restMs - elapsedMs);
  if (busyMs > QUIET_SHARE * elapsedMs) {
    const grown = restMs === 0 && bytes - floorBytes >= COLLECTION_GROWTH_BYTES;
    const workload = { worked: true, quietMs: 0, floorBytes: grown ? undefined : floorBytes, restMs };
    return { workload, collect: grown ? 'major' : 'minor' };
  }
  const quietMs = before.quietMs + elapsedMs;
  const due = QUIET_TIMES.find((times) => times * COLLECTION_QUIET_MS > before.quietMs);
  const collect = before.worked && due !== undefined && quietMs >= due * COLLECTION_QUIET_MS ? 'major' : undefined;
  const worked = before.worked && !(collect === 'major' && due === QUIET_TIMES.at(-1));
  return { workload: { worked, quietMs, floorBytes: collect === undefined ? floorBytes : undefined, restMs }, collect };
};

/** What is looked at and done at each look; what is left out is the thread's own. */
export interface CollectionPorts {
  readonly clock: Clock;
  /** How long this thread's event loop was busy so far, milliseconds. */
  readonly busyMs?: () => number;
  /** Resident memory of the process, where it can be read. */
  readonly bytes?: () => number | undefined;
  readonly collect?: (kind: Collection) => void;
}

/** Reading it takes a file descriptor, and a process may have none left. */
const residentBytes = (): number | undefined => {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
};

const threadBusyMs = (): number => performance.eventLoopUtilization().active;

/** V8's own collector, which a program gets only by a flag. */
const collectorOfV8 = (): ((kind: Collection) => void) => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: { readonly type: Collection }) => void;
  return (kind) => gc({ type: kind });
};

/**
 * Gives memory back that V8 would keep, of the thread that calls it: V8 does not count memory that threads share, so
 * the files that come in would pile up in each thread that has seen them once they are no longer young; and it collects
 * nothing in a thread that has nothing to do, which would stay as large as its last work was.
 */
export const startCollecting = ({
  clock,
  busyMs = threadBusyMs,
  bytes = residentBytes,
  collect = collectorOfV8(),
}: CollectionPorts): Resource => {
  let workload = FRESH;
  let last = { busyMs: busyMs(), atMs: clock.monotonicMs() };
  let cancel: () => void = () => {};
  const look = (): void => {
    const now = { busyMs: busyMs(), atMs: clock.monotonicMs() };
    const [busy, elapsedMs] = [now.busyMs - last.busyMs, now.atMs - last.atMs];
    // Unread it counts as not grown.
    const resident = bytes() ?? workload.floorBytes ?? Number.MAX_SAFE_INTEGER;
    const step = nextCollection(workload, { busyMs: busy, elapsedMs, bytes: resident });
    last = now;
    ({ workload } = step);
    if (step.collect !== undefined) collect(step.collect);
    // Everything takes as long as there are live objects: a thread with many of them does it less often.
    if (step.collect === 'major')
      workload = { ...workload, restMs: COLLECTION_REST_TIMES * (clock.monotonicMs() - now.atMs) };
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
