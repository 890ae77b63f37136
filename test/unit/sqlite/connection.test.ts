import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { SQLITE_CACHE_KIB, SQLITE_OPEN_MAX, SQLITE_STATEMENTS_MAX } from '../../../src/base/limits.ts';
import { openReadConnection, openWriteConnection } from '../../../src/sqlite/connection.ts';
import { ReadDirectory, WriteDirectory } from '../../../src/sqlite/databases.ts';

let dir: string;
let writers: WriteDirectory;
const options = (): { dir: string; durable: boolean; clock: typeof systemClock } => ({
  dir,
  durable: true,
  clock: systemClock,
});
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'holdfast-test-')), 'made', 'when', 'needed');
  writers = new WriteDirectory(options());
});
afterEach(() => {
  writers.close();
  rmSync(join(dir, '..', '..', '..'), { recursive: true, force: true });
});

test('a writing connection is durable and keeps foreign keys', () => {
  const connection = writers.write('d');
  expect(connection.get('SELECT synchronous FROM pragma_synchronous')).toEqual([2]);
  expect(connection.get('SELECT foreign_keys FROM pragma_foreign_keys')).toEqual([1]);
});

test('a connection keeps few pages, for reading as for writing', () => {
  const writer = writers.write('d');
  writer.exec('CREATE TABLE t (a)');
  const reader = openReadConnection('d', join(dir, 'd.sqlite'), { clock: systemClock });
  for (const connection of [writer, reader])
    expect(connection.get('SELECT cache_size FROM pragma_cache_size')).toEqual([-SQLITE_CACHE_KIB]);
  reader.close();
});

test('run counts rows, takes RETURNING, and says which constraint a row breaks', () => {
  const connection = writers.write('d');
  connection.exec('CREATE TABLE t (a INTEGER PRIMARY KEY)');
  expect(connection.run('INSERT INTO t VALUES (1), (2)')).toBe(2);
  expect(connection.run('DELETE FROM t WHERE a > 5')).toBe(0);
  connection.run('INSERT INTO t VALUES (3) RETURNING a');
  expect(connection.all('SELECT a FROM t')).toEqual([[1], [2], [3]]);
  expect(() => connection.run('INSERT INTO t VALUES (1)')).toThrow(
    expect.objectContaining({ code: 'SQLITE_CONSTRAINT' }),
  );
});

test('the cache of statements stays correct beyond its bound and after a change of the schema', () => {
  const connection = writers.write('d');
  connection.exec('CREATE TABLE t (a)');
  for (let round = 0; round < 2; round += 1) {
    for (let index = 0; index < SQLITE_STATEMENTS_MAX + 10; index += 1)
      expect(connection.get(`SELECT ${index}, count(*) FROM t`)).toEqual([index, 0]);
  }
  expect(connection.all('SELECT * FROM t')).toEqual([]);
  connection.exec('ALTER TABLE t ADD COLUMN b DEFAULT 5');
  connection.run('INSERT INTO t (a) VALUES (1)');
  expect(connection.all('SELECT * FROM t')).toEqual([[1, 5]]);
});

test('one query can be iterated twice at the same time', () => {
  const connection = writers.write('d');
  connection.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)');
  const pairs: unknown[] = [];
  for (const [x] of connection.iterate('SELECT a FROM t'))
    for (const [y] of connection.iterate('SELECT a FROM t')) pairs.push([x, y]);
  expect(pairs).toEqual([[1, 1], [1, 2], [2, 1], [2, 2]]); // prettier-ignore
});

test('a transaction inside another, a savepoint outside one and a promise are refused', () => {
  const connection = writers.write('d');
  const refused = expect.objectContaining({ code: 'SQLITE_STATEMENT' }) as Error;
  expect(() => connection.transaction(() => connection.transaction(() => 1))).toThrow(refused);
  expect(() => connection.savepoint(() => 1)).toThrow(refused);
  connection.exec('CREATE TABLE t (a)');
  expect(() =>
    connection.transaction(() => {
      connection.run('INSERT INTO t VALUES (1)');
      return Promise.resolve();
    }),
  ).toThrow(refused);
  expect(connection.all('SELECT * FROM t')).toEqual([]);
  expect(connection.transaction(() => connection.savepoint(() => connection.savepoint(() => 5)))).toBe(5);
});

test('after SQLite itself rolled back, what follows in the same work is refused instead of committed alone', () => {
  const connection = writers.write('d');
  connection.exec('CREATE TABLE t (a UNIQUE)');
  expect(() =>
    connection.transaction(() => {
      connection.run('INSERT INTO t VALUES (1)');
      try {
        connection.run('INSERT OR ROLLBACK INTO t VALUES (1)');
      } catch {
        connection.run('INSERT INTO t VALUES (2)');
      }
    }),
  ).toThrow(expect.objectContaining({ code: 'SQLITE_DISK_FAILED' }));
  expect(connection.all('SELECT * FROM t')).toEqual([]);
  expect(connection.transaction(() => connection.run('INSERT INTO t VALUES (3)'))).toBe(1);
});

test('stopping ends a running statement whatever its deadline', () => {
  writers.write('d');
  const connection = openReadConnection('d', join(dir, 'd.sqlite'), { clock: systemClock, stopping: () => true });
  const endless =
    'WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE holdfast_deadline(n)) SELECT max(n) FROM x';
  expect(() => connection.all(endless)).toThrow(expect.objectContaining({ code: 'SQLITE_CLOSED' }));
  connection.close();
});

test('more databases than connections may be open', () => {
  const readers = new ReadDirectory(options());
  for (let round = 0; round < 2; round += 1) {
    for (let index = 0; index < SQLITE_OPEN_MAX + 5; index += 1) {
      writers.write(`d${index}`).exec('CREATE TABLE IF NOT EXISTS t (a); INSERT INTO t VALUES (1)');
      expect(readers.read(`d${index}`).get('SELECT count(*) FROM t')).toEqual([round + 1]);
      writers.rest();
      readers.rest();
    }
  }
  readers.close();
});

test('a left-over WAL of a deleted database is not replayed into a new one of that name', () => {
  writers.write('other');
  const left = openWriteConnection('d', join(dir, 'd.sqlite'), { clock: systemClock, durable: true });
  left.exec('CREATE TABLE old (a); INSERT INTO old VALUES (1)');
  rmSync(join(dir, 'd.sqlite'));
  expect(writers.write('d').all("SELECT name FROM sqlite_schema WHERE type = 'table'")).toEqual([]);
  left.close();
});

test('a file that takes the place of one that nobody has open looks like another one', () => {
  writers.write('d').exec('CREATE TABLE t (a)');
  writers.close();
  const path = join(dir, 'd.sqlite');
  const bytes = readFileSync(path);
  for (let round = 0; round < 2; round += 1) {
    writers.watch();
    const file = writers.fileOf('d');
    rmSync(path);
    writeFileSync(path, bytes);
    expect(writers.fileOf('d')).not.toBe(file);
  }
});

test('a database whose file is deleted while it is open is not made anew before it was set aside', () => {
  writers.write('d').exec('CREATE TABLE old (a)');
  rmSync(join(dir, 'd.sqlite'));
  for (let count = 0; count < 2; count += 1) {
    expect(() => writers.write('d')).toThrow(
      expect.objectContaining({ code: 'SQLITE_CORRUPT', data: { database: 'd' } }),
    );
    writers.rest();
  }
  expect([writers.isLost('d'), writers.isLost('other')]).toEqual([true, false]);
  writers.setAside('d');
  expect(writers.write('d').all("SELECT name FROM sqlite_schema WHERE type = 'table'")).toEqual([]);
  expect(writers.isLost('d')).toBe(false);
});
