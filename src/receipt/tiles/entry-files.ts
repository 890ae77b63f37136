import { hash as digest } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { giveWay } from '../../base/slices.ts';
import { fault, systemCode } from '../../base/errors.ts';
import { makeDirectory, writeFileDurably } from '../../base/files.ts';
import type { Logger } from '../../base/log.ts';
import { decodeLine, encodeLine, erasedLine, linesOf } from '../../ledger/journal-line.ts';
import type { HeldEntry } from '../../ledger/ledger.ts';
import { KnownHashes } from '../known-hashes.ts';
import { HASH_BYTES } from '../tree.ts';
import { numberPath, TILE_WIDTH } from './layout.ts';

/** Lines of one file: as many as a tile has leaves. */
const FILE_LINES = TILE_WIDTH;
const BLANK = 0x20;

const sha256 = (bytes: Uint8Array | string): Buffer => digest('sha256', bytes, 'buffer');

/**
 * All entries as they are, a line each as in the journal, in files of `FILE_LINES` that do not change once they are
 * full, but that erased bodies go from them. Which entry stands where is read from the files themselves when they are
 * opened.
 */
export class EntryFiles {
  readonly #dir: string;
  readonly #log: Logger;
  /** Of each line the hash of its entry, or one that no entry has where the line is damaged. */
  #known = new KnownHashes();
  /** Lines without body: number → hash of the entry. */
  readonly #bodiless = new Map<number, string>();
  /** The last file, while it is not full. */
  #tail: Buffer = Buffer.alloc(0);
  #damaged = 0;

  private constructor(dir: string, log: Logger) {
    this.#dir = dir;
    this.#log = log;
  }

  /** Reads what is there; a file of `FILE_LINES` lines about every millisecond. */
  static async open(dir: string, log: Logger): Promise<EntryFiles> {
    const files = new EntryFiles(dir, log);
    await makeDirectory(dir);
    for (let file = 0; await files.#scan(file); file += 1) await giveWay();
    return files;
  }

  /** Number of lines. */
  get lines(): number {
    return this.#known.length;
  }

  /** Lines that could not be read and were blanked. */
  get damaged(): number {
    return this.#damaged;
  }

  /** Hashes of the entries without body. */
  get bodiless(): readonly string[] {
    return [...this.#bodiless.values()];
  }

  has(hash: string): boolean {
    return this.#indexOf(hash) !== undefined;
  }

  hasBody(hash: string): boolean {
    const index = this.#indexOf(hash);
    return index !== undefined && !this.#bodiless.has(index);
  }

  /** Adds entries that are not there yet. What it resolves with is durable. */
  async append(entries: readonly HeldEntry[]): Promise<void> {
    const fresh = entries.filter(({ entry }) => !this.has(entry.hash));
    for (let at = 0; at < fresh.length;) {
      const file = Math.floor(this.lines / FILE_LINES);
      const some = fresh.slice(at, at + FILE_LINES - (this.lines % FILE_LINES));
      const bytes = Buffer.concat([this.#tail, ...some.map(lineOf)]);
      await writeFileDurably(this.#path(file), bytes);
      for (const { entry } of some) this.#note(Buffer.from(entry.hash, 'hex'), entry.bodiless !== true);
      this.#tail = this.lines % FILE_LINES === 0 ? Buffer.alloc(0) : bytes;
      at += some.length;
    }
  }

  /** Takes the body of an entry away, in its place, so that it is nowhere on the disk. It needs no room. */
  async erase(hash: string): Promise<void> {
    const index = this.#indexOf(hash);
    if (index === undefined || this.#bodiless.has(index)) return;
    const { offset, line } = await this.#lineOf(index);
    await this.#overwrite(index, offset, erasedLine(line));
    this.#bodiless.set(index, hash);
  }

  /** Gives an entry back its body. */
  async fill(held: HeldEntry): Promise<void> {
    const index = this.#indexOf(held.entry.hash);
    if (index === undefined || held.entry.bodiless === true || !this.#bodiless.has(index)) return;
    const { file, bytes, offset, line } = await this.#lineOf(index);
    const end = offset + line.byteLength + 1;
    const whole = Buffer.concat([bytes.subarray(0, offset), lineOf(held), bytes.subarray(end)]);
    await writeFileDurably(this.#path(file), whole);
    if (this.#isTail(file)) this.#tail = whole;
    this.#bodiless.delete(index);
  }

  #indexOf(hash: string): number | undefined {
    const bytes = Buffer.from(hash, 'hex');
    return bytes.byteLength === HASH_BYTES ? this.#known.indexOf(bytes) : undefined;
  }

  #path(file: number): string {
    return join(this.#dir, numberPath(file));
  }

  #isTail(file: number): boolean {
    return file === Math.floor(this.lines / FILE_LINES);
  }

  #note(hash: Buffer, hasBody: boolean): void {
    const index = this.lines;
    if (!this.#known.add(hash)) this.#known.add(placeholder(index));
    else if (!hasBody) this.#bodiless.set(index, hash.toString('hex'));
  }

  /** Whether the file was there. */
  async #scan(file: number): Promise<boolean> {
    // Of a write that was cut off; it may hold what was erased since.
    await rm(`${this.#path(file)}.new`, { force: true });
    let bytes: Buffer;
    try {
      bytes = await readFile(this.#path(file));
    } catch (caught) {
      if (systemCode(caught) === 'ENOENT') return false;
      throw caught;
    }
    bytes = await this.#ofWholeLength(file, bytes);
    for (const { offset, line: text } of linesOf(bytes)) {
      const line = decodeLine(text);
      if (line !== undefined) this.#note(sha256(line.raw.header), line.raw.body.byteLength > 0);
      else {
        // What remains of it may be a body whose erasure was cut off.
        if (text.some((byte) => byte !== BLANK)) await this.#blank(file, offset, text);
        this.#known.add(placeholder(this.lines));
      }
    }
    const isFull = this.lines === (file + 1) * FILE_LINES;
    this.#tail = isFull ? Buffer.alloc(0) : bytes;
    return isFull;
  }

  async #blank(file: number, offset: number, text: Buffer): Promise<void> {
    const path = this.#path(file);
    this.#log.error('a line of the archive is damaged: its entry is written anew', { file: path, offset });
    text.fill(BLANK);
    await overwrite(path, offset, text);
    this.#damaged += 1;
  }

  /**
   * Where a newline was lost or came in, the lines of the next files would be counted wrongly; a last line that was cut
   * off goes.
   */
  async #ofWholeLength(file: number, bytes: Buffer): Promise<Buffer> {
    const lines = [...linesOf(bytes)].slice(0, FILE_LINES);
    const last = lines.at(-1);
    const kept = bytes.subarray(0, last === undefined ? 0 : last.offset + last.line.byteLength + 1);
    const short = existsSync(this.#path(file + 1)) ? FILE_LINES - lines.length : 0;
    if (short === 0 && kept.byteLength === bytes.byteLength) return bytes;
    const whole = Buffer.concat([kept, Buffer.alloc(short, '\n')]);
    await writeFileDurably(this.#path(file), whole);
    return whole;
  }

  async #lineOf(index: number): Promise<{ file: number; bytes: Buffer; offset: number; line: Buffer }> {
    const file = Math.floor(index / FILE_LINES);
    const bytes = await readFile(this.#path(file));
    const found = [...linesOf(bytes)][index % FILE_LINES];
    if (found === undefined || decodeLine(found.line) === undefined)
      throw fault('RECEIPT_TILES_DAMAGED', `${this.#path(file)} is damaged at line ${(index % FILE_LINES) + 1}`, {
        hint: 'it is mended at the next start of the node',
      });
    return { file, bytes, ...found };
  }

  async #overwrite(index: number, offset: number, line: Buffer): Promise<void> {
    const file = Math.floor(index / FILE_LINES);
    await overwrite(this.#path(file), offset, line);
    if (this.#isTail(file)) this.#tail.set(line, offset);
  }
}

const overwrite = async (path: string, offset: number, bytes: Buffer): Promise<void> => {
  const handle = await open(path, constants.O_WRONLY | constants.O_DSYNC);
  try {
    for (let done = 0; done < bytes.byteLength;)
      done += (await handle.write(bytes, done, bytes.byteLength - done, offset + done)).bytesWritten;
  } finally {
    await handle.close();
  }
};

const lineOf = ({ entry, receivedMs }: HeldEntry): Buffer => encodeLine(entry.raw, receivedMs);

/** Stands for a line without a readable entry. */
const placeholder = (index: number): Buffer => sha256(`no entry ${index}`);
