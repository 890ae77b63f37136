import { asFault, fault, hasCode, type HoldfastError, textOf } from '../base/errors.ts';
import { SQLITE_OPEN_MAX } from '../base/limits.ts';
import type { ConnectionOptions, LoggedConnection, OpenConnection } from './connection.ts';
import { openReadConnection, openWithEmptyLog, openWriteConnection, reopenWriteConnection } from './connection.ts';
import { DatabaseFiles, type DatabaseFilesOptions } from './database-files.ts';
import { OnlineCopy } from './online-copy.ts';
import { PinnedFiles } from './pinned-files.ts';
import { type Opened, KeptConnections } from './kept-connections.ts';
import type { LogCut, LogTip } from './log-file.ts';
import { isLogDeleted } from './sqlite-faults.ts';
import type { DatabasesCopy, ReadConnection, ReadDatabases, WriteConnection, WriteDatabases } from './sqlite.ts';

/** Files and connections of one thread. */
export type DatabasesOptions = ConnectionOptions & DatabaseFilesOptions;

/** The databases of one directory, for reading. Used by one procedure at a time; `rest` is called after each. */
export class ReadDirectory implements ReadDatabases {
  protected readonly options: DatabasesOptions;
  protected readonly files: DatabaseFiles;
  readonly #reading = new KeptConnections<ReadConnection>();

  constructor(options: DatabasesOptions) {
    this.options = options;
    this.files = new DatabaseFiles(options);
  }

  read(name: string, known?: string): ReadConnection {
    const file = this.files.fileOf(name);
    if (known !== undefined && known !== file) throw lostFault(name);
    // Before it is opened: one that is made in between is noticed next time.
    const log = this.files.logOf(name);
    const held = this.#reading.get(name, file, log);
    if (held !== undefined) return held;
    if (file === undefined)
      throw fault('SQLITE_NO_DATABASE', `there is no database ${name}`, {
        data: { database: name },
        hint: 'see `get databases`',
      });
    return this.#reading.put(name, this.#open(name, { file, log }));
  }

  names(): readonly string[] {
    return this.files.names();
  }

  fileOf(name: string): string | undefined {
    return this.files.fileOf(name);
  }

  copyInto(dir: string): DatabasesCopy {
    return new OnlineCopy(this.files.copiesIn(dir), this.options);
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
   * The writer opens again and checks what rests; returns what is written again, `failing` says what must rest on. A
   * reader lets go of its connections before: one that was opened while the disk was read-only makes SQLite take the
   * index of the WAL for read-only in the whole process, for as long as it is open.
   */
  mend(): readonly string[] {
    this.#reading.rest(0);
    return [];
  }

  protected forget(name: string): void {
    this.#reading.drop(name);
  }

  #open(name: string, files: Pick<Opened<unknown>, 'file' | 'log'>): Opened<ReadConnection> {
    try {
      return { connection: openReadConnection(name, this.files.path(name), this.options), ...files };
    } catch (caught) {
      const copy =
        hasCode(caught, 'SQLITE_DISK_FAILED') && !isLogDeleted(caught) ? this.files.bytesOf(name) : undefined;
      if (copy === undefined) throw caught;
      return { connection: openReadConnection(name, copy, this.options), file: undefined, log: undefined };
    }
  }
}

/** The databases of one directory, for the writer. */
export class WriteDirectory extends ReadDirectory implements WriteDatabases {
  readonly #writing = new KeptConnections<LoggedConnection>();
  /**
   * Connections whose log was deleted before what it holds was in the file: nobody else has it. Their databases rest, or
   * are to be set aside where the log was cut.
   */
  readonly #unsaved = new Map<string, LoggedConnection & OpenConnection>();
  #saved: string[] = [];
  readonly #pinned = new PinnedFiles();
  /** What each log held at the last look at it. */
  readonly #looked = new Map<string, { readonly stamp: string; readonly tip: LogTip | undefined }>();
  /** Databases whose log was cut short before all of it was in the file: that is lost. */
  readonly #cut = new Set<string>();
  /** Databases to which a write failed: nothing is written to them before `mend`. */
  readonly #resting = new Map<string, HoldfastError>();

  write(name: string): WriteConnection {
    if (this.#cut.has(name)) throw cutFault(name);
    const resting = this.#resting.get(name) ?? this.#saveCut(name);
    if (resting !== undefined) throw resting;
    const file = this.files.fileOf(name);
    if (this.#writing.isLost(name, file)) throw lostFault(name);
    const held = this.#writing.get(name, file);
    if (held !== undefined) return held;
    try {
      // Where the log is empty nothing may be lacking that one held.
      return this.#open(name, this.files.hasEmptyLog(name) ? openWithEmptyLog : openWriteConnection);
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
    return this.#cut.has(name) || this.#writing.isLost(name, this.fileOf(name));
  }

  drop(name: string): void {
    this.#leave(name);
    this.files.delete(name);
  }

  setAside(name: string): string {
    this.#leave(name);
    return this.files.setAside(name, this.options.clock.wallMs());
  }

  watch(): readonly string[] {
    const names = this.names();
    this.#pinned.pin(names.map((name) => this.files.path(name)));
    for (const name of names) {
      if (this.#writing.of(name) !== undefined || this.#resting.has(name) || this.files.hasEmptyLog(name)) continue;
      try {
        this.write(name);
      } catch {
        // It rests, or whoever reads it meets what is wrong with it.
      }
    }
    return this.#saved.splice(0);
  }

  /**
   * Between procedures, before the last one's result is told. Throws where the log was deleted to which it may have
   * written, and what it holds cannot be made durable now.
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
    this.#pinned.pin([]);
  }

  /**
   * SQLite does not say which log it has open. It is certain where the same one was there before the connection was
   * opened and is there after it, so this tries until it was.
   */
  #open(name: string, open: typeof openWriteConnection): WriteConnection {
    this.files.makeReady(name);
    // Whoever closes it last takes the log along: they are closed when the next one is open.
    const outdated: OpenConnection[] = [];
    try {
      for (let tries = 0; tries < 3; tries += 1) {
        const log = this.files.logOf(name);
        const connection = open(name, this.files.path(name), this.options);
        if (log !== undefined && log === this.files.logOf(name)) {
          this.#writing.put(name, { connection, file: this.files.fileOf(name), log });
          this.#looked.delete(name);
          this.#howSpoiled(name);
          return connection;
        }
        outdated.push(connection);
      }
    } finally {
      for (const connection of outdated) connection.close();
    }
    throw fault('SQLITE_DISK_FAILED', `the log of the database ${name} is deleted while it is opened`, {
      data: { database: name },
    });
  }

  /**
   * Nobody watches the log of a database that is not open, so its log is emptied before it is closed. While somebody
   * reads an older state that cannot be done, and it stays open.
   */
  #closeEmpty(name: string): void {
    try {
      if (!this.files.hasEmptyLog(name)) this.#writing.of(name)?.emptyLog(0);
    } catch {
      return;
    }
    this.#writing.drop(name);
  }

  /** What somebody did to the log of a database that is open, since the last look at it. */
  #howSpoiled(name: string): 'deleted' | LogCut | undefined {
    const connection = this.#writing.of(name);
    if (connection === undefined) return undefined;
    if (this.#writing.isWithoutLog(name, this.files.logOf(name))) return 'deleted';
    const stamp = this.files.logStampOf(name);
    const looked = this.#looked.get(name);
    if (stamp === looked?.stamp || connection.failure !== undefined) return undefined;
    const state = connection.logState();
    if (state === undefined) return undefined;
    const cut = this.files.cutOfLog(name, state, looked?.tip);
    if (cut === undefined) this.#looked.set(name, { stamp, tip: this.files.tipOfLog(name, state) });
    return cut;
  }

  /** Before anything is written behind the cut, as if there were pages before it. Returns what failed. */
  #saveCut(name: string): HoldfastError | undefined {
    const how = this.#howSpoiled(name);
    return how === undefined || how === 'deleted' ? undefined : this.#save(name, how);
  }

  /** Returns what failed. */
  #saveLogs(): HoldfastError | undefined {
    let failure: HoldfastError | undefined;
    for (const name of this.#writing.names()) {
      const how = this.#howSpoiled(name);
      if (how !== undefined && !this.isLost(name)) failure = this.#save(name, how) ?? failure;
    }
    return failure;
  }

  /** A log that was cut short is lost, unless all of it was in the file before. Returns what failed. */
  #save(name: string, how: 'deleted' | LogCut): HoldfastError | undefined {
    const connection = this.#writing.take(name);
    if (connection === undefined) return undefined;
    const state = how === 'short' ? connection.logState() : undefined;
    if (how !== 'deleted' && (state === undefined || state.inFile < state.frames)) {
      this.#unsaved.set(name, connection);
      this.#cut.add(name);
      return cutFault(name);
    }
    try {
      this.#saveLog(name, connection);
      return undefined;
    } catch (caught) {
      const failure = asFault(caught);
      this.#unsaved.set(name, connection);
      this.#resting.set(name, failure);
      return failure;
    }
  }

  /**
   * SQLite has the deleted log open: what it holds goes into the file. Only then nobody has anything in it, and the
   * connection that is opened next begins a new one; before, it would go on in a file that lacks what the index of the
   * log names.
   */
  #saveLog(name: string, connection: LoggedConnection & OpenConnection): void {
    try {
      connection.emptyLog();
      // A reader that was opened meanwhile made one, or somebody put an old one there.
      this.files.deleteLog(name);
    } catch (caught) {
      throw fault('SQLITE_DISK_FAILED', `the log of the database ${name} was deleted or cut: ${textOf(caught)}`, {
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
    this.#cut.delete(name);
  }
}

/** A new file in its place would look like a database that never held more. */
const lostFault = (name: string): HoldfastError =>
  fault('SQLITE_CORRUPT', `the file of the database ${name} was deleted or replaced while it was in use`, {
    data: { database: name },
    hint: 'it is set aside, and its files come again from the peers',
  });

const cutFault = (name: string): HoldfastError =>
  fault('SQLITE_CORRUPT', `the log of the database ${name} was cut short while it was in use`, {
    data: { database: name },
    hint: 'it is set aside, and its files come again from the peers',
  });
