import { PUSH_SHARED_BYTES_MAX } from '../base/limits.ts';
import { ownBytes } from '../base/own-bytes.ts';
import type { FileCopy } from '../operator/file-record.ts';
import type { FileStore } from '../operator/file-store.ts';
import type { PushTurn } from './transfer/push-window.ts';

const SHARED_FILES_MAX = 1_024;

/**
 * Reads own files for several peers: what one has just read the next need not read again. Bounded in files and bytes.
 */
export class SharedReads {
  readonly #store: Pick<FileStore, 'origin' | 'readMany'>;
  readonly #worthwhile: () => boolean;
  /** By file, oldest first. */
  readonly #held = new Map<number, FileCopy>();
  readonly #reading = new Map<number, Promise<readonly FileCopy[]>>();
  #bytes = 0;

  constructor(store: Pick<FileStore, 'origin' | 'readMany'>, worthwhile: () => boolean) {
    this.#store = store;
    this.#worthwhile = worthwhile;
  }

  async read(turn: PushTurn): Promise<readonly FileCopy[]> {
    const first = turn.ranges[0]?.[0];
    if (first === undefined) return [];
    const held = this.#heldFor(turn);
    if (held.length > 0) return held;
    const underWay = this.#reading.get(first);
    if (underWay !== undefined) {
      await underWay.catch(() => {});
      const shared = this.#heldFor(turn);
      if (shared.length > 0) return shared;
    }
    const reading = this.#store.readMany(this.#store.origin, turn.ranges, turn);
    this.#reading.set(first, reading);
    try {
      const copies = await reading;
      if (this.#worthwhile()) for (const copy of copies) this.#keep(copy);
      return copies;
    } finally {
      if (this.#reading.get(first) === reading) this.#reading.delete(first);
    }
  }

  /** The first files of a turn, as far as they are held without a gap. */
  #heldFor({ ranges, files, bytes }: PushTurn): readonly FileCopy[] {
    const copies: FileCopy[] = [];
    let left = bytes;
    for (const [from, to] of ranges) {
      for (let file = from; file <= to; file += 1) {
        const copy = this.#held.get(file);
        if (copy === undefined || copies.length >= files || (copies.length > 0 && left < copy.content.byteLength))
          return copies;
        copies.push(copy);
        left -= copy.content.byteLength;
      }
    }
    return copies;
  }

  #keep(copy: FileCopy): void {
    const { file } = copy.record;
    if (this.#held.has(file) || copy.content.byteLength > PUSH_SHARED_BYTES_MAX) return;
    this.#held.set(file, { ...copy, content: ownBytes(copy.content) });
    this.#bytes += copy.content.byteLength;
    for (const [oldest, { content }] of this.#held) {
      if (this.#bytes <= PUSH_SHARED_BYTES_MAX && this.#held.size <= SHARED_FILES_MAX) break;
      this.#held.delete(oldest);
      this.#bytes -= content.byteLength;
    }
  }
}
