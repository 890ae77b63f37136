import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { fault } from '../base/errors.ts';
import { NOTE_BYTES_MAX } from '../base/limits.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';

/** Longest line: the note as JSON, and two numbers. */
const LINE_BYTES_MAX = 2 * NOTE_BYTES_MAX;
const NEWLINE = 0x0a;
const LINE = /^(\d{1,15}) (\d{1,15}) (".*")$/;

/** A checkpoint of the file, and from when on it counts. */
export interface PastCheckpoint {
  readonly checkpoint: Checkpoint;
  /**
   * Seconds since 1970: the latest of its cosignatures and of all before it, so that it never goes back and what is
   * the last one up to a time stays that once a later one is here.
   */
  readonly time: number;
}

interface Line {
  readonly time: number;
  readonly size: number;
  readonly note: string;
  /** Where it begins, and where the next one does. */
  readonly at: number;
  readonly end: number;
}

/**
 * The cosigned checkpoints of a log, a line each: time, size, the note as a JSON string; neither number ever goes back.
 */
export class CheckpointFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  #end = 0;
  #last: PastCheckpoint | undefined;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /**
   * Makes it where it is missing, and leaves out a last line that was not completely written. `RECEIPT_FILES_DAMAGED`.
   */
  static async open(path: string): Promise<CheckpointFile> {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
    const file = new CheckpointFile(path, handle);
    try {
      await file.#findLast((await handle.stat()).size);
      return file;
    } catch (caught) {
      await handle.close();
      throw caught;
    }
  }

  /** The newest; undefined where there is none. */
  get last(): PastCheckpoint | undefined {
    return this.#last;
  }

  /** Resolves when it is durable. Its size must not be below that of the last. */
  async append(checkpoint: Checkpoint): Promise<void> {
    const time = Math.max(this.#last?.time ?? 0, ...checkpoint.cosignatures.map((each) => each.time));
    const line = Buffer.from(`${time} ${checkpoint.size} ${JSON.stringify(checkpoint.note)}\n`);
    await this.#handle.truncate(this.#end);
    for (let done = 0; done < line.byteLength;)
      done += (await this.#handle.write(line, done, line.byteLength - done, this.#end + done)).bytesWritten;
    await this.#handle.datasync();
    this.#end += line.byteLength;
    this.#last = { checkpoint, time };
  }

  /** The last one that counts up to a time, in seconds since 1970. */
  async upToTime(time: number): Promise<PastCheckpoint | undefined> {
    return this.#pastOf(await this.#lastWhere((line) => line.time <= time));
  }

  /** The last one of at most so many entries. */
  async upToSize(size: number): Promise<PastCheckpoint | undefined> {
    return this.#pastOf(await this.#lastWhere((line) => line.size <= size));
  }

  /** The first one of at least so many entries. */
  async fromSize(size: number): Promise<PastCheckpoint | undefined> {
    const before = await this.#lastWhere((line) => line.size < size);
    return this.#pastOf(await this.#lineFrom(before?.end ?? 0, this.#end));
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** `holds` holds for a first part of the lines and for none after it. */
  async #lastWhere(holds: (line: Line) => boolean): Promise<Line | undefined> {
    let found: Line | undefined;
    for (let [low, high] = [0, this.#end]; low < high;) {
      const middle = Math.floor((low + high) / 2);
      const line = await this.#lineFrom(middle, high);
      if (line === undefined || !holds(line)) high = middle;
      else {
        found = line;
        low = line.end;
      }
    }
    return found;
  }

  /** The first line that begins at `from` or behind it, and before `before`. */
  async #lineFrom(from: number, before: number): Promise<Line | undefined> {
    const at = Math.max(0, from - 1);
    const bytes = await this.#bytes(at, Math.min(this.#end, at + 2 * LINE_BYTES_MAX));
    const start = from === 0 ? 0 : bytes.indexOf(NEWLINE) + 1;
    if ((from > 0 && start === 0) || at + start >= before) return undefined;
    const end = bytes.indexOf(NEWLINE, start);
    const line = end < 0 ? undefined : parse(bytes.toString('utf8', start, end), at + start, at + end + 1);
    if (line === undefined) throw this.#damaged(at + start);
    return line;
  }

  async #findLast(size: number): Promise<void> {
    const from = Math.max(0, size - 2 * LINE_BYTES_MAX);
    const bytes = await this.#bytes(from, size);
    const end = bytes.lastIndexOf(NEWLINE);
    if (end < 0) {
      if (from > 0) throw this.#damaged(from);
      return;
    }
    this.#end = from + end + 1;
    const start = bytes.lastIndexOf(NEWLINE, end - 1) + 1;
    const line = parse(bytes.toString('utf8', end === 0 ? 0 : start, end), from + start, this.#end);
    if (line === undefined) throw this.#damaged(from + start);
    this.#last = this.#pastOf(line);
  }

  async #bytes(from: number, to: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(to - from);
    let done = 0;
    for (let count = 1; count > 0 && done < bytes.byteLength; done += count)
      count = (await this.#handle.read(bytes, done, bytes.byteLength - done, from + done)).bytesRead;
    return bytes.subarray(0, done);
  }

  /** A note that does not hold did when it was appended: the disk has changed it. */
  #pastOf(line: Line | undefined): PastCheckpoint | undefined {
    if (line === undefined) return undefined;
    try {
      return { checkpoint: readCheckpoint(line.note), time: line.time };
    } catch {
      throw this.#damaged(line.at);
    }
  }

  #damaged(at: number): Error {
    return fault('RECEIPT_FILES_DAMAGED', `${this.#path} is damaged at byte ${at}`, {
      hint: 'stop the node, move that file away and start it again: it is filled again from then on; for moments before ask other witnesses. Look after the disk, too (smartctl)',
    });
  }
}

const parse = (text: string, at: number, end: number): Line | undefined => {
  const [, time, size, encoded] = LINE.exec(text) ?? [];
  if (encoded === undefined) return undefined;
  try {
    const note: unknown = JSON.parse(encoded);
    return typeof note === 'string' ? { time: Number(time), size: Number(size), note, at, end } : undefined;
  } catch {
    return undefined;
  }
};
