import { fault } from '../base/errors.ts';
import type { Sliced } from '../base/slices.ts';
import { foldFork, type Fork, voidFrom } from '../ledger/chain.ts';
import type { Fact } from './facts.ts';

/** Where authors signed two entries with one number, as far as a set of entries shows it. */
export type Forks = ReadonlyMap<string, Fork>;

/** Entries that are looked at between two places to put the work aside. */
const SLICE = 2_000;
const MISSING_LISTED_MAX = 16;

const isVoid = (forks: Forks, { author, seq }: Fact): boolean => seq >= voidFrom(forks.get(author));

/** The forks that some entries show by themselves. */
export const forksOf = function* (facts: readonly Fact[]): Sliced<Forks> {
  const logs = new Map<string, Map<number, string>>();
  const forks = new Map<string, Fork>();
  for (const [at, { author, seq, hash }] of facts.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    let log = logs.get(author);
    if (log === undefined) logs.set(author, (log = new Map<number, string>()));
    const other = log.get(seq);
    const fork =
      other === undefined || other === hash ? undefined : foldFork(forks.get(author), seq, [other, hash].sort());
    if (fork !== undefined) forks.set(author, fork);
    if (other === undefined) log.set(seq, hash);
  }
  return forks;
};

/**
 * The frontier of everything held: entries that no other names and, of each fork, the two that prove it. What is void
 * by a fork names nothing and is no head.
 */
export const frontierOf = function* (facts: readonly Fact[]): Sliced<readonly string[]> {
  const forks = yield* forksOf(facts);
  const heads = new Set<string>();
  const named = new Set<string>();
  for (const [at, fact] of facts.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    if (isVoid(forks, fact)) continue;
    heads.add(fact.hash);
    for (const link of fact.links) named.add(link);
  }
  for (const hash of named) heads.delete(hash);
  for (const { pair } of forks.values()) for (const hash of pair) heads.add(hash);
  return [...heads].sort();
};

/** Looks up what is held by its hash. */
export type FindFact = (hash: string) => Fact | undefined;

/** Everything that a frontier says: its entries, and the forks that they show. */
export interface Closure {
  readonly facts: readonly Fact[];
  readonly forks: Forks;
}

/**
 * The entries of a frontier: those that it names and all that they build on, through `prev` and parents. What is void
 * by a fork that these entries show belongs to it where it is named, and leads no further: only its author vouches for
 * what it names. Throws `POLICY_FRONTIER_UNKNOWN` where any of them is not held.
 */
export const closureOf = function* (find: FindFact, heads: readonly string[]): Sliced<Closure> {
  let forks = yield* forksOf(heads.flatMap((hash) => find(hash) ?? []));
  for (;;) {
    const facts = yield* reach(find, heads, forks);
    const seen = yield* forksOf(facts);
    const joined = joinForks(forks, seen);
    if (joined === forks) return { facts, forks };
    forks = joined;
  }
};

/** Both together; `known` itself where `seen` adds nothing. */
const joinForks = (known: Forks, seen: Forks): Forks => {
  const joined = new Map(known);
  let grown = false;
  for (const [author, { seq, pair }] of seen) {
    const before = known.get(author);
    const fork = foldFork(before, seq, pair);
    if (fork === undefined || fork === before) continue;
    joined.set(author, fork);
    grown = true;
  }
  return grown ? joined : known;
};

const reach = function* (find: FindFact, heads: readonly string[], forks: Forks): Sliced<readonly Fact[]> {
  const found = new Set<Fact>();
  const missing = new Set<string>();
  const open = [...heads];
  for (let hash = open.pop(), steps = 0; hash !== undefined; hash = open.pop(), steps += 1) {
    if (steps % SLICE === SLICE - 1) yield;
    const fact = find(hash);
    if (fact === undefined) missing.add(hash);
    else if (!found.has(fact)) {
      found.add(fact);
      if (!isVoid(forks, fact)) open.push(...fact.links);
    }
  }
  if (missing.size > 0) throw unknownEntries([...missing].sort());
  return [...found];
};

/** `POLICY_FRONTIER_UNKNOWN`: entries, by hash, that a question about the past names and this node does not hold. */
export const unknownEntries = (missing: readonly string[]): Error => {
  const listed = missing.slice(0, MISSING_LISTED_MAX);
  const more = missing.length > listed.length ? ` and ${missing.length - listed.length} more` : '';
  return fault('POLICY_FRONTIER_UNKNOWN', `this node does not hold ${listed.join(', ')}${more}`, {
    data: { missing: listed, count: missing.length },
    hint: 'ask a node that holds them, or exchange first: run blockchain sync',
  });
};
