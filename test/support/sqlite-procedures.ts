import { writeFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { systemClock } from '../../src/base/clock.ts';
import { fault } from '../../src/base/errors.ts';
import type { ProcedureModule, ReadDatabases, SqlRow, SqlValue, WriteDatabases } from '../../src/sqlite/sqlite.ts';

const writes = {
  create(databases: WriteDatabases, name: string): void {
    databases.write(name).exec('CREATE TABLE IF NOT EXISTS t (a INTEGER, b)');
  },
  insert(databases: WriteDatabases, name: string, rows: readonly (readonly SqlValue[])[]): number {
    const connection = databases.write(name);
    return connection.transaction(() =>
      rows.reduce((sum, row) => sum + connection.run('INSERT INTO t VALUES (?, ?)', row), 0),
    );
  },
  /** Inserts 1, fails after 2 inside a savepoint, inserts 3. */
  savepoint(databases: WriteDatabases, name: string): void {
    const connection = databases.write(name);
    connection.transaction(() => {
      connection.run('INSERT INTO t VALUES (1, 1)');
      try {
        connection.savepoint(() => {
          connection.run('INSERT INTO t VALUES (2, 2)');
          throw new Error('undo');
        });
      } catch {
        connection.run('INSERT INTO t VALUES (3, 3)');
      }
    });
  },
  /** Inserts, then throws: nothing may stay. */
  fail(databases: WriteDatabases, name: string): void {
    const connection = databases.write(name);
    connection.transaction(() => {
      connection.run('INSERT INTO t VALUES (9, 9)');
      throw fault('TEST_REFUSED', 'refused', { data: { row: 9 }, hint: 'try another' });
    });
  },
  /** Lets at most `pages` pages be written, as a full disk would. */
  fill(databases: WriteDatabases, name: string, rows: number): void {
    const connection = databases.write(name);
    connection.get('SELECT 1');
    connection.exec('PRAGMA max_page_count = 4');
    connection.transaction(() => {
      for (let row = 0; row < rows; row += 1) connection.run('INSERT INTO t VALUES (?, ?)', [row, 'x'.repeat(1000)]);
    });
  },
  drop: (databases: WriteDatabases, name: string): void => databases.drop(name),
  one(databases: WriteDatabases, name: string, value: number): number {
    databases.write(name).run('INSERT INTO t VALUES (?, 0)', [value]);
    return value;
  },
  die: (): void => process.exit(7),
};

const reads = {
  all: (databases: ReadDatabases, name: string, sql: string, params?: readonly SqlValue[]): readonly SqlRow[] =>
    databases.read(name).all(sql, params),
  get: (databases: ReadDatabases, name: string, sql: string): SqlRow | undefined => databases.read(name).get(sql),
  columns: (databases: ReadDatabases, name: string, sql: string) => databases.read(name).columns(sql),
  names: (databases: ReadDatabases): readonly string[] => databases.names(),
  deadline(databases: ReadDatabases, name: string, sql: string, ms: number): readonly SqlRow[] {
    const connection = databases.read(name);
    connection.deadline(systemClock.monotonicMs() + ms);
    return connection.all(sql);
  },
  bytes: (_: ReadDatabases, count: number): Uint8Array => new Uint8Array(count).fill(7),
  unclonable: (): unknown => () => 1,
  throwPlain(): void {
    throw new TypeError('plain');
  },
  /** Ends the thread, as a crash of its own would. */
  die: (): void => process.exit(7),
};

const streams = {
  *rows(databases: ReadDatabases, name: string): Iterable<SqlRow> {
    yield* databases.read(name).iterate('SELECT a FROM t ORDER BY a');
  },
  /** Writes `path` when it is ended, early or not. */
  *marked(databases: ReadDatabases, name: string, path: string): Iterable<SqlRow> {
    try {
      yield* databases.read(name).iterate('SELECT a FROM t ORDER BY a');
    } finally {
      writeFileSync(path, 'ended');
    }
  },
  *ending(_: ReadDatabases, yielded: number): Generator<number, number, undefined> {
    for (let item = 1; item <= yielded; item += 1) yield item;
    return yielded + 1;
  },
  /** The thread that it runs in, twice. */
  *threads(): Generator<number, number, undefined> {
    yield threadId;
    return threadId;
  },
  *failing(): Iterable<number> {
    yield 1;
    throw fault('TEST_REFUSED', 'refused in the middle');
  },
};

/**
 * For the conformance suite of the SQLite port: threads import this file, so Node itself must be able to load it.
 * @public
 */
export const procedures = { ...writes, ...reads, ...streams };

const module = import.meta.url;
export const writing: ProcedureModule<typeof writes> = { module, procedures: writes };
export const reading: ProcedureModule<typeof reads> = { module, procedures: reads };
export const streaming: ProcedureModule<typeof streams> = { module, procedures: streams };
