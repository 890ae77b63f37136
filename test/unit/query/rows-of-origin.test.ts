import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { prepareDatabase } from '../../../src/operator/store/schema.ts';
import { procedures } from '../../../src/query/procedures.ts';
import { openWriteConnection } from '../../../src/sqlite/connection.ts';
import type { ReadDatabases, SqlValue } from '../../../src/sqlite/sqlite.ts';
import { tempDir } from '../../support/temp-dir.ts';

const RECORD = `insert into holdfast_files (origin, file, table_name, source, instructions, hash, digest, time, rows,
  mapping, status, first_row, last_row, change) values (?, ?, ?, '', '', '', '', '', 1, 1, ?, ?, ?, ?)`;

test('whether an origin has rows of a table is looked up, however many files of other tables it has', () => {
  const path = join(tempDir(), 'plant.sqlite');
  const db = openWriteConnection('plant', path, { clock: systemClock, durable: false });
  prepareDatabase(db);
  const put = (origin: string, file: bigint, table: string, row: bigint | null): void => {
    db.run(RECORD, [origin, file, table, row === null ? 'duplicate' : 'stored', row, row, file]);
  };
  put('a', 1n, 'other', 1n);
  put('b', 2n, 'readings', 1n);
  put('c', 3n, 'readings', null);
  const asked: (readonly [string, readonly SqlValue[]])[] = [];
  const get = (sql: string, params: readonly SqlValue[] = []) => {
    if (sql.includes('origin')) asked.push([sql, params]);
    return db.get(sql, params);
  };
  const databases = { read: () => ({ get, all: db.all.bind(db) }) } as unknown as ReadDatabases;
  expect(procedures.withRows(databases, 'plant', 'readings', ['a', 'b', 'c'])).toEqual(['b']);
  expect(asked).toHaveLength(3);
  db.close();
  const plain = new Database(path, { readonly: true });
  const plans = asked.map(([sql, params]) => plain.prepare(`explain query plan ${sql}`).get(...params));
  plain.close();
  const detail: unknown = expect.stringMatching(/^SEARCH .*\(table_name=\? AND origin=\? AND file>\? AND file<\?\)$/);
  for (const plan of plans) expect(plan).toMatchObject({ detail });
});
