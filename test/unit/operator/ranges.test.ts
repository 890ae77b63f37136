import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileRanges } from '../../../src/operator/file-record.ts';
import { addToRanges, countRanges, subtractRanges, uniteRanges, watermark } from '../../../src/operator/ranges.ts';

const ids = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 30 });

const rangesOf = (list: readonly number[]): FileRanges => list.reduce<FileRanges>(addToRanges, []);
const idsIn = (ranges: FileRanges): number[] =>
  ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at));
const ascending = (list: Iterable<number>): number[] => [...list].sort((a, b) => a - b);

describe('ranges of ids are sets of them', () => {
  it('united, taken away, counted', () => {
    fc.assert(
      fc.property(ids, ids, (a, b) => {
        const [left, right] = [rangesOf(a), rangesOf(b)];
        expect(idsIn(left)).toEqual(ascending(a));
        expect(idsIn(uniteRanges(left, right))).toEqual(ascending(new Set([...a, ...b])));
        expect(idsIn(subtractRanges(left, right))).toEqual(ascending(a.filter((id) => !b.includes(id))));
        expect(countRanges(left)).toBe(a.length);
      }),
    );
  });

  it('the watermark is the last id before the first gap', () => {
    fc.assert(
      fc.property(ids, (list) => {
        let expected = 0;
        while (list.includes(expected + 1)) expected += 1;
        expect(watermark(rangesOf(list))).toBe(expected);
      }),
    );
  });
});
