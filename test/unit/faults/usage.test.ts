import { expect, test } from 'vitest';
import { grown, type Sample } from '../../../scripts/faults/usage.ts';

/** An hour in quarter minutes, with some noise. */
const hour = (megabytes: (minute: number) => number, descriptors = (_minute: number) => 70): readonly Sample[] =>
  Array.from({ length: 240 }, (_, at) => ({
    minute: at / 4,
    megabytes: megabytes(at / 4) + (at % 7),
    descriptors: descriptors(at / 4) + (at % 5),
  }));

test('a node that has its caches full and stays there is flat', () => {
  expect(grown(hour((minute) => 180 + 80 * (1 - Math.exp(-minute / 4))))).toEqual([]);
});

test('one that rises slowly is told, before it is large', () => {
  expect(grown(hour((minute) => 180 + 40 * (minute / 60)))).toEqual(['memory rose by 40 MB an hour']);
  expect(
    grown(
      hour(
        () => 200,
        (minute) => 70 + minute,
      ),
    ),
  ).toEqual(['descriptors rose by 60 an hour']);
});

test('so is one that is above its bound, however short it is looked at', () => {
  expect(grown(hour(() => 305).slice(0, 8))).toEqual(['memory was 311 MB (at most 300)']);
});
