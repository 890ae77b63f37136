import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatenated, RowChunks } from '../../../src/query/row-list.ts';
import type { SqlRow } from '../../../src/sqlite/sqlite.ts';

/** Rows in chunks of those sizes, counted through. */
const listOf = (sizes: readonly number[], from = 0): { list: RowChunks; rows: SqlRow[] } => {
  const list = new RowChunks(2);
  const rows: SqlRow[] = [];
  for (const size of sizes) {
    const chunk = Array.from({ length: size }, (_, at): SqlRow => [from + rows.length + at, 'x']);
    list.add(Buffer.from(JSON.stringify(chunk)), chunk);
    rows.push(...chunk);
  }
  return { list, rows };
};

test('rows come back as they came, as often as wanted', () => {
  const { list, rows } = listOf([2, 0, 3]);
  expect(list).toHaveLength(5);
  expect([...list]).toEqual(rows);
  expect([...list]).toEqual(rows);
  list.clear();
  expect([list.length, ...list]).toEqual([0]);
});

test('several lists are cut as one would be', () => {
  const sizes = fc.array(fc.nat(4), { maxLength: 4 });
  fc.assert(
    fc.property(
      fc.array(sizes, { maxLength: 4 }),
      fc.nat(20),
      fc.option(fc.nat(20), { nil: undefined }),
      (all, offset, limit) => {
        const lists = all.map((of, at) => listOf(of, at * 100));
        const rows = lists.flatMap((of) => of.rows);
        const cut = concatenated(
          lists.map(({ list }) => list),
          offset,
          limit,
        );
        const expected = rows.slice(offset, limit === undefined ? undefined : offset + limit);
        expect([...cut]).toEqual(expected);
        expect(cut).toHaveLength(expected.length);
      },
    ),
  );
});
