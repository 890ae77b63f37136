import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { executableSql } from '../../../src/query/executable.ts';
import { procedures } from '../../../src/query/procedures.ts';
import { parseSelect } from '../../../src/query/sql/parser.ts';
import { resolve } from '../../../src/query/sql/resolve.ts';
import type { ReadConnection } from '../../../src/sqlite/sqlite.ts';
import { databasesOf, itemsOf, openMemory, READINGS } from '../../support/query-data.ts';

const GUARD = 'holdfast_deadline';
const statement = (sql: string, brief: boolean): string =>
  executableSql(
    resolve(parseSelect(sql), sql, { columns: READINGS, now: 0 }),
    { columns: READINGS, indexed: new Set() },
    { brief },
  );

test.each([
  'select min(a), max(a), avg(b) from readings',
  'select c, count(*), count(distinct a) from readings where a > 1 and (b is null or a in (1, 2)) group by c',
])('a brief statement whose rows all cost the same is not looked after: %s', (sql) => {
  expect(statement(sql, true)).not.toContain(GUARD);
  expect(statement(sql, false)).toContain(GUARD);
});

test.each([
  "select count(a) from readings where c like '%a%b%'",
  'select max(c || c) from readings',
  'select sum(length(c)) from readings',
  "select count(a) from readings where case when a = 1 then b = 2 else c = '' end",
  `select count(a) from readings where a in (${Array.from({ length: 200 }, (_, at) => at).join(', ')})`,
])('one of which a row may take long is looked after however brief: %s', (sql) => {
  expect(statement(sql, true)).toContain(GUARD);
});

/** A connection with the statements that it was asked to step through, and to give one row of. */
const watch = (connection: ReturnType<typeof openMemory>) => {
  const [run, looked]: [string[], string[]] = [[], []];
  const watched: ReadConnection = {
    ...{ all: connection.all.bind(connection), columns: connection.columns.bind(connection) },
    deadline: connection.deadline.bind(connection),
    get: (sql, params) => (looked.push(sql), connection.get(sql, params)),
    iterate: (sql, params) => (run.push(sql), connection.iterate(sql, params)),
  };
  return { watched, run, looked };
};

test('a table is brief for a time-out that leaves room for a slow machine, by its rows and its bytes', () => {
  const connection = openMemory();
  connection.exec(`create table readings (row_id integer primary key, a int, c text);
    insert into readings values (1, 1, 'x'), (100000, 2, 'y')`);
  const { watched, run } = watch(connection);
  const isGuarded = (timeoutMs: number): boolean => {
    const sql = 'select max(a) from readings';
    const request = { dbms: 'x', sql, nowMicros: 0, timeoutMs };
    const chunks = itemsOf(procedures.select(databasesOf(watched), request));
    expect(Buffer.from(chunks[0]?.bytes ?? []).toString()).toBe('[[2]]');
    return run.at(-1)?.includes(GUARD) === true;
  };
  try {
    expect([999, 1_100].map(isGuarded)).toEqual([true, false]);
    connection.exec("insert into readings values (2, 1, printf('%.*c', 40000000, 'x'))");
    expect([2_900, 3_100].map(isGuarded)).toEqual([true, false]);
    connection.exec('insert into readings values (4000000, 2, null)');
    expect(isGuarded(3_600_000)).toBe(true);
  } finally {
    connection.close();
  }
});

test('how long a table is, is looked up and not read; one whose rows have no numbers is never brief', () => {
  const connection = openMemory();
  const readings = 'create table readings (row_id integer primary key, a int)';
  connection.exec(
    `${readings}; insert into readings values (1, 1); create table bare (a int); insert into bare values (1)`,
  );
  const plain = new Database(':memory:').exec(readings);
  const { watched, run, looked } = watch(connection);
  const select = (sql: string): unknown =>
    itemsOf(procedures.select(databasesOf(watched), { dbms: 'x', sql, nowMicros: 0, timeoutMs: 60_000 }));
  try {
    select('select max(a) from readings');
    expect(run.at(-1)).not.toContain(GUARD);
    const plans = looked.flatMap((sql) => plain.prepare<[], { detail: string }>(`explain query plan ${sql}`).all());
    const ofReadings = plans.map(({ detail }) => detail).filter((detail) => detail.includes('readings'));
    expect(ofReadings).toEqual(['SEARCH readings', 'SEARCH readings']);
    select('select max(a) from bare');
    expect(run.at(-1)).toContain(GUARD);
  } finally {
    connection.close();
    plain.close();
  }
});
