import { beforeEach, describe, expect, test } from 'vitest';
import { DISK_LOOK_MS } from '../../../src/base/limits.ts';
import type { PeerClock } from '../../../src/command/health/clock-ahead.ts';
import { ClockGuard } from '../../../src/node/clock-guard.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const YEARS = 3_650 * 86_400_000;

describe('a write by a clock that is ahead', () => {
  let clock: VirtualClock;
  let peersMs: readonly number[];
  let known: readonly PeerClock[];
  let [looks, measures, measuring] = [0, 0, true];
  let guard: ClockGuard;
  beforeEach(() => {
    clock = createVirtualClock();
    known = [];
    [looks, measures, measuring] = [0, 0, true];
    const startMs = clock.wallMs();
    peersMs = [startMs, startMs];
    guard = new ClockGuard({
      clock,
      clocks: () => {
        looks += 1;
        return known;
      },
      measure: () => {
        if (!measuring) return undefined;
        measures += 1;
        known = peersMs.map((wallMs, at) => ({ name: `n${at}`, clockAheadMs: wallMs - clock.wallMs() }));
        return Promise.resolve();
      },
    });
  });
  const refused = expect.objectContaining({ code: 'LEDGER_CLOCK_AHEAD' }) as unknown;

  test('is refused right after the clock was set, and allowed right after it was set back', async () => {
    await guard.allowed();
    clock.setWallMs(clock.wallMs() + YEARS);
    await expect(guard.allowed()).rejects.toEqual(refused);
    clock.setWallMs(clock.wallMs() - YEARS);
    await guard.allowed();
    expect(guard.doubts).toEqual({ count: 0, note: undefined });
  });

  test('is allowed once those who hold the clock for wrong are kept away', async () => {
    clock.setWallMs(clock.wallMs() + YEARS);
    await expect(guard.allowed()).rejects.toMatchObject({ hint: expect.stringContaining('firewall') as string });
    known = [];
    await clock.advance(DISK_LOOK_MS);
    await guard.allowed();
  });

  test('is refused at once after a start, once somebody can be asked', async () => {
    measuring = false;
    await guard.allowed();
    measuring = true;
    clock.setWallMs(clock.wallMs() + YEARS);
    await expect(guard.allowed()).rejects.toEqual(refused);
  });

  test('is told beside the reply where only one other clock is known', async () => {
    peersMs = peersMs.slice(1);
    await guard.allowed();
    expect(guard.doubts.count).toBe(0);
    clock.setWallMs(clock.wallMs() + YEARS);
    await guard.allowed();
    await guard.allowed();
    expect(guard.doubts).toMatchObject({ count: 2, note: { code: 'CLOCK_OFF' } });
  });

  test('costs a thousand writes of a second one look', async () => {
    for (let write = 0; write < 1_000; write += 1) await guard.allowed();
    expect([measures, looks]).toEqual([1, 1]);
    await clock.advance(DISK_LOOK_MS);
    known = known.map((peer) => ({ ...peer, clockAheadMs: -YEARS }));
    await expect(guard.allowed()).rejects.toEqual(refused);
    expect([measures, looks]).toEqual([1, 2]);
  });
});
