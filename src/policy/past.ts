import { type Archive, archivedFault } from '../ledger/archive/port.ts';
import type { Sliced } from '../base/slices.ts';
import { closureOf, type Closure, type FindFact, type Forks, forksOf, unknownEntries } from './closure.ts';
import type { Fact } from './facts.ts';
import type { LedgerFold } from './fold.ts';
import type { Moment } from './moment.ts';
import { lacksHistory } from './snapshot/archived.ts';
import { foldOf, SettleMemory } from './snapshot/settle.ts';
import { stateRoot } from './state-root.ts';

/** Everything that the book was made of, for questions about the past. */
export interface Chronicle {
  /** What is kept of every entry, in the order in which they came here. */
  facts(): readonly Fact[];
  /** What is kept of one entry; undefined for one that is not held. */
  readonly fact: FindFact;
  /** Wall clock of this node when the entry came, milliseconds; undefined for one that is not held. */
  receivedMs(hash: string): number | undefined;
  /** What is known of its snapshots. */
  readonly memory?: SettleMemory;
  /** Who keeps what was dropped here. */
  readonly archive?: Pick<Archive, 'holders'>;
}

/** The policies as of a moment. */
export interface Past {
  readonly moment: Moment;
  /** Nobody adds to it: it stays the book of its moment. */
  readonly book: LedgerFold;
  /** Number of entries that it follows from. */
  readonly entries: number;
  /** Root of the state, 64 hex digits (SPEC §3). */
  readonly root: string;
  /** Authors whose entries are void from some number on, as this moment shows it. */
  readonly forks: Forks;
  /** Entries stated up to the moment that came here after it; undefined where the moment names the entries. */
  readonly late: number | undefined;
}

/**
 * The policies as of a moment: a pure function of the entries that it covers. A frontier is exact, and so is what a
 * node had accepted. A time takes the entries stated up to it, as far as they are here now, and what is known now of
 * authors that contradicted themselves. Throws `POLICY_FRONTIER_UNKNOWN`, `ENTRY_ARCHIVED` where it follows from bodies
 * that others keep.
 */
export const pastAt = function* (chronicle: Chronicle, moment: Moment): Sliced<Past> {
  const covered = yield* coveredBy(chronicle, moment);
  const book = yield* foldOf(covered, chronicle.memory ?? new SettleMemory());
  if (lacksHistory(book)) throw archivedFault('the policies of that moment', chronicle.archive);
  const root = yield* stateRoot(book);
  const late = moment.kind === 'time' ? yield* countLate(chronicle, covered.facts, moment.micros) : undefined;
  return { moment, book, entries: covered.facts.length, root, forks: covered.forks, late };
};

const coveredBy = (chronicle: Chronicle, moment: Moment): Sliced<Closure> => {
  switch (moment.kind) {
    case 'time':
      return statedUpTo(chronicle.facts(), moment.micros);
    case 'frontier':
      return namedBy(chronicle, moment.heads);
    case 'receipt':
      return acceptedThen(chronicle, moment.entries);
  }
};

const statedUpTo = function* (facts: readonly Fact[], micros: number): Sliced<Closure> {
  const forks = yield* forksOf(facts);
  return { facts: facts.filter(({ time }) => time <= micros), forks };
};

/** In the order of arrival, which is nearly the ledger's. Genesis belongs to every moment: it says who may write. */
const namedBy = function* (chronicle: Chronicle, heads: readonly string[]): Sliced<Closure> {
  const { facts, forks } = yield* closureOf(chronicle.fact, heads);
  const named = new Set(facts);
  yield;
  return { facts: chronicle.facts().filter((fact) => named.has(fact) || fact.op === 'genesis'), forks };
};

/** What a node had accepted, and the forks that it could see by that. */
const acceptedThen = function* (chronicle: Chronicle, entries: readonly string[]): Sliced<Closure> {
  const named = [...new Set(entries)];
  const facts = named.flatMap((hash) => chronicle.fact(hash) ?? []);
  if (facts.length < named.length) throw unknownEntries(named.filter((hash) => chronicle.fact(hash) === undefined));
  yield;
  return { facts, forks: yield* forksOf(facts) };
};

const countLate = function* (chronicle: Chronicle, facts: readonly Fact[], micros: number): Sliced<number> {
  let late = 0;
  for (const [at, { hash }] of facts.entries()) {
    if (at % 10_000 === 9_999) yield;
    if ((chronicle.receivedMs(hash) ?? 0) * 1_000 > micros) late += 1;
  }
  return late;
};
