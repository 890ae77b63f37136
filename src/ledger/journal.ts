import { close, constants, fdatasync, ftruncate, open, read, readdir, stat, write } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fault, type HoldfastError, systemCode, textOf } from '../base/errors.ts';
import { syncDirectory } from '../base/files.ts';
import { JOURNAL_FILE_BYTES_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { JOURNAL_LINE_BYTES_MAX } from './journal-line.ts';

/** Undefined where the platform has no such flag (Windows). */
const O_DSYNC = constants.O_DSYNC as number | undefined;
/**
 * Each write is durable when it returns, as if followed by fdatasync: one turn on the thread pool instead of two, which
 * for single appends is a third of their time.
 */
const DURABLE = O_DSYNC ?? 0;

// The callback forms: fs/promises costs an append twice as much.
const openFile = promisify(open);
const closeFile = promisify(close);
const syncFile = promisify(fdatasync);
const truncateFile = promisify(ftruncate);
const listFiles = promisify(readdir);
const statFile = promisify(stat);
const readBytes = (fd: number, into: Buffer, at: number): Promise<number> =>
  new Promise((resolve, reject) =>
    read(fd, into, 0, into.byteLength, at, (error, count) => (error === null ? resolve(count) : reject(error))),
  );
const writeBytes = (fd: number, bytes: Buffer, at: number): Promise<number> =>
  new Promise((resolve, reject) =>
    write(fd, bytes, 0, bytes.byteLength, at, (error, count) => (error === null ? resolve(count) : reject(error))),
  );

const FILE_NAME = /^(\d{8})\.journal$/;
const NEWLINE = 0x0a;
/** Lines that lie near each other are read together. */
const READ_GAP_BYTES_MAX = 16_384;
const READ_RUN_BYTES_MAX = 1_048_576;

/** Where a line lies, its newline included. */
export interface Position {
  /** Number of the file, from 1. */
  readonly file: number;
  readonly offset: number;
  readonly length: number;
}

const journalFileName = (file: number): string => `${String(file).padStart(8, '0')}.journal`;

export interface JournalOptions {
  readonly dir: string;
  readonly log: Logger;
  /** A new file is begun beyond this size. */
  readonly fileBytesMax?: number;
}

/** Opens the journal for reading and, where the disk allows, for writing; cuts off a torn last line. `LEDGER_JOURNAL_UNREADABLE`. */
export const openJournal = async (options: JournalOptions): Promise<Journal> => {
  const { dir } = options;
  try {
    await mkdir(dir, { recursive: true }).catch((caught: unknown) => {
      if (systemCode(caught) !== 'EROFS') throw caught;
    });
    const sizes = new Map<number, number>();
    for (const name of (await listFiles(dir)).sort()) {
      const number = FILE_NAME.exec(name)?.[1];
      if (number !== undefined) sizes.set(Number(number), (await statFile(join(dir, name))).size);
    }
    const journal = new Journal(options, sizes);
    await journal.openLast();
    return journal;
  } catch (caught) {
    throw fault('LEDGER_JOURNAL_UNREADABLE', `cannot read the ledger's journal in ${dir}: ${textOf(caught)}`, {
      hint: 'check that the directory exists and that this user may read it',
      cause: caught,
    });
  }
};

/** Append-only files of lines. Knows bytes and lines, nothing of entries. After a failed write nothing more is written. */
export class Journal {
  readonly #options: JournalOptions;
  /** Sizes of the files up to the last complete line. */
  readonly #sizes: Map<number, number>;
  readonly #readHandles = new Map<number, Promise<number>>();
  #last: { file: number; offset: number };
  #writeHandle: number | undefined;
  #failure: HoldfastError | undefined;

  constructor(options: JournalOptions, sizes: Map<number, number>) {
    this.#options = options;
    this.#sizes = sizes;
    const file = Math.max(0, ...sizes.keys());
    this.#last = { file, offset: sizes.get(file) ?? 0 };
  }

  /** Just after the last complete line. */
  get end(): { readonly file: number; readonly offset: number } {
    return this.#last;
  }

  /** Numbers of the files, oldest first. */
  files(): readonly number[] {
    return [...this.#sizes.keys()].sort((a, b) => a - b);
  }

  /** Finds the end of the last complete line, and cuts off what follows where the disk allows. */
  async openLast(): Promise<void> {
    const { file, offset } = this.#last;
    if (file === 0) return;
    const path = this.path(file);
    const end = await this.#endOfLines(file, offset);
    this.#last = { file, offset: end };
    this.#sizes.set(file, end);
    try {
      this.#writeHandle = await openFile(path, constants.O_RDWR | DURABLE);
      if (end === offset) return;
      await truncateFile(this.#writeHandle, end);
      await syncFile(this.#writeHandle);
      this.#options.log.warn('cut off a line that was not completely written', { file: path, bytes: offset - end });
    } catch (caught) {
      this.#fail(caught);
    }
  }

  path(file: number): string {
    return join(this.#options.dir, journalFileName(file));
  }

  /** Writes the lines in one piece, synced; resolves with where they lie. `LEDGER_DISK_FAILED`. */
  async append(lines: readonly Buffer[]): Promise<readonly Position[]> {
    if (this.#failure !== undefined) throw this.#failure;
    const bytes = lines.length === 1 && lines[0] !== undefined ? lines[0] : Buffer.concat(lines);
    try {
      const handle = await this.#handleFor(bytes.byteLength);
      const { file, offset: start } = this.#last;
      for (let done = 0; done < bytes.byteLength;)
        done += await writeBytes(handle, done === 0 ? bytes : bytes.subarray(done), start + done);
      if (O_DSYNC === undefined) await syncFile(handle);
      let offset = start;
      const positions = lines.map(({ byteLength: length }) => {
        offset += length;
        return { file, offset: offset - length, length };
      });
      this.#last = { file, offset };
      this.#sizes.set(file, offset);
      return positions;
    } catch (caught) {
      throw this.#fail(caught);
    }
  }

  /** The bytes of each line without its newline, in order; undefined where the file is too short or cannot be read. */
  async read(positions: readonly Position[]): Promise<readonly (Buffer | undefined)[]> {
    const found = new Map<Position, Buffer>();
    for (const run of runsOf(positions)) {
      const bytes = await this.#readRun(run);
      const start = run[0]?.offset ?? 0;
      for (const position of run) {
        const line = bytes.subarray(position.offset - start, position.offset - start + position.length);
        if (line.byteLength === position.length && line.at(-1) === NEWLINE) found.set(position, line.subarray(0, -1));
      }
    }
    return positions.map((position) => found.get(position));
  }

  /** All complete lines of a file from an offset on, in one piece. */
  async readFrom(file: number, offset: number): Promise<Buffer> {
    const length = (this.#sizes.get(file) ?? 0) - offset;
    if (length <= 0) return Buffer.alloc(0);
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    for (let count = 1; count > 0 && done < length; done += count)
      count = await readBytes(await this.#readHandle(file), bytes.subarray(done), offset + done);
    return bytes.subarray(0, done);
  }

  async close(): Promise<void> {
    this.#failure ??= fault('LEDGER_CLOSED', 'the ledger is closed');
    const handles = await Promise.all(this.#readHandles.values());
    this.#readHandles.clear();
    if (this.#writeHandle !== undefined) handles.push(this.#writeHandle);
    this.#writeHandle = undefined;
    for (const handle of handles) await closeFile(handle);
  }

  #fail(caught: unknown): HoldfastError {
    this.#failure ??= fault('LEDGER_DISK_FAILED', `cannot write the ledger's journal: ${textOf(caught)}`, {
      data: { dir: this.#options.dir, reason: systemCode(caught) },
      hint: 'check the disk (full? read-only? failing?), then start the node again; reads go on meanwhile',
      cause: caught,
    });
    return this.#failure;
  }

  /** The handle that takes the next bytes, of a new file where the last one is full. */
  async #handleFor(bytes: number): Promise<number> {
    const { file, offset } = this.#last;
    const isFull = offset > 0 && offset + bytes > (this.#options.fileBytesMax ?? JOURNAL_FILE_BYTES_MAX);
    if (this.#writeHandle !== undefined && !isFull) return this.#writeHandle;
    const handle = await openFile(
      this.path(file + 1),
      constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | DURABLE,
    );
    await syncDirectory(this.#options.dir);
    if (this.#writeHandle !== undefined) await closeFile(this.#writeHandle);
    this.#writeHandle = handle;
    this.#last = { file: file + 1, offset: 0 };
    this.#sizes.set(file + 1, 0);
    return handle;
  }

  async #readRun(run: readonly Position[]): Promise<Buffer> {
    const first = run[0];
    const last = run.at(-1);
    if (first === undefined || last === undefined) return Buffer.alloc(0);
    const into = Buffer.allocUnsafe(last.offset + last.length - first.offset);
    try {
      const count = await readBytes(await this.#readHandle(first.file), into, first.offset);
      return into.subarray(0, count);
    } catch (caught) {
      this.#options.log.error('cannot read the journal', { file: this.path(first.file), text: textOf(caught) });
      return Buffer.alloc(0);
    }
  }

  #readHandle(file: number): Promise<number> {
    const held = this.#readHandles.get(file);
    if (held !== undefined) return held;
    const opened = openFile(this.path(file), 'r');
    this.#readHandles.set(file, opened);
    opened.catch(() => this.#readHandles.delete(file));
    return opened;
  }

  async #endOfLines(file: number, size: number): Promise<number> {
    for (let end = size; end > 0;) {
      const start = Math.max(0, end - JOURNAL_LINE_BYTES_MAX);
      const bytes = Buffer.allocUnsafe(end - start);
      const count = await readBytes(await this.#readHandle(file), bytes, start);
      const at = bytes.subarray(0, count).lastIndexOf(NEWLINE);
      if (at !== -1) return start + at + 1;
      end = start;
    }
    return 0;
  }
}

/** Positions in the order of the files, those near each other together. */
const runsOf = (positions: readonly Position[]): readonly (readonly Position[])[] => {
  const sorted = [...positions].sort((a, b) => a.file - b.file || a.offset - b.offset);
  const runs: Position[][] = [];
  let run: Position[] = [];
  for (const position of sorted) {
    const first = run[0];
    const last = run.at(-1);
    const joins =
      first?.file === position.file &&
      last !== undefined &&
      position.offset - last.offset - last.length <= READ_GAP_BYTES_MAX &&
      position.offset + position.length - first.offset <= READ_RUN_BYTES_MAX;
    if (joins) run.push(position);
    else {
      run = [position];
      runs.push(run);
    }
  }
  return runs;
};
