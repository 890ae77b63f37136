import { JOURNAL_ROOM_BYTES } from '../base/limits.ts';
import type { JournalFiles } from './journal-files.ts';
import { arrivalOf, linesOf } from './journal-line.ts';
import { readBytes } from './journal-reads.ts';

/**
 * The most room that is made. Before appends go on after a failure there must be room for what the failed one needed,
 * as far as that is not more.
 */
export const ROOM_BYTES_MAX = 1_048_576;

/**
 * The zeros behind the last line of a journal, over which small appends are written. A write that does not make a file
 * longer leaves the file system's own records alone: a third of what an append writes to the disk.
 *
 * A power cut in the middle of such a write may leave any of its sectors, not only the first ones: {@link tornLine}. A
 * large append is written behind the end as ever, where it becomes visible in its order.
 */
export class JournalRoom {
  readonly #files: JournalFiles;
  readonly #bytes: number;
  /** Where the zeros end; 0 where there are none. */
  #end = 0;

  constructor(files: JournalFiles, bytes = JOURNAL_ROOM_BYTES) {
    this.#files = files;
    this.#bytes = bytes;
  }

  /** The most that one write over zeros has. */
  get writeBytesMax(): number {
    return this.#bytes >> 1;
  }

  /**
   * What an earlier process left behind `end`, up to `size`: a part of a line, or room, which is used from then on
   * unless it is more than is made for small appends.
   */
  async takeUp(handle: number, end: number, size: number): Promise<'line' | 'used' | 'unused'> {
    if (size - end > ROOM_BYTES_MAX) return 'line';
    const left = await readBytes(this.#files, handle, end, size);
    if (left.some((byte) => byte !== 0)) return 'line';
    if (size - end > this.#bytes) return 'unused';
    this.#end = size;
    return 'used';
  }

  /**
   * Before so many bytes are written at `end`: room for them and a zero behind it, or, where they are many, none at
   * all.
   */
  async prepare(handle: number, end: number, bytes: number): Promise<void> {
    if (bytes > this.writeBytesMax) await this.giveBack(handle, end);
    else if (end + bytes >= this.#end) await this.make(handle, end, 0);
  }

  /** Room behind `end`, durably, as ever or for so many bytes where they are more. */
  async make(handle: number, end: number, bytes: number): Promise<void> {
    const from = Math.max(end, this.#end);
    const to = end + Math.max(this.#bytes, bytes);
    try {
      await writeAll(this.#files, handle, Buffer.alloc(to - from), from);
    } catch (caught) {
      // What others write on the same disk needs the rest of its room.
      await this.#files.truncate(handle, from).catch(() => {});
      throw caught;
    }
    this.#end = to;
  }

  /** The file ends at `end` again, durably. */
  async giveBack(handle: number, end: number): Promise<void> {
    if (this.#end <= end) return;
    await this.#files.truncate(handle, end);
    await this.#files.sync(handle);
    this.#end = 0;
  }

  /**
   * The same, unless something was written there meanwhile: by a process that has the directory open as well, as a disk
   * that takes no lock allows.
   */
  async giveBackUnused(handle: number, end: number): Promise<void> {
    if (this.#end <= end) return;
    const left = await readBytes(this.#files, handle, end, this.#end);
    if (left.every((byte) => byte === 0)) await this.giveBack(handle, end);
  }

  /** Of what a file has behind its end nothing is known any more, or it is another file. */
  forget(): void {
    this.#end = 0;
  }
}

/** Writes all of the bytes, durably. */
export const writeAll = async (files: JournalFiles, handle: number, bytes: Buffer, at: number): Promise<void> => {
  for (let done = 0; done < bytes.byteLength;)
    done += await files.write(handle, done === 0 ? bytes : bytes.subarray(done), at + done);
  if (files.syncWrites) await files.sync(handle);
};

/**
 * Where in these bytes, which begin with a line, the last write begins to lack something: at its first line with a zero
 * in it. No whole line has one. All lines of a write have one time of arrival: a line of another time, and what lies
 * before it, was there whole before that write began, and what is wrong in there is damage. Undefined where the last
 * write is whole.
 */
export const tornLine = (bytes: Buffer): number | undefined => {
  let torn: number | undefined;
  let time: string | undefined;
  for (const { offset, line } of [...linesOf(bytes)].reverse()) {
    const own = arrivalOf(line);
    if (own !== undefined && time !== undefined && own !== time) break;
    time = own ?? time;
    if (line.includes(0)) torn = offset;
  }
  return torn;
};
