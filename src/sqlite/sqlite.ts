import type { EventEmitter } from 'node:events';
import type { Resource } from '../base/lifecycle.ts';

/** A value in a SQLite cell, as better-sqlite3 gives and takes it (safe integers are numbers). */
export type SqlValue = null | number | bigint | string | Uint8Array;
/** A row: a value for each column of the result. */
export type SqlRow = readonly SqlValue[];

/** A column of a result. */
export interface ResultColumn {
  readonly name: string;
  /** Declared type, lower case; null for an expression. */
  readonly type: string | null;
}

/** A read-only connection to one logical database: by type it cannot write. Synchronous; lives in one thread. */
export interface ReadConnection {
  /** Rows as arrays. Refuses every statement that is not a single read-only SELECT (`SQLITE_NOT_A_QUERY`). */
  all(sql: string, params?: readonly SqlValue[]): readonly SqlRow[];
  get(sql: string, params?: readonly SqlValue[]): SqlRow | undefined;
  columns(sql: string): readonly ResultColumn[];
  iterate(sql: string, params?: readonly SqlValue[]): IterableIterator<SqlRow>;
  /**
   * From now on the SQL function `holdfast_deadline()` (always 1) throws `SQLITE_DEADLINE` once the monotonic clock
   * has passed `atMs`: a WHERE that calls it stops a statement that would run on (better-sqlite3 has no interrupt).
   */
  deadline(atMs: number | undefined): void;
}

/** The one writing connection to a logical database. */
export interface WriteConnection extends ReadConnection {
  run(sql: string, params?: readonly SqlValue[]): number;
  exec(sql: string): void;
  /** Runs `work` in one durable transaction (WAL, `synchronous=FULL`); a throw rolls it back. */
  transaction<T>(work: () => T): T;
  /** Runs `work` inside a transaction so that a throw undoes only what `work` did. */
  savepoint<T>(work: () => T): T;
  /**
   * Bytes that may still be written where the database lies, beside what is kept free for the ledger; infinite where it
   * cannot be told.
   */
  freeBytes(): number;
}

/** The logical databases of a node inside one thread; each is the file `DIR/<name>.sqlite`. */
export interface ReadDatabases {
  /**
   * `SQLITE_NO_DATABASE` where it does not exist, `SQLITE_CORRUPT` where it is not the `file` that it is known to be:
   * somebody deleted or replaced it.
   */
  read(name: string, file?: string): ReadConnection;
  names(): readonly string[];
  /** Which file it is: another one once it was dropped or set aside and made anew. Undefined where there is none. */
  fileOf(name: string): string | undefined;
  /**
   * Begins to copy every database into a directory that exists, by SQLite's own online backup: all as they are now,
   * while writes go on. The thread copies on between its other calls; look at it until it has ended.
   */
  copyInto(dir: string): DatabasesCopy;
}

/** How a copy of the databases stands. Bytes are those of the databases' pages. */
export interface CopyProgress {
  readonly databases: number;
  readonly bytes: number;
  readonly bytesTotal: number;
}

/** A copy of all databases that is being made. */
export interface DatabasesCopy {
  readonly ended: boolean;
  /** Throws what the copy failed with: `SQLITE_DISK_FAILED`, `SQLITE_CORRUPT` … */
  progress(): CopyProgress;
  /** Ends it where it is; what is copied stays. Safe to call twice. */
  stop(): void;
}
/** The databases as procedures of the writer see them. */
export interface WriteDatabases extends ReadDatabases {
  /**
   * Creates the file where it does not exist. `SQLITE_NAME` for a name that is not `[a-z0-9_]{1,64}`, `SQLITE_CORRUPT`
   * for one that is {@link isLost}.
   */
  write(name: string): WriteConnection;
  /**
   * Whether it is open here and its file is another one now, or gone, or its log was cut short: somebody deleted,
   * replaced or cut it. Until it is dropped or set aside.
   */
  isLost(name: string): boolean;
  /**
   * Sees to it that the log of each database is looked at between procedures, where there is something in it, and that
   * until the next call no file looks like another one that was in its place ({@link ReadDatabases.fileOf}). Returns
   * the databases whose log was deleted or cut short since this was last called, and what it held saved.
   */
  watch(): readonly string[];
  drop(name: string): void;
  /**
   * Renames the files of a database to `<name>.sqlite.damaged-<time>`, where nobody takes them for one; returns that
   * name.
   */
  setAside(name: string): string;
}

/**
 * A module of synchronous procedures that run in a SQLite thread: the thread imports `module` and calls its export
 * `procedures[name]`. So the logic stands on the floor that it belongs to and is tested without any thread.
 */
export interface ProcedureModule<P> {
  /** `import.meta.url` of the module that says `export const procedures`: by these words `scripts/build.mjs` finds it. */
  readonly module: string;
  readonly procedures: P;
}

type WriteProcedures = Readonly<Record<string, (databases: WriteDatabases, ...args: never[]) => unknown>>;
type ReadProcedures = Readonly<Record<string, (databases: ReadDatabases, ...args: never[]) => unknown>>;
type StreamProcedures = Readonly<Record<string, (databases: ReadDatabases, ...args: never[]) => Iterable<unknown>>>;
type Rest<F> = F extends (databases: never, ...args: infer A) => unknown ? A : never;
type Result<F> = F extends (databases: never, ...args: never[]) => infer R ? R : never;
type Item<F> = Result<F> extends Iterable<infer I> ? I : never;

/** What the databases tell while they are open. */
export interface SqliteNotices {
  /**
   * Databases that rested after a failed write are written again. What the failed commit left shows from now on only:
   * SQLite called it failed, and opening the file again may have found all of it.
   */
  'databases:mended': [];
}

/**
 * The port to SQLite: one writer, several readers. Forms: worker threads (`threads.ts`), in-process (`inline.ts`,
 * tests).
 */
export interface Sqlite extends Resource {
  readonly notices: EventEmitter<SqliteNotices>;
  /** In the writer, one call at a time, in order. */
  write<P extends WriteProcedures, N extends keyof P & string>(
    target: ProcedureModule<P>,
    name: N,
    ...args: Rest<P[N]>
  ): Promise<Result<P[N]>>;
  /** In a reader. */
  read<P extends ReadProcedures, N extends keyof P & string>(
    target: ProcedureModule<P>,
    name: N,
    ...args: Rest<P[N]>
  ): Promise<Result<P[N]>>;
  /**
   * In a reader that is reserved while it lasts: each item that the procedure yields is fetched when it is asked for.
   * What a generator returns is its last item: it comes with the end and saves a way to the thread. Ending the loop
   * early ends the statement.
   */
  stream<P extends StreamProcedures, N extends keyof P & string>(
    target: ProcedureModule<P>,
    name: N,
    ...args: Rest<P[N]>
  ): AsyncIterable<Item<P[N]>>;
}
