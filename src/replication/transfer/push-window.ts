import { PUSH_BYTES_IN_FLIGHT, PUSH_FILES_IN_FLIGHT, PUSH_WAITING_FILES_MAX } from '../../base/limits.ts';
import type { FileRanges } from '../../operator/file-record.ts';
import { countRanges, inRanges, subtractRanges, uniteRanges } from '../../operator/ranges.ts';
import { NO_FILES } from './holdings.ts';

/** Files of the own origin that may be read and sent now. */
export interface PushTurn {
  readonly ranges: FileRanges;
  readonly files: number;
  readonly bytes: number;
}

/**
 * What is to be pushed to one peer and what is on the way: pure. At most `PUSH_FILES_IN_FLIGHT` files or
 * `PUSH_BYTES_IN_FLIGHT` bytes are sent and not acknowledged (one larger file alone); at most
 * `PUSH_WAITING_FILES_MAX` wait, and a peer that is further behind is left to pull.
 */
export class PushWindow {
  #waiting: FileRanges = NO_FILES;
  readonly #inFlight = new Map<number, { readonly files: number; readonly bytes: number }>();
  #files = 0;
  #bytes = 0;

  /** Files sent and not acknowledged. */
  get inFlight(): number {
    return this.#files;
  }

  get bytesInFlight(): number {
    return this.#bytes;
  }

  get waiting(): number {
    return countRanges(this.#waiting);
  }

  waits(file: number): boolean {
    return inRanges(this.#waiting, file);
  }

  /** New files; false when too many wait and all of them are left for the peer to pull. */
  offer(files: FileRanges): boolean {
    this.#waiting = uniteRanges(this.#waiting, files);
    if (this.waiting <= PUSH_WAITING_FILES_MAX) return true;
    this.#waiting = NO_FILES;
    return false;
  }

  /** The peer holds these, or has asked for them itself. */
  drop(files: FileRanges): void {
    this.#waiting = subtractRanges(this.#waiting, files);
  }

  /** What may be sent now; undefined when nothing waits or too much is on the way. */
  next(): PushTurn | undefined {
    const files = PUSH_FILES_IN_FLIGHT - this.#files;
    const bytes = PUSH_BYTES_IN_FLIGHT - this.#bytes;
    if (this.#waiting.length === 0 || files <= 0 || bytes <= 0) return undefined;
    return { ranges: this.#waiting, files, bytes };
  }

  /** A bundle was handed to the network. */
  sent(id: number, files: FileRanges, bytes: number): void {
    const count = countRanges(files);
    this.#waiting = subtractRanges(this.#waiting, files);
    this.#inFlight.set(id, { files: count, bytes });
    this.#files += count;
    this.#bytes += bytes;
  }

  /** The peer has made a bundle durable, or refused it; false where no such bundle is on the way with so many files. */
  acknowledged(id: number, files: number): boolean {
    const bundle = this.#inFlight.get(id);
    if (bundle?.files !== files) return false;
    this.#inFlight.delete(id);
    this.#files -= bundle.files;
    this.#bytes -= bundle.bytes;
    return true;
  }
}
