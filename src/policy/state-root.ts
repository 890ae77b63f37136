import { type Sliced, sortInSlices } from '../base/slices.ts';
import { canonicalBytes } from '../codec/canonical.ts';
import { merkleJoin, merkleLeaf, merkleRoot, type Subtree } from '../codec/merkle.ts';
import type { InForce, PolicyState } from './book.ts';
import type { LedgerFold } from './fold.ts';
import { attributesOf, type OriginLeaf, originsOf } from './origins.ts';

/** Leaves between two slices; a power of two, so that each is a subtree of the root. */
const SLICE = 256;

/** What the origins of a policy are reckoned from. */
type OriginsBook = Pick<LedgerFold, 'factsOf' | 'settledOrigins'>;

/** What the root says of a policy in force beside where its attributes come from. */
type Rooted = Pick<InForce, 'id' | 'type' | 'member'>;

const leafOf = function* ({ id, type, member }: Rooted, book: OriginsBook): Sliced<OriginLeaf> {
  const origins = yield* originsOf(book.factsOf(id), attributesOf, book.settledOrigins(id));
  const parts = [...(origins?.parts ?? [])].map(([name, { hash }]) => [name, hash] as const);
  // In the order of the canonical form, which is then written as it stands.
  const attributes = Object.fromEntries(parts.sort(([a], [b]) => (a < b ? -1 : 1)));
  return { attributes, id, insert: origins?.insert.hash ?? null, member: member ?? null, type };
};

/** Which entry each attribute of a policy in force comes from, and its member number. */
export const originLeaf = ({ id, type, value: { member } }: PolicyState, book: OriginsBook): Sliced<OriginLeaf> =>
  leafOf({ id, type, member: type === 'operator' && typeof member === 'number' ? member : undefined }, book);

/** The policies in force in the order of the root, so many at a time as a slice takes. */
const inOrder = function* (fold: LedgerFold): Sliced<readonly (readonly InForce[])[]> {
  const all = yield* sortInSlices([...fold.inForce()], (a, b) => (a.id < b.id ? -1 : 1));
  return Array.from({ length: Math.ceil(all.length / SLICE) }, (_, at) => all.slice(at * SLICE, (at + 1) * SLICE));
};

const leavesOfSlice = function* (slice: readonly InForce[], fold: LedgerFold): Sliced<readonly OriginLeaf[]> {
  const leaves: OriginLeaf[] = [];
  for (const policy of slice) leaves.push(yield* leafOf(policy, fold));
  return leaves;
};

/** The leaves of all policies in force, in the order of the root. */
export const originLeaves = function* (fold: LedgerFold): Sliced<readonly OriginLeaf[]> {
  const leaves: OriginLeaf[] = [];
  for (const slice of yield* inOrder(fold)) {
    yield;
    leaves.push(...(yield* leavesOfSlice(slice, fold)));
  }
  return leaves;
};

const subtreesOf = (leaves: readonly OriginLeaf[]): readonly Subtree[] => {
  const hashes = leaves.map((leaf) => merkleLeaf(canonicalBytes(leaf)));
  return hashes.length === SLICE
    ? [{ size: SLICE, root: merkleRoot(hashes) }]
    : hashes.map((root) => ({ size: 1, root }));
};

/** The root of the state that these leaves make. */
export const rootOfLeaves = function* (leaves: readonly OriginLeaf[]): Sliced<string> {
  const subtrees: Subtree[] = [];
  for (let at = 0; at < leaves.length; at += SLICE) {
    if (at > 0) yield;
    subtrees.push(...subtreesOf(leaves.slice(at, at + SLICE)));
  }
  return merkleJoin(subtrees).toString('hex');
};

/**
 * The root of the state (SPEC §3), 64 hex digits: equal where the same entries gave the same policies in force. No leaf
 * is kept: all of them, and what is made to show a policy, would take as much memory as the book.
 */
export const stateRoot = function* (fold: LedgerFold): Sliced<string> {
  const subtrees: Subtree[] = [];
  for (const slice of yield* inOrder(fold)) {
    yield;
    subtrees.push(...subtreesOf(yield* leavesOfSlice(slice, fold)));
  }
  return merkleJoin(subtrees).toString('hex');
};
