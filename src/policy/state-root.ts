import { type Sliced, sortInSlices } from '../base/slices.ts';
import { canonicalBytes } from '../codec/canonical.ts';
import { merkleJoin, merkleLeaf, merkleRoot, type Subtree } from '../codec/merkle.ts';
import type { PolicyState } from './book.ts';
import type { LedgerFold } from './fold.ts';
import { attributesOf, type OriginLeaf, originsOf } from './origins.ts';

/** Leaves between two slices; a power of two, so that each is a subtree of the root. */
const SLICE = 256;

/** What the origins of a policy are reckoned from. */
type OriginsBook = Pick<LedgerFold, 'factsOf' | 'settledOrigins'>;

/** Which entry each attribute of a policy in force comes from, and its member number. */
export const originLeaf = function* ({ id, type, value }: PolicyState, book: OriginsBook): Sliced<OriginLeaf> {
  const origins = yield* originsOf(book.factsOf(id), attributesOf, book.settledOrigins(id));
  const parts = [...(origins?.parts ?? [])].map(([name, { hash }]) => [name, hash] as const);
  // In the order of the canonical form, which is then written as it stands.
  const attributes = Object.fromEntries(parts.sort(([a], [b]) => (a < b ? -1 : 1)));
  const { member } = value;
  return {
    attributes,
    id,
    insert: origins?.insert.hash ?? null,
    member: type === 'operator' && member !== undefined ? member : null,
    type,
  };
};

/** The leaves of all policies in force, in the order of the root. */
export const originLeaves = function* (fold: LedgerFold): Sliced<readonly OriginLeaf[]> {
  const ids = yield* sortInSlices(fold.ids(), (a, b) => (a < b ? -1 : 1));
  const leaves: OriginLeaf[] = [];
  for (const [at, id] of ids.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    const state = fold.get(id);
    if (state !== undefined) leaves.push(yield* originLeaf(state, fold));
  }
  return leaves;
};

/** The root of the state that these leaves make. */
export const rootOfLeaves = function* (leaves: readonly OriginLeaf[]): Sliced<string> {
  const subtrees: Subtree[] = [];
  for (let at = 0; at < leaves.length; at += SLICE) {
    if (at > 0) yield;
    const hashes = leaves.slice(at, at + SLICE).map((leaf) => merkleLeaf(canonicalBytes(leaf)));
    if (hashes.length === SLICE) subtrees.push({ size: SLICE, root: merkleRoot(hashes) });
    else subtrees.push(...hashes.map((root) => ({ size: 1, root })));
  }
  return merkleJoin(subtrees).toString('hex');
};

/** The root of the state (SPEC §3), 64 hex digits: equal where the same entries gave the same policies in force. */
export const stateRoot = function* (fold: LedgerFold): Sliced<string> {
  const leaves = yield* originLeaves(fold);
  yield;
  return yield* rootOfLeaves(leaves);
};
