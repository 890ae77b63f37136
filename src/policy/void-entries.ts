import type { PolicyBook } from './book.ts';
import type { Fact } from './facts.ts';
import type { Chronicle } from './past.ts';
import type { VoidReason } from './void-reason.ts';

/**
 * Entries of every kind that have no effect by a rule, in the order in which they came. What is archived has its effect
 * settled.
 */
export const voidEntries = ({
  book,
  chronicle,
}: {
  readonly book: Pick<PolicyBook, 'effectOf'>;
  readonly chronicle: Pick<Chronicle, 'facts'>;
}): readonly { readonly fact: Fact; readonly reason: VoidReason }[] =>
  chronicle.facts().flatMap((fact) => {
    const reason = book.effectOf(fact.hash);
    return typeof reason === 'object' && reason.rule !== 'archived' ? [{ fact, reason }] : [];
  });
