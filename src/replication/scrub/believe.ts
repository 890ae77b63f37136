import type { FileCheck, Proof } from '../../operator/file-check.ts';
import { recordDigest } from '../../operator/row-sums.ts';

/** What one operator holds of a file, as it says itself. */
export interface View {
  /** Operator policy id. */
  readonly operator: string;
  readonly held: boolean;
  readonly duplicate: boolean;
  /** Digest over what the record says. */
  readonly about: string;
  readonly rows: number;
  /** Over the rows in its table. */
  readonly sum: string;
  readonly proof: Proof;
  readonly archive: FileCheck['archive'];
}

/** The view of an operator on a file that it has checked. */
export const viewOf = (operator: string, { record, rows, sum, proof, archive }: FileCheck): View => ({
  ...{ operator, rows, sum, proof, archive },
  held: record !== undefined,
  duplicate: record?.status === 'duplicate',
  about: record === undefined ? '' : recordDigest(record),
});

/** How a file should be, and why it is thought so; or why nobody can tell. */
export type Belief =
  | {
      readonly kind: 'right';
      readonly about: string;
      readonly sum: string;
      readonly why: 'digest' | 'origin' | 'majority';
      /** Operators that hold it so, those first whose copies carry their own proof. */
      readonly sources: readonly string[];
    }
  | { readonly kind: 'unknown'; readonly text: string };

const sameAs =
  (one: View) =>
  (other: View): boolean =>
    one.about === other.about && one.sum === other.sum;

/** The views in groups of equal ones, the largest first. */
const groupsOf = (views: readonly View[]): readonly (readonly View[])[] =>
  [...Map.groupBy(views, ({ about, sum }) => `${about} ${sum}`).values()].sort((a, b) => b.length - a.length);

const right = (holders: readonly View[], one: View, origin: string, why: 'digest' | 'origin' | 'majority'): Belief => {
  const rank = ({ operator, archive }: View): number => Number(archive !== 'whole') * 2 + Number(operator !== origin);
  const sources = holders.filter(sameAs(one)).sort((a, b) => rank(a) - rank(b));
  return { kind: 'right', about: one.about, sum: one.sum, why, sources: sources.map(({ operator }) => operator) };
};

/**
 * Whom to believe about a file: rows that its digest proves; else those of its origin; else those of most operators.
 * Rows that are refuted have no voice. Pure; the order of the views does not matter.
 */
export const believe = (views: readonly View[], origin: string): Belief => {
  const holders = views.filter(({ held }) => held);
  if (holders.length === 0) return { kind: 'unknown', text: 'no operator in reach holds it' };
  const credible = holders.filter(({ proof }) => proof !== 'refuted');
  const proved = groupsOf(credible.filter(({ proof, duplicate }) => proof === 'proved' && !duplicate));
  const ofOrigin = (group: readonly View[]): boolean => group.some(({ operator }) => operator === origin);
  // Two digests are two records: one of them is damaged. The origin knows its own.
  const chosen = proved.length === 1 ? proved[0] : (proved.find(ofOrigin) ?? largest(proved));
  if (chosen?.[0] !== undefined) return right(credible, chosen[0], origin, 'digest');
  const source = credible.find(({ operator }) => operator === origin);
  if (source !== undefined) return right(credible, source, origin, 'origin');
  const most = groupsOf(credible)[0] ?? [];
  if (most[0] !== undefined && most.length * 2 > credible.length) return right(credible, most[0], origin, 'majority');
  return { kind: 'unknown', text: 'its copies differ and neither digest, origin nor a majority decides' };
};

/** The one group that is larger than each other; undefined where there is none. */
const largest = (groups: readonly (readonly View[])[]): readonly View[] | undefined => {
  const [first, second] = groups;
  return first !== undefined && first.length > (second?.length ?? 0) ? first : undefined;
};

/** What an operator has to do about a file: nothing, apply it again, or put a whole copy into its archive. */
export const remedyFor = (own: View, belief: Belief): 'none' | 'apply' | 'archive' => {
  if (belief.kind === 'unknown' || (own.held && own.duplicate)) return 'none';
  if (!own.held || own.proof === 'refuted' || own.about !== belief.about || own.sum !== belief.sum) return 'apply';
  return own.archive === 'damaged' ? 'archive' : 'none';
};
