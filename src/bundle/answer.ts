import type { Sliced } from '../base/slices.ts';
import { canonicalBytes } from '../codec/canonical.ts';
import type { JsonObject } from '../codec/json.ts';
import type { PeerKey } from '../network/network.ts';
import type { Fact } from '../policy/facts.ts';
import { EVERYTHING, type Moment } from '../policy/moment.ts';
import { type Chronicle, type Past, pastAt } from '../policy/past.ts';
import { registeredIn } from '../policy/registered.ts';
import { originLeaf } from '../policy/state-root.ts';
import { countingWitnesses, othersThan } from '../policy/whose-word.ts';
import type { KnownAt } from '../receipt/receipts.ts';
import type { Question } from './question.ts';

/** What follows from a bundle's entries, and the bytes of `state.json` that say so. */
export interface Answer {
  readonly past: Past;
  /** Entries of the moment that have no effect, ascending. */
  readonly voids: readonly string[];
  readonly bytes: Uint8Array;
  /** Entries that the policies of the answer come from. */
  readonly origins: ReadonlySet<string>;
  /**
   * Keys of the other nodes that have a policy by all entries, whatever the moment: whose word on the receipts of who
   * exports counts (SPEC §5, B5).
   */
  readonly registered: ReadonlySet<PeerKey>;
  /** Keys of all nodes that have a policy by all entries. */
  readonly present: ReadonlySet<PeerKey>;
  /** Whose word counts on what the node had that the moment names (K2); empty for other moments. */
  readonly counting: ReadonlySet<PeerKey>;
}

/** What the node had that a moment names. */
export type KnownEntries = Pick<KnownAt, 'checkpoint' | 'entries'>;

const SLICE = 256;
const NOBODY: ReadonlySet<PeerKey> = new Set();

const cosignedOf = ({ checkpoint: { origin, cosignatures } }: KnownEntries) => ({
  node: origin.node,
  by: cosignatures.map(({ witness }) => witness),
});

/**
 * The answer to a question (SPEC §4): a pure function of the entries, whoever computes it. Throws
 * `POLICY_FRONTIER_UNKNOWN` where the moment names entries that are not among them. `known`: what the node had that the
 * moment names; undefined for other moments.
 */
export const answerOf = function* (
  facts: readonly Fact[],
  { moment: asked, id, by }: Question,
  known?: KnownEntries,
): Sliced<Answer> {
  const moment: Moment = asked.kind === 'known' ? { ...asked, kind: 'receipt', entries: known?.entries ?? [] } : asked;
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
  const { book } = past.entries === facts.length ? past : yield* pastAt(chronicle, EVERYTHING);
  const origins = new Set(policies.flatMap((policy) => policy.origins));
  const present = registeredIn(book);
  const registered = new Set(othersThan(by, present, book));
  const counting = known === undefined ? NOBODY : yield* countingWitnesses(cosignedOf(known), past.book, book);
  return { past, voids, bytes, origins, registered, present, counting };
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
