import { join } from 'node:path';
import { makePath } from '../base/files.ts';
import { acquire, type Resource } from '../base/lifecycle.ts';
import type { TreeHead } from '../codec/merkle.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import { HashFile } from './hash-file.ts';
import { HASH_BYTES, rootAt, TILE_LEAVES, tileRoot, type TreeReader } from './tree.ts';

/** Hashes that are taken up between two turns of the event loop: about 5 ms. */
const STEP_ENTRIES = 8 * TILE_LEAVES;

/** A log of receipts on disk, the own one or another node's: `entries`, `tiles`, `checkpoints`. */
export class ReceiptLog implements TreeReader, Resource {
  readonly dir: string;
  /** The cosigned checkpoints. */
  readonly checkpoints: CheckpointFile;
  readonly #entries: HashFile;
  readonly #tiles: HashFile;

  private constructor(dir: string, entries: HashFile, tiles: HashFile, checkpoints: CheckpointFile) {
    this.dir = dir;
    this.#entries = entries;
    this.#tiles = tiles;
    this.checkpoints = checkpoints;
  }

  /** Opens the directory, made where it is missing. What it holds is believed once {@link keepUpTo} was asked. */
  static open(dir: string): Promise<ReceiptLog> {
    return acquire(async (stack) => {
      await makePath(dir);
      const entries = stack.use(await HashFile.open(join(dir, 'entries')));
      const tiles = stack.use(await HashFile.open(join(dir, 'tiles')));
      return new ReceiptLog(dir, entries, tiles, await CheckpointFile.open(join(dir, 'checkpoints')));
    });
  }

  /** Number of entries. */
  get size(): number {
    return this.#entries.length;
  }

  entries(from: number, to: number): Promise<Buffer> {
    return this.#entries.read(from, to);
  }

  tiles(from: number, to: number): Promise<Buffer> {
    return this.#tiles.read(from, to);
  }

  /** Hashes of entries end to end. Not durable before `sync`. */
  async append(hashes: Buffer): Promise<void> {
    for (let at = 0; at < hashes.byteLength; at += STEP_ENTRIES * HASH_BYTES) {
      await this.#entries.append(hashes.subarray(at, at + STEP_ENTRIES * HASH_BYTES));
      await this.#fillTiles();
    }
  }

  async sync(): Promise<void> {
    await this.#entries.sync();
    await this.#tiles.sync();
  }

  /** Forgets what comes after the first `size` entries. */
  async cut(size: number): Promise<void> {
    await this.#entries.cut(size);
    await this.#tiles.cut(Math.min(this.#tiles.length, Math.floor(size / TILE_LEAVES)));
  }

  /**
   * Whether the first entries are those of a tree head, as far as their tiles tell; what comes after them, which nobody
   * was shown, is forgotten. Tiles that do not fit are made anew.
   */
  async keepUpTo(head: TreeHead): Promise<boolean> {
    if (this.size < head.size) return false;
    await this.cut(head.size);
    await this.#fillTiles();
    return (await rootAt(this, head.size)).equals(head.root) || this.keepChecked(head);
  }

  /** The same, and each entry is hashed: about 3 ms for a thousand, one tile at a time. */
  async keepChecked({ size, root }: TreeHead): Promise<boolean> {
    if (this.size < size) return false;
    await this.cut(size);
    await this.#tiles.cut(0);
    await this.#fillTiles();
    return (await rootAt(this, size)).equals(root);
  }

  async close(): Promise<void> {
    await this.#entries.close();
    await this.#tiles.close();
    await this.checkpoints.close();
  }

  async #fillTiles(): Promise<void> {
    for (let tile = this.#tiles.length; (tile + 1) * TILE_LEAVES <= this.size; tile += 1)
      await this.#tiles.append(tileRoot(await this.#entries.read(tile * TILE_LEAVES, (tile + 1) * TILE_LEAVES)));
  }
}
