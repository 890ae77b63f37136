import { describe, expect, test } from 'vitest';
import { HoldfastError } from '../../../src/base/errors.ts';
import { SQL_CHARS_MAX, SQL_DEPTH_MAX } from '../../../src/base/limits.ts';
import { executableSql } from '../../../src/query/executable.ts';
import { procedures } from '../../../src/query/procedures.ts';
import { parseSelect } from '../../../src/query/sql/parser.ts';
import { resolve } from '../../../src/query/sql/resolve.ts';
import { databasesOf, itemsOf, openMemory, openReadings, READINGS } from '../../support/query-data.ts';

const accept = (sql: string): string =>
  executableSql(resolve(parseSelect(sql), sql, { columns: READINGS, now: 0 }), {
    columns: READINGS,
    indexed: new Set(),
  });

const refusal = (sql: string): HoldfastError => {
  try {
    accept(sql);
  } catch (caught) {
    if (caught instanceof HoldfastError) return caught;
    throw caught;
  }
  throw new Error(`accepted: ${sql.slice(0, 200)}`);
};

const times = (text: string, count: number): string => text.repeat(count);

describe('SQL that is not one plain SELECT is refused', () => {
  test('GROUP BY a position that is an aggregate: which column it is, and what increments does', () => {
    const { message, hint } = refusal('select increments(hour, 6, timestamp), count(*) from readings group by 1');
    expect(message).toMatch(/near "count\(\*\).*: GROUP BY 1 is the column count\(\*\) of the result, an aggregate$/);
    expect(hint).toMatch(/^increments is no column of the result .* leave GROUP BY out/);
    expect(refusal('select a, sum(b) from readings group by 2').message).toMatch(/GROUP BY 2 is the column sum\(b\)/);
    expect(refusal('select a, sum(b) from readings group by 2').hint).toBe('name columns that are no aggregates');
  });

  test('a date without its quotes is refused: it would be a number, and the answer another than was meant', () => {
    const { message } = refusal('select a from readings where b > 2026-01-01');
    expect(message).toMatch(/near "2026-01-01": a date stands in single quotes$/);
    expect(accept('select 2026 - 01 - 01, 2026-1-1, 12026-01-01 from readings')).toContain('2026');
  });

  test('now without its parentheses, before a span of time, is said to lack them', () => {
    for (const sql of ['select a from readings where b >= NOW - 1 day', 'select now + 3 hours from readings'])
      expect(refusal(sql).message).toMatch(/now has parentheses: now\(\) - 3 days$/);
    expect(refusal('select now - 3 from readings').message).not.toMatch(/parentheses/);
  });

  test.each([
    ['SQL_NOT_A_SELECT', ''],
    ['SQL_NOT_A_SELECT', ' ; '],
    ['SQL_NOT_A_SELECT', 'INSERT INTO readings VALUES (1)'],
    ['SQL_NOT_A_SELECT', 'update readings set a = 1'],
    ['SQL_NOT_A_SELECT', 'DELETE FROM readings'],
    ['SQL_NOT_A_SELECT', 'DROP TABLE readings'],
    ['SQL_NOT_A_SELECT', "ATTACH 'x.db' AS x"],
    ['SQL_NOT_A_SELECT', 'PRAGMA journal_mode = DELETE'],
    ['SQL_NOT_A_SELECT', "VACUUM INTO 'z.db'"],
    ['SQL_NOT_A_SELECT', 'EXPLAIN SELECT a FROM readings'],
    ['SQL_NOT_A_SELECT', 'WITH x AS (SELECT 1) SELECT * FROM x'],
    ['SQL_NOT_A_SELECT', 'VALUES (1)'],
    ['SQL_NOT_A_SELECT', 'BEGIN'],
    ['SQL_NOT_A_SELECT', '(select a from readings)'],
    ['SQL_SEVERAL_STATEMENTS', 'select a from readings; drop table readings'],
    ['SQL_SEVERAL_STATEMENTS', "select a from readings;;attach 'x' as y;"],
    ['SQL_COMMENT', 'select a -- , b\n from readings'],
    ['SQL_COMMENT', 'select a /* hidden */ from readings'],
    ['SQL_COMMENT', 'select a from readings --'],
    ['SQL_COMMENT', 'select 5--3 from readings'],
    ['SQL_NOT_SUPPORTED', 'select a from readings join other on 1 = 1'],
    ['SQL_NOT_SUPPORTED', 'select a from readings natural join other'],
    ['SQL_NOT_SUPPORTED', 'select a from readings r left outer join other'],
    ['SQL_NOT_SUPPORTED', 'select a from readings, other'],
    ['SQL_NOT_SUPPORTED', 'select a from (select 1)'],
    ['SQL_NOT_SUPPORTED', 'select (select max(a) from readings) from readings'],
    ['SQL_NOT_SUPPORTED', 'select a from readings where a in (select 1)'],
    ['SQL_NOT_SUPPORTED', 'select a from readings where exists (select 1)'],
    ['SQL_NOT_SUPPORTED', 'select a from readings where not exists (select 1)'],
    ['SQL_NOT_SUPPORTED', 'select a from readings union select b from readings'],
    ['SQL_NOT_SUPPORTED', 'select a from readings where 1 union all select 2'],
    ['SQL_NOT_SUPPORTED', 'select a from readings order by 1 except select 2'],
    ['SQL_NOT_SUPPORTED', 'select a from readings limit 1 intersect select 2'],
    ['SQL_NOT_SUPPORTED', 'select a from main.readings'],
    ['SQL_NOT_SUPPORTED', 'select a from generate_series(1, 1000000000)'],
    ['SQL_NOT_SUPPORTED', 'select a from readings indexed by i'],
    ['SQL_NOT_SUPPORTED', 'select sum(a) over (partition by b) from readings'],
    ['SQL_NOT_SUPPORTED', 'select count(*) filter (where a > 1) from readings'],
    ['SQL_NOT_SUPPORTED', 'select a is true from readings'],
    ['SQL_NOT_SUPPORTED', 'select distinct a, count(*) from readings group by a'],
    ['SQL_NOT_SUPPORTED', 'select cast(a as blob) from readings'],
    ['SQL_NOT_SUPPORTED', 'select a::regclass from readings'],
    ['SQL_NOT_SUPPORTED', 'select a::ljust(1000000000) from readings'],
    ['SQL_SYNTAX', 'select from readings'],
    ['SQL_SYNTAX', 'select a readings'],
    ['SQL_SYNTAX', 'select a, from readings'],
    ['SQL_SYNTAX', 'select a from'],
    ['SQL_SYNTAX', "select a from 'readings'"],
    ['SQL_SYNTAX', 'select (a from readings'],
    ['SQL_SYNTAX', 'select a) from readings'],
    ['SQL_SYNTAX', "select 'open from readings"],
    ['SQL_SYNTAX', 'select "" from readings'],
    ['SQL_SYNTAX', 'select a from readings where'],
    ['SQL_SYNTAX', 'select a from readings where a between 1 or 2'],
    ['SQL_SYNTAX', 'select a from readings limit -1'],
    ['SQL_SYNTAX', 'select a from readings limit 1e3'],
    ['SQL_SYNTAX', 'select a from readings limit 99999999999999999999'],
    ['SQL_SYNTAX', 'select a from readings limit (select 1)'],
    ['SQL_SYNTAX', "select a like 'x' escape 'yy' from readings"],
    ['SQL_SYNTAX', "select a like 'x' escape c from readings"],
    ['SQL_SYNTAX', 'select now() - 3 from readings'],
    ['SQL_SYNTAX', 'select case a end from readings'],
    ['SQL_SYNTAX', "select x'00' from readings"],
    ['SQL_SYNTAX', 'select a collate nocase from readings'],
    ['SQL_SYNTAX', 'select a from readings r procedure'],
    ['SQL_SYNTAX', 'select 0x10 + 1 1 from readings'],
    ['SQL_CHARACTER', 'select a from readings where a = ?1'],
    ['SQL_CHARACTER', 'select a from readings where a = @x'],
    ['SQL_CHARACTER', 'select a & b from readings'],
    ['SQL_CHARACTER', 'select a \\ from readings'],
    ['SQL_CHARACTER', 'select a\0 from readings'],
    ['SQL_CHARACTER', "select 'a\0b' from readings"],
    ['SQL_CHARACTER', "select '\ud800' from readings"],
    ['SQL_CHARACTER', 'select a\u202e from readings'],
    ['SQL_NO_COLUMN', 'select nothing from readings'],
    ['SQL_NO_COLUMN', 'select __proto__ from readings'],
    ['SQL_NO_COLUMN', 'select constructor from readings'],
    ['SQL_NO_COLUMN', 'select rowid from readings'],
    ['SQL_NO_COLUMN', 'select other.a from readings'],
    ['SQL_NO_COLUMN', 'select "text in double quotes" from readings'],
    ['SQL_NO_COLUMN', 'select a as x from readings where x = 1'],
    ['SQL_FUNCTION', "select load_extension('x') from readings"],
    ['SQL_FUNCTION', "select readfile('/etc/passwd') from readings"],
    ['SQL_FUNCTION', 'select randomblob(1000000000) from readings'],
    ['SQL_FUNCTION', 'select random() from readings'],
    ['SQL_FUNCTION', "select printf('%1000000000d', 1) from readings"],
    ['SQL_FUNCTION', 'select zeroblob(1000000000) from readings'],
    ['SQL_FUNCTION', 'select holdfast_deadline() from readings'],
    ['SQL_FUNCTION', 'select json_array(a) from readings'],
    ['SQL_FUNCTION', 'select group_concat(c) from readings'],
    ['SQL_FUNCTION', 'select __proto__(1) from readings'],
    ['SQL_FUNCTION', 'select toString(1) from readings'],
    ['SQL_FUNCTION', 'select a from readings where a = 1 or period(day, 1, now(), timestamp)'],
    ['SQL_ARGUMENTS', 'select abs() from readings'],
    ['SQL_ARGUMENTS', 'select abs(1, 2) from readings'],
    ['SQL_ARGUMENTS', 'select abs(*) from readings'],
    ['SQL_ARGUMENTS', 'select sum(*) from readings'],
    ['SQL_ARGUMENTS', 'select count(a, b) from readings'],
    ['SQL_ARGUMENTS', 'select length(distinct c) from readings'],
    ['SQL_ARGUMENTS', 'select a from readings group by 7'],
    ['SQL_ARGUMENTS', 'select a from readings order by 0'],
    ['SQL_ARGUMENTS', "select date(timestamp, 'localtime') from readings"],
    ['SQL_ARGUMENTS', 'select date(timestamp, c) from readings'],
    ['SQL_ARGUMENTS', "select strftime('%s') from readings"],
    ['SQL_ARGUMENTS', 'select now() + 99999999 years from readings'],
    ['SQL_ARGUMENTS', 'select a from readings where period(fortnight, 1, now(), timestamp)'],
    ['SQL_ARGUMENTS', 'select a from readings where period(day, 0, now(), timestamp)'],
    ['SQL_ARGUMENTS', 'select increments(day, 1) from readings'],
    ['SQL_ARGUMENTS', 'select increments(day, 1, timestamp) from readings'],
    ['SQL_AGGREGATE_MISPLACED', 'select a from readings where sum(a) > 1'],
    ['SQL_AGGREGATE_MISPLACED', 'select sum(max(a)) from readings'],
    ['SQL_AGGREGATE_MISPLACED', 'select a from readings group by sum(a)'],
    ['SQL_AGGREGATE_MISPLACED', 'select a from readings having a > 1'],
    ['SQL_COLUMN_NOT_GROUPED', 'select a, count(*) from readings'],
    ['SQL_COLUMN_NOT_GROUPED', 'select a, b from readings group by a'],
    ['SQL_COLUMN_NOT_GROUPED', 'select distinct a from readings order by b'],
    ['SQL_COLUMN_NOT_GROUPED', 'select count(*) from readings order by a'],
    ['SQL_TOO_LONG', `select '${times('x', SQL_CHARS_MAX)}' from readings`],
    ['SQL_TOO_LONG', `select a from readings where a in (${times('1,', 30_000)}1)`],
    ['SQL_TOO_DEEP', `select ${times('(', 5_000)}a${times(')', 5_000)} from readings`],
    ['SQL_TOO_DEEP', `select ${times('- ', 5_000)}a from readings`],
    ['SQL_TOO_DEEP', `select ${times('not ', 5_000)}a from readings`],
    ['SQL_TOO_DEEP', `select a${times(' + a', 5_000)} from readings`],
    ['SQL_TOO_DEEP', `select a${times('::int', 1_000)} from readings`],
    ['SQL_TOO_DEEP', `select ${times('abs(', SQL_DEPTH_MAX + 1)}a${times(')', SQL_DEPTH_MAX + 1)} from readings`],
    ['SQL_TOO_COMPLEX', `select a from readings where a = 1${times(' or a = 1', 2_000)}`],
    ['SQL_TOO_COMPLEX', `select a${times(', (c || c)', 200)} from readings`],
    ['SQL_TOO_COMPLEX', `select a${times(', a', 1_500)} from readings`],
  ])('%s: %s', (code, sql) => {
    const error = refusal(sql);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^SQL at /);
    expect(error.message.length).toBeLessThan(400);
    expect(error.hint).toBeTruthy();
    expect(error.data['position']).toEqual(expect.any(Number));
  });

  test('the position is that of the first thing that is wrong', () => {
    expect(refusal('select a from readings union select 1')).toMatchObject({
      data: { position: 24, near: 'union select 1' },
    });
    expect(refusal('select a,\n  nothing from readings').data['position']).toBe(13);
  });
});

describe('names', () => {
  test.each([
    'a"b',
    "a'b",
    'a]b',
    'a`b',
    'a;drop table x',
    'a--b',
    'a/*b',
    'select',
    'é 😀',
    '__proto__',
    '?1',
    ':x',
    '%s',
    'a\nb',
  ])('a column named %j is read as it is, and nothing else', (name) => {
    const connection = openMemory();
    try {
      const quoted = `"${name.replaceAll('"', '""')}"`;
      connection.exec(`create table ${quoted} (row_id integer primary key, ${quoted} int)`);
      connection.run(`insert into ${quoted} values (1, 7)`);
      const request = { dbms: 'x', nowMicros: 0, timeoutMs: 10_000 };
      const sql = `select ${quoted}, max(${quoted}) from ${quoted} where ${quoted} = 7 group by ${quoted} order by ${quoted}`;
      const chunks = itemsOf(procedures.select(databasesOf(connection), { ...request, sql }));
      expect(chunks.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['[[7,7]]']);
    } finally {
      connection.close();
    }
  });

  test('tables of SQLite and of this program are not there', () => {
    const connection = openReadings([]);
    connection.exec('create table holdfast_files (row_id integer primary key, a int)');
    connection.exec('insert into holdfast_files values (1, 1)');
    try {
      for (const table of [
        'sqlite_schema',
        'SQLITE_MASTER',
        'pragma_table_list',
        'dbstat',
        'holdfast_files',
        'json_each',
      ])
        expect(procedures.columns(databasesOf(connection), 'x', table)).toBeUndefined();
    } finally {
      connection.close();
    }
  });
});

describe('a statement that would run on', () => {
  const slow = `create table readings as with recursive r(i) as (select 1 union all select i + 1 from r where i < 300000)
    select i as row_id, i as a, 'x' || i as c from r`;

  test.each([
    'select count(*), sum(length(c) * a) from readings',
    "select a from readings where c like '%never%'",
    'select c, count(*) from readings group by c',
    'select max(c || c || c || c) from readings',
  ])('ends at its deadline: %s', (sql) => {
    const connection = openMemory();
    try {
      connection.exec(slow);
      const run = (): unknown =>
        itemsOf(procedures.select(databasesOf(connection), { dbms: 'x', sql, nowMicros: 0, timeoutMs: 0.001 }));
      expect(run).toThrow(expect.objectContaining({ code: 'SQLITE_DEADLINE' }) as Error);
    } finally {
      connection.close();
    }
  });
});
