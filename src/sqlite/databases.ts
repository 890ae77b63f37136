import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fault, hasCode, textOf } from '../base/errors.ts';
import { SQLITE_OPEN_MAX } from '../base/limits.ts';
import type { ConnectionOptions, OpenConnection } from './connection.ts';
import { openReadConnection, openWriteConnection } from './connection.ts';
import type { ReadConnection, ReadDatabases, WriteConnection, WriteDatabases } from './sqlite.ts';

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
export const isDatabaseName = (name: string): boolean => NAME.test(name) && !DEVICE_NAME.test(name);

const checkName = (name: string): string => {
  if (isDatabaseName(name)) return name;
  throw fault('SQLITE_NAME', `${JSON.stringify(name.slice(0, 80))} cannot be the name of a database`, {
    hint: 'a name has 1 to 64 lower-case letters, digits and "_"',
  });
};

interface Opened<C> {
  readonly connection: C & OpenConnection;
  /** Device and inode: shows when the file was dropped and made anew by the writer in another thread. */
  readonly file: string;
}

const fileOf = (path: string): string | undefined => {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
};

/** Connections by database, one each, the least recently used closed by `trim`. */
class Connections<C> {
  readonly #open = new Map<string, Opened<C>>();

  get(name: string, file: string | undefined): C | undefined {
    const held = this.#open.get(name);
    if (held === undefined) return undefined;
    this.#open.delete(name);
    if (held.file === file) {
      this.#open.set(name, held);
      return held.connection;
    }
    held.connection.close();
    return undefined;
  }

  put(name: string, opened: Opened<C>): C {
    this.#open.set(name, opened);
    return opened.connection;
  }

  drop(name: string): void {
    this.#open.get(name)?.connection.close();
    this.#open.delete(name);
  }

  each(work: (connection: C) => void): void {
    for (const { connection } of this.#open.values()) work(connection);
  }

  trim(keep: number): void {
    for (const [name, { connection }] of this.#open) {
      if (this.#open.size <= keep) return;
      this.#open.delete(name);
      connection.close();
    }
  }
}

/** The databases of one directory, for reading. Used by one procedure at a time; `rest` is called after each. */
export class ReadDirectory implements ReadDatabases {
  protected readonly options: DatabasesOptions;
  readonly #reading = new Connections<ReadConnection>();

  constructor(options: DatabasesOptions) {
    this.options = options;
  }

  read(name: string): ReadConnection {
    const path = this.path(name);
    const file = fileOf(path);
    const held = this.#reading.get(name, file);
    if (held !== undefined) return held;
    if (file === undefined)
      throw fault('SQLITE_NO_DATABASE', `there is no database ${name}`, {
        data: { database: name },
        hint: 'see `get databases`',
      });
    return this.#reading.put(name, { connection: this.#open(name, path), file });
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

  /** Between procedures: forgets deadlines and closes connections over the bound. */
  rest(): void {
    this.#reading.each((connection) => connection.deadline(undefined));
    this.#reading.trim(SQLITE_OPEN_MAX);
  }

  close(): void {
    this.#reading.trim(0);
  }

  protected forget(name: string): void {
    this.#reading.drop(name);
  }

  /** The only place where a name becomes a path. */
  protected path(name: string): string {
    return join(this.options.dir, checkName(name) + SUFFIX);
  }

  #open(name: string, path: string): ReadConnection & OpenConnection {
    try {
      return openReadConnection(name, path, this.options);
    } catch (caught) {
      // A full or read-only disk has no room for the WAL's index. Without a WAL the file alone is the whole truth.
      if (!hasCode(caught, 'SQLITE_DISK_FAILED') || (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0)
        throw caught;
      return openReadConnection(name, `${pathToFileURL(path).href}?immutable=1`, this.options);
    }
  }
}

/** The databases of one directory, for the writer. */
export class WriteDirectory extends ReadDirectory implements WriteDatabases {
  readonly #writing = new Connections<WriteConnection>();

  write(name: string): WriteConnection {
    const path = this.path(name);
    const held = this.#writing.get(name, fileOf(path));
    if (held !== undefined) return held;
    this.#makeReady(path);
    const connection = openWriteConnection(name, path, this.options);
    return this.#writing.put(name, { connection, file: fileOf(path) ?? '' });
  }

  drop(name: string): void {
    const path = this.path(name);
    this.forget(name);
    this.#writing.drop(name);
    try {
      // The WAL goes first: one left over would be replayed into a later database of the same name.
      for (const file of [`${path}-wal`, `${path}-shm`, path]) rmSync(file, { force: true });
    } catch (caught) {
      throw fault('SQLITE_DISK_FAILED', `database ${name} cannot be deleted: ${textOf(caught)}`, { cause: caught });
    }
  }

  override rest(): void {
    super.rest();
    this.#writing.each((connection) => connection.deadline(undefined));
    this.#writing.trim(SQLITE_OPEN_MAX);
  }

  override close(): void {
    super.close();
    this.#writing.trim(0);
  }

  #makeReady(path: string): void {
    const { dir, durable } = this.options;
    try {
      if (mkdirSync(dir, { recursive: true }) !== undefined && durable) syncDirectory(dirname(dir));
      if (!existsSync(path)) for (const left of [`${path}-wal`, `${path}-shm`]) rmSync(left, { force: true });
    } catch (caught) {
      throw fault('SQLITE_DISK_FAILED', `no database can be made in ${dir}: ${textOf(caught)}`, { cause: caught });
    }
  }
}

const syncDirectory = (path: string): void => {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
};
