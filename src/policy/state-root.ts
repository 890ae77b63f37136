import { type Sliced, sortInSlices } from '../base/slices.ts';
import { canonicalBytes } from '../codec/canonical.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { merkleLeaf, merkleRoot } from '../codec/merkle.ts';
import type { PolicyState } from './book.ts';
import type { Fact } from './facts.ts';
import type { LedgerFold } from './fold.ts';
import { attributesOf, originsOf } from './origins.ts';

const SLICE = 256;

/** SPEC §3: what the root says of one policy. */
export interface OriginLeaf extends JsonObject {
  /** Hash of the entry since which each attribute has its value. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly id: string;
  /** Hash of the insert that it began with. */
  readonly insert: string | null;
  readonly member: JsonValue;
  readonly type: string;
}

/** Which entry each attribute of a policy in force comes from, and its member number. */
export const originLeaf = function* ({ id, type, value }: PolicyState, facts: readonly Fact[]): Sliced<OriginLeaf> {
  const origins = yield* originsOf(facts, attributesOf);
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

/** Its bytes. */
export const leafOf = function* (state: PolicyState, facts: readonly Fact[]): Sliced<Uint8Array> {
  return canonicalBytes(yield* originLeaf(state, facts));
};

/** The root of the state (SPEC §3), 64 hex digits: equal where the same entries gave the same policies in force. */
export const stateRoot = function* (fold: LedgerFold): Sliced<string> {
  const ids = yield* sortInSlices(fold.ids(), (a, b) => (a < b ? -1 : 1));
  const leaves: Buffer[] = [];
  for (const [at, id] of ids.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    const state = fold.get(id);
    if (state !== undefined) leaves.push(merkleLeaf(yield* leafOf(state, fold.factsOf(id))));
  }
  yield;
  return merkleRoot(leaves).toString('hex');
};
