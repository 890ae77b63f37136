import { hash } from 'node:crypto';

const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

const sha256 = (...parts: readonly Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');

/** RFC 6962, 2.1: the hash of a leaf. */
export const merkleLeaf = (leaf: Uint8Array): Buffer => sha256(LEAF, leaf);

/** RFC 6962, 2.1: the hash over two subtrees. */
const merkleNode = (left: Uint8Array, right: Uint8Array): Buffer => sha256(NODE, left, right);

/** A complete subtree: its number of leaves, a power of two, and its hash. */
export interface Subtree {
  readonly size: number;
  readonly root: Buffer;
}

/**
 * RFC 6962, 2.1: the root over complete subtrees from left to right, none of which is larger than one before it unless
 * those join to it first (leaves, or tiles and then leaves). That of none is the hash of nothing.
 */
export const merkleJoin = (parts: Iterable<Subtree>): Buffer => {
  // Whole subtrees from left to right: a larger one always stands before a smaller.
  const subtrees: Subtree[] = [];
  for (const part of parts) {
    let tree = part;
    for (let left = subtrees.at(-1); left?.size === tree.size; left = subtrees.at(-1)) {
      subtrees.pop();
      tree = { size: 2 * tree.size, root: merkleNode(left.root, tree.root) };
    }
    subtrees.push(tree);
  }
  const last = subtrees.pop();
  if (last === undefined) return sha256();
  return subtrees.reduceRight((right, { root }) => merkleNode(root, right), last.root);
};

/** RFC 6962, 2.1: the root over the hashes of leaves in their order; that of no leaves is the hash of nothing. */
export const merkleRoot = (leaves: readonly Buffer[]): Buffer => merkleJoin(leaves.map((root) => ({ size: 1, root })));

/** Leaves `from` (inclusive) to `to` (exclusive) of a tree. */
export interface LeafRange {
  readonly from: number;
  readonly to: number;
}

/** The largest power of two below `count`, which is above 1. */
const splitOf = (count: number): number => {
  let size = 1;
  while (2 * size < count) size *= 2;
  return size;
};

/**
 * RFC 6962, 2.1.1: the subtrees whose hashes prove leaf `index` in a tree of `size` leaves, in the order of the proof.
 */
export const inclusionRanges = (index: number, size: number): readonly LeafRange[] => {
  const ranges: LeafRange[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    if (index < middle) {
      ranges.push({ from: middle, to });
      to = middle;
    } else {
      ranges.push({ from, to: middle });
      from = middle;
    }
  }
  return ranges.reverse();
};

/** RFC 6962, 2.1.2: the subtrees that prove that a tree of `size` begins with one of `old` leaves (1 to `size`). */
export const consistencyRanges = (old: number, size: number): readonly LeafRange[] => {
  const ranges: LeafRange[] = [];
  let [from, to] = [0, size];
  while (old !== to) {
    const middle = from + splitOf(to - from);
    if (old <= middle) {
      ranges.push({ from: middle, to });
      to = middle;
    } else {
      ranges.push({ from, to: middle });
      from = middle;
    }
  }
  // The old tree itself is known to whoever checks; a part of it is not.
  if (from > 0) ranges.push({ from, to });
  return ranges.reverse();
};

/** The root that an inclusion proof leads to; undefined for a proof of another length. */
export const rootOfInclusion = (
  leaf: Buffer,
  index: number,
  size: number,
  proof: readonly Buffer[],
): Buffer | undefined => {
  if (index < 0 || index >= size) return undefined;
  const ranges = inclusionRanges(index, size);
  if (ranges.length !== proof.length) return undefined;
  return proof.reduce(
    (root, other, at) => ((ranges[at]?.from ?? 0) > index ? merkleNode(root, other) : merkleNode(other, root)),
    leaf,
  );
};

/** Size and root of a tree. */
export interface TreeHead {
  readonly size: number;
  readonly root: Buffer;
}

/** Whether the proof shows that the newer tree begins with the older one. Every tree begins with the empty one. */
export const isConsistent = (older: TreeHead, newer: TreeHead, proof: readonly Buffer[]): boolean => {
  if (older.size === 0) return proof.length === 0;
  if (older.size > newer.size) return false;
  const ranges = consistencyRanges(older.size, newer.size);
  if (ranges.length !== proof.length) return false;
  const isWhole = (ranges[0]?.from ?? older.size) >= older.size;
  const [first, ...others] = isWhole ? [older.root, ...proof] : proof;
  if (first === undefined) return false;
  let [oldRoot, newRoot] = [first, first];
  for (const [at, other] of others.entries()) {
    const from = ranges[isWhole ? at : at + 1]?.from ?? 0;
    if (from >= older.size) newRoot = merkleNode(newRoot, other);
    else [oldRoot, newRoot] = [merkleNode(other, oldRoot), merkleNode(other, newRoot)];
  }
  return oldRoot.equals(older.root) && newRoot.equals(newer.root);
};
