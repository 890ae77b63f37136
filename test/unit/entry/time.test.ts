import { describe, expect, test } from 'vitest';
import { nextTime, policyDate } from '../../../src/entry/time.ts';

describe('policy dates', () => {
  test.each([
    [1_617_388_306_802_694, '2021-04-02T18:31:46.802694Z'],
    [0, '1970-01-01T00:00:00.000000Z'],
    [1, '1970-01-01T00:00:00.000001Z'],
    [999_999, '1970-01-01T00:00:00.999999Z'],
    [1_000_000_000_000_000, '2001-09-09T01:46:40.000000Z'],
    [Number.MAX_SAFE_INTEGER, '2255-06-05T23:47:34.740991Z'],
  ])('%d is %s', (timeMicros, text) => {
    expect(policyDate(timeMicros)).toBe(text);
  });
});

describe('the hybrid clock', () => {
  test.each([
    ['the wall clock where it is ahead', 100.7, 50, [60], 100],
    ['after the own last entry where the wall clock went back', 10, 50, [], 51],
    ['after the latest parent', 10, 50, [70, 60], 71],
    ['the wall clock of a first entry', 10, undefined, [], 10],
    ['never twice the same', 50, 50, [], 51],
  ])('%s', (_, wallMicros, ownLast, parents, expected) => {
    expect(nextTime(wallMicros, ownLast, parents)).toBe(expected);
  });
});
