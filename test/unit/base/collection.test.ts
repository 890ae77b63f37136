import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Collection, FRESH, nextCollection, startCollecting } from '../../../src/base/collection.ts';
import { COLLECTION_LOOK_MS, COLLECTION_QUIET_MS } from '../../../src/base/limits.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const collectionsOf = (shares: readonly number[]): readonly (Collection | undefined)[] => {
  let workload = FRESH;
  return shares.map((share) => {
    const step = nextCollection(workload, { busyMs: share * COLLECTION_LOOK_MS, elapsedMs: COLLECTION_LOOK_MS });
    ({ workload } = step);
    return step.collect;
  });
};
const LOOKS = COLLECTION_QUIET_MS / COLLECTION_LOOK_MS;
const quiet = (looks: number): number[] => Array.from({ length: looks }, () => 0.02);

test('young objects while it works, everything once it has been quiet, then nothing', () => {
  const collected = collectionsOf([0.9, 1.7, ...quiet(3 * LOOKS)]);
  expect(collected.slice(0, 2)).toEqual(['minor', 'minor']);
  expect(collected.indexOf('major')).toBe(1 + LOOKS);
  expect(collected.filter((collect) => collect !== undefined)).toHaveLength(3);
});

test('a process that never worked is left alone', () => {
  expect(collectionsOf(quiet(5 * LOOKS))).not.toContain('major');
});

test('everything is collected once for each time of work, and never within one', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (works) => {
      const collected = collectionsOf(works.map((work) => (work ? 0.5 : 0.01)));
      let worked = false;
      for (const [at, collect] of collected.entries()) {
        if (works[at] === true) worked = true;
        if (collect !== 'major') continue;
        expect(worked).toBe(true);
        expect(works.slice(Math.max(0, at + 1 - LOOKS), at + 1)).not.toContain(true);
        worked = false;
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
  await clock.advance(COLLECTION_QUIET_MS);
  expect(collected).toEqual(['minor', 'major']);
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
