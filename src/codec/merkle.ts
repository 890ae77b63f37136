import { hash } from 'node:crypto';

const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

const sha256 = (...parts: readonly Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');

/** RFC 6962, 2.1: the hash of a leaf. */
export const merkleLeaf = (leaf: Uint8Array): Buffer => sha256(LEAF, leaf);

/** RFC 6962, 2.1: the root over the hashes of leaves in their order; that of no leaves is the hash of nothing. */
export const merkleRoot = (leaves: readonly Buffer[]): Buffer => {
  // Whole subtrees from left to right, each with the number of its leaves: a larger one always stands before a smaller.
  const subtrees: { readonly size: number; readonly root: Buffer }[] = [];
  for (const leaf of leaves) {
    let tree = { size: 1, root: leaf };
    for (let left = subtrees.at(-1); left?.size === tree.size; left = subtrees.at(-1)) {
      subtrees.pop();
      tree = { size: 2 * tree.size, root: sha256(NODE, left.root, tree.root) };
    }
    subtrees.push(tree);
  }
  const last = subtrees.pop();
  if (last === undefined) return sha256();
  return subtrees.reduceRight((right, { root }) => sha256(NODE, root, right), last.root);
};
