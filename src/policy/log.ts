import type { Sliced } from '../base/slices.ts';
import { compareFacts, type Fact } from './facts.ts';

/** Which entries a log shows. */
export interface LogFilter {
  readonly authors: ReadonlySet<string> | undefined;
  readonly type: string | undefined;
  readonly id: string | undefined;
  /** Stated from then and before then, microseconds since 1970. */
  readonly fromMicros: number | undefined;
  readonly toMicros: number | undefined;
  /** Only entries before this one: the last of the page before. */
  readonly before: Fact | undefined;
  readonly limit: number;
}

/** One page of the log. */
export interface LogPage {
  /** Newest first, in the ledger's order. */
  readonly facts: readonly Fact[];
  /** Whether there are older ones. */
  readonly more: boolean;
}

const SLICE = 5_000;

const newestFirst = (a: Fact, b: Fact): number => compareFacts(b, a);

const passes = (fact: Fact, filter: LogFilter, typeOf: (fact: Fact) => string | undefined): boolean =>
  (filter.id === undefined || fact.id === filter.id) &&
  (filter.authors === undefined || filter.authors.has(fact.author)) &&
  (filter.fromMicros === undefined || fact.time >= filter.fromMicros) &&
  (filter.toMicros === undefined || fact.time < filter.toMicros) &&
  (filter.before === undefined || compareFacts(fact, filter.before) < 0) &&
  (filter.type === undefined || typeOf(fact) === filter.type);

/** The newest entries that pass the filter. `typeOf` knows the type of a policy whose update does not say it. */
export const logOf = function* (
  facts: readonly Fact[],
  filter: LogFilter,
  typeOf: (fact: Fact) => string | undefined,
): Sliced<LogPage> {
  const kept = filter.limit + 1;
  let newest: Fact[] = [];
  for (const [at, fact] of facts.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    if (!passes(fact, filter, typeOf)) continue;
    newest.push(fact);
    // Sorted now and then, so that a page costs one pass and never the whole ledger's order.
    if (newest.length >= 2 * kept + SLICE) newest = newest.sort(newestFirst).slice(0, kept);
  }
  newest.sort(newestFirst);
  return { facts: newest.slice(0, filter.limit), more: newest.length > filter.limit };
};
