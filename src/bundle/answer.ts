import type { Sliced } from '../base/slices.ts';
import { canonicalBytes } from '../codec/canonical.ts';
import type { JsonObject } from '../codec/json.ts';
import type { Fact } from '../policy/facts.ts';
import { type Past, pastAt } from '../policy/past.ts';
import { originLeaf } from '../policy/state-root.ts';
import type { Question } from './question.ts';

/** What follows from a bundle's entries, and the bytes of `state.json` that say so. */
export interface Answer {
  readonly past: Past;
  /** Entries of the moment that have no effect, ascending. */
  readonly voids: readonly string[];
  readonly bytes: Uint8Array;
}

const SLICE = 256;

/**
 * The answer to a question (SPEC §4): a pure function of the entries, whoever computes it. Throws `POLICY_FRONTIER_UNKNOWN` where the moment names
 * entries that are not among them.
 */
export const answerOf = function* (facts: readonly Fact[], { moment, id }: Question): Sliced<Answer> {
  const byHash = new Map(facts.map((fact) => [fact.hash, fact]));
  const past = yield* pastAt(
    { facts: () => facts, fact: (hash) => byHash.get(hash), receivedMs: () => undefined },
    moment,
  );
  const voids: string[] = [];
  for (const [at, { hash }] of past.book.facts().entries()) {
    if (at % 10_000 === 9_999) yield;
    if (typeof past.book.effectOf(hash) === 'object') voids.push(hash);
  }
  voids.sort();
  const policies = yield* policiesOf(past, id);
  const equivocations = [...past.forks].map(([author, { seq }]) => ({ author, seq }));
  const bytes = canonicalBytes({
    entries: past.entries,
    equivocations: equivocations.sort((a, b) => (a.author < b.author ? -1 : 1)),
    policies,
    root: past.root,
    v: 1,
    void: voids,
  });
  return { past, voids, bytes };
};

/** The policies in force that were asked for, by id: what each is, and which entries it comes from. */
const policiesOf = function* ({ book }: Past, id: string | null): Sliced<readonly JsonObject[]> {
  const ids = id === null ? [...book.ids()].sort((a, b) => (a < b ? -1 : 1)) : [id];
  const policies: JsonObject[] = [];
  for (const [at, each] of ids.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    const state = book.get(each);
    if (state === undefined) continue;
    const { conflict, entry, value } = state;
    policies.push({ ...(yield* originLeaf(state, book.factsOf(each))), conflict, entry, value });
  }
  return policies;
};
