import type { Sliced } from '../base/slices.ts';
import { canonicalBytes } from '../codec/canonical.ts';
import type { JsonObject } from '../codec/json.ts';
import type { PeerKey } from '../network/network.ts';
import type { Fact } from '../policy/facts.ts';
import { EVERYTHING, type Moment } from '../policy/moment.ts';
import { type Chronicle, type Past, pastAt } from '../policy/past.ts';
import { registeredIn } from '../policy/registered.ts';
import { originLeaf } from '../policy/state-root.ts';
import type { Question } from './question.ts';

/** What follows from a bundle's entries, and the bytes of `state.json` that say so. */
export interface Answer {
  readonly past: Past;
  /** Entries of the moment that have no effect, ascending. */
  readonly voids: readonly string[];
  readonly bytes: Uint8Array;
  /** Entries that the policies of the answer come from. */
  readonly origins: ReadonlySet<string>;
  /** Keys of the nodes that have a policy by all entries, whatever the moment: whose word on receipts counts. */
  readonly registered: ReadonlySet<PeerKey>;
}

const SLICE = 256;

/**
 * The answer to a question (SPEC §4): a pure function of the entries, whoever computes it. Throws `POLICY_FRONTIER_UNKNOWN` where the moment names
 * entries that are not among them.
 * `known`: hashes of the entries that the node had which the moment names; empty for other moments.
 */
export const answerOf = function* (
  facts: readonly Fact[],
  { moment: asked, id }: Question,
  known: readonly string[] = [],
): Sliced<Answer> {
  const moment: Moment = asked.kind === 'known' ? { ...asked, kind: 'receipt', entries: known } : asked;
  const byHash = new Map(facts.map((fact) => [fact.hash, fact]));
  const chronicle: Chronicle = {
    facts: () => facts,
    fact: (hash) => byHash.get(hash),
    receivedMs: () => undefined,
  };
  const past = yield* pastAt(chronicle, moment);
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
    policies: policies.map(({ document }) => document),
    root: past.root,
    v: 1,
    void: voids,
  });
  const latest = past.entries === facts.length ? past : yield* pastAt(chronicle, EVERYTHING);
  const origins = new Set(policies.flatMap((policy) => policy.origins));
  return { past, voids, bytes, origins, registered: registeredIn(latest.book) };
};

interface AnsweredPolicy {
  readonly document: JsonObject;
  readonly origins: readonly string[];
}

/** The policies in force that were asked for, by id: what each is, and which entries it comes from. */
const policiesOf = function* ({ book }: Past, id: string | null): Sliced<readonly AnsweredPolicy[]> {
  const ids = id === null ? [...book.ids()].sort((a, b) => (a < b ? -1 : 1)) : [id];
  const policies: AnsweredPolicy[] = [];
  for (const [at, each] of ids.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    const state = book.get(each);
    if (state === undefined) continue;
    const { conflict, entry, value } = state;
    const leaf = yield* originLeaf(state, book);
    policies.push({
      document: { ...leaf, conflict, entry, value },
      origins: [leaf.insert ?? entry, entry, ...conflict, ...Object.values(leaf.attributes)],
    });
  }
  return policies;
};
