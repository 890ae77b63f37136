import { expect, test } from 'vitest';
import { atOnce } from '../../../src/base/slices.ts';
import { archivedEntry, type Entry } from '../../../src/entry/entry.ts';
import { createFold, type LedgerFold } from '../../../src/policy/fold.ts';
import { droppable, statesToSave } from '../../../src/policy/snapshot/drop.ts';
import { settle, SettleMemory } from '../../../src/policy/snapshot/settle.ts';
import { originLeaf, stateRoot } from '../../../src/policy/state-root.ts';
import { revokedErasure } from '../../support/revoked-erasure.ts';
import { bookOf, giveMissing } from '../../support/snapshot-histories.ts';

const { entries, upToSnapshot, insert, update } = revokedErasure();

/**
 * One that takes entries as they come, and asks for bodies that it should have, or needs. After each it drops those that
 * it may, where it prunes.
 */
const grown = (upTo: number, prunes: boolean): LedgerFold => {
  const [fold, memory] = [createFold(), new SettleMemory()];
  for (const [at, entry] of entries.slice(0, upTo).entries()) {
    const held = entries.slice(0, at + 1);
    fold.add([entry]);
    atOnce(settle(fold, memory));
    giveMissing(fold, held);
    atOnce(settle(fold, memory));
    // What is erased of C is another: it needs them all.
    if (fold.snapshots.lacks.size > 0) fold.add(held);
    atOnce(settle(fold, memory));
    if (prunes) fold.archive(atOnce(droppable(fold)));
  }
  return fold;
};

/** One that has the leaves of another, and of what these settle only the bodies that they name. */
const begun = (upTo: number): LedgerFold => {
  const [memory, given] = [new SettleMemory(), new SettleMemory()];
  const whole = bookOf(entries.slice(0, upTo), memory);
  for (const [key, { leaves }] of statesToSave(whole, memory))
    given.saved.set(key, { chain: [], reasons: [], gone: undefined, leaves });
  const spare = new Set(atOnce(droppable(whole)));
  const held = entries.slice(0, upTo).map((entry): Entry => (spare.has(entry.hash) ? archivedEntry(entry) : entry));
  return bookOf(held, given);
};

test('what the normal form adds to the attributes of a leaf has the insert as its origin, on every node, and keeps it', () => {
  for (let upTo = upToSnapshot; upTo <= entries.length; upTo += 1) {
    const whole = bookOf(entries.slice(0, upTo));
    expect(whole.snapshots.settled?.chain).toHaveLength(1);
    const attributes = {
      ...{ company: insert.hash, constructor: insert.hash, name: insert.hash },
      ...(upTo > upToSnapshot ? { status: insert.hash } : {}),
      ...(upTo === entries.length ? { note: update.hash } : {}),
    };
    const given = upTo > upToSnapshot ? Object.keys(attributes) : [];
    const nodes = { grown: grown(upTo, false), pruned: grown(upTo, true), begun: begun(upTo), whole };
    for (const [name, book] of Object.entries(nodes)) {
      const where = `${name}, ${upTo} entries`;
      expect([book.lacksBodies(), book.snapshots.lacks.size, book.missingBodies], where).toEqual([false, 0, 0]);
      expect(book.archivedCount, where).toBe(name === 'pruned' || name === 'begun' ? 1 : 0);
      expect(atOnce(originLeaf(book.get('k')!, book)).attributes, where).toEqual(attributes);
      expect(atOnce(stateRoot(book)), where).toBe(atOnce(stateRoot(whole)));
      expect(Object.keys(book.get('k')!.value).sort(), where).toEqual([...given, 'date', 'id'].sort());
      expect(book.ofType(), where).toEqual(whole.ofType());
    }
  }
});
