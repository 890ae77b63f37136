import { expect, test } from 'vitest';
import type { Cursor, HeldEntry } from '../../../src/ledger/ledger.ts';
import { ReadAhead } from '../../../src/policy/read-ahead.ts';
import { firstNode, nodeOn } from '../../support/policy-node.ts';

const heldAt = (cursor: Cursor): HeldEntry => ({ cursor }) as HeldEntry;

/** A ledger of so many entries of which one is given at a time; `reads` are the cursors that were asked for. */
const ledgerOf = (entries: number) => {
  const reads: Cursor[] = [];
  const ledger = {
    size: entries,
    /** Cannot be read from there. */
    fails: -1,
    /** Where nothing can be read up to the end. */
    damagedFrom: Number.POSITIVE_INFINITY,
    follow: async (cursor: Cursor): Promise<readonly HeldEntry[]> => {
      reads.push(cursor);
      if (cursor === ledger.fails) throw new Error('the disk fails');
      return cursor >= ledger.damagedFrom ? [] : [heldAt(cursor)];
    },
  };
  return { ledger, reads, reading: new ReadAhead(ledger, 1) };
};

test('the next piece is read before anybody asks for it, and once', async () => {
  const { reads, reading } = ledgerOf(3);
  expect(await reading.piece(0)).toEqual({ held: [heldAt(0)], next: 1 });
  expect(reads).toEqual([0, 1]);
  expect(await reading.piece(1)).toEqual({ held: [heldAt(1)], next: 2 });
  expect(await reading.piece(2)).toEqual({ held: [heldAt(2)], next: 3 });
  expect(reads).toEqual([0, 1, 2]);
});

test('what was read ahead is read again where it may be otherwise by now, or somebody asks for another piece', async () => {
  const { reads, reading } = ledgerOf(9);
  await reading.piece(0);
  reading.forget();
  await reading.piece(1);
  expect(reads).toEqual([0, 1, 1, 2]);
  expect(await reading.piece(5)).toEqual({ held: [heldAt(5)], next: 6 });
});

test('a piece that could not be read ahead fails when it is asked for, and is read again after that', async () => {
  const { ledger, reading } = ledgerOf(3);
  ledger.fails = 1;
  await reading.piece(0);
  ledger.fails = -1;
  await expect(reading.piece(1)).rejects.toThrow('the disk fails');
  expect(await reading.piece(1)).toEqual({ held: [heldAt(1)], next: 2 });
});

test('where all up to the end is damaged, what comes meanwhile is not passed over', async () => {
  const { ledger, reading } = ledgerOf(3);
  ledger.damagedFrom = 1;
  await reading.piece(0);
  ledger.size = 5;
  expect(await reading.piece(1)).toEqual({ held: [], next: 3 });
});

test('once the book has told of an erasure the ledger is read again: it may give out the next bodies no more', async () => {
  const node = await firstNode();
  const { id } = await node.policies.insert({ site: { name: 'a' } });
  await node.policies.update(id, { name: 'b' });
  const [, inserted = ''] = (await node.ledger.follow(0, 10)).map(({ entry }) => entry.hash);
  await node.policies.erase({ entry: inserted, reason: 'r' });
  await node.policies.insert({ site: { name: 'c' } });
  const reads: Cursor[] = [];
  const follow = node.ledger.follow.bind(node.ledger);
  node.ledger.follow = (cursor) => {
    reads.push(cursor);
    return follow(cursor, 1);
  };
  await nodeOn(node.ledger).policies.caughtUp();
  // The erased entry is 1, and its erase entry 3.
  expect(reads).toEqual([0, 1, 2, 2, 3, 4, 4]);
});
