/** C2SP tlog-tiles: hashes in a full tile. */
export const TILE_WIDTH = 256;

/** Hashes of one level of the tree: those of `TILE_WIDTH ** level` leaves each, from number `index * TILE_WIDTH` on. */
export interface Tile {
  readonly level: number;
  readonly index: number;
  /** Number of hashes; less than `TILE_WIDTH` at the right edge of a tree alone. */
  readonly width: number;
}

/** A number as the path has it: three digits a directory, an `x` before all but the last. */
export const numberPath = (index: number): string => {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  const parts = padded.match(/\d{3}/g) ?? [];
  return parts.map((part, at) => (at === parts.length - 1 ? part : `x${part}`)).join('/');
};

const widthPath = (width: number): string => (width === TILE_WIDTH ? '' : `.p/${width}`);

/** Path of a tile below the log's directory. */
export const tilePath = ({ level, index, width }: Tile): string =>
  `tile/${level}/${numberPath(index)}${widthPath(width)}`;

/** Path of what the leaves of a tile of level 0 hold. */
export const bundlePath = ({ index, width }: Tile): string => `tile/entries/${numberPath(index)}${widthPath(width)}`;

/** Number of whole hashes that a tree has at a level. */
const hashesAt = (level: number, size: number): number => Math.floor(size / TILE_WIDTH ** level);

/** The tiles that a tree has and the one that it grew from has not, lower levels first. */
export function* newTiles(from: number, to: number): Generator<Tile> {
  for (let level = 0; hashesAt(level, to) > 0; level += 1) {
    const [before, after] = [hashesAt(level, from), hashesAt(level, to)];
    for (let index = Math.floor(before / TILE_WIDTH); index < Math.floor(after / TILE_WIDTH); index += 1)
      yield { level, index, width: TILE_WIDTH };
    if (after > before && after % TILE_WIDTH > 0)
      yield { level, index: Math.floor(after / TILE_WIDTH), width: after % TILE_WIDTH };
  }
}

/** The tiles whose hashes, one after the other, make the root: what is not in a full tile, higher levels first. */
export const edgeTiles = (size: number): readonly Tile[] => {
  const tiles: Tile[] = [];
  for (let level = 0; hashesAt(level, size) > 0; level += 1) {
    const count = hashesAt(level, size);
    if (count % TILE_WIDTH > 0)
      tiles.unshift({ level, index: Math.floor(count / TILE_WIDTH), width: count % TILE_WIDTH });
  }
  return tiles;
};
