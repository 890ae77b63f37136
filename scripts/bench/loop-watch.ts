/**
 * Preloaded into a node's process (`node --import`): writes two numbers into the file that `BENCH_LOOP_FILE` names,
 * milliseconds: the longest block of its event loop, and the most that its thread computed in one go. The first grows
 * where others use the same cores, the second hardly. SIGUSR2 begins anew: before `ready` a node serves nobody.
 */
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const TICK_MS = 5;
const WRITE_MS = 200;

/** By this thread so far. */
const computedMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

const file = process.env['BENCH_LOOP_FILE'];
if (isMainThread && file !== undefined) {
  const watch = monitorEventLoopDelay({ resolution: TICK_MS });
  watch.enable();
  let longestMs = 0;
  let beforeMs = computedMs();
  setInterval(() => {
    const nowMs = computedMs();
    longestMs = Math.max(longestMs, nowMs - beforeMs);
    beforeMs = nowMs;
  }, TICK_MS).unref();
  process.on('SIGUSR2', () => {
    watch.reset();
    longestMs = 0;
    beforeMs = computedMs();
  });
  setInterval(() => {
    const blockMs = Math.max(0, watch.max / 1_000_000 - TICK_MS);
    writeFileSync(file, `${blockMs} ${longestMs}`);
  }, WRITE_MS).unref();
}
