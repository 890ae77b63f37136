import { describe, expect, test } from 'vitest';
import { RowMapper } from '../../../src/operator/mapping.ts';
import type { SqlValue } from '../../../src/sqlite/sqlite.ts';
import type { Column } from '../../../src/topology/topology.ts';
import { openFileStore } from '../../support/file-store-fixture.ts';
import { openOperator } from '../../support/operator-fixture.ts';
import { allRows } from '../../support/table-rows.ts';

const mapped = (of: 'new data' | 'stored data', day: string): SqlValue => {
  const into: SqlValue[] = [];
  new RowMapper([{ name: 'day', type: 'date' }], of).map({ day }, 7, JSON.stringify({ day }), into);
  return into[0] ?? null;
};

describe('a column of dates', () => {
  test.each(['2026-01-31', '2026-01-31 00:00:00', '2026-01-31T00:00:00.000Z', '2026-01-31T02:00:00+02:00'])(
    'takes the whole day %s',
    (day) => expect(mapped('new data', day)).toBe('2026-01-31'),
  );

  test.each(['2026-01-31T10:20:30Z', '2026-01-31T00:00:00.000000001Z', '2026-01-31T00:00:00+02:00'])(
    'refuses new data with the time of day %s, which it would cut, and maps what is stored as it always did',
    (day) => {
      expect(() => mapped('new data', day)).toThrow(
        expect.objectContaining({ code: 'INGEST_ROW_VALUE', data: { line: 7 } }),
      );
      expect(mapped('stored data', day)).toMatch(/^2026-01-3[01]$/);
    },
  );

  test('takes rows of a buffer that were acknowledged with a time of day, as by an earlier version: they are no failure of a file', async () => {
    const fixture = await openFileStore();
    try {
      const about = {
        dbms: 'plant',
        table: 'readings',
        time: '2026-01-31T10:00:00.000000Z',
        source: '0',
        instructions: '0',
      };
      const columns = (type: string): readonly Column[] => [{ name: 'day', type }];
      await fixture.store.submit({
        kind: 'append',
        ...about,
        columns: columns('timestamp'),
        content: Buffer.from('{"day":"2026-01-31T10:20:30Z"}\n'),
      });
      const flush = { kind: 'flush', ...about, columns: columns('date'), bytesMax: 1_000 } as const;
      expect(await fixture.store.submit(flush)).toMatchObject({
        ...{ kind: 'stored', record: { rows: 1 } },
        ...{ leftOut: 1, cut: 1 },
      });
      expect((await allRows(fixture.sqlite, 'plant', 'readings')).map(({ day }) => day)).toEqual(['2026-01-31']);
    } finally {
      await fixture.close();
    }
  });

  test('that was inferred from a file of dates takes no later time; the file names the line and what to do', async () => {
    const fixture = await openOperator();
    try {
      await fixture.put('{"day":"2026-01-31"}\n');
      await expect(fixture.put('{"day":"2026-02-01"}\n{"day":"2026-02-01T10:00:00+02:00"}\n')).rejects.toMatchObject({
        code: 'INGEST_ROW_VALUE',
        data: { line: 2 },
        hint: 'send the date alone, or let the policy of the table say timestamp for this column',
      });
      const rows = await allRows(fixture.sqlite, 'plant', 'readings');
      expect(rows.map(({ day }) => day)).toEqual(['2026-01-31']);
    } finally {
      await fixture.close();
    }
  });
});
