import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { asFault, fault, hasCode, type HoldfastError, textOf } from '../base/errors.ts';
import { makePathSync } from '../base/files.ts';
import { SQLITE_COPY_BYTES_MAX, SQLITE_OPEN_MAX } from '../base/limits.ts';
import type { ConnectionOptions, LoggedConnection, OpenConnection } from './connection.ts';
import { openReadConnection, openWithEmptyLog, openWriteConnection, reopenWriteConnection } from './connection.ts';
import { OnlineCopy } from './online-copy.ts';
import { isLogDeleted } from './sqlite-faults.ts';
import type { DatabasesCopy, ReadConnection, ReadDatabases, WriteConnection, WriteDatabases } from './sqlite.ts';

const SUFFIX = '.sqlite';
const NAME = /^[a-z0-9_]{1,64}$/;
/** Windows gives these names to devices, whatever their extension. */
const DEVICE_NAME = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])$/;

export interface DatabasesOptions extends ConnectionOptions {
  /** Absolute. */
  readonly dir: string;
  /** False leaves out every flush to disk (tests). */
  readonly durable: boolean;
}

/** Whether a logical database may have that name: `[a-z0-9_]{1,64}` and not a device of Windows. */
const isDatabaseName = (name: string): boolean => NAME.test(name) && !DEVICE_NAME.test(name);

const checkName = (name: string): string => {
  if (isDatabaseName(name)) return name;
  throw fault('SQLITE_NAME', `${JSON.stringify(name.slice(0, 80))} cannot be the name of a database`, {
    hint: 'a name has 1 to 64 lower-case letters, digits and "_"',
  });
};

interface Opened<C> {
  readonly connection: C & OpenConnection;
  /** Device and inode: shows when the writer in another thread dropped and remade it. Undefined: for this procedure only. */
  readonly file: string | undefined;
  /** As `file`, of its log; SQLite has it open as well, so that no other file gets the same. */
  readonly log: string | undefined;
}

const fileOf = (path: string): string | undefined => {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
};

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

const logOf = (path: string): string => `${path}-wal`;

/** Connections by database, one each. A procedure may hold what it got: nothing is closed before `rest`, except by `drop`. */
class Connections<C> {
  readonly #open = new Map<string, Opened<C>>();
  readonly #outdated: OpenConnection[] = [];

  /** `log`: another one than it has open makes it outdated, too; without one there is none. */
  get(name: string, file: string | undefined, log?: string): C | undefined {
    const held = this.#open.get(name);
    if (held === undefined) return undefined;
    this.#open.delete(name);
    if (held.file === undefined || (held.file === file && (log === undefined || held.log === log))) {
      this.#open.set(name, held);
      return held.connection;
    }
    this.#outdated.push(held.connection);
    return undefined;
  }

  /** Whether the file is another one now, or gone. */
  isLost(name: string, file: string | undefined): boolean {
    const opened = this.#open.get(name)?.file;
    return opened !== undefined && opened !== file;
  }

  put(name: string, opened: Opened<C>): C {
    this.#open.set(name, opened);
    return opened.connection;
  }

  drop(name: string): void {
    this.take(name)?.close();
  }

  of(name: string): (C & OpenConnection) | undefined {
    return this.#open.get(name)?.connection;
  }

  /** It is the caller's to close. */
  take(name: string): (C & OpenConnection) | undefined {
    const connection = this.of(name);
    this.#open.delete(name);
    return connection;
  }

  each(work: (connection: C & OpenConnection, name: string) => void): void {
    for (const [name, { connection }] of this.#open) work(connection, name);
  }

  /** The least recently used over `keep`. */
  over(keep: number): readonly string[] {
    return [...this.#open.keys()].slice(0, Math.max(0, this.#open.size - keep));
  }

  /** Whose log is another one now, or gone: somebody deleted it. */
  withoutLog(logNow: (name: string) => string | undefined): readonly string[] {
    return [...this.#open].filter(([name, { log }]) => log !== logNow(name)).map(([name]) => name);
  }

  /** Closes what is outdated, what was for one procedure, and the least recently used over `keep`. */
  rest(keep: number): void {
    for (const connection of this.#outdated.splice(0)) connection.close();
    for (const [name, { file }] of this.#open) if (file === undefined) this.drop(name);
    for (const name of this.over(keep)) this.drop(name);
  }
}

/** The databases of one directory, for reading. Used by one procedure at a time; `rest` is called after each. */
export class ReadDirectory implements ReadDatabases {
  protected readonly options: DatabasesOptions;
  readonly #reading = new Connections<ReadConnection>();

  constructor(options: DatabasesOptions) {
    this.options = options;
  }

  read(name: string, known?: string): ReadConnection {
    const path = this.path(name);
    const file = fileOf(path);
    if (known !== undefined && known !== file) throw lostFault(name);
    // Before it is opened: one that is made in between is noticed next time.
    const log = fileOf(logOf(path));
    const held = this.#reading.get(name, file, log);
    if (held !== undefined) return held;
    if (file === undefined)
      throw fault('SQLITE_NO_DATABASE', `there is no database ${name}`, {
        data: { database: name },
        hint: 'see `get databases`',
      });
    return this.#reading.put(name, this.#open(name, path, { file, log }));
  }

  names(): readonly string[] {
    const { dir } = this.options;
    if (!existsSync(dir)) return [];
    return readdirSync(dir)
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => file.slice(0, -SUFFIX.length))
      .filter(isDatabaseName)
      .sort();
  }

  fileOf(name: string): string | undefined {
    return fileOf(this.path(name));
  }

  copyInto(dir: string): DatabasesCopy {
    const files = this.names().map((name) => ({ name, from: this.path(name), to: join(dir, name + SUFFIX) }));
    return new OnlineCopy(files, this.options);
  }

  /** Between procedures: forgets deadlines and closes connections over the bound. */
  rest(): void {
    this.#reading.each((connection) => connection.deadline(undefined));
    this.#reading.rest(SQLITE_OPEN_MAX);
  }

  close(): void {
    this.#reading.rest(0);
  }

  /** Of a database that rests because the disk failed a write: see `mend`. */
  get failing(): HoldfastError | undefined {
    return undefined;
  }

  /**
   * The writer opens again and checks what rests; returns what is written again, `failing` says what must rest on. A reader
   * lets go of its connections before: one that was opened while the disk was read-only makes SQLite take the index of the
   * WAL for read-only in the whole process, for as long as it is open.
   */
  mend(): readonly string[] {
    this.#reading.rest(0);
    return [];
  }

  protected forget(name: string): void {
    this.#reading.drop(name);
  }

  /** The only place where a name becomes a path. */
  protected path(name: string): string {
    return join(this.options.dir, checkName(name) + SUFFIX);
  }

  #open(name: string, path: string, files: Pick<Opened<unknown>, 'file' | 'log'>): Opened<ReadConnection> {
    try {
      return { connection: openReadConnection(name, path, this.options), ...files };
    } catch (caught) {
      const copy = hasCode(caught, 'SQLITE_DISK_FAILED') && !isLogDeleted(caught) ? copyOf(path) : undefined;
      if (copy === undefined) throw caught;
      return { connection: openReadConnection(name, copy, this.options), file: undefined, log: undefined };
    }
  }
}

/**
 * A full or read-only disk may have no room for the index of a WAL, without which SQLite does not open the file. Where
 * there is no WAL the file is the whole truth: its bytes, marked as not in WAL mode, can be read from memory.
 */
const copyOf = (path: string): Buffer | undefined => {
  if (sizeOf(logOf(path)) > 0 || sizeOf(path) > SQLITE_COPY_BYTES_MAX) return undefined;
  try {
    const bytes = readFileSync(path);
    return bytes.fill(1, 18, 20); // https://sqlite.org/fileformat.html, 1.3.3: file format versions; 1 is "legacy".
  } catch {
    return undefined;
  }
};

/** The databases of one directory, for the writer. */
export class WriteDirectory extends ReadDirectory implements WriteDatabases {
  readonly #writing = new Connections<LoggedConnection>();
  /** Their log was deleted, and what it holds is not in the file yet: they alone have it. Their databases rest. */
  readonly #unsaved = new Map<string, LoggedConnection & OpenConnection>();
  #saved: string[] = [];
  /** Databases to which a write failed: nothing is written to them before `mend`. */
  readonly #resting = new Map<string, HoldfastError>();

  write(name: string): WriteConnection {
    const path = this.path(name);
    const resting = this.#resting.get(name);
    if (resting !== undefined) throw resting;
    const file = fileOf(path);
    if (this.#writing.isLost(name, file)) throw lostFault(name);
    const held = this.#writing.get(name, file);
    if (held !== undefined) return held;
    try {
      // Where the log is empty nothing may be lacking that one held.
      return this.#open(name, sizeOf(logOf(path)) > 0 ? openWriteConnection : openWithEmptyLog);
    } catch (caught) {
      if (hasCode(caught, 'SQLITE_DISK_FAILED')) this.#resting.set(name, asFault(caught));
      throw caught;
    }
  }

  override get failing(): HoldfastError | undefined {
    return this.#resting.values().next().value;
  }

  override mend(): readonly string[] {
    super.mend();
    const mended: string[] = [];
    for (const name of [...this.#resting.keys()]) {
      try {
        const unsaved = this.#unsaved.get(name);
        if (unsaved !== undefined) this.#saveLog(name, unsaved);
        this.#open(name, reopenWriteConnection);
        this.#resting.delete(name);
        mended.push(name);
      } catch (caught) {
        this.#resting.set(name, asFault(caught));
      }
    }
    return mended;
  }

  isLost(name: string): boolean {
    return this.#writing.isLost(name, this.fileOf(name));
  }

  drop(name: string): void {
    const path = this.path(name);
    this.#leave(name);
    try {
      // The WAL goes first: one left over would be replayed into a later database of the same name.
      for (const file of [logOf(path), `${path}-shm`, path]) rmSync(file, { force: true });
    } catch (caught) {
      throw fault('SQLITE_DISK_FAILED', `database ${name} cannot be deleted: ${textOf(caught)}`, { cause: caught });
    }
  }

  setAside(name: string): string {
    const path = this.path(name);
    this.#leave(name);
    const aside = `${path}.damaged-${Math.floor(this.options.clock.wallMs())}`;
    try {
      // As in `drop`; with its WAL beside it, it can still be looked into.
      for (const end of ['-wal', '-shm', '']) if (existsSync(path + end)) renameSync(path + end, aside + end);
      if (this.options.durable && existsSync(this.options.dir)) syncDirectory(this.options.dir);
    } catch (caught) {
      throw fault('SQLITE_DISK_FAILED', `database ${name} cannot be set aside: ${textOf(caught)}`, { cause: caught });
    }
    return aside;
  }

  watchLogs(): readonly string[] {
    for (const name of this.names()) {
      if (this.#writing.of(name) !== undefined || this.#resting.has(name) || sizeOf(logOf(this.path(name))) === 0)
        continue;
      try {
        this.write(name);
      } catch {
        // It rests, or whoever reads it meets what is wrong with it.
      }
    }
    return this.#saved.splice(0);
  }

  /**
   * Between procedures, before the last one's result is told. Throws where the log was deleted to which it may have written, and what
   * it holds cannot be made durable now.
   */
  override rest(): void {
    super.rest();
    const unsaved = this.#saveLogs();
    const failed: string[] = [];
    this.#writing.each((connection, name) => {
      connection.deadline(undefined);
      if (connection.failure === undefined) return;
      this.#resting.set(name, connection.failure);
      failed.push(name);
    });
    for (const name of failed) this.#writing.drop(name);
    for (const name of this.#writing.over(SQLITE_OPEN_MAX)) this.#closeEmpty(name);
    if (unsaved !== undefined) throw unsaved;
  }

  override close(): void {
    super.close();
    this.#saveLogs();
    for (const connection of this.#unsaved.values()) connection.close();
    this.#writing.rest(0);
  }

  /** SQLite does not say which log it has open: known is it where it was there before, and is still. */
  #open(name: string, open: typeof openWriteConnection): WriteConnection {
    const path = this.path(name);
    this.#makeReady(path);
    // Whoever closes it last takes the log along: they are closed when the next one is open.
    const outdated: OpenConnection[] = [];
    try {
      for (let tries = 0; tries < 3; tries += 1) {
        const log = fileOf(logOf(path));
        const connection = open(name, path, this.options);
        if (log !== undefined && log === fileOf(logOf(path)))
          return this.#writing.put(name, { connection, file: fileOf(path), log });
        outdated.push(connection);
      }
    } finally {
      for (const connection of outdated) connection.close();
    }
    throw fault('SQLITE_DISK_FAILED', `the log of the database ${name} is deleted while it is opened`, {
      data: { database: name },
    });
  }

  /** Nobody watches the log of what is closed: so it has nothing in it. One that somebody reads an older state of stays open. */
  #closeEmpty(name: string): void {
    try {
      if (sizeOf(logOf(this.path(name))) > 0) this.#writing.of(name)?.emptyLog(0);
    } catch {
      return;
    }
    this.#writing.drop(name);
  }

  /** Returns what failed. */
  #saveLogs(): HoldfastError | undefined {
    let failure: HoldfastError | undefined;
    for (const name of this.#writing.withoutLog((of) => fileOf(logOf(this.path(of))))) {
      if (this.isLost(name)) continue;
      const connection = this.#writing.take(name);
      if (connection === undefined) continue;
      try {
        this.#saveLog(name, connection);
      } catch (caught) {
        failure = asFault(caught);
        this.#unsaved.set(name, connection);
        this.#resting.set(name, failure);
      }
    }
    return failure;
  }

  /**
   * SQLite has the deleted log open: what it holds goes into the file. Only then nobody has anything in it, and the connection that
   * is opened next begins a new one; before, it would go on in a file that lacks what the index of the log names.
   */
  #saveLog(name: string, connection: LoggedConnection & OpenConnection): void {
    try {
      connection.emptyLog();
      // A reader that was opened meanwhile made one, or somebody put an old one there.
      rmSync(logOf(this.path(name)), { force: true });
    } catch (caught) {
      throw fault('SQLITE_DISK_FAILED', `the log of the database ${name} was deleted: ${textOf(caught)}`, {
        data: { database: name },
        hint: 'what it held is written into the database as soon as that can be done; until then the database is only read',
        cause: caught,
      });
    }
    connection.close();
    this.#unsaved.delete(name);
    this.#saved.push(name);
  }

  #leave(name: string): void {
    this.#resting.delete(name);
    this.forget(name);
    this.#writing.drop(name);
    this.#unsaved.get(name)?.close();
    this.#unsaved.delete(name);
  }

  #makeReady(path: string): void {
    const { dir, durable } = this.options;
    try {
      if (makePathSync(dir).length > 0 && durable) syncDirectory(dirname(dir));
      if (!existsSync(path)) for (const left of [logOf(path), `${path}-shm`]) rmSync(left, { force: true });
    } catch (caught) {
      throw fault('SQLITE_DISK_FAILED', `no database can be made in ${dir}: ${textOf(caught)}`, { cause: caught });
    }
  }
}

/** A new file in its place would look like a database that never held more. */
const lostFault = (name: string): HoldfastError =>
  fault('SQLITE_CORRUPT', `the file of the database ${name} was deleted or replaced while it was in use`, {
    data: { database: name },
    hint: 'it is set aside, and its files come again from the peers',
  });

const syncDirectory = (path: string): void => {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
};
