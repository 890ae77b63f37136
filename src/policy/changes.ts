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
  let looked = 0;
  const isSliceDone = (): boolean => (looked += 1) % SLICE === 0;
  for (const { id, type } of second.inForce()) {
    if (isSliceDone()) yield;
    const [before, after] = [first.get(id), second.get(id)];
    if (after === undefined) continue;
    if (before?.type !== type) added.push(after);
    else {
      const changes = differences(before.value, after.value);
      if (changes.length > 0) changed.push({ type, id, changes });
    }
  }
  for (const { id, type } of first.inForce()) {
    if (isSliceDone()) yield;
    const before = second.get(id)?.type === type ? undefined : first.get(id);
    if (before !== undefined) removed.push(before);
  }
  return {
    added: yield* sortInSlices(added, byId),
    removed: yield* sortInSlices(removed, byId),
    changed: yield* sortInSlices(changed, byId),
  };
};
