import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { asFault, fault, systemCode } from '../../base/errors.ts';
import { writeFileDurably } from '../../base/files.ts';
import type { Logger } from '../../base/log.ts';
import { merkleJoin, merkleLeaf, type Subtree } from '../../codec/merkle.ts';
import { type Checkpoint, readCheckpoint } from '../checkpoint.ts';
import { HASH_BYTES, hashesOf } from '../tree.ts';
import { bundlePath, edgeTiles, newTiles, type Tile, TILE_WIDTH, tilePath } from './layout.ts';

/** Leaves that are taken up in one step. */
const STEP_LEAVES = 16 * TILE_WIDTH;
/** C2SP tlog-tiles: each entry of a bundle behind its length. */
const ENTRY_LENGTH = Buffer.of(0, HASH_BYTES);

/** Hashes of entries `from` to `to`, end to end: what the leaves hold. */
export type LeafSource = (from: number, to: number) => Promise<Buffer>;

/**
 * One log of receipts as static files (C2SP tlog-tiles). A file is there whole or not at all; a full tile never
 * changes.
 */
export class TileLog {
  readonly #dir: string;
  /** What `checkpoint` says; undefined before the first. */
  #published: Checkpoint | undefined;
  /** Leaves whose tiles are written. */
  #size = 0;
  /** Full tiles that are there are taken to be right; not after they turned out not to make the root. */
  #trusts = true;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Goes on where the last published checkpoint ends; one that cannot be read is made anew. */
  static async open(dir: string, log: Logger): Promise<TileLog> {
    const tiles = new TileLog(dir);
    try {
      tiles.#published = readCheckpoint(await readFile(join(dir, 'checkpoint'), 'utf8'));
      tiles.#size = tiles.#published.size;
    } catch (caught) {
      if (systemCode(caught) !== undefined && systemCode(caught) !== 'ENOENT') throw caught;
      if (systemCode(caught) === undefined)
        log.warn('the checkpoint of the static tiles is made anew', { text: asFault(caught).message });
    }
    return tiles;
  }

  /** Size of the tree that is published. */
  get size(): number {
    return this.#published?.size ?? 0;
  }

  /** Whether this very checkpoint, cosignatures included, is published. */
  has({ note }: Checkpoint): boolean {
    return this.#published?.note === note;
  }

  /**
   * Writes some of the tiles that lead to a checkpoint, and it once all are there. Resolves with whether it is
   * published. `RECEIPT_TILES_DAMAGED` where the tiles do not make its root: the next call makes them anew.
   */
  async advance(checkpoint: Checkpoint, leaves: LeafSource): Promise<boolean> {
    if (checkpoint.size > this.#size) {
      const end = Math.floor((this.#size + STEP_LEAVES) / TILE_WIDTH) * TILE_WIDTH;
      const to = Math.min(checkpoint.size, end);
      for (const tile of newTiles(this.#size, to)) await this.#write(tile, leaves);
      this.#size = to;
      if (to < checkpoint.size) return false;
    }
    const root = await this.#root(checkpoint.size);
    if (!root.equals(checkpoint.root)) {
      [this.#size, this.#trusts] = [0, false];
      throw fault('RECEIPT_TILES_DAMAGED', `the tiles in ${this.#dir} do not make the root of the checkpoint`, {
        hint: 'they are made anew',
      });
    }
    await writeFileDurably(join(this.#dir, 'checkpoint'), checkpoint.note);
    this.#published = checkpoint;
    this.#trusts = true;
    return true;
  }

  async #write(tile: Tile, leaves: LeafSource): Promise<void> {
    const isFull = tile.width === TILE_WIDTH;
    const path = join(this.#dir, tilePath(tile));
    if (!(isFull && this.#trusts && (await isOfLength(path, TILE_WIDTH * HASH_BYTES)))) {
      if (tile.level === 0) {
        const from = tile.index * TILE_WIDTH;
        const entries = hashesOf(await leaves(from, from + tile.width));
        await this.#put(bundlePath(tile), Buffer.concat(entries.flatMap((each) => [ENTRY_LENGTH, each])));
        await this.#put(tilePath(tile), Buffer.concat(entries.map(merkleLeaf)));
      } else await this.#put(tilePath(tile), await this.#hashesBelow(tile));
    }
    // A reader of an older tree finds in the full tile what was in the partial ones.
    if (!isFull) return;
    await rm(`${path}.p`, { recursive: true, force: true });
    if (tile.level === 0) await rm(join(this.#dir, `${bundlePath(tile)}.p`), { recursive: true, force: true });
  }

  #put(path: string, bytes: Buffer): Promise<void> {
    return writeFileDurably(join(this.#dir, path), bytes);
  }

  /**
   * The hashes of a tile above the leaves, each over a full tile of the level below; those that a partial one holds are
   * taken from there.
   */
  async #hashesBelow({ level, index, width }: Tile): Promise<Buffer> {
    const hashes: Buffer[] = this.#trusts ? [...(await this.#longestPartial({ level, index, width }))] : [];
    for (let at = hashes.length; at < width; at += 1) {
      const below = await this.#read({ level: level - 1, index: index * TILE_WIDTH + at, width: TILE_WIDTH });
      hashes.push(merkleJoin(hashesOf(below).map((root) => ({ size: 1, root }))));
    }
    return Buffer.concat(hashes);
  }

  async #longestPartial({ level, index, width }: Tile): Promise<readonly Buffer[]> {
    const held = Math.floor(this.#size / TILE_WIDTH ** level) - index * TILE_WIDTH;
    if (held <= 0 || held >= width) return [];
    const bytes = await this.#read({ level, index, width: held }).catch(() => Buffer.alloc(0));
    return bytes.byteLength === held * HASH_BYTES ? hashesOf(bytes) : [];
  }

  async #read(tile: Tile): Promise<Buffer> {
    const bytes = await readFile(join(this.#dir, tilePath(tile)));
    if (bytes.byteLength !== tile.width * HASH_BYTES)
      throw fault('RECEIPT_TILES_DAMAGED', `${tilePath(tile)} in ${this.#dir} is not as long as it must be`);
    return bytes;
  }

  async #root(size: number): Promise<Buffer> {
    const parts: Subtree[] = [];
    for (const tile of edgeTiles(size))
      for (const root of hashesOf(await this.#read(tile))) parts.push({ size: TILE_WIDTH ** tile.level, root });
    return merkleJoin(parts);
  }
}

const isOfLength = (path: string, bytes: number): Promise<boolean> =>
  stat(path).then(
    ({ size }) => size === bytes,
    () => false,
  );
