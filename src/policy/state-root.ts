import type { Sliced } from '../base/slices.ts';
import { canonicalBytes } from '../codec/canonical.ts';
import { merkleLeaf, merkleRoot } from '../codec/merkle.ts';
import type { PolicyState } from './book.ts';
import type { Fact } from './facts.ts';
import type { LedgerFold } from './fold.ts';
import { attributesOf, originsOf } from './origins.ts';

const SLICE = 256;

/** SPEC §3: what the root says of one policy: which entry each attribute comes from, and its member number. */
const leafOf = ({ id, type, value }: PolicyState, facts: readonly Fact[]): Uint8Array => {
  const origins = originsOf(facts, attributesOf);
  const attributes = Object.fromEntries([...(origins?.parts ?? [])].map(([name, { hash }]) => [name, hash]));
  const { member } = value;
  return canonicalBytes({
    attributes,
    id,
    insert: origins?.insert.hash ?? null,
    member: type === 'operator' && member !== undefined ? member : null,
    type,
  });
};

/** The root of the state (SPEC §3), 64 hex digits: equal where the same entries gave the same policies in force. */
export const stateRoot = function* (fold: LedgerFold): Sliced<string> {
  const states = [...fold.ofType()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const leaves: Buffer[] = [];
  for (const state of states) {
    if (leaves.length % SLICE === SLICE - 1) yield;
    leaves.push(merkleLeaf(leafOf(state, fold.factsOf(state.id))));
  }
  yield;
  return merkleRoot(leaves).toString('hex');
};
