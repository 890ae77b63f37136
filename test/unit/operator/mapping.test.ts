import { describe, expect, test } from 'vitest';
import { RowMapper, rowWriter } from '../../../src/operator/mapping.ts';
import { eachRow } from '../../../src/operator/rows.ts';
import type { SqlValue } from '../../../src/sqlite/sqlite.ts';
import type { Column } from '../../../src/topology/topology.ts';

const mapped = (columns: readonly Column[], content: string | Uint8Array): SqlValue[][] => {
  const mapper = new RowMapper(columns);
  const rows: SqlValue[][] = [];
  eachRow(typeof content === 'string' ? Buffer.from(content) : content, (row, line, text) => {
    const into: SqlValue[] = [];
    mapper.map(row, line, text, into);
    rows.push(into);
  });
  return rows;
};
const one = (type: string, json: string): SqlValue | undefined =>
  mapped([{ name: 'a', type }], `{"a":${json}}`)[0]?.[0];

describe('values by the type of their column', () => {
  test.each<[string, string, SqlValue]>([
    ['int', '5', 5],
    ['int', '"5"', 5],
    ['int', '" 5 "', 5],
    ['int', '5.5', 5.5],
    ['int', '"5.5"', 5.5],
    ['int', 'true', 1],
    ['int', '-0', 0],
    ['bigint', '9007199254740993', 9_007_199_254_740_993n],
    ['bigint', '"9223372036854775807"', 9_223_372_036_854_775_807n],
    ['bigint', '"9223372036854775808"', 9_223_372_036_854_775_808],
    ['bigint', '-9223372036854775808', -9_223_372_036_854_775_808n],
    ['bigint', '9223372036854775808', 9_223_372_036_854_775_808],
    ['bigint', '9007199254740993.0', 9_007_199_254_740_992],
    ['numeric', '9007199254740993', 9_007_199_254_740_993n],
    ['float', '9007199254740993', 9_007_199_254_740_992],
    ['varchar', '123456789012345678901234567890', '123456789012345678901234567890'],
    ['varchar', '[9007199254740993, {"x": "1234567890123456"}]', '[9007199254740993,{"x":"1234567890123456"}]'],
    ['varchar', '{"rawJSON":"5"}', '{"rawJSON":"5"}'],
    ['varchar', '1e20', '100000000000000000000'],
    ['float', '1', 1],
    ['decimal(10,2)', '"1e3"', 1_000],
    ['double precision', '"-.5"', -0.5],
    ['bool', 'false', 0],
    ['bool', '"Yes"', 1],
    ['boolean', '1', 1],
    ['timestamp', '"2026-01-31T10:20:30Z"', '2026-01-31 10:20:30.000000'],
    ['timestamp', '"2026-01-31 10:20:30.5"', '2026-01-31 10:20:30.500000'],
    ['timestamp', '"2026-01-31T10:20:30.123456789Z"', '2026-01-31 10:20:30.123456789'],
    ['timestamp', '"2026-01-31T23:20:30+01:30"', '2026-01-31 21:50:30.000000'],
    ['timestamp', '"2026-02-28T23:30:00-01"', '2026-03-01 00:30:00.000000'],
    ['timestamp', '"2024-02-29"', '2024-02-29 00:00:00.000000'],
    ['timestamp without time zone', '1767225600', '2026-01-01 00:00:00.000000'],
    ['timestamp', '1767225600123', '2026-01-01 00:00:00.123000'],
    ['timestamp', '1767225600123456', '2026-01-01 00:00:00.123456'],
    ['timestamp', '"0099-01-01 00:00+00:00"', '0099-01-01 00:00:00.000000'],
    ['date', '"2026-01-31T10:20:30Z"', '2026-01-31'],
    ['time', '"10:20"', '10:20:00'],
    ['time', '"10:20:30.50"', '10:20:30.5'],
    ['varchar', '1.50', '1.5'],
    ['varchar', 'true', 'true'],
    ['varchar', '{"b":[1,2]}', '{"b":[1,2]}'],
    ['text', '"a\\u0000b\\ud800"', 'a\0b\ufffd'],
    ['inet', '"10.0.0.1"', '10.0.0.1'],
    ['int', 'null', null],
  ])('%s takes %s', (type, json, kept) => expect(one(type, json)).toEqual(kept));

  test.each([
    ['int', '"five"'],
    ['int', '""'],
    ['int', '{}'],
    ['float', '1e999'],
    ['float', '"Infinity"'],
    ['float', '"0x10"'],
    ['bool', '2'],
    ['bool', '[]'],
    ['timestamp', '"yesterday"'],
    ['timestamp', '"2026-02-29 00:00:00"'],
    ['timestamp', '"2026-02-29T00:00:00+00:00"'],
    ['timestamp', '"2026-01-01T24:00:00Z"'],
    ['timestamp', '"2026-01-01T00:00:00+99:00"'],
    ['timestamp', 'true'],
    ['date', '"31.1.2026"'],
    ['time', '"25:00"'],
    ['text', '['.repeat(40) + ']'.repeat(40)],
  ])('%s refuses %s and names the line', (type, json) => {
    const content = `{"a":null}\n\n{"a":${json}}\n`;
    expect(() => mapped([{ name: 'a', type }], content)).toThrow(
      expect.objectContaining({
        code: json.startsWith('[[') ? 'INGEST_ROW_DEPTH' : 'INGEST_ROW_VALUE',
        data: { line: 3 },
      }),
    );
  });
});

describe('attributes and columns', () => {
  const columns = [
    { name: 'a', type: 'int' },
    { name: '__proto__', type: 'varchar' },
    { name: 'constructor', type: 'varchar' },
    { name: 'select', type: 'varchar' },
    { name: 'row_id_', type: 'int' },
    { name: 'température', type: 'float' },
    { name: 'a"b', type: 'int' },
  ];

  test('missing attributes are null, also where every object inherits one of that name', () => {
    expect(mapped(columns, '{}')).toEqual([[null, null, null, null, null, null, null]]);
  });

  test('hostile names reach their column and nothing else', () => {
    const row =
      '{"A":1,"__proto__":"p","constructor":"c","SELECT":"s","row_id":7,"Température":1.5,"a\\"b":3,"a\\u0000":9}';
    expect(mapped(columns, row)).toEqual([[1, 'p', 'c', 's', 7, 1.5, 3]]);
    expect(({} as Record<string, unknown>)['p']).toBeUndefined();
  });

  test('attributes without a column are left out and counted', () => {
    const mapper = new RowMapper([{ name: 'a', type: 'int' }]);
    const into: SqlValue[] = [];
    mapper.map({ a: 1, b: 2, c: null, ['x'.repeat(5_000)]: 1 }, 1, '', into);
    expect([into, mapper.leftOut]).toEqual([[1], 3]);
  });

  test('many different attributes do not pile up', () => {
    const mapper = new RowMapper([{ name: 'a', type: 'int' }]);
    for (let count = 0; count < 10_000; count += 1) mapper.map({ [`x${count}`]: 1 }, 1, '', []);
    expect(mapper.leftOut).toBe(10_000);
  });

  test('rows written from kept values map to the same values', () => {
    const kinds = ['int', 'float', 'bool', 'timestamp', 'date', 'time', 'varchar'].map((type) => ({
      name: type,
      type,
    }));
    const [kept = []] = mapped(
      kinds,
      '{"int":9007199254740993,"float":0.1,"bool":true,"timestamp":"2026-01-01T00:00:00Z","date":"2026-01-01","time":"01:02","varchar":{"x":"\\u0000"}}',
    );
    const text = rowWriter(kinds)(kept);
    expect(mapped(kinds, text)).toEqual([kept]);
    expect(rowWriter(kinds)(kinds.map(() => null))).toBe('{}\n');
  });
});
