import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Collection, FRESH, nextCollection, startCollecting } from '../../../src/base/collection.ts';
import {
  COLLECTION_GROWTH_BYTES,
  COLLECTION_LOOK_MS,
  COLLECTION_QUIET_MS,
  COLLECTION_REST_TIMES,
} from '../../../src/base/limits.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

/** What is collected at looks that find the thread busy for such a share of the time, and the process so large. */
const collectionsOf = (
  shares: readonly number[],
  bytesAt: (look: number) => number = () => 0,
): readonly (Collection | undefined)[] => {
  let workload = FRESH;
  return shares.map((share, at) => {
    const busyMs = share * COLLECTION_LOOK_MS;
    const step = nextCollection(workload, { busyMs, elapsedMs: COLLECTION_LOOK_MS, bytes: bytesAt(at) });
    ({ workload } = step);
    return step.collect;
  });
};
const LOOKS = COLLECTION_QUIET_MS / COLLECTION_LOOK_MS;
const quiet = (looks: number): number[] => Array.from({ length: looks }, () => 0.02);
/** Quiet looks after which everything is collected. */
const FULL = [LOOKS, 2 * LOOKS, 4 * LOOKS];

test('young objects while it works, everything a few times once it has been quiet, then nothing', () => {
  const collected = collectionsOf([0.9, 1.7, ...quiet(10 * LOOKS)]);
  expect(collected.slice(0, 2)).toEqual(['minor', 'minor']);
  expect(collected.flatMap((collect, at) => (collect === 'major' ? [at - 1] : []))).toEqual(FULL);
  expect(collected.filter((collect) => collect !== undefined)).toHaveLength(5);
});

test('everything while it works too, each time that the process has grown by so much', () => {
  const step = COLLECTION_GROWTH_BYTES / 4;
  const collected = collectionsOf(
    Array.from({ length: 11 }, () => 0.9),
    (at) => at * step,
  );
  // After a collection the next look says what is left.
  expect(collected.flatMap((collect, at) => (collect === 'major' ? [at] : []))).toEqual([4, 9]);
  const shrinking = collectionsOf([0.9, 0.9, 0.9, 0.9], (at) => ([9, 4, 7, 7][at] ?? 0) * step);
  expect(shrinking).not.toContain('major');
});

test('a thread that needs long to collect everything rests for so many times as long', async () => {
  const clock = createVirtualClock();
  const collected: number[] = [];
  let [busyMs, bytes, tookMs] = [0, 0, 0];
  const collecting = startCollecting({
    clock: {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs() + tookMs,
      after: (ms, task) => clock.after(ms, task),
    },
    busyMs: () => (busyMs += COLLECTION_LOOK_MS),
    bytes: () => (bytes += COLLECTION_GROWTH_BYTES),
    collect: (kind) => {
      if (kind !== 'major') return;
      collected.push(clock.monotonicMs());
      tookMs += 50;
    },
  });
  await clock.advance(20_000);
  const pauses = collected.slice(1).map((at, index) => at - (collected[index] ?? 0));
  expect(pauses.length).toBeGreaterThan(1);
  for (const pause of pauses) expect(pause).toBeGreaterThanOrEqual(COLLECTION_REST_TIMES * 50);
  await collecting.close();
});

test('a process that never worked is left alone', () => {
  expect(collectionsOf(quiet(5 * LOOKS))).not.toContain('major');
});

test('a process that does not grow has everything collected only while it is quiet, a few times after work', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (works) => {
      const collected = collectionsOf(works.map((work) => (work ? 0.5 : 0.01)));
      for (const [at, collect] of collected.entries()) {
        const last = works.lastIndexOf(true, at);
        expect(collect === 'major').toBe(last >= 0 && FULL.includes(at - last));
      }
    }),
  );
});

test('the shell looks again and again, at what was used since the last look, until it is closed', async () => {
  const clock = createVirtualClock();
  const collected: Collection[] = [];
  let busyMs = 40_000;
  const collecting = startCollecting({ clock, busyMs: () => busyMs, collect: (kind) => collected.push(kind) });
  await clock.advance(5 * COLLECTION_LOOK_MS);
  expect(collected).toEqual([]);
  busyMs += 600;
  await clock.advance(COLLECTION_LOOK_MS);
  expect(collected).toEqual(['minor']);
  await clock.advance(10 * COLLECTION_QUIET_MS);
  expect(collected).toEqual(['minor', 'major', 'major', 'major']);
  await collecting.close();
  expect(clock.pending).toBe(0);
});

test('V8 itself lets go of what nobody holds', async () => {
  let busyMs = 0;
  const clock = createVirtualClock();
  const collecting = startCollecting({ clock, busyMs: () => busyMs });
  const held = new WeakRef(new Uint8Array(1_000_000));
  busyMs = 600;
  await clock.advance(COLLECTION_LOOK_MS + COLLECTION_QUIET_MS);
  expect(held.deref()).toBeUndefined();
  await collecting.close();
});
