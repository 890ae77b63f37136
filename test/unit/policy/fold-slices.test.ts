import { expect, test } from 'vitest';
import { createFold, type LedgerFold } from '../../../src/policy/fold.ts';
import { entryOf } from '../../support/policy-entries.ts';

const foldOf = (count: number): LedgerFold => {
  const fold = createFold();
  const entries = Array.from({ length: count }, (_, at) =>
    entryOf({ op: 'insert', id: `s${at}`, type: at % 2 === 0 ? 'site' : 'shed', content: { name: `n${at}` } }),
  );
  fold.add(entries);
  return fold;
};

const pausesOf = (fold: LedgerFold, type?: string): number => {
  let pauses = 0;
  for (const _ of fold.makeShown(type)) pauses += 1;
  return pauses;
};

test('what many policies show is made a few at a time, those of the type asked for, and only once', () => {
  const fold = foldOf(4_500);
  expect(pausesOf(fold, 'site')).toBe(2);
  const made = fold.get('s0');
  expect(fold.ofType('site')[0]).toBe(made);
  expect(pausesOf(fold, 'site')).toBe(0);
  // Half of them are made.
  expect(pausesOf(fold)).toBe(2);
  expect(fold.ofType()).toHaveLength(4_500);
});

test('an entry that comes in between is shown', () => {
  const fold = foldOf(3_000);
  const making = fold.makeShown();
  making.next();
  fold.add([
    entryOf({ op: 'update', id: 's0', content: { name: 'other' } }),
    entryOf({ op: 'insert', id: 'x', type: 'site', content: { name: 'new' } }),
  ]);
  while (making.next().done !== true);
  expect(fold.shown('s0')).toMatchObject({ name: 'other' });
  expect(fold.ofType('site').map(({ id }) => id)).toContain('x');
});

test('those that were made are put in order in slices too, and what comes in between is among them', () => {
  const fold = createFold();
  const entries = Array.from({ length: 10_000 }, (_, at) =>
    entryOf({ op: 'insert', id: `s${at}`, type: 'site', content: { name: `n${at}` } }),
  );
  fold.add(entries.toReversed());
  for (const { header } of entries) fold.get(header.id ?? '');
  // All are made: the pause is for the order.
  expect(pausesOf(fold)).toBe(1);
  const making = fold.makeShown('site');
  making.next();
  fold.add([entryOf({ op: 'insert', id: 'x', type: 'site', content: { name: 'new' } })]);
  while (making.next().done !== true);
  expect(fold.ofType('site')).toHaveLength(10_001);
});

test('of names that are no type nothing is kept, however many are asked for', () => {
  const fold = foldOf(2);
  expect(fold.ofType('sight')).toEqual([]);
  expect(fold.ofType('sight')).toBe(fold.ofType('shade'));
  expect(pausesOf(fold, 'sight')).toBe(0);
  fold.add([entryOf({ op: 'insert', id: 'x', type: 'sight', content: { name: 'new' } })]);
  expect(fold.ofType('sight').map(({ id }) => id)).toEqual(['x']);
});
