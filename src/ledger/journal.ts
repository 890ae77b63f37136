import { join } from 'node:path';
import { writeFault } from '../base/disk.ts';
import { fault, HoldfastError, systemCode, textOf } from '../base/errors.ts';
import { JOURNAL_FILE_BYTES_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { type JournalFiles, type Position, systemJournalFiles } from './journal-files.ts';
import { decodeLine, JOURNAL_LINE_BYTES_MAX, linesOf } from './journal-line.ts';
import { type Overwrite, overwriteLines, tryToFinishOverwrites } from './journal-overwrite.ts';
import { removeLeftovers, type Replacement, rewriteFile } from './journal-rewrite.ts';

const FILE_NAME = /^(\d{8})\.journal$/;
const NEWLINE = 0x0a;
/** Lines that lie near each other are read together. */
const READ_GAP_BYTES_MAX = 16_384;
const READ_RUN_BYTES_MAX = 1_048_576;
/** What was appended is read back after a failure, the newest so much of it. */
const READ_BACK_BYTES_MAX = 1_048_576;
/** The room that must be there before appends go on: at least so much, and what the failed one needed. */
const TRIAL_BYTES_MIN = 4_096;
const TRIAL_BYTES_MAX = 1_048_576;

const journalFileName = (file: number): string => `${String(file).padStart(8, '0')}.journal`;

export interface JournalOptions {
  readonly dir: string;
  readonly log: Logger;
  /** A new file is begun beyond this size. */
  readonly fileBytesMax?: number;
  readonly files?: JournalFiles;
}

/**
 * Opens the journal for reading and, where the disk allows, for writing; finishes an erasure that a crash broke off, and cuts off a
 * torn last line. `LEDGER_JOURNAL_UNREADABLE`.
 */
export const openJournal = async (options: JournalOptions): Promise<Journal> => {
  const { dir, files = systemJournalFiles } = options;
  try {
    await files.makeDirectory(dir);
    await tryToFinishOverwrites({ dir, files, log: options.log, path: (file) => join(dir, journalFileName(file)) });
    await removeLeftovers(files, dir, options.log);
    const sizes = new Map((await numberedFiles(files, dir)).map(({ number, bytes }) => [number, bytes]));
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
 * Files of lines that are appended to, and never change but where a body is erased. Knows bytes and lines, nothing of entries. After a failed write the file is closed, and
 * nothing is written until `reopen` has found in it what was acknowledged and nothing else.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #files: JournalFiles;
  /** Sizes of the files up to the last complete line. */
  readonly #sizes: Map<number, number>;
  readonly #readHandles = new Map<number, Promise<number>>();
  /** Reads under way, and handles of files that were replaced meanwhile. */
  #reads = 0;
  #replaced: number[] = [];
  #last: { file: number; offset: number };
  /** From here on the last file was not read back since it was opened. */
  #checkedTo = 0;
  #writeHandle: number | undefined;
  #failure: HoldfastError | undefined;
  /** Bytes of the append that failed. */
  #refused = 0;

  constructor(options: JournalOptions, sizes: Map<number, number>) {
    this.#options = options;
    this.#files = options.files ?? systemJournalFiles;
    this.#sizes = sizes;
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

  /** Finds the end of the last complete line, and cuts off what follows where the disk allows. */
  async openLast(): Promise<void> {
    const { file, offset } = this.#last;
    if (file === 0) return;
    const path = this.path(file);
    const end = await this.#endOfLines(file, offset);
    this.#last = { file, offset: end };
    this.#sizes.set(file, end);
    this.#checkedTo = end;
    try {
      this.#writeHandle = await this.#files.open(path, 'write');
      if (end === offset) return;
      await this.#files.truncate(this.#writeHandle, end);
      await this.#files.sync(this.#writeHandle);
      this.#options.log.warn('cut off a line that was not completely written', { file: path, bytes: offset - end });
    } catch (caught) {
      await this.#fail(caught);
    }
  }

  /**
   * After a failure, not after `close`: opens the last file anew, cuts off what no append has acknowledged (whole or not: its caller was
   * refused, and nobody was shown it), reads back what was acknowledged, and tries whether there is room. Then appends go
   * on. Throws while that does not succeed: `LEDGER_DISK_FAILED`, `LEDGER_JOURNAL_CHANGED`.
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
  async append(lines: readonly Buffer[]): Promise<readonly Position[]> {
    if (this.#failure !== undefined) throw this.#failure;
    const bytes = lines.length === 1 && lines[0] !== undefined ? lines[0] : Buffer.concat(lines);
    try {
      const handle = await this.#handleFor(bytes.byteLength);
      const { file, offset: start } = this.#last;
      for (let done = 0; done < bytes.byteLength;)
        done += await this.#files.write(handle, done === 0 ? bytes : bytes.subarray(done), start + done);
      if (this.#files.syncWrites) await this.#files.sync(handle);
      let offset = start;
      const positions = lines.map(({ byteLength: length }) => {
        offset += length;
        return { file, offset: offset - length, length };
      });
      this.#last = { file, offset };
      this.#sizes.set(file, offset);
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
  async read(positions: readonly Position[]): Promise<readonly (Buffer | undefined)[]> {
    // At once: a file that is replaced meanwhile is read as it was.
    const handles = new Map(
      [...new Set(positions.map(({ file }) => file))].map((file) => [file, this.#readHandle(file)]),
    );
    this.#reads += 1;
    try {
      return await this.#readLines(positions, handles);
    } finally {
      this.#reads -= 1;
      await this.#closeReplaced();
    }
  }

  async #readLines(
    positions: readonly Position[],
    handles: ReadonlyMap<number, Promise<number>>,
  ): Promise<readonly (Buffer | undefined)[]> {
    const lines: (Buffer | undefined)[] = positions.map(() => undefined);
    const runs = [...runsOf(positions)];
    for (let run = runs.shift(); run !== undefined; run = runs.shift()) {
      const bytes = await this.#readRun(run, handles);
      if (bytes === undefined) {
        // One bad place spoils all that is read with it: each on its own.
        if (run.length > 1) runs.unshift(...run.map((wanted) => [wanted]));
        continue;
      }
      const start = run[0]?.position.offset ?? 0;
      for (const { at, position } of run) {
        const from = position.offset - start;
        const newline = from + position.length - 1;
        if (bytes[newline] === NEWLINE) lines[at] = bytes.subarray(from, newline);
      }
    }
    return lines;
  }

  /** All complete lines of a file from an offset on, in one piece. */
  async readFrom(file: number, offset: number): Promise<Buffer> {
    const end = this.#sizes.get(file) ?? 0;
    return end <= offset ? Buffer.alloc(0) : this.#readAll(await this.#readHandle(file), offset, end);
  }

  /** Replaces lines by others of the same length, so that what they said is gone from the disk. `LEDGER_DISK_FAILED`. */
  async overwrite(changes: readonly Overwrite[]): Promise<void> {
    const { dir, log } = this.#options;
    try {
      await overwriteLines({ dir, log, files: this.#files, path: (file) => this.path(file) }, changes);
    } catch (caught) {
      throw this.#diskFault(caught);
    }
  }

  /** Begins a new file, unless the last one is empty: what is there is not appended to any more. Not beside `append`. */
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
   * Replaces lines of a file that is not appended to any more by longer or shorter ones, in the order of their offsets. `onSwapped` is called in the turn from which on
   * positions are those of the new file. `LEDGER_DISK_FAILED`: then it is as it was, or after a power cut
   * may be so again.
   */
  async rewrite(
    file: number,
    replacements: readonly Replacement[],
    on: { readonly beforeSwap: () => Promise<void>; readonly swapped: () => void },
  ): Promise<void> {
    const { dir, log } = this.#options;
    const path = this.path(file);
    try {
      // An erasure that could not be finished knows lines by their positions.
      await overwriteLines({ dir, log, files: this.#files, path: (number) => this.path(number) }, []);
      const handle = await this.#readHandle(file);
      const bytes = this.#sizes.get(file) ?? 0;
      const end = await rewriteFile(this.#files, { path, handle, bytes }, replacements, on.beforeSwap);
      const fresh = this.#files.open(path, 'read');
      fresh.catch(() => this.#readHandles.delete(file));
      this.#readHandles.set(file, fresh);
      this.#replaced.push(handle);
      this.#sizes.set(file, end);
      on.swapped();
      await this.#files.syncDirectory(dir);
    } catch (caught) {
      throw this.#diskFault(caught);
    }
    await this.#closeReplaced();
  }

  async #closeReplaced(): Promise<void> {
    if (this.#reads > 0 || this.#replaced.length === 0) return;
    const handles = this.#replaced;
    this.#replaced = [];
    for (const handle of handles) await this.#files.close(handle).catch(() => {});
  }

  async close(): Promise<void> {
    this.#failure = closedFault();
    const handles = [...(await Promise.all(this.#readHandles.values())), ...this.#replaced];
    this.#replaced = [];
    this.#readHandles.clear();
    if (this.#writeHandle !== undefined) handles.push(this.#writeHandle);
    this.#writeHandle = undefined;
    for (const handle of handles) await this.#files.close(handle);
  }

  /** Remembers why, and lets go of the file: after a failed sync its cached bytes tell nothing of the disk. */
  async #fail(caught: unknown): Promise<HoldfastError> {
    this.#failure = caught instanceof HoldfastError ? caught : this.#diskFault(caught);
    const handle = this.#writeHandle;
    this.#writeHandle = undefined;
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
      await this.#tryRoom(handle, offset);
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
    const bytes = await this.#readAll(handle, from, end);
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

  /** Writes zeros, and takes them back. A crash in between leaves a line without an end, which every start cuts off. */
  async #tryRoom(handle: number, at: number): Promise<void> {
    const zeros = Buffer.alloc(Math.min(TRIAL_BYTES_MAX, Math.max(TRIAL_BYTES_MIN, this.#refused)));
    for (let done = 0; done < zeros.byteLength;)
      done += await this.#files.write(handle, zeros.subarray(done), at + done);
    await this.#files.sync(handle);
    await this.#files.truncate(handle, at);
    await this.#files.sync(handle);
  }

  /** The handle that takes the next bytes, of a new file where the last one is full. */
  async #handleFor(bytes: number): Promise<number> {
    const { file, offset } = this.#last;
    const isFull = offset > 0 && offset + bytes > (this.#options.fileBytesMax ?? JOURNAL_FILE_BYTES_MAX);
    if (this.#writeHandle !== undefined && !isFull) return this.#writeHandle;
    const handle = await this.#files.open(this.path(file + 1), 'create');
    try {
      await this.#files.syncDirectory(this.#options.dir);
    } catch (caught) {
      await this.#files.close(handle).catch(() => {});
      throw caught;
    }
    const full = this.#writeHandle;
    this.#writeHandle = handle;
    this.#last = { file: file + 1, offset: 0 };
    this.#checkedTo = 0;
    this.#sizes.set(file + 1, 0);
    if (full !== undefined) await this.#files.close(full);
    return handle;
  }

  /** Undefined where the disk cannot read a place in it. */
  async #readRun(run: readonly Wanted[], handles: ReadonlyMap<number, Promise<number>>): Promise<Buffer | undefined> {
    const first = run[0]?.position;
    const last = run.at(-1)?.position;
    if (first === undefined || last === undefined) return Buffer.alloc(0);
    const into = Buffer.allocUnsafe(last.offset + last.length - first.offset);
    try {
      const count = await this.#files.read(
        await (handles.get(first.file) ?? this.#readHandle(first.file)),
        into,
        first.offset,
      );
      return into.subarray(0, count);
    } catch (caught) {
      const path = this.path(first.file);
      this.#options.log.error('cannot read the journal', { file: path, text: textOf(caught) });
      if (systemCode(caught) === 'EIO') return undefined;
      throw fault('LEDGER_READ_FAILED', `cannot read the ledger's journal ${path}: ${textOf(caught)}`, {
        data: { file: path },
        hint: 'see what this process may open and the disk can do, then try again',
        cause: caught,
      });
    }
  }

  async #readAll(handle: number, from: number, end: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(end - from);
    let done = 0;
    for (let count = 1; count > 0 && done < bytes.byteLength; done += count)
      count = await this.#files.read(handle, bytes.subarray(done), from + done);
    return bytes.subarray(0, done);
  }

  #readHandle(file: number): Promise<number> {
    const held = this.#readHandles.get(file);
    if (held !== undefined) return held;
    const opened = this.#files.open(this.path(file), 'read');
    this.#readHandles.set(file, opened);
    opened.catch(() => this.#readHandles.delete(file));
    return opened;
  }

  async #endOfLines(file: number, size: number): Promise<number> {
    for (let end = size; end > 0;) {
      const start = Math.max(0, end - JOURNAL_LINE_BYTES_MAX);
      const bytes = Buffer.allocUnsafe(end - start);
      const count = await this.#files.read(await this.#readHandle(file), bytes, start);
      const at = bytes.subarray(0, count).lastIndexOf(NEWLINE);
      if (at !== -1) return start + at + 1;
      end = start;
    }
    return 0;
  }
}

const closedFault = (): HoldfastError => fault('LEDGER_CLOSED', 'the ledger is closed');

/** A line that is to be read, and its place in the answer. */
interface Wanted {
  readonly at: number;
  readonly position: Position;
}

/** Positions in the order of the files, those near each other together. */
const runsOf = (positions: readonly Position[]): readonly (readonly Wanted[])[] => {
  const sorted = positions.map((position, at) => ({ at, position }));
  sorted.sort(({ position: a }, { position: b }) => a.file - b.file || a.offset - b.offset);
  const runs: Wanted[][] = [];
  let run: Wanted[] = [];
  for (const wanted of sorted) {
    const { position } = wanted;
    const first = run[0]?.position;
    const last = run.at(-1)?.position;
    const joins =
      first?.file === position.file &&
      last !== undefined &&
      position.offset - last.offset - last.length <= READ_GAP_BYTES_MAX &&
      position.offset + position.length - first.offset <= READ_RUN_BYTES_MAX;
    if (joins) run.push(wanted);
    else {
      run = [wanted];
      runs.push(run);
    }
  }
  return runs;
};
