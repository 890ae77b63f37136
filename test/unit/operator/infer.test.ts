import { describe, expect, test } from 'vitest';
import { COLUMNS_MAX } from '../../../src/base/limits.ts';
import { inferColumns } from '../../../src/operator/infer.ts';

const inferred = (...rows: unknown[]): Record<string, string> =>
  Object.fromEntries(
    inferColumns(Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n'))).map(({ name, type }) => [name, type]),
  );

describe('columns from the first file', () => {
  test('types of plain sensor data', () => {
    const row = {
      timestamp: '2026-01-01T00:00:00.5Z',
      device: 'd1',
      reading: 3,
      value: 1.5,
      ok: true,
      day: '2026-01-01',
    };
    const more = { id: '0f8fad5b-d9cb-469f-a165-70867728950e', webid: 'A'.repeat(32), tags: ['x'], none: null };
    expect(inferred({ ...row, ...more })).toEqual({
      timestamp: 'timestamp',
      device: 'varchar',
      reading: 'int',
      value: 'float',
      ok: 'bool',
      day: 'date',
      id: 'uuid',
      webid: 'uuid',
      tags: 'varchar',
      none: 'varchar',
    });
  });

  test('the type that all rows fit', () => {
    expect(
      inferred(
        { a: 1, b: 1, c: '2026-01-01', d: true, e: null },
        { a: 1.5, b: 'x', c: '2026-01-01 10:00', d: 1, e: 2 },
      ),
    ).toEqual({
      a: 'float',
      b: 'varchar',
      c: 'timestamp',
      d: 'varchar',
      e: 'int',
    });
    expect(inferred({ a: 1e300 }, { a: '1' })).toEqual({ a: 'varchar' });
    expect(inferred({ a: 1e30 })).toEqual({ a: 'float' });
  });

  test('names become columns; the four added columns keep theirs', () => {
    expect(
      Object.keys(inferred({ 'Temp °C': 1, row_id: 1, TSD_ID: 2, '1st': 3, __proto: 1, ['__proto__']: 4, '': 5 })),
    ).toEqual(['temp__c', 'row_id_', 'tsd_id_', '_1st', '__proto', '__proto__', '_']);
    expect(inferred({ Value: 1, value: 2.5 })).toEqual({ value: 'float' });
  });

  test('refuses what cannot be a table', () => {
    const wide = Object.fromEntries(Array.from({ length: COLUMNS_MAX + 1 }, (_, at) => [`c${at}`, at]));
    expect(() => inferred(wide)).toThrow(expect.objectContaining({ code: 'INGEST_COLUMNS' }));
    expect(() => inferred({})).toThrow(expect.objectContaining({ code: 'INGEST_COLUMNS' }));
    expect(() => inferred({ ['x'.repeat(64)]: 1 })).toThrow(expect.objectContaining({ code: 'INGEST_COLUMN_NAME' }));
  });
});
