import { type Sliced, sortInSlices } from '../base/slices.ts';
import type { PolicyBook, PolicyState } from './book.ts';
import { type Change, differences } from './history.ts';

/** What differs between the policies of two books. */
export interface BookChanges {
  /** In the second alone, and in the first alone; by id. */
  readonly added: readonly PolicyState[];
  readonly removed: readonly PolicyState[];
  readonly changed: readonly {
    readonly type: string;
    readonly id: string;
    readonly changes: readonly Change[];
  }[];
}

const SLICE = 500;

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1);

/** From the first book to the second. A policy that came back under its id with another type was removed and added. */
export const changesBetween = function* (first: PolicyBook, second: PolicyBook): Sliced<BookChanges> {
  const added: PolicyState[] = [];
  const removed: PolicyState[] = [];
  const changed: BookChanges['changed'][number][] = [];
  for (const [at, after] of second.ofType().entries()) {
    if (at % SLICE === SLICE - 1) yield;
    const { id, type } = after;
    const before = first.get(id);
    if (before?.type !== type) added.push(after);
    else {
      const changes = differences(before.value, after.value);
      if (changes.length > 0) changed.push({ type, id, changes });
    }
  }
  for (const before of first.ofType()) if (second.get(before.id)?.type !== before.type) removed.push(before);
  return {
    added: yield* sortInSlices(added, byId),
    removed: yield* sortInSlices(removed, byId),
    changed: yield* sortInSlices(changed, byId),
  };
};
