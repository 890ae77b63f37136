import { describe, expect, test } from 'vitest';
import { type FormatOptions, formatPieces, formatResult, resultValue } from '../../../src/query/format.ts';
import type { QueryPart, QueryResult } from '../../../src/query/query.ts';
import type { SqlRow } from '../../../src/sqlite/sqlite.ts';

const part = (operator: string, status: QueryPart['status'] = 'Completed'): QueryPart => ({
  ...{ cluster: 'c', operator, address: '', status, rows: 0, blocks: 0, behind: 0, runMs: 0, error: undefined },
});

const result = (titles: readonly string[], rows: readonly SqlRow[], more: Partial<QueryResult> = {}): QueryResult => ({
  ...{
    job: 1,
    runMs: 3_723_000,
    parts: [part('o1'), part('o2', 'Error'), part('o3', 'Empty Set')],
    behind: [],
    missing: [],
    release: () => {},
  },
  columns: titles.map((name) => ({ name, type: name.startsWith('timestamp') ? 'timestamp' : null })),
  rows,
  ...more,
});

const as = (format: FormatOptions['format'], stat = false, timezone?: string): FormatOptions => ({
  format,
  stat,
  timezone,
});
const missing = [{ cluster: 'c9', reason: 'nobody answered' }];

describe('json', () => {
  const two = result(['device', 'count(*)'], [['a"\n', 2], [null, 9007199254740993n]]); // prettier-ignore

  test('rows and statistics', () => {
    expect(formatResult(two, as('json', true))).toBe(
      '{"Query":[{"device":"a\\"\\n","count(*)":2},{"device":null,"count(*)":9007199254740993}],' +
        '"Statistics":[{"Count": 2,"Time":"01:02:03","Nodes": 2}]}',
    );
    expect(formatResult(two, as('json'))).toBe(
      '{"Query":[{"device":"a\\"\\n","count(*)":2},{"device":null,"count(*)":9007199254740993}]}',
    );
  });

  test('the bare list, and one object a line', () => {
    expect(formatResult(two, as('json:list', true))).toBe(
      '[{"device":"a\\"\\n","count(*)":2},{"device":null,"count(*)":9007199254740993}]',
    );
    expect(formatResult(two, as('json:output'))).toBe(
      '{"device":"a\\"\\n","count(*)":2}\n{"device":null,"count(*)":9007199254740993}',
    );
  });

  test('nothing', () => {
    const none = result(['a'], []);
    expect(formatResult(none, as('json'))).toBe('{"reply" : "Empty data set"}');
    expect(formatResult(none, as('json', true))).toBe(
      '{"Query":[],"Statistics":[{"Count": 0,"Time":"01:02:03","Nodes": 2}]}',
    );
    expect(formatResult(none, as('json:list'))).toBe('[]');
  });

  test('what is missing is said in every form, without statistics too', () => {
    const partial = result(['a'], [[1]], { missing });
    expect(formatResult(partial, as('json', true))).toBe(
      '{"Query":[{"a":1}],"Statistics":[{"Count": 1,"Time":"01:02:03","Target Nodes": 3,"Participating Nodes": 2}],' +
        '"Missing":[{"cluster":"c9","reason":"nobody answered"}]}',
    );
    for (const format of ['json', 'json:list', 'json:output', 'table'] as const)
      for (const rows of [[[1]], []])
        expect(formatResult(result(['a'], rows, { missing }), as(format))).toContain('nobody answered');
  });

  test('columns of one title do not hide each other, and no title is special', () => {
    const odd = result(['a', 'a', '__proto__', 'a'], [[1, 2, 3, 4]]);
    expect(formatResult(odd, as('json:list'))).toBe('[{"a":1,"a_2":2,"__proto__":3,"a_3":4}]');
    expect(JSON.stringify(resultValue(odd, as('json:list')))).toBe('[{"a":1,"a_2":2,"__proto__":3,"a_3":4}]');
  });

  test('as values', () => {
    expect(resultValue(two, as('json', true))).toEqual({
      Query: [
        { device: 'a"\n', 'count(*)': 2 },
        { device: null, 'count(*)': 9007199254740993n },
      ],
      Statistics: [{ Count: 2, Time: '01:02:03', Nodes: 2 }],
    });
  });
});

describe('table', () => {
  test('byte for byte as the documented sample', () => {
    const sample = result(
      ['min_ts', 'max_ts', 'min_val', 'avg_val', 'max_val'],
      [['2023-01-01T00:00:00', '2023-01-27T23:07:48', 8.239, 242.338, 765.713]],
    );
    expect(formatResult(sample, as('table'))).toBe(
      '\n' +
        'min_ts              max_ts              min_val avg_val max_val\n' +
        '------------------- ------------------- ------- ------- ------- \n' +
        '2023-01-01T00:00:00 2023-01-27T23:07:48   8.239 242.338 765.713 \n',
    );
  });

  test('blocks of 25 rows with equal widths; statistics at the end', () => {
    const rows = Array.from({ length: 26 }, (_, index): SqlRow => [index, index === 25 ? 'longer' : 'x']);
    const lines = formatResult(result(['n', 'text'], rows), as('table', true)).split('\n');
    expect(lines.slice(0, 4)).toEqual(['', 'n  text', '-- ------ ', ' 0 x      ']);
    expect(lines.slice(27, 33)).toEqual(['24 x      ', '', 'n  text', '-- ------ ', '25 longer ', '']);
    expect(lines.slice(32)).toEqual(['', '{"Statistics":[{"Count": 26,"Time":"01:02:03","Nodes": 2}]}', '']);
  });

  test('one block of all rows for who does not page through them', () => {
    const rows = Array.from({ length: 60 }, (_, index): SqlRow => [index]);
    const lines = formatResult(result(['n'], rows), { ...as('table'), titlesOnce: true }).split('\n');
    expect(lines).toEqual(['', 'n', '-- ', ...rows.map(([n]) => `${String(n).padStart(2)} `), '']);
  });

  test('control characters cannot break the lines', () => {
    const wild = result(['a\nb'], [['x\r\n\u001b[2J']]);
    expect(formatResult(wild, as('table'))).toBe('\na b\n------- \nx   [2J \n');
  });

  test('nothing', () => {
    expect(formatResult(result(['a'], []), as('table'))).toBe('{"reply" : "Empty data set"}\n');
  });
});

describe('time zones', () => {
  const summer = result(['timestamp', 'other'], [['2026-07-01 12:00:00.123456', '2026-07-01 12:00:00.123456'], [null, 1]]); // prettier-ignore

  test.each([
    ['utc', '2026-07-01 12:00:00.123456'],
    ['PT', '2026-07-01 05:00:00.123456'],
    ['Asia/Kolkata', '2026-07-01 17:30:00.123456'],
  ])('%s', (zone, text) => {
    expect(resultValue(summer, as('json:list', false, zone))).toEqual([
      { timestamp: text, other: '2026-07-01 12:00:00.123456' },
      { timestamp: null, other: 1 },
    ]);
  });

  test('every type that holds a moment is put into the zone', () => {
    const seen = { ...summer, columns: [{ name: 'seen', type: 'DATETIME' }, { name: 'day', type: 'date' }] }; // prettier-ignore
    expect(resultValue(seen, as('json:list', false, 'PT'))).toMatchObject([{ seen: '2026-07-01 05:00:00.123456' }, {}]);
  });

  test('a name that is none', () => {
    expect(() => formatResult(summer, as('json', false, 'Nowhere/At_All'))).toThrow(
      expect.objectContaining({ code: 'QUERY_TIMEZONE' }) as Error,
    );
  });
});

test.each(['json', 'json:list', 'json:output', 'table'] as const)(
  'a large result comes in small pieces: %s',
  (format) => {
    const rows = Array.from({ length: 20_000 }, (_, at): SqlRow => [`device-${at}`, at, '2026-01-01 00:00:00.000000']);
    const pieces = [...formatPieces(result(['device', 'value', 'timestamp'], rows), as(format, true, 'et'))];
    expect(pieces.length).toBeGreaterThan(15);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(70_000);
  },
);
