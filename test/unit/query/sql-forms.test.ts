import { describe, expect, test } from 'vitest';
import { parseSelect } from '../../../src/query/sql/parser.ts';
import { printExpression, printSelect } from '../../../src/query/sql/print.ts';
import { resolve } from '../../../src/query/sql/resolve.ts';
import { procedures } from '../../../src/query/procedures.ts';
import { databasesOf, itemsOf, openReadings, READINGS } from '../../support/query-data.ts';

/** 2026-03-31 12:34:56.789012 UTC. */
const NOW = Date.UTC(2026, 2, 31, 12, 34, 56, 789) * 1_000 + 12;

const query = (sql: string) => resolve(parseSelect(sql), sql, { columns: READINGS, now: NOW });
const where = (condition: string): string => {
  const { where: test } = query(`select a from readings where ${condition}`);
  return test === undefined ? '' : printExpression(test);
};

describe('times', () => {
  test.each([
    ['timestamp >= now()', '2026-03-31 12:34:56.789012'],
    ['timestamp >= NOW() - 3 days', '2026-03-28 12:34:56.789012'],
    ['timestamp >= now() - 3d', '2026-03-28 12:34:56.789012'],
    ['timestamp >= NOW() - 1hour', '2026-03-31 11:34:56.789012'],
    ['timestamp >= now() - 1 month', '2026-03-03 12:34:56.789012'],
    ['timestamp >= now() - 1 year + 2 weeks', '2025-04-14 12:34:56.789012'],
    ['timestamp >= current_timestamp', '2026-03-31 12:34:56.789012'],
    ["timestamp >= '-30d'", '2026-03-01 12:34:56.789012'],
    ["timestamp >= '-4t'", '2026-03-31 12:30:56.789012'],
    ["timestamp >= '+1 h'", '2026-03-31 13:34:56.789012'],
    ["timestamp >= 'now'", '2026-03-31 12:34:56.789012'],
    ["timestamp >= '2024-01-31'", '2024-01-31 00:00:00.000000'],
    ["timestamp >= '2024-01-31 10:20'", '2024-01-31 10:20:00.000000'],
    ["timestamp >= '2024-01-31 10:20:30.5'", '2024-01-31 10:20:30.500000'],
    ["timestamp >= '2024-01-31T10:20:30.000001Z'", '2024-01-31 10:20:30.000001'],
    ["timestamp >= '2024-01-31T10:20:30+02:00'", '2024-01-31 08:20:30.000000'],
    ["timestamp >= '24-01-31 10:20:30'", '2024-01-31 10:20:30.000000'],
    ["timestamp >= date('now', 'start of month', '+1 month')", '2026-04-01 00:00:00.000000'],
    ["timestamp >= timestamp('now', 'start of hour', '-3 days')", '2026-03-28 12:00:00.000000'],
    ["timestamp >= datetime('2024-02-29', '+1 year')", '2025-03-01 00:00:00.000000'],
  ])('%s', (condition, text) => {
    expect(where(condition)).toBe(`("timestamp" >= '${text}')`);
  });

  test.each([
    ["'-1d' < timestamp", `('2026-03-30 12:34:56.789012' < "timestamp")`],
    [
      "timestamp between '2024-01-01' and now()",
      `("timestamp" BETWEEN '2024-01-01 00:00:00.000000' AND '2026-03-31 12:34:56.789012')`,
    ],
    ["insert_timestamp in ('2024-01-01')", `("insert_timestamp" IN ('2024-01-01 00:00:00.000000'))`],
    ["timestamp like '2024-01%'", `("timestamp" LIKE '2024-01%')`],
    ["timestamp > 'yesterday'", `("timestamp" > 'yesterday')`],
    ["c = '2024-01-01'", `("c" = '2024-01-01')`],
    ["date(timestamp, '-30d') = '2024-01-01'", `(date("timestamp", '-30 days') = '2024-01-01')`],
    ["date(timestamp, '+2 weeks', 'start of month') = c", `(date("timestamp", '+14 days', 'start of month') = "c")`],
    ["strftime('%H', timestamp) = '10'", `(strftime('%H', "timestamp") = '10')`],
    ["unixepoch('now') > a", `(unixepoch('2026-03-31 12:34:56.789012') > "a")`],
    [
      "coalesce(timestamp, '2024-01-01T10:00Z') > '2024-01-01T12:00:00+02:00'",
      `(coalesce("timestamp", '2024-01-01 10:00:00.000000') > '2024-01-01 10:00:00.000000')`,
    ],
    ["coalesce(c, timestamp) > '2024-01-01'", `(coalesce("c", "timestamp") > '2024-01-01')`],
    ["date('now') = c", `(date('2026-03-31 12:34:56.789012') = "c")`],
  ])('%s', (condition, printed) => {
    expect(where(condition)).toBe(printed);
  });

  test.each([
    "timestamp > '2024-02-30'",
    "timestamp between '2024-01-01' and '2024-13-01'",
    "timestamp in ('2024-01-01', '2024-01-01 25:00:00')",
    "'2024-1-1' < timestamp",
    "timestamp >= date('2024-02-31')",
    "date('2024-02-31', '+1 day') = c",
  ])('%s is refused: as a text it would find what nobody meant', (condition) => {
    expect(() => where(condition)).toThrow(/^SQL at position \d+, near "2024-.*: there is no such date or time$/);
  });
});

describe('titles and types', () => {
  test.each([
    ['select A from readings', ['a']],
    ['select a AS Total, readings.B from readings', ['Total', 'b']],
    ['select a total from readings', ['total']],
    ['select a as \'two words\', b "q" from readings', ['two words', 'q']],
    ['select MAX( Timestamp ),count(*) from readings', ['max( timestamp )', 'count(*)']],
    ['select avg(b)::float(3), min(timestamp)::ljust(19) from readings', ['avg(b)', 'min(timestamp)']],
    ['select * from readings', READINGS.map(({ name }) => name)],
  ])('%s', (sql, titles) => {
    expect(query(sql).items.map(({ title }) => title)).toEqual(titles);
  });

  test('min and max of a column keep its type, other expressions have none', () => {
    const { items } = query('select timestamp, max(timestamp), min(a) + 0, count(*) from readings group by timestamp');
    expect(items.map(({ type }) => type)).toEqual(['timestamp', 'timestamp', null, null]);
  });
});

describe('forms', () => {
  test.each([
    [
      'select a x from readings where b > 1 group by x order x desc',
      'SELECT "a" FROM "readings" WHERE ("b" > 1) GROUP BY "a" ORDER BY "a" DESC',
    ],
    [
      'select a, b from readings order 2, 1 desc limit 2, 5;',
      'SELECT "a", "b" FROM "readings" ORDER BY "b", "a" DESC LIMIT 5 OFFSET 2',
    ],
    [
      'select a + 1 s from readings order by s limit 5 offset 0',
      'SELECT ("a" + 1) FROM "readings" ORDER BY ("a" + 1) LIMIT 5 OFFSET 0',
    ],
    ['select b as a from readings order by a', 'SELECT "b" FROM "readings" ORDER BY "b"'],
    ['select b as a from readings order by a + 1', 'SELECT "b" FROM "readings" ORDER BY ("a" + 1)'],
    ['select distinct a from readings r where r.a > 0', 'SELECT "a" FROM "readings" WHERE ("a" > 0) GROUP BY "a"'],
    [
      'select a, count(1) as n from readings group by a order by n desc, 1 + 1 limit 3',
      'SELECT "a", count(1) FROM "readings" GROUP BY "a" ORDER BY count(1) DESC LIMIT 3',
    ],
    [
      "select a from readings group by a having max(timestamp) > '2024-01-01T10:00:00Z'",
      `SELECT "a" FROM "readings" GROUP BY "a" HAVING (max("timestamp") > '2024-01-01 10:00:00.000000')`,
    ],
    ['select range(a) from readings', 'SELECT (max("a") - min("a")) FROM "readings"'],
    ['select count() from [readings]', 'SELECT count(*) FROM "readings"'],
    [
      'select a from readings where not a = 1 or b = 2 and c = 3',
      'SELECT "a" FROM "readings" WHERE ((NOT ("a" = 1)) OR (("b" = 2) AND ("c" = 3)))',
    ],
    ['select -a from readings order by 1+1', 'SELECT (- "a") FROM "readings"'],
    ['select a from readings where true', 'SELECT "a" FROM "readings" WHERE 1'],
  ])('%s', (sql, printed) => {
    expect(printSelect(query(sql))).toBe(printed);
  });

  test('casts behind two colons', () => {
    const connection = openReadings([[7, 2.345, '  x ', null, null, null]]);
    try {
      const sql =
        'select b::float(1), b::int, a::str, a::float, c::lstrip, c::rstrip, a::ljust(3), a::rjust(3) from readings';
      const request = { dbms: 'x', sql: printSelect(query(sql)), nowMicros: NOW, timeoutMs: 10_000 };
      const [chunk] = itemsOf(procedures.select(databasesOf(connection), request));
      expect(Buffer.from(chunk?.bytes ?? []).toString()).toBe('[[2.3,2,"7",7.0,"x ","  x","7  ","  7"]]');
    } finally {
      connection.close();
    }
  });
});
