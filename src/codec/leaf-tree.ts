import { merkleJoin, merkleLeaf, type Subtree } from './merkle.ts';

/** Leaves that are joined as they come, so that the root of many takes no long moment at the end. */
const PART_LEAVES = 256;

/** The root over leaves that come one after the other. */
export class LeafTree {
  readonly #parts: Subtree[] = [];
  #leaves: Subtree[] = [];

  add(leaf: Uint8Array): void {
    this.#leaves.push({ size: 1, root: merkleLeaf(leaf) });
    if (this.#leaves.length < PART_LEAVES) return;
    this.#parts.push({ size: PART_LEAVES, root: merkleJoin(this.#leaves) });
    this.#leaves = [];
  }

  /** 64 hex digits. */
  root(): string {
    return merkleJoin([...this.#parts, ...this.#leaves]).toString('hex');
  }
}
