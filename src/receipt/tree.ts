import {
  consistencyRanges,
  inclusionRanges,
  type LeafRange,
  merkleJoin,
  merkleLeaf,
  type Subtree,
} from '../codec/merkle.ts';

/** SHA-256. */
export const HASH_BYTES = 32;
/** Leaves whose common hash is kept, so that a proof reads a few of them and not all. */
export const TILE_LEAVES = 256;

/** What a tree is read from: hashes end to end, `HASH_BYTES` each. */
export interface TreeReader {
  /** The hashes of entries `from` to `to`: what the leaves hold. */
  entries(from: number, to: number): Promise<Buffer>;
  /** The roots of tiles `from` to `to`: `TILE_LEAVES` leaves each. */
  tiles(from: number, to: number): Promise<Buffer>;
}

/** Cuts hashes that lie end to end. */
export const hashesOf = (bytes: Buffer): readonly Buffer[] =>
  Array.from({ length: bytes.byteLength / HASH_BYTES }, (_, at) =>
    bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  );

const subtrees = (bytes: Buffer, size: number, hashOf: (hash: Buffer) => Buffer): readonly Subtree[] =>
  hashesOf(bytes).map((hash) => ({ size, root: hashOf(hash) }));

/** The hash over hashes of entries, at most a tile's. */
export const tileRoot = (entries: Buffer): Buffer => merkleJoin(subtrees(entries, 1, merkleLeaf));

/** The hash over a range that begins where a subtree of its size may begin, as all ranges of proofs and trees do. */
const rangeRoot = async (reader: TreeReader, { from, to }: LeafRange): Promise<Buffer> => {
  const firstTile = Math.ceil(from / TILE_LEAVES);
  const lastTile = Math.floor(to / TILE_LEAVES);
  if (firstTile * TILE_LEAVES !== from || lastTile <= firstTile) return tileRoot(await reader.entries(from, to));
  const tiles = subtrees(await reader.tiles(firstTile, lastTile), TILE_LEAVES, (hash) => hash);
  const rest = subtrees(await reader.entries(lastTile * TILE_LEAVES, to), 1, merkleLeaf);
  return merkleJoin([...tiles, ...rest]);
};

/** The root of the first `size` leaves. */
export const rootAt = (reader: TreeReader, size: number): Promise<Buffer> => rangeRoot(reader, { from: 0, to: size });

const proofOf = (reader: TreeReader, ranges: readonly LeafRange[]): Promise<readonly Buffer[]> =>
  Promise.all(ranges.map((range) => rangeRoot(reader, range)));

/** The inclusion proof of leaf `index` among the first `size`. */
export const inclusionProof = (reader: TreeReader, index: number, size: number): Promise<readonly Buffer[]> =>
  proofOf(reader, inclusionRanges(index, size));

/** The consistency proof from `old` leaves, 0 included, to `size`. */
export const consistencyProof = (reader: TreeReader, old: number, size: number): Promise<readonly Buffer[]> =>
  proofOf(reader, old === 0 ? [] : consistencyRanges(old, size));
