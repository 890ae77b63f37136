import { join } from 'node:path';
import { writeFault } from '../base/disk.ts';
import { fault, HoldfastError, textOf } from '../base/errors.ts';
import { JOURNAL_FILE_BYTES_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { type JournalFiles, type Position, systemJournalFiles } from './journal-files.ts';
import { decodeLine, linesOf, NEWLINE } from './journal-line.ts';
import { type Overwrite, overwriteLines, tryToFinishOverwrites } from './journal-overwrite.ts';
import { JournalReads, readBytes } from './journal-reads.ts';
import { OneByOne } from '../base/one-by-one.ts';
import { removeLeftovers, type Replacement, rewriteFile } from './journal-rewrite.ts';
import { JournalRoom, ROOM_BYTES_MAX, tornLine, writeAll } from './journal-room.ts';

const FILE_NAME = /^(\d{8})\.journal$/;
/** What was appended is read back after a failure, the newest so much of it. */
const READ_BACK_BYTES_MAX = 1_048_576;

const journalFileName = (file: number): string => `${String(file).padStart(8, '0')}.journal`;

/** Where a journal lies and how its files grow; the sizes, in bytes, differ from the limits in tests alone. */
export interface JournalOptions {
  readonly dir: string;
  readonly log: Logger;
  /** A new file is begun beyond this size. */
  readonly fileBytesMax?: number;
  /** So many zeros are written behind the last line at a time. */
  readonly roomBytes?: number;
  readonly files?: JournalFiles;
}

/**
 * Opens the journal for reading, up to the last complete line; appends may follow once `beginAppends` was called.
 * Finishes an erasure that a crash broke off. `LEDGER_JOURNAL_UNREADABLE`.
 */
export const openJournal = async (options: JournalOptions): Promise<Journal> => {
  const { dir, files = systemJournalFiles } = options;
  try {
    await files.makeDirectory(dir);
    await tryToFinishOverwrites({ dir, files, log: options.log, path: (file) => join(dir, journalFileName(file)) });
    await removeLeftovers(files, dir, options.log);
    const sizes = new Map((await numberedFiles(files, dir)).map(({ number, bytes }) => [number, bytes]));
    const journal = new Journal(options, sizes);
    await journal.findEnd();
    return journal;
  } catch (caught) {
    throw fault('LEDGER_JOURNAL_UNREADABLE', `cannot read the ledger's journal in ${dir}: ${textOf(caught)}`, {
      hint: 'check that the directory exists and that this user may read it',
      cause: caught,
    });
  }
};

/** The files of a journal, oldest first. */
const numberedFiles = async (
  files: JournalFiles,
  dir: string,
): Promise<readonly { readonly number: number; readonly bytes: number }[]> => {
  const found = (await files.list(dir)).flatMap(({ name, bytes }) => {
    const number = FILE_NAME.exec(name)?.[1];
    return number === undefined ? [] : [{ number: Number(number), bytes }];
  });
  return found.sort((a, b) => a.number - b.number);
};

/**
 * Files of lines that are appended to, and never change but where a body is erased. Knows bytes and lines, nothing of
 * entries. After a failed write the file is closed, and nothing is written until `reopen` has found in it what was
 * acknowledged and nothing else.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #files: JournalFiles;
  /** Sizes of the files up to the last complete line. */
  readonly #sizes: Map<number, number>;
  readonly #reads: JournalReads;
  /** What changes lines in place, and what must not run beside that. */
  readonly #overwrites = new OneByOne();
  readonly #room: JournalRoom;
  #last: { file: number; offset: number };
  /** Of the last file, when it was opened. */
  #foundBytes = 0;
  /** From here on the last file was not read back since it was opened. */
  #checkedTo = 0;
  #writeHandle: number | undefined;
  #failure: HoldfastError | undefined;
  /** The append that was begun last. */
  #underWay: Promise<unknown> | undefined;
  /** Bytes of the append that failed. */
  #refused = 0;

  constructor(options: JournalOptions, sizes: Map<number, number>) {
    this.#options = options;
    this.#files = options.files ?? systemJournalFiles;
    this.#room = new JournalRoom(this.#files, options.roomBytes);
    this.#sizes = sizes;
    this.#reads = new JournalReads({ files: this.#files, log: options.log, path: (file) => this.path(file) });
    const file = Math.max(0, ...sizes.keys());
    this.#last = { file, offset: sizes.get(file) ?? 0 };
  }

  /** Just after the last complete line. */
  get end(): { readonly file: number; readonly offset: number } {
    return this.#last;
  }

  /** Why nothing can be written; undefined while all is well. */
  get failure(): HoldfastError | undefined {
    return this.#failure;
  }

  /** Numbers of the files, oldest first. */
  files(): readonly number[] {
    return [...this.#sizes.keys()].sort((a, b) => a - b);
  }

  /** Finds the end of the last complete line. */
  async findEnd(): Promise<void> {
    const { file, offset: size } = this.#last;
    if (file === 0) return;
    this.#endAt(file, await this.#reads.endOfLines(file, size));
    this.#foundBytes = size;
  }

  /**
   * Cuts off what follows the last complete line but is no room, and before it what a power cut left of the last write,
   * where the disk allows. `acknowledged`: the end of what is known to have been acknowledged; a line before it is
   * never cut off, whatever it looks like.
   */
  async beginAppends(acknowledged: { readonly file: number; readonly offset: number }): Promise<void> {
    const { file, offset: whole } = this.#last;
    if (file === 0) return;
    try {
      const end = (await this.#tornEnd(acknowledged)) ?? whole;
      this.#endAt(file, end);
      this.#checkedTo = end;
      this.#writeHandle = await this.#files.open(this.path(file), 'write');
      if (this.#foundBytes === 0) return;
      const bytes = this.#foundBytes - end;
      const left = bytes > 0 ? await this.#room.takeUp(this.#writeHandle, end, this.#foundBytes) : 'used';
      const isCut = left !== 'used';
      if (isCut) await this.#files.truncate(this.#writeHandle, end);
      // What a killed process wrote last is there for all to see, and need not be durable yet.
      await this.#files.sync(this.#writeHandle);
      if (!isCut) return;
      const of = { file: this.path(file), bytes };
      if (left === 'line') this.#options.log.warn('cut off a line that was not completely written', of);
      else this.#options.log.info('gave back room for lines that nothing was written to', of);
    } catch (caught) {
      await this.#fail(caught);
    }
  }

  /** Where the last write begins to lack something; undefined where it is whole. */
  async #tornEnd(acknowledged: { readonly file: number; readonly offset: number }): Promise<number | undefined> {
    const { file, offset: end } = this.#last;
    // Each write over zeros leaves one behind it, and a journal that is closed has none: zeros in a line are no write
    // then.
    if (this.#foundBytes === end) return undefined;
    const known = acknowledged.file === file ? acknowledged.offset : 0;
    const from = Math.max(0, Math.max(known, end - this.#room.writeBytesMax) - 1);
    if (from >= end) return undefined;
    const bytes = await this.#reads.bytes(file, from, end);
    // What begins before that is none of the last write: the byte there is the end of a line, or within one.
    const first = from === 0 ? 0 : bytes.indexOf(NEWLINE) + 1;
    const torn = tornLine(bytes.subarray(first));
    return torn === undefined ? undefined : from + first + torn;
  }

  #endAt(file: number, offset: number): void {
    this.#last = { file, offset };
    this.#sizes.set(file, offset);
  }

  /**
   * After a failure, not after `close`: opens the last file anew, cuts off what no append has acknowledged (whole or
   * not: its caller was refused, and nobody was shown it), reads back what was acknowledged, and tries whether there is
   * room. Then appends go on. Throws while that does not succeed: `LEDGER_DISK_FAILED`, `LEDGER_JOURNAL_CHANGED`.
   */
  async reopen(): Promise<void> {
    if (this.#failure === undefined) return;
    try {
      this.#writeHandle = await this.#openChecked();
      this.#failure = undefined;
      this.#refused = 0;
    } catch (caught) {
      throw await this.#fail(caught);
    }
  }

  path(file: number): string {
    return join(this.#options.dir, journalFileName(file));
  }

  /** Writes the lines in one piece, synced; resolves with where they lie. `LEDGER_DISK_FAILED`. */
  append(lines: readonly Buffer[]): Promise<readonly Position[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const done = this.#append(lines);
    this.#underWay = done;
    return done;
  }

  async #append(lines: readonly Buffer[]): Promise<readonly Position[]> {
    const bytes = lines.length === 1 && lines[0] !== undefined ? lines[0] : Buffer.concat(lines);
    try {
      const handle = await this.#handleFor(bytes.byteLength);
      const { file, offset: start } = this.#last;
      await this.#room.prepare(handle, start, bytes.byteLength);
      await writeAll(this.#files, handle, bytes, start);
      let offset = start;
      const positions = lines.map(({ byteLength: length }) => {
        offset += length;
        return { file, offset: offset - length, length };
      });
      this.#endAt(file, offset);
      return positions;
    } catch (caught) {
      this.#refused = bytes.byteLength;
      throw await this.#fail(caught);
    }
  }

  /**
   * The bytes of each line without its newline, in order; undefined where the file is too short or the disk cannot read
   * that place. `LEDGER_READ_FAILED` for any other reason: then nothing is known of the lines.
   */
  read(positions: readonly Position[]): Promise<readonly (Buffer | undefined)[]> {
    return this.#reads.lines(positions);
  }

  /** All complete lines of a file from an offset on, in one piece. */
  async readFrom(file: number, offset: number): Promise<Buffer> {
    const end = this.#sizes.get(file) ?? 0;
    return end <= offset ? Buffer.alloc(0) : this.#reads.bytes(file, offset, end);
  }

  /**
   * Replaces lines by others of the same length, so that what they said is gone from the disk. `LEDGER_DISK_FAILED`.
   */
  async overwrite(changes: readonly Overwrite[]): Promise<void> {
    try {
      await this.#overwrite(changes);
    } catch (caught) {
      throw this.#diskFault(caught);
    }
  }

  #overwrite(changes: readonly Overwrite[]): Promise<void> {
    const { dir, log } = this.#options;
    const ports = { dir, log, files: this.#files, path: (file: number) => this.path(file) };
    return this.#overwrites.take(() => overwriteLines(ports, changes));
  }

  /**
   * Runs `work` while no line is overwritten; files may be rewritten meanwhile, for whoever reads one reads it as it
   * was.
   */
  besideNoOverwrite<T>(work: () => Promise<T>): Promise<T> {
    return this.#overwrites.take(work);
  }

  /**
   * Begins a new file, unless the last one is empty: what is there is not appended to any more. Not beside `append`.
   */
  async seal(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#last.offset === 0) return;
    try {
      await this.#handleFor(Number.MAX_SAFE_INTEGER);
    } catch (caught) {
      throw await this.#fail(caught);
    }
  }

  /**
   * Replaces lines of a file that is not appended to any more by longer or shorter ones, in the order of their offsets.
   * `onSwapped` is called in the turn from which on positions are those of the new file. `LEDGER_DISK_FAILED`: then it
   * is as it was, or after a power cut may be so again.
   */
  async rewrite(
    file: number,
    replacements: readonly Replacement[],
    on: { readonly beforeSwap: () => Promise<void>; readonly swapped: () => void },
  ): Promise<void> {
    const path = this.path(file);
    try {
      // An erasure that could not be finished knows lines by their positions.
      await this.#overwrite([]);
      const handle = await this.#reads.handle(file);
      const bytes = this.#sizes.get(file) ?? 0;
      const end = await rewriteFile(this.#files, { path, handle, bytes }, replacements, on.beforeSwap);
      this.#reads.replaced(file, handle);
      this.#sizes.set(file, end);
      on.swapped();
      await this.#files.syncDirectory(this.#options.dir);
    } catch (caught) {
      throw this.#diskFault(caught);
    }
    await this.#reads.closeReplaced();
  }

  /** Nothing is appended from the call on; what is under way is finished first. */
  async close(): Promise<void> {
    this.#failure = closedFault();
    await this.#underWay?.catch(() => {});
    this.#failure = closedFault();
    const handle = this.#writeHandle;
    this.#writeHandle = undefined;
    await this.#reads.close();
    if (handle === undefined) return;
    // Where the disk refuses that, the next start does it.
    await this.#room.giveBackUnused(handle, this.#last.offset).catch(() => {});
    await this.#files.close(handle);
  }

  /** Remembers why, and lets go of the file: after a failed sync its cached bytes tell nothing of the disk. */
  async #fail(caught: unknown): Promise<HoldfastError> {
    this.#failure = caught instanceof HoldfastError ? caught : this.#diskFault(caught);
    const handle = this.#writeHandle;
    this.#writeHandle = undefined;
    this.#room.forget();
    if (handle !== undefined) await this.#files.close(handle).catch(() => {});
    return this.#failure;
  }

  #diskFault(caught: unknown): HoldfastError {
    return writeFault('LEDGER_DISK_FAILED', `cannot write the ledger's journal in ${this.#options.dir}`, caught);
  }

  /** The last file as `reopen` wants it; undefined where there is none yet. */
  async #openChecked(): Promise<number | undefined> {
    const { dir } = this.#options;
    const { file, offset } = this.#last;
    await this.#files.makeDirectory(dir);
    const later = (await numberedFiles(this.#files, dir)).filter(({ number }) => number > file);
    for (const { number } of later) await this.#files.remove(this.path(number));
    if (later.length > 0) await this.#files.syncDirectory(dir);
    if (file === 0) return undefined;
    const handle = await this.#files.open(this.path(file), 'write');
    try {
      await this.#readBack(handle, offset);
      await this.#cut(handle, offset);
      await this.#room.make(handle, offset, Math.min(ROOM_BYTES_MAX, this.#refused));
      this.#checkedTo = offset;
      return handle;
    } catch (caught) {
      await this.#files.close(handle).catch(() => {});
      throw caught;
    }
  }

  /** Everything acknowledged is there and whole, as far as it was appended since the file was last read. */
  async #readBack(handle: number, end: number): Promise<void> {
    const size = await this.#files.size(handle);
    if (size < end) throw this.#changed(`${end} bytes of it were acknowledged, and it has ${size}`);
    const from = Math.max(this.#checkedTo, end - READ_BACK_BYTES_MAX);
    const bytes = await readBytes(this.#files, handle, from, end);
    if (end > 0 && end > from && bytes.at(-1) !== NEWLINE) throw this.#changed('its last line is not whole');
    // The first bytes may be the end of a longer line.
    const first = from === this.#checkedTo ? 0 : bytes.indexOf(NEWLINE) + 1;
    for (const { offset, line } of linesOf(bytes.subarray(first)))
      if (decodeLine(line) === undefined) throw this.#changed(`the line at ${from + first + offset} is damaged`);
  }

  #changed(what: string): HoldfastError {
    return fault('LEDGER_JOURNAL_CHANGED', `${this.path(this.#last.file)} is not as it was written: ${what}`, {
      data: { file: this.path(this.#last.file) },
      hint: 'check the disk, then start the node again: it takes back from its peers what is missing',
    });
  }

  async #cut(handle: number, end: number): Promise<void> {
    const bytes = (await this.#files.size(handle)) - end;
    if (bytes > 0) await this.#files.truncate(handle, end);
    await this.#files.sync(handle);
    if (bytes > 0)
      this.#options.log.warn('cut off what was written and not acknowledged', {
        file: this.path(this.#last.file),
        bytes,
      });
  }

  /** The handle that takes the next bytes, of a new file where the last one is full. */
  async #handleFor(bytes: number): Promise<number> {
    const { file, offset } = this.#last;
    const isFull = offset > 0 && offset + bytes > (this.#options.fileBytesMax ?? JOURNAL_FILE_BYTES_MAX);
    if (this.#writeHandle !== undefined && !isFull) return this.#writeHandle;
    if (this.#writeHandle !== undefined) await this.#room.giveBack(this.#writeHandle, offset);
    const handle = await this.#files.open(this.path(file + 1), 'create');
    try {
      await this.#files.syncDirectory(this.#options.dir);
    } catch (caught) {
      await this.#files.close(handle).catch(() => {});
      throw caught;
    }
    const full = this.#writeHandle;
    this.#writeHandle = handle;
    this.#room.forget();
    this.#endAt(file + 1, 0);
    this.#checkedTo = 0;
    if (full !== undefined) await this.#files.close(full);
    return handle;
  }
}

const closedFault = (): HoldfastError => fault('LEDGER_CLOSED', 'the ledger is closed');
