import { statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { ReadDirectory, WriteDirectory } from '../../../src/sqlite/databases.ts';
import type { SqlRow } from '../../../src/sqlite/sqlite.ts';
import { tempDir } from '../../support/temp-dir.ts';

const CUT = expect.objectContaining({
  code: 'SQLITE_CORRUPT',
  message: expect.stringContaining('was cut short') as string,
}) as Error;

let dir: string;
let writers: WriteDirectory;
let readers: ReadDirectory;
beforeEach(() => {
  dir = tempDir();
  const options = { dir, durable: true, clock: systemClock };
  writers = new WriteDirectory(options);
  readers = new ReadDirectory(options);
  add(1);
  add(2);
});
afterEach(() => {
  for (const databases of [readers, writers]) databases.close();
});

const log = (): string => join(dir, 'd.sqlite-wal');
const logBytes = (): number => statSync(log()).size;
const checkpoint = (): void => writers.write('d').exec('PRAGMA wal_checkpoint(PASSIVE)');
const insert = (a: number): void => {
  writers.write('d').exec('CREATE TABLE IF NOT EXISTS t (a)');
  writers.write('d').run('INSERT INTO t VALUES (?)', [a]);
};
const add = (a: number): void => {
  try {
    insert(a);
  } finally {
    writers.rest();
  }
};
const rows = (): readonly SqlRow[] => {
  try {
    return readers.read('d').all('SELECT a FROM t ORDER BY a');
  } finally {
    readers.rest();
  }
};

test.each([
  ['to nothing', 0],
  ['to its header', 32],
  ['in the middle of a frame', 3_000],
  ['by its last byte', -1],
])('a log that is cut %s is lost at the next look, and nothing is written to the database any more', (_, at) => {
  truncateSync(log(), at < 0 ? logBytes() + at : at);
  expect(() => writers.rest()).toThrow(CUT);
  expect(writers.isLost('d')).toBe(true);
  for (let count = 0; count < 2; count += 1) expect(() => add(3)).toThrow(CUT);
  expect(writers.mend()).toEqual([]);
  expect(writers.watch()).toEqual([]);
  writers.setAside('d');
  expect([writers.isLost('d'), writers.names()]).toEqual([false, []]);
  add(4);
  expect(rows()).toEqual([[4]]);
});

test('nothing is written behind the cut where it was made before', () => {
  truncateSync(log(), 32);
  expect(() => add(3)).toThrow(CUT);
  expect(logBytes()).toBe(32);
});

// The last byte of the last page is a zero, as what comes in its place.
test.each([0, 40, -8])('what is written behind a cut at byte %i that was made meanwhile is not acknowledged', (at) => {
  const before = logBytes();
  const addAndCut = (): void => {
    const db = writers.write('d');
    try {
      db.transaction(() => {
        db.run('INSERT INTO t VALUES (3)');
        truncateSync(log(), at < 0 ? before + at : at);
      });
    } finally {
      writers.rest();
    }
  };
  expect(addAndCut).toThrow(CUT);
  expect(logBytes()).toBeGreaterThan(before);
});

test('what was written is not acknowledged where it is cut before the look', () => {
  const before = logBytes();
  insert(3);
  truncateSync(log(), before);
  expect(() => writers.rest()).toThrow(CUT);
});

test('where all of it was in the file before nothing is lost', () => {
  checkpoint();
  truncateSync(log(), 0);
  add(3);
  expect(writers.watch()).toEqual(['d']);
  expect(writers.isLost('d')).toBe(false);
  expect(rows()).toEqual([[1], [2], [3]]);
});

test('a log that begins anew, is emptied, or keeps what a transaction left that was undone is not cut', () => {
  for (let round = 0; round < 3; round += 1) {
    add(3);
    checkpoint();
    writers.rest();
  }
  const before = logBytes();
  add(4);
  expect(logBytes()).toBe(before);
  const db = writers.write('d');
  db.exec('PRAGMA cache_size = 1');
  expect(() =>
    db.transaction(() => {
      for (let a = 0; a < 2_000; a += 1) db.run('INSERT INTO t VALUES (?)', ['x'.repeat(200)]);
      throw new Error('undone');
    }),
  ).toThrow('undone');
  writers.rest();
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  writers.rest();
  add(5);
  expect([writers.watch(), writers.isLost('d'), rows().length]).toEqual([[], false, 7]);
});
