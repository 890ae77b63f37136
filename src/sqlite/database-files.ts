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
import { fault, textOf } from '../base/errors.ts';
import { makePathSync } from '../base/files.ts';
import { SQLITE_COPY_BYTES_MAX } from '../base/limits.ts';
import { type LogCut, cutOfLog, type LogState, type LogTip, tipOfLog } from './log-file.ts';

const SUFFIX = '.sqlite';
const NAME = /^[a-z0-9_]{1,64}$/;
/** Windows gives these names to devices, whatever their extension. */
const DEVICE_NAME = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])$/;

/** Where the database files lie, and whether commits reach the disk. */
export interface DatabaseFilesOptions {
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

/** Device and inode: another file has others, for as long as somebody has this one open. */
const identityOf = (path: string): string | undefined => {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
};

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** SQLite's names: the log (WAL), and its index that the threads of a process share. */
const LOG = '-wal';
const LOG_INDEX = '-shm';

/** The files of the databases in one directory: where they lie and which ones they are now. It opens none of them. */
export class DatabaseFiles {
  readonly #options: DatabaseFilesOptions;

  constructor(options: DatabaseFilesOptions) {
    this.#options = options;
  }

  /** The only place where a name becomes a path. */
  path(name: string): string {
    return join(this.#options.dir, checkName(name) + SUFFIX);
  }

  /** Those that are there, sorted. */
  names(): readonly string[] {
    const { dir } = this.#options;
    if (!existsSync(dir)) return [];
    return readdirSync(dir)
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => file.slice(0, -SUFFIX.length))
      .filter(isDatabaseName)
      .sort();
  }

  /** Each database with its path and the one that its copy in another directory has. */
  copiesIn(dir: string): readonly { readonly name: string; readonly from: string; readonly to: string }[] {
    return this.names().map((name) => ({ name, from: this.path(name), to: join(dir, name + SUFFIX) }));
  }

  /** Which file it is, to compare with what it was before. Undefined where there is none. */
  fileOf(name: string): string | undefined {
    return identityOf(this.path(name));
  }

  /** As {@link fileOf}, of its log. */
  logOf(name: string): string | undefined {
    return identityOf(this.path(name) + LOG);
  }

  /** Is another one when the log was written, or cut short. */
  logStampOf(name: string): string {
    const found = statSync(this.path(name) + LOG, { bigint: true, throwIfNoEntry: false });
    return found === undefined ? '' : `${found.size} ${found.mtimeNs}`;
  }

  tipOfLog(name: string, state: LogState): LogTip | undefined {
    return tipOfLog(this.path(name) + LOG, state);
  }

  cutOfLog(name: string, state: LogState, earlier: LogTip | undefined): LogCut | undefined {
    return cutOfLog(this.path(name) + LOG, state, earlier);
  }

  hasEmptyLog(name: string): boolean {
    return sizeOf(this.path(name) + LOG) === 0;
  }

  /**
   * A database as bytes that SQLite can read from memory; undefined where it has a log, or is too large for that. A
   * full or read-only disk may have no room for the index of a log, without which SQLite does not open the file. Where
   * there is no log the file is the whole truth: its bytes are marked as not in WAL mode.
   */
  bytesOf(name: string): Buffer | undefined {
    const path = this.path(name);
    if (!this.hasEmptyLog(name) || sizeOf(path) > SQLITE_COPY_BYTES_MAX) return undefined;
    try {
      const bytes = readFileSync(path);
      return bytes.fill(1, 18, 20); // https://sqlite.org/fileformat.html, 1.3.3: file format versions; 1 is "legacy".
    } catch {
      return undefined;
    }
  }

  /** Makes the directory; where there is no file, what is left of an earlier one's log goes. */
  makeReady(name: string): void {
    const { dir, durable } = this.#options;
    const path = this.path(name);
    try {
      if (makePathSync(dir).length > 0 && durable) syncDirectory(dirname(dir));
      if (!existsSync(path)) for (const end of [LOG, LOG_INDEX]) rmSync(path + end, { force: true });
    } catch (caught) {
      throw fault('SQLITE_DISK_FAILED', `no database can be made in ${dir}: ${textOf(caught)}`, { cause: caught });
    }
  }

  deleteLog(name: string): void {
    rmSync(this.path(name) + LOG, { force: true });
  }

  delete(name: string): void {
    const path = this.path(name);
    try {
      // The WAL goes first: one left over would be replayed into a later database of the same name.
      for (const end of [LOG, LOG_INDEX, '']) rmSync(path + end, { force: true });
    } catch (caught) {
      throw fault('SQLITE_DISK_FAILED', `database ${name} cannot be deleted: ${textOf(caught)}`, { cause: caught });
    }
  }

  /** Renames them to what nobody takes for a database; returns that path. */
  setAside(name: string, atMs: number): string {
    const { dir, durable } = this.#options;
    const path = this.path(name);
    const aside = `${path}.damaged-${Math.floor(atMs)}`;
    try {
      // As in `delete`; with its WAL beside it, it can still be looked into.
      for (const end of [LOG, LOG_INDEX, '']) if (existsSync(path + end)) renameSync(path + end, aside + end);
      if (durable && existsSync(dir)) syncDirectory(dir);
    } catch (caught) {
      throw fault('SQLITE_DISK_FAILED', `database ${name} cannot be set aside: ${textOf(caught)}`, { cause: caught });
    }
    return aside;
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
