import { copyFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { SQLITE_OPEN_MAX } from '../../../src/base/limits.ts';
import { ReadDirectory, WriteDirectory } from '../../../src/sqlite/databases.ts';
import type { SqlRow } from '../../../src/sqlite/sqlite.ts';
import { tempDir } from '../../support/temp-dir.ts';

let dir: string;
let writers: WriteDirectory;
let readers: ReadDirectory;
let others: ReadDirectory;
beforeEach(() => {
  dir = tempDir();
  const options = { dir, durable: true, clock: systemClock };
  writers = new WriteDirectory(options);
  readers = new ReadDirectory(options);
  others = new ReadDirectory(options);
  writers.write('d').exec('CREATE TABLE t (a)');
  writers.close(); // It is in the file now; what follows is in a log.
  add(1);
});
afterEach(() => {
  for (const databases of [readers, others, writers]) databases.close();
});

const log = (): string => join(dir, 'd.sqlite-wal');
const deleteLog = (): void => rmSync(log());
const add = (a: number): void => {
  try {
    writers.write('d').run('INSERT INTO t VALUES (?)', [a]);
  } finally {
    writers.rest();
  }
};
const rowsOf = (databases: ReadDirectory): readonly SqlRow[] => {
  try {
    return databases.read('d').all('SELECT a FROM t ORDER BY a');
  } finally {
    databases.rest();
  }
};
/** What a process finds that starts after this one was killed. */
const afterKill = (): readonly SqlRow[] => {
  const left = tempDir();
  for (const file of readdirSync(dir).filter((name) => !name.endsWith('-shm')))
    copyFileSync(join(dir, file), join(left, file));
  const databases = new ReadDirectory({ dir: left, durable: false, clock: systemClock });
  try {
    return rowsOf(databases);
  } finally {
    databases.close();
  }
};
const DISK_FAILED = expect.objectContaining({ code: 'SQLITE_DISK_FAILED' }) as Error;

test('what a deleted log held, and what was written to it since, is there after a kill once a write is acknowledged', () => {
  expect(rowsOf(readers)).toEqual([[1]]);
  deleteLog();
  expect(afterKill()).toEqual([]);
  add(2);
  expect(afterKill()).toEqual([[1], [2]]);
  expect(writers.watch()).toEqual(['d']);
  add(3);
  for (const databases of [readers, others]) expect(rowsOf(databases)).toEqual([[1], [2], [3]]);
  expect(afterKill()).toEqual([[1], [2], [3]]);
  expect(writers.watch()).toEqual([]);
});

test('a look at it is enough, without its index too, and with an old log in its place', () => {
  copyFileSync(log(), `${log()}.old`);
  add(2);
  rmSync(join(dir, 'd.sqlite-shm'));
  renameSync(`${log()}.old`, log());
  writers.rest();
  expect(afterKill()).toEqual([[1], [2]]);
  expect(rowsOf(readers)).toEqual([[1], [2]]);
});

test('who opens the database before that is told of a failure, and of no state that lacks something', () => {
  deleteLog();
  for (let count = 0; count < 2; count += 1) expect(() => rowsOf(readers)).toThrow(DISK_FAILED);
  writers.rest();
  expect(rowsOf(readers)).toEqual([[1]]);
  add(2);
  expect(rowsOf(readers)).toEqual([[1], [2]]);
  expect(afterKill()).toEqual([[1], [2]]);
});

test('while somebody reads an older state nothing more is acknowledged, and nothing of what was is lost', () => {
  const rows = readers.read('d').iterate('SELECT a FROM t');
  expect(rows.next().value).toEqual([1]);
  deleteLog();
  expect(() => add(2)).toThrow(DISK_FAILED);
  expect(writers.failing?.message).toContain('the log of the database d was deleted');
  expect(() => add(3)).toThrow(DISK_FAILED);
  expect(writers.mend()).toEqual([]);
  expect(writers.watch()).toEqual([]);
  rows.return?.();
  readers.rest();
  expect(writers.mend()).toEqual(['d']);
  // What failed may be there: whoever keeps in memory what is held looks again after `mend`.
  expect(afterKill()).toEqual([[1], [2]]);
  add(3);
  for (const databases of [readers, others, writers]) expect(rowsOf(databases)).toEqual([[1], [2], [3]]);
  expect(afterKill()).toEqual([[1], [2], [3]]);
});

test('after a start a look watches what a killed process left in a log; what the writer does not watch is empty', () => {
  const left = tempDir();
  for (const file of readdirSync(dir)) copyFileSync(join(dir, file), join(left, file));
  const options = { dir: left, durable: true, clock: systemClock };
  const [next, reader] = [new WriteDirectory(options), new ReadDirectory(options)];
  expect(rowsOf(reader)).toEqual([[1]]);
  expect(next.watch()).toEqual([]);
  rmSync(join(left, 'd.sqlite-wal'));
  next.rest();
  expect(next.watch()).toEqual(['d']);
  for (let index = 0; index < SQLITE_OPEN_MAX; index += 1) {
    next.write(`d${index}`).exec('CREATE TABLE t (a)');
    expect(reader.read(`d${index}`).all('SELECT a FROM t')).toEqual([]);
    next.rest();
    reader.rest();
  }
  const logs = readdirSync(left).filter((name) => name.endsWith('-wal') && statSync(join(left, name)).size === 0);
  next.write('more').exec('CREATE TABLE t (a)');
  next.rest();
  const emptied = readdirSync(left).filter((name) => name.endsWith('-wal') && statSync(join(left, name)).size === 0);
  expect([logs.length, emptied.length]).toEqual([0, 1]);
  for (const databases of [reader, next]) databases.close();
});

test('a log that is deleted while only readers have it open: nothing is written beside it before they have let go', () => {
  expect(rowsOf(readers)).toEqual([[1]]);
  writers.close();
  deleteLog();
  expect(() => add(2)).toThrow(DISK_FAILED);
  expect(writers.mend()).toEqual([]);
  readers.mend();
  expect(writers.mend()).toEqual(['d']);
  add(3);
  expect(rowsOf(readers)).toEqual([[3]]);
  expect(afterKill()).toEqual([[3]]);
});

test('a database that is closed or set aside meanwhile has all of it', () => {
  expect(rowsOf(readers)).toEqual([[1]]);
  deleteLog();
  writers.close();
  expect(afterKill()).toEqual([[1]]);
  add(2);
  deleteLog();
  writers.setAside('d');
  expect(writers.names()).toEqual([]);
  writers.write('d').exec('CREATE TABLE t (a)');
  add(3);
  expect(rowsOf(readers)).toEqual([[3]]);
});
