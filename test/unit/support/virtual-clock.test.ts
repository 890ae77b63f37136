import { describe, expect, test } from 'vitest';
import { sleep } from '../../../src/base/clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

describe('virtual clock', () => {
  test('runs tasks by due time, then by the order of setting, and skips what was taken back', async () => {
    const clock = createVirtualClock();
    const ran: string[] = [];
    clock.after(20, () => ran.push('20a'));
    clock.after(10, () => ran.push('10'));
    const cancel = clock.after(15, () => ran.push('15'));
    clock.after(20, () => ran.push('20b'));
    cancel();
    await clock.advance(19);
    expect([ran, clock.monotonicMs(), clock.pending]).toEqual([['10'], 19, 2]);
    await clock.advance(1);
    expect(ran).toEqual(['10', '20a', '20b']);
  });

  test('lets promises go on between tasks, so that a chain of sleeps runs within one advance', async () => {
    const clock = createVirtualClock();
    const at: number[] = [];
    const chain = (async () => {
      for (let step = 0; step < 3; step += 1) {
        await sleep(clock, 10);
        at.push(clock.monotonicMs());
      }
    })();
    await clock.advance(30);
    await chain;
    expect(at).toEqual([10, 20, 30]);
  });

  test('runUntil stops at the state and fails past its limit', async () => {
    const clock = createVirtualClock();
    let done = false;
    clock.after(500, () => (done = true));
    await clock.runUntil(() => done, 1_000);
    expect(clock.monotonicMs()).toBe(500);
    await expect(clock.runUntil(() => false, 100, 'never')).rejects.toThrow(/never/);
  });

  test('the wall clock can jump without touching tasks', async () => {
    const clock = createVirtualClock(1_000);
    clock.setWallMs(9_000);
    await clock.advance(5);
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([9_005, 5]);
  });

  test('many tasks in random order come out sorted', async () => {
    const clock = createVirtualClock();
    const random = createSeededRandom(7);
    const ran: number[] = [];
    for (let count = 0; count < 500; count += 1) {
      const ms = random.integer(0, 100);
      clock.after(ms, () => ran.push(ms));
    }
    await clock.advance(100);
    expect(ran).toHaveLength(500);
    expect(ran).toEqual([...ran].sort((a, b) => a - b));
  });
});

describe('seeded random', () => {
  test('the same seed gives the same draws, another seed others, a fork does not depend on draws before', () => {
    const draw = (seed: number): number[] => {
      const random = createSeededRandom(seed);
      return Array.from({ length: 8 }, () => random.integer(0, 1_000_000));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    const used = createSeededRandom(3);
    used.fraction();
    expect(used.fork('x').fraction()).toBe(createSeededRandom(3).fork('x').fraction());
  });
});
