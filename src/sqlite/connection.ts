import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import type { Clock } from '../base/clock.ts';
import { reserveOf } from '../base/disk.ts';
import { asFault, fault, type HoldfastError } from '../base/errors.ts';
import { SQLITE_CACHE_KIB, SQLITE_CHECK_PAGES_MAX, SQLITE_LOG_WAIT_MS, SQLITE_STATEMENTS_MAX } from '../base/limits.ts';
import type { LogState } from './log-file.ts';
import { sqliteFault } from './sqlite-faults.ts';
import type { ReadConnection, ResultColumn, SqlRow, SqlValue, WriteConnection } from './sqlite.ts';

type Handle = BetterSqlite3.Database;
type Statement = BetterSqlite3.Statement<SqlValue[], SqlValue[]>;

/** What statements of a connection see of time and disk. */
export interface ConnectionOptions {
  /** For `holdfast_deadline()`. */
  readonly clock: Clock;
  /**
   * True once running statements must end, whatever their deadline: `holdfast_deadline()` then throws `SQLITE_CLOSED`.
   */
  readonly stopping?: () => boolean;
  /** For {@link WriteConnection.freeBytes}, by directory. Default: what the system says. */
  readonly freeBytes?: (dir: string) => number;
}

const freeBytesAt = (dir: string): number => {
  try {
    const { bavail, blocks, bsize } = statfsSync(dir);
    // Some file systems count nothing.
    return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize - reserveOf(blocks * bsize);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
};

/** A connection that its owner can close; what it reads and writes goes through the port's interfaces. */
export interface OpenConnection {
  /** Of a write that the disk failed: nothing more is written through this connection. */
  readonly failure: HoldfastError | undefined;
  close(): void;
}

/** A writer, with the log that SQLite writes before the file. */
export interface LoggedConnection extends WriteConnection {
  /**
   * All that is committed goes from the log into the file, durably, and nobody reads the log any more. `SQLITE_BUSY`
   * while somebody reads an older state, `SQLITE_DISK_FAILED` also where another log stands in for one that held
   * something.
   */
  emptyLog(waitMs?: number): void;
  /** How its log stands; undefined inside a transaction. */
  logState(): LogState | undefined;
}

/** `prepare` itself refuses a second statement; SELECT, WITH and VALUES are the forms that can be a query. */
const QUERY_FORM = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:select|with|values)\b/i;

/** SQLite's integers have 64 bits: one that a number cannot hold exactly stays a bigint, all others become numbers. */
const exact = (row: SqlValue[]): SqlRow => {
  for (let at = 0; at < row.length; at += 1) {
    const value = row[at];
    if (typeof value === 'bigint' && value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER)
      row[at] = Number(value);
  }
  return row;
};

/** Prepared statements by their text, the least recently used dropped first. */
class StatementCache {
  readonly #handle: Handle;
  readonly #statements = new Map<string, Statement>();

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  /** The statement is the caller's alone until it is given back: one that is being iterated cannot be run again. */
  take(sql: string): Statement {
    const cached = this.#statements.get(sql);
    if (cached === undefined) return this.#handle.prepare<SqlValue[], SqlValue[]>(sql).safeIntegers(true);
    this.#statements.delete(sql);
    return cached;
  }

  giveBack(sql: string, statement: Statement): void {
    this.#statements.set(sql, statement);
    if (this.#statements.size <= SQLITE_STATEMENTS_MAX) return;
    for (const oldest of this.#statements.keys()) {
      this.#statements.delete(oldest);
      return;
    }
  }
}

class SqliteReadConnection implements ReadConnection, OpenConnection {
  protected readonly name: string;
  protected readonly handle: Handle;
  protected readonly options: ConnectionOptions;
  readonly #cache: StatementCache;
  failure: HoldfastError | undefined;
  #deadlineMs: number | undefined;

  constructor(name: string, handle: Handle, options: ConnectionOptions) {
    this.name = name;
    this.handle = handle;
    this.options = options;
    this.#cache = new StatementCache(handle);
    // varargs: with a column of an inner table as argument the call is made for each of that table's rows.
    handle.function('holdfast_deadline', { varargs: true, deterministic: false, directOnly: true }, () => {
      if (options.stopping?.() === true) throw fault('SQLITE_CLOSED', `database ${name}: the node is stopping`);
      if (this.#deadlineMs !== undefined && options.clock.monotonicMs() > this.#deadlineMs)
        throw fault('SQLITE_DEADLINE', `database ${name}: the query ran longer than it may`, {
          hint: 'narrow the time range or raise the time-out',
        });
      return 1;
    });
  }

  deadline(atMs: number | undefined): void {
    this.#deadlineMs = atMs;
  }

  all(sql: string, params: readonly SqlValue[] = []): readonly SqlRow[] {
    return this.#query(sql, (statement) => {
      const rows = statement.raw().all(...params);
      for (const row of rows) exact(row);
      return rows;
    });
  }

  get(sql: string, params: readonly SqlValue[] = []): SqlRow | undefined {
    return this.#query(sql, (statement) => {
      const row = statement.raw().get(...params);
      return row === undefined ? undefined : exact(row);
    });
  }

  columns(sql: string): readonly ResultColumn[] {
    return this.#query(sql, (statement) =>
      statement.columns().map(({ name, type }) => ({ name, type: type?.toLowerCase() ?? null })),
    );
  }

  *iterate(sql: string, params: readonly SqlValue[] = []): IterableIterator<SqlRow> {
    try {
      const statement = this.#takeQuery(sql);
      for (const row of statement.raw().iterate(...params)) yield exact(row);
      this.#cache.giveBack(sql, statement);
    } catch (caught) {
      throw sqliteFault(caught, this.name);
    }
  }

  close(): void {
    this.handle.close();
  }

  /** A failed statement is not given back to the cache: SQLite compiles it afresh. */
  protected prepared<T>(sql: string, work: (statement: Statement) => T): T {
    try {
      const statement = this.#cache.take(sql);
      const result = work(statement);
      this.#cache.giveBack(sql, statement);
      return result;
    } catch (caught) {
      throw sqliteFault(caught, this.name);
    }
  }

  #query<T>(sql: string, work: (statement: Statement) => T): T {
    return this.prepared(sql, (statement) => work(this.#asQuery(sql, statement)));
  }

  #takeQuery(sql: string): Statement {
    return this.#asQuery(sql, this.#cache.take(sql));
  }

  /**
   * A file opened read-only is no guard by itself: `VACUUM INTO` writes another file and ATTACH counts as read-only.
   */
  #asQuery(sql: string, statement: Statement): Statement {
    if (!statement.reader || !statement.readonly || !QUERY_FORM.test(sql))
      throw fault('SQLITE_NOT_A_QUERY', `database ${this.name}: only a single SELECT can be read`);
    return statement;
  }
}

class SqliteWriteConnection extends SqliteReadConnection implements LoggedConnection {
  /** How many of our transactions and savepoints are open. */
  #depth = 0;

  run(sql: string, params: readonly SqlValue[] = []): number {
    this.#assertNotLost();
    return this.#noting(() =>
      this.prepared(sql, (statement) => {
        if (statement.reader) {
          statement.raw().all(...params);
          return 0;
        }
        return statement.run(...params).changes;
      }),
    );
  }

  exec(sql: string): void {
    this.#assertNotLost();
    this.#guarded(() => this.handle.exec(sql));
  }

  transaction<T>(work: () => T): T {
    if (this.#depth > 0)
      throw fault('SQLITE_STATEMENT', `database ${this.name}: a transaction is open already; use a savepoint`);
    return this.#enclosed('BEGIN IMMEDIATE', 'COMMIT', ['ROLLBACK'], work);
  }

  savepoint<T>(work: () => T): T {
    if (this.#depth === 0)
      throw fault('SQLITE_STATEMENT', `database ${this.name}: a savepoint needs an open transaction`);
    const point = `holdfast_${this.#depth}`;
    return this.#enclosed(`SAVEPOINT ${point}`, `RELEASE ${point}`, [`ROLLBACK TO ${point}`, `RELEASE ${point}`], work);
  }

  freeBytes(): number {
    if (this.handle.memory) return Number.POSITIVE_INFINITY;
    return (this.options.freeBytes ?? freeBytesAt)(dirname(this.handle.name));
  }

  emptyLog(waitMs = SQLITE_LOG_WAIT_MS): void {
    const [patienceMs] = this.#pragma('busy_timeout');
    this.#pragma(`busy_timeout = ${waitMs}`);
    const [busy] = this.#pragma('wal_checkpoint(TRUNCATE)');
    this.#pragma(`busy_timeout = ${Number(patienceMs)}`);
    if (busy !== 0)
      throw fault('SQLITE_BUSY', `database ${this.name}: its log is written into it once queries have ended`);
  }

  logState(): LogState | undefined {
    if (this.handle.inTransaction) return undefined;
    const [, frames, inFile] = this.#pragma('wal_checkpoint(NOOP)');
    return { frames: Number(frames), inFile: Number(inFile), pageBytes: Number(this.#pragma('page_size')[0]) };
  }

  checkAfterFailure(): void {
    this.emptyLog();
    if (Number(this.#pragma('page_count')[0]) <= SQLITE_CHECK_PAGES_MAX) {
      const [found] = this.#pragma('quick_check(1)');
      if (found !== 'ok') throw fault('SQLITE_CORRUPT', `database ${this.name}: ${String(found)}`);
    }
    this.exec(`PRAGMA user_version = ${Number(this.#pragma('user_version')[0])}`);
  }

  #pragma(what: string): readonly SqlValue[] {
    return this.#guarded(() => this.handle.prepare<[], SqlValue[]>(`PRAGMA ${what}`).raw().get() ?? []);
  }

  #enclosed<T>(begin: string, end: string, undo: readonly string[], work: () => T): T {
    this.#assertNotLost();
    this.#guarded(() => this.handle.exec(begin));
    this.#depth += 1;
    try {
      const result = work();
      if (result instanceof Promise)
        throw fault('SQLITE_STATEMENT', `database ${this.name}: a transaction cannot wait for a promise`);
      this.#assertNotLost();
      this.#guarded(() => this.handle.exec(end));
      return result;
    } catch (caught) {
      // SQLite itself rolls everything back on some failures of the disk.
      if (this.handle.inTransaction) this.#guarded(() => undo.forEach((sql) => this.handle.exec(sql)));
      throw caught;
    } finally {
      this.#depth -= 1;
    }
  }

  /** After SQLite rolled back by itself each further statement would commit alone: half of the work would be done. */
  #assertNotLost(): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.#depth > 0 && !this.handle.inTransaction)
      throw fault('SQLITE_DISK_FAILED', `database ${this.name}: the transaction was rolled back after a failure`);
  }

  #guarded<T>(work: () => T): T {
    return this.#noting(() => {
      try {
        return work();
      } catch (caught) {
        throw sqliteFault(caught, this.name);
      }
    });
  }

  #noting<T>(work: () => T): T {
    try {
      return work();
    } catch (caught) {
      const error = asFault(caught);
      if (error.code === 'SQLITE_DISK_FAILED') this.failure ??= error;
      throw caught;
    }
  }
}

type WriteOptions = ConnectionOptions & { readonly durable: boolean };

/** Opens a file, and closes it again where `connect` fails. */
export const opened = <T>(
  name: string,
  path: string | Buffer,
  how: BetterSqlite3.Options,
  connect: (handle: Handle) => T,
): T => {
  let handle: Handle | undefined;
  try {
    handle = new BetterSqlite3(path, how);
    handle.pragma('trusted_schema = OFF');
    handle.pragma(`cache_size = -${SQLITE_CACHE_KIB}`);
    return connect(handle);
  } catch (caught) {
    handle?.close();
    throw sqliteFault(caught, name);
  }
};

/** Opens an existing file, or the bytes of one, read-only. `SQLITE_DISK_FAILED`, `SQLITE_CORRUPT`. */
export const openReadConnection = (
  name: string,
  path: string | Buffer,
  options: ConnectionOptions,
): ReadConnection & OpenConnection =>
  opened(name, path, { readonly: true, fileMustExist: true }, (handle) => {
    handle.pragma('schema_version'); // The first real read: what is wrong with the file shows here.
    return new SqliteReadConnection(name, handle, options);
  });

/**
 * Opens or creates a file for writing. WAL lets readers go on beside the writer; `synchronous=FULL` makes a commit
 * durable when it returns; `durable: false` (tests) leaves out every flush.
 */
export const openWriteConnection = (name: string, path: string, options: WriteOptions): SqliteWriteConnection =>
  opened(name, path, {}, (handle) => {
    handle.pragma('journal_mode = WAL');
    handle.pragma(`synchronous = ${options.durable ? 'FULL' : 'OFF'}`);
    handle.pragma('foreign_keys = ON');
    handle.pragma('journal_size_limit = 67108864');
    return new SqliteWriteConnection(name, handle, options);
  });

const openAfter = (
  name: string,
  path: string,
  options: WriteOptions,
  check: (connection: SqliteWriteConnection) => void,
): SqliteWriteConnection => {
  const connection = openWriteConnection(name, path, options);
  try {
    check(connection);
    return connection;
  } catch (caught) {
    connection.close();
    throw caught;
  }
};

/**
 * As {@link openWriteConnection}, of a file that has no log: throws where one was there that readers have open still.
 */
export const openWithEmptyLog = (name: string, path: string, options: WriteOptions): SqliteWriteConnection =>
  openAfter(name, path, options, (connection) => connection.emptyLog());

/**
 * Opens a file again whose last write failed. All that is committed goes from SQLite's log into the file, durably, so
 * that nothing rests on a log that was not flushed; the file is checked; one commit is tried. Throws while any of it
 * fails.
 */
export const reopenWriteConnection = (name: string, path: string, options: WriteOptions): SqliteWriteConnection =>
  openAfter(name, path, options, (connection) => connection.checkAfterFailure());
