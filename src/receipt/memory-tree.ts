import { fault } from '../base/errors.ts';
import { RECEIPT_PAGE_ENTRIES } from '../base/limits.ts';
import type { TreeHead } from '../codec/merkle.ts';
import { HASH_BYTES, rootAt, TILE_LEAVES, tileRoot, type TreeReader } from './tree.ts';

/** A tree in memory. */
export class MemoryTree implements TreeReader {
  readonly #tiles: Buffer[] = [];
  #entries = Buffer.alloc(0);
  /** What the entries lie in, with room behind them: whoever gives them one by one must not have all copied each time. */
  #room = Buffer.alloc(0);

  /** Hashes of entries end to end. */
  append(hashes: Buffer): void {
    const start = this.#entries.byteLength;
    const end = start + hashes.byteLength;
    if (end > this.#room.byteLength) {
      this.#room = Buffer.alloc(Math.max(end, 2 * start));
      this.#entries.copy(this.#room);
    }
    hashes.copy(this.#room, start);
    this.#entries = this.#room.subarray(0, end);
    const whole = Math.floor(this.#entries.byteLength / HASH_BYTES / TILE_LEAVES);
    while (this.#tiles.length < whole) {
      const start = this.#tiles.length * TILE_LEAVES * HASH_BYTES;
      this.#tiles.push(tileRoot(this.#entries.subarray(start, start + TILE_LEAVES * HASH_BYTES)));
    }
  }

  async entries(from: number, to: number): Promise<Buffer> {
    return this.#entries.subarray(from * HASH_BYTES, to * HASH_BYTES);
  }

  async tiles(from: number, to: number): Promise<Buffer> {
    return Buffer.concat(this.#tiles.slice(from, to));
  }
}

/** Hashes of entries `from` to `to` of some log, or fewer from the beginning of that range, at least one. */
export type FetchEntries = (from: number, to: number) => Promise<Buffer>;

/**
 * The tree of a checkpoint, its entries from somebody who is not trusted. `RECEIPT_PROOF_BAD` where they are others.
 */
export const fetchTree = async (fetch: FetchEntries, { size, root }: TreeHead): Promise<MemoryTree> => {
  const tree = new MemoryTree();
  for (let held = 0; held < size;) {
    const hashes = await fetch(held, Math.min(size, held + RECEIPT_PAGE_ENTRIES));
    if (hashes.byteLength > (size - held) * HASH_BYTES) throw otherEntries();
    tree.append(hashes);
    held += hashes.byteLength / HASH_BYTES;
  }
  if (!(await rootAt(tree, size)).equals(root)) throw otherEntries();
  return tree;
};

const otherEntries = (): Error =>
  fault('RECEIPT_PROOF_BAD', 'the entries that the peer names are not those of the checkpoint');
