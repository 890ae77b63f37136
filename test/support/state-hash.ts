import { canonicalJson } from '../../src/codec/canonical.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import type { PolicyBook } from '../../src/policy/book.ts';

/** A hash over all policies in force: equal where two books show the same. */
export const stateHash = (book: Pick<PolicyBook, 'ofType'>): string => {
  const states = [...book.ofType()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return sha256Hex(states.map((state) => canonicalJson({ ...state })).join('\n'));
};
