/**
 * Preloaded into a node's process (`node --import`): writes the longest block of its event loop, milliseconds, into the file that
 * `BENCH_LOOP_FILE` names. SIGUSR2 begins anew: before `ready` a node serves nobody.
 */
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const TICK_MS = 5;
const WRITE_MS = 200;

const file = process.env['BENCH_LOOP_FILE'];
if (isMainThread && file !== undefined) {
  const watch = monitorEventLoopDelay({ resolution: TICK_MS });
  watch.enable();
  process.on('SIGUSR2', () => watch.reset());
  setInterval(() => writeFileSync(file, String(Math.max(0, watch.max / 1_000_000 - TICK_MS))), WRITE_MS).unref();
}
