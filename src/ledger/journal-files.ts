import {
  close,
  constants,
  fdatasync,
  fstat,
  ftruncate,
  open,
  read,
  readdir,
  rename,
  stat,
  unlink,
  write,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemCode } from '../base/errors.ts';
import { makePath, syncDirectory } from '../base/files.ts';

/** Where a line lies, its newline included. */
export interface Position {
  /** Number of the file, from 1. */
  readonly file: number;
  readonly offset: number;
  readonly length: number;
}

/** The files of a journal as a port: tests give it a disk that fails. Failures are those of Node: `code` says which. */
export interface JournalFiles {
  /** Makes the directory where it is missing and the file system may be written to. */
  makeDirectory(dir: string): Promise<void>;
  list(dir: string): Promise<readonly { readonly name: string; readonly bytes: number }[]>;
  /** `create` refuses a file that exists. */
  open(path: string, how: 'read' | 'write' | 'create'): Promise<number>;
  size(handle: number): Promise<number>;
  read(handle: number, into: Buffer, at: number): Promise<number>;
  /** How many of the bytes were written: durable where `syncWrites` is false, else after `sync`. */
  write(handle: number, bytes: Buffer, at: number): Promise<number>;
  readonly syncWrites: boolean;
  sync(handle: number): Promise<void>;
  truncate(handle: number, bytes: number): Promise<void>;
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes the names in it durable. */
  syncDirectory(dir: string): Promise<void>;
  close(handle: number): Promise<void>;
}

/** Undefined where the platform has no such flag (Windows). */
const O_DSYNC = constants.O_DSYNC as number | undefined;
/**
 * Each write is durable when it returns, as if followed by fdatasync: one turn on the thread pool instead of two, which
 * for single appends is a third of their time.
 */
const DURABLE = constants.O_RDWR | (O_DSYNC ?? 0);
const FLAGS = { read: constants.O_RDONLY, write: DURABLE, create: DURABLE | constants.O_CREAT | constants.O_EXCL };

// The callback forms: fs/promises costs an append twice as much.
const openFile = promisify(open);
const listFiles = promisify(readdir);
const statFile = promisify(stat);
const statHandle = promisify(fstat);

/** The system's own files: synchronous writes where the platform has them, a mode of 0666 less the umask. */
export const systemJournalFiles: JournalFiles = {
  async makeDirectory(dir) {
    await makePath(dir).catch((caught: unknown) => {
      if (systemCode(caught) !== 'EROFS') throw caught;
    });
  },
  async list(dir) {
    const names = await listFiles(dir);
    return Promise.all(names.map(async (name) => ({ name, bytes: (await statFile(join(dir, name))).size })));
  },
  open: (path, how) => openFile(path, FLAGS[how], 0o666),
  size: async (handle) => (await statHandle(handle)).size,
  read: (handle, into, at) =>
    new Promise((resolve, reject) =>
      read(handle, into, 0, into.byteLength, at, (error, count) => (error === null ? resolve(count) : reject(error))),
    ),
  write: (handle, bytes, at) =>
    new Promise((resolve, reject) =>
      write(handle, bytes, 0, bytes.byteLength, at, (error, count) =>
        error === null ? resolve(count) : reject(error),
      ),
    ),
  syncWrites: O_DSYNC === undefined,
  sync: promisify(fdatasync),
  truncate: promisify(ftruncate),
  remove: promisify(unlink),
  rename: promisify(rename),
  syncDirectory,
  close: promisify(close),
};
