import { createHash } from 'node:crypto';
import { fault } from '../base/errors.ts';
import { INGEST_WAITING_MAX } from '../base/limits.ts';

/** Content up to this size travels to the writer together with that of other files. */
export const SMALL_BYTES = 65_536;
/** Copied in one go without holding up the event loop for long. */
const STEP_BYTES = 8 * 1_048_576;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * The bytes in memory that threads share, so that one copy serves hashing, ingest and archive: a view that crosses to a
 * thread takes all of its buffer with it. Small content stays as it is, it is packed by {@link pack}.
 */
export const shared = async (bytes: Uint8Array): Promise<Uint8Array> => {
  if (bytes.byteLength <= SMALL_BYTES || bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  for (let at = 0; at < bytes.byteLength; at += STEP_BYTES) {
    if (at > 0) await turn();
    copy.set(bytes.subarray(at, at + STEP_BYTES), at);
  }
  return copy;
};

/** SHA-256 as 64 hex digits, of large content in steps. */
export const digestOf = async (bytes: Uint8Array): Promise<string> => {
  const digest = createHash('sha256');
  for (let at = 0; at < bytes.byteLength; at += STEP_BYTES) {
    if (at > 0) await turn();
    digest.update(bytes.subarray(at, at + STEP_BYTES));
  }
  return digest.digest('hex');
};

/** Puts the small ones of many contents into one shared buffer. */
export const pack = (contents: readonly Uint8Array[]): readonly Uint8Array[] => {
  const isLoose = (bytes: Uint8Array): boolean => !(bytes.buffer instanceof SharedArrayBuffer);
  const total = contents.reduce((sum, bytes) => sum + (isLoose(bytes) ? bytes.byteLength : 0), 0);
  const buffer = new SharedArrayBuffer(total);
  let at = 0;
  return contents.map((bytes) => {
    if (!isLoose(bytes)) return bytes;
    const view = new Uint8Array(buffer, at, bytes.byteLength);
    view.set(bytes);
    at += bytes.byteLength;
    return view;
  });
};

/**
 * Room for a bounded number of bytes; who finds none waits in order of arrival. One that is larger than all goes alone.
 */
export class ByteBudget {
  readonly #total: number;
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = [];
  #used = 0;

  constructor(totalBytes: number) {
    this.#total = totalBytes;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves with what gives the room back. Throws `OPERATOR_OVERLOADED` where too many wait, unless `patient`. */
  async take(bytes: number, patient = false): Promise<() => void> {
    if (bytes > 0 && (this.#waiting.length > 0 || !this.#fits(bytes))) {
      if (!patient && this.#waiting.length >= INGEST_WAITING_MAX)
        throw fault('OPERATOR_OVERLOADED', `${this.#waiting.length} files wait already`, {
          hint: 'send it again later',
        });
      await new Promise<void>((resolve) => this.#waiting.push({ bytes, go: resolve }));
    } else this.#used += bytes;
    return this.#leaving(bytes);
  }

  /** As {@link take} where nobody has to wait for it; undefined where somebody would. */
  takeNow(bytes: number): (() => void) | undefined {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) return undefined;
    this.#used += bytes;
    return this.#leaving(bytes);
  }

  #leaving(bytes: number): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#used -= bytes;
      this.#admit();
    };
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#total;
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += next.bytes;
      next.go();
    }
  }
}
