import { expect, test } from 'vitest';
import { FewAtATime } from '../../../src/base/few-at-a-time.ts';

test('two at a time, in the order in which they came; one that fails gives its place on, and nobody slips in', async () => {
  const few = new FewAtATime(2);
  const begun: number[] = [];
  const works = Array.from({ length: 4 }, () => Promise.withResolvers<undefined>());
  const done = works.map(({ promise }, at) =>
    few.run(() => {
      begun.push(at);
      return promise;
    }),
  );
  expect([begun, few.waiting]).toEqual([[0, 1], 2]);
  works[1]!.reject(new Error('no'));
  // It comes in the very turn in which the place is handed on.
  const late = done[1]!.catch(() => few.run(async () => void begun.push(4)));
  await new Promise((resolve) => setImmediate(resolve));
  expect(begun).toEqual([0, 1, 2]);
  for (const { resolve } of works) resolve(undefined);
  await Promise.all([done[0], done[2], done[3], late]);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  expect(few.waiting).toBe(0);
});
