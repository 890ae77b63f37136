import { describe, expect, test } from 'vitest';
import type { TableSums } from '../../../src/command/commands/cluster-differences.ts';
import { dataOf } from '../../../src/command/commands/network-clusters.ts';
import { rowsAheadOf } from '../../../src/command/commands/replication-status.ts';

const holding = (files: number, sum: string, strays = 0): TableSums => ({
  'plant.t': { strays, buckets: [{ bucket: '2026', files, rows: 9, sum }] },
});

describe('what a member of a cluster has', () => {
  test.each<[string, TableSums | undefined, readonly (TableSums | undefined)[], RegExp]>([
    ['no answer', undefined, [holding(1, 'a')], /^Unknown$/],
    ['the same as all that answer', holding(2, 'a'), [holding(2, 'a'), undefined], /^Complete$/],
    ['more than another', holding(2, 'a'), [holding(1, 'b')], /^Complete$/],
    ['fewer files', holding(1, 'b'), [holding(3, 'a'), {}], /^lacks 2 files: plant\.t$/],
    ['nothing yet', {}, [holding(1, 'a')], /^lacks 1 file: plant\.t$/],
    ['as many files with other rows', holding(2, 'a'), [holding(2, 'b')], /^differs in content: plant\.t/],
    ['other rows than most', holding(2, 'a'), [holding(2, 'b'), holding(2, 'b')], /^differs in content/],
    ['the rows that most have', holding(2, 'a'), [holding(2, 'a'), holding(2, 'b')], /^Complete$/],
    ['rows of no file', holding(2, 'a', 3), [holding(2, 'a'), holding(2, 'a')], /^differs in content/],
  ])('%s', (_, own, others, expected) => {
    expect(dataOf(own, [own, ...others])).toMatch(expected);
  });
});

test('rows ahead follow from the totals of both, once these agree with the files', () => {
  const own = { files: 10, rows: 1_000 };
  const lag = { filesAhead: 3, filesBehind: 1, rowsBehind: 50 };
  expect(rowsAheadOf({ files: 12, rows: 1_250 }, own, lag)).toBe(300);
  expect(rowsAheadOf({ files: 11, rows: 1_250 }, own, lag)).toBeNull();
  expect(rowsAheadOf(undefined, own, lag)).toBeNull();
});
