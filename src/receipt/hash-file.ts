import { type FileHandle, open } from 'node:fs/promises';
import { constants } from 'node:fs';
import { fault, type HoldfastError } from '../base/errors.ts';
import { HASH_BYTES } from './tree.ts';

/** An append-only file of hashes end to end. What was appended counts as kept once `sync` has resolved. */
export class HashFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  #length: number;

  private constructor(path: string, handle: FileHandle, length: number) {
    this.#path = path;
    this.#handle = handle;
    this.#length = length;
  }

  /** Makes it where it is missing; the rest of a hash that was not completely written is cut off by the next append. */
  static async open(path: string): Promise<HashFile> {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
    const { size } = await handle.stat();
    return new HashFile(path, handle, Math.floor(size / HASH_BYTES));
  }

  /** Number of hashes. */
  get length(): number {
    return this.#length;
  }

  async append(hashes: Buffer): Promise<void> {
    const start = this.#length * HASH_BYTES;
    for (let done = 0; done < hashes.byteLength;)
      done += (await this.#handle.write(hashes, done, hashes.byteLength - done, start + done)).bytesWritten;
    this.#length += hashes.byteLength / HASH_BYTES;
  }

  /** Throws `RECEIPT_FILES_DAMAGED` where so many are not there. */
  async read(from: number, to: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(Math.max(0, to - from) * HASH_BYTES);
    for (let done = 0; done < bytes.byteLength;) {
      const { bytesRead } = await this.#handle.read(bytes, done, bytes.byteLength - done, from * HASH_BYTES + done);
      if (bytesRead === 0) throw tooShort(this.#path, to);
      done += bytesRead;
    }
    return bytes;
  }

  async cut(length: number): Promise<void> {
    await this.#handle.truncate(length * HASH_BYTES);
    this.#length = length;
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

const tooShort = (path: string, to: number): HoldfastError =>
  fault('RECEIPT_FILES_DAMAGED', `${path} ends before hash ${to}`, {
    hint: 'start the node again: it fills the file again. Look after the disk, too (smartctl)',
  });
