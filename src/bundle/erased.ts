import { atOnce } from '../base/slices.ts';
import { forksOf } from '../policy/closure.ts';
import { ERASE_OP, factOf, type Fact } from '../policy/facts.ts';
import { createFold } from '../policy/fold.ts';
import type { BundledEntry } from './entries.ts';
import { bundleFault } from './faults.ts';
import type { ErasedBody } from './report.ts';

/**
 * What the fold keeps of a bundle's entries, once it is judged which bodies are erased by right. The body of any other
 * entry must be there.
 */
export const factsIn = (entries: readonly BundledEntry[]): readonly Fact[] => {
  const facts = entries.map(({ entry }) => factOf(entry));
  if (!facts.some(({ bodiless, op }) => bodiless || op === ERASE_OP)) return facts;
  const fold = createFold();
  for (const [author, { seq, pair }] of atOnce(forksOf(facts))) fold.voidAuthor(author, seq, pair[0]);
  fold.add(entries.map(({ entry }) => entry));
  for (const { entry, stem } of entries)
    if (entry.bodiless === true && fold.fact(entry.hash)?.erasure?.inForce !== true)
      throw bundleFault(`${stem}.body`, 'form', 'it is missing, and no entry erased it by right');
  return fold.facts();
};

/** Which bodies are erased by right, by whom and why. */
export const erasedIn = (facts: readonly Fact[]): readonly ErasedBody[] =>
  facts.flatMap(({ hash, erasure }) =>
    erasure?.inForce === true
      ? [{ entry: hash, by: erasure.by, author: erasure.author, time: erasure.time, reason: erasure.reason }]
      : [],
  );
