import { type Sliced, sortInSlices } from '../base/slices.ts';
import type { Forks } from './closure.ts';
import { compareFacts, type Fact } from './facts.ts';
import type { LedgerFold } from './fold.ts';

/** Entries that could not all have their way, newest first. */
export interface Conflict {
  /**
   * `concurrent-update`, `equivocation`, or the rule by which an entry is void: `id-taken`, `constraint`, `deleted` …
   */
  readonly rule: string;
  readonly text: string;
  readonly type: string | undefined;
  readonly id: string | undefined;
  /** The entries in conflict; where one is void, that one. */
  readonly entries: readonly Fact[];
  /** The entry that has its way, or that makes the others void. */
  readonly by: string | undefined;
  /** Id of the policy that holds what was claimed. */
  readonly holder: string | undefined;
}

const SLICE = 1_000;

/** Rules that are told by the proof alone, or tell nothing. */
const UNTOLD: ReadonlySet<string> = new Set(['equivocation', 'unknown-op', 'archived']);

const newestOf = ({ entries }: Conflict): Fact | undefined => entries.at(-1);

const openUpdates = function* (book: LedgerFold): Sliced<readonly Conflict[]> {
  const open: Conflict[] = [];
  let looked = 0;
  for (const { id, versions } of book.inForce()) {
    looked += 1;
    if (looked % SLICE === 0) yield;
    const state = versions > 1 ? book.get(id) : undefined;
    if (state === undefined) continue;
    const { type, entry, conflict } = state;
    open.push({
      rule: 'concurrent-update',
      text: `${conflict.length} versions replaced the same one; the last in order holds until an update names them all`,
      ...{ type, id, by: entry, holder: id },
      entries: book.factsOf(id).filter(({ hash }) => conflict.includes(hash)),
    });
  }
  return open;
};

const equivocations = (book: LedgerFold, forks: Forks): readonly Conflict[] =>
  [...forks].map(([author, { seq, pair }]) => ({
    rule: 'equivocation',
    text: `the author ${author} signed two entries ${seq}: void from there on`,
    type: undefined,
    id: undefined,
    entries: pair.flatMap((hash) => book.fact(hash) ?? []).sort(compareFacts),
    by: pair[0],
    holder: undefined,
  }));

/**
 * Everything that clashed: updates that replaced the same version and are not settled, entries that are void and why,
 * and authors that contradicted themselves. What is void by such a contradiction is told once, by the proof.
 */
export const conflictsOf = function* (book: LedgerFold, forks: Forks): Sliced<readonly Conflict[]> {
  const facts = book.facts();
  const conflicts = [...(yield* openUpdates(book)), ...equivocations(book, forks)];
  for (const [at, fact] of facts.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    const reason = book.effectOf(fact.hash);
    if (typeof reason !== 'object' || UNTOLD.has(reason.rule)) continue;
    const { rule, text, by, holder } = reason;
    const type = fact.type ?? book.factsOf(fact.id ?? '')[0]?.type ?? undefined;
    conflicts.push({ rule, text, type, id: fact.id ?? undefined, entries: [fact], by, holder });
  }
  return yield* sortInSlices(conflicts, (a, b) => {
    const [left, right] = [newestOf(a), newestOf(b)];
    return left === undefined || right === undefined ? 0 : compareFacts(right, left);
  });
};
