import { fault, systemCode, textOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { JournalFiles, Position } from './journal-files.ts';
import { JOURNAL_LINE_BYTES_MAX, NEWLINE } from './journal-line.ts';

/** Lines that lie near each other are read together. */
const READ_GAP_BYTES_MAX = 16_384;
const READ_RUN_BYTES_MAX = 1_048_576;

/** Bytes of an open file, as many as there are of those that are asked for. */
export const readBytes = async (files: JournalFiles, handle: number, from: number, end: number): Promise<Buffer> => {
  const bytes = Buffer.allocUnsafe(end - from);
  let done = 0;
  for (let count = 1; count > 0 && done < bytes.byteLength; done += count)
    count = await files.read(handle, bytes.subarray(done), from + done);
  return bytes.subarray(0, done);
};

/** How the files of the journal are reached by their numbers. */
export interface JournalReadsOptions {
  readonly files: JournalFiles;
  readonly log: Logger;
  /** Of the file of a number. */
  readonly path: (file: number) => string;
}

/**
 * Reads the files of a journal, each by one handle. Who began to read a file that is replaced meanwhile reads it as it
 * was.
 */
export class JournalReads {
  readonly #options: JournalReadsOptions;
  readonly #handles = new Map<number, Promise<number>>();
  /** Reads under way, and handles of files that were replaced meanwhile. */
  #running = 0;
  #replaced: number[] = [];

  constructor(options: JournalReadsOptions) {
    this.#options = options;
  }

  /**
   * The bytes of each line without its newline, in order; undefined where the file is too short or the disk cannot read
   * that place. `LEDGER_READ_FAILED` for any other reason: then nothing is known of the lines.
   */
  async lines(positions: readonly Position[]): Promise<readonly (Buffer | undefined)[]> {
    // At once: a file that is replaced meanwhile is read as it was.
    const handles = new Map([...new Set(positions.map(({ file }) => file))].map((file) => [file, this.handle(file)]));
    this.#running += 1;
    try {
      return await this.#linesOf(positions, handles);
    } finally {
      this.#running -= 1;
      await this.closeReplaced();
    }
  }

  /** The bytes of a file between two offsets. */
  async bytes(file: number, from: number, end: number): Promise<Buffer> {
    return readBytes(this.#options.files, await this.handle(file), from, end);
  }

  /** Just after the last complete line of a file. */
  async endOfLines(file: number, size: number): Promise<number> {
    for (let end = size; end > 0;) {
      const start = Math.max(0, end - JOURNAL_LINE_BYTES_MAX);
      const bytes = Buffer.allocUnsafe(end - start);
      const count = await this.#options.files.read(await this.handle(file), bytes, start);
      const at = bytes.subarray(0, count).lastIndexOf(NEWLINE);
      if (at !== -1) return start + at + 1;
      end = start;
    }
    return 0;
  }

  handle(file: number): Promise<number> {
    const held = this.#handles.get(file);
    return held ?? this.#open(file);
  }

  /** A file was replaced by another of its name: whoever asks from now on reads that one. `handle` is the old one's. */
  replaced(file: number, handle: number): void {
    void this.#open(file);
    this.#replaced.push(handle);
  }

  /** Closes the handles of replaced files as soon as nobody reads. */
  async closeReplaced(): Promise<void> {
    if (this.#running > 0 || this.#replaced.length === 0) return;
    const handles = this.#replaced;
    this.#replaced = [];
    for (const handle of handles) await this.#options.files.close(handle).catch(() => {});
  }

  async close(): Promise<void> {
    const handles = [...(await Promise.all(this.#handles.values())), ...this.#replaced];
    this.#replaced = [];
    this.#handles.clear();
    for (const handle of handles) await this.#options.files.close(handle);
  }

  #open(file: number): Promise<number> {
    const opened = this.#options.files.open(this.#options.path(file), 'read');
    this.#handles.set(file, opened);
    opened.catch(() => this.#handles.delete(file));
    return opened;
  }

  async #linesOf(
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

  /** Undefined where the disk cannot read a place in it. */
  async #readRun(run: readonly Wanted[], handles: ReadonlyMap<number, Promise<number>>): Promise<Buffer | undefined> {
    const { files, log, path } = this.#options;
    const first = run[0]?.position;
    const last = run.at(-1)?.position;
    if (first === undefined || last === undefined) return Buffer.alloc(0);
    const into = Buffer.allocUnsafe(last.offset + last.length - first.offset);
    try {
      const count = await files.read(await (handles.get(first.file) ?? this.handle(first.file)), into, first.offset);
      return into.subarray(0, count);
    } catch (caught) {
      const file = path(first.file);
      log.error('cannot read the journal', { file, text: textOf(caught) });
      if (systemCode(caught) === 'EIO') return undefined;
      throw fault('LEDGER_READ_FAILED', `cannot read the ledger's journal ${file}: ${textOf(caught)}`, {
        data: { file },
        hint: 'see what this process may open and the disk can do, then try again',
        cause: caught,
      });
    }
  }
}

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
