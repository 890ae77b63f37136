import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { sumLine } from './manifest.ts';

const GATHERED_CHARS = 65_536;

/** The list of sums, written while the copy is made: of hundreds of thousands of files it is no small thing to hold. */
export class SumsFile {
  readonly #path: string;
  readonly #hash = createHash('sha256');
  #file: FileHandle | undefined;
  #gathered = '';
  /** One after another: hash and file have the same order. */
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Throws `BACKUP_NAME` for a path that does not fit a line. */
  add(path: string, sha256: string): void {
    this.#gathered += sumLine(path, sha256);
  }

  /** Writes what was gathered, once it is worth it. */
  write(isLast = false): Promise<void> {
    if (this.#gathered.length < GATHERED_CHARS && !isLast) return Promise.resolve();
    const text = this.#gathered;
    this.#gathered = '';
    this.#writing = this.#writing.then(() => this.#append(text));
    return this.#writing;
  }

  /** Durable when it resolves; returns the SHA-256 of the file. */
  async end(): Promise<string> {
    await this.write(true);
    await this.#file?.sync();
    await this.close();
    return this.#hash.digest('hex');
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #append(text: string): Promise<void> {
    this.#file ??= await open(this.#path, 'wx');
    this.#hash.update(text);
    await this.#file.appendFile(text);
  }
}
