import { expect, test } from 'vitest';
import type { Clock } from '../../../src/base/clock.ts';
import { ClockMonitor } from '../../../src/base/clock-monitor.ts';
import { CLOCK_JUMP_SHOWN_MS } from '../../../src/base/limits.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

test('a jump of the wall clock is seen within a second, told for a while, and drift is none', async () => {
  const virtual = createVirtualClock();
  let offMs = 0;
  const clock: Clock = {
    wallMs: () => virtual.wallMs() + offMs,
    monotonicMs: () => virtual.monotonicMs(),
    after: (ms, task) => virtual.after(ms, task),
  };
  const monitor = new ClockMonitor(clock, silentLogger);
  for (let second = 0; second < 60; second += 1) {
    offMs += 20; // 2 % fast
    await virtual.advance(1_000);
  }
  expect(monitor.status()).toEqual({ jump: undefined });
  offMs -= 3_600_000;
  await virtual.advance(1_000);
  expect(monitor.status().jump).toMatchObject({ byMs: -3_600_000 });
  await virtual.advance(CLOCK_JUMP_SHOWN_MS + 1_000);
  expect(monitor.status()).toEqual({ jump: undefined });
  await monitor.close();
  expect(virtual.pending).toBe(0);
});
