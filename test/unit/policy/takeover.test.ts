import { expect, test } from 'vitest';
import { atOnce } from '../../../src/base/slices.ts';
import type { JsonObject } from '../../../src/codec/json.ts';
import type { Entry } from '../../../src/entry/entry.ts';
import { createFold, type LedgerFold } from '../../../src/policy/fold.ts';
import { snapshotContent } from '../../../src/policy/snapshot/act.ts';
import { draftSnapshot } from '../../../src/policy/snapshot/draft.ts';
import { settle, SettleMemory } from '../../../src/policy/snapshot/settle.ts';
import { stateRoot } from '../../../src/policy/state-root.ts';
import { authorKey, entryOf, type EntrySketch } from '../../support/policy-entries.ts';
import { bookOf } from '../../support/snapshot-histories.ts';

const [ROOT, BOB] = ['0', 'b'].map(authorKey) as [string, string];

/** A log of the root key, each entry after the one before. */
const rootLog = () => {
  const log: Entry[] = [];
  const add = (op: string, content: JsonObject, sketch: EntrySketch = {}): Entry => {
    const net = log[0]?.hash ?? '';
    const at = { seq: log.length + 1, prev: log.at(-1)?.hash ?? null, time: 1_000 + 10 * log.length };
    const entry = entryOf({ ...{ author: ROOT, op, content, net, cap: net === '' ? null : net }, ...at, ...sketch });
    log.push(entry);
    return entry;
  };
  add('genesis', { v: 1, name: 'n', admission: 'open', roots: [ROOT] });
  return { log, add };
};

const draftOf = (entries: readonly Entry[]): JsonObject =>
  snapshotContent(
    atOnce(draftSnapshot({ fold: bookOf(entries), memory: new SettleMemory(), author: ROOT, isHeldByAll: () => true }))
      .act,
  );

const viewOf = (fold: LedgerFold, entries: readonly Entry[]): unknown => ({
  root: atOnce(stateRoot(fold)),
  policies: fold.ofType(),
  effects: entries.map(({ hash }) => fold.effectOf(hash)),
});

const table = { dbms: 'd', name: 't', create: 'CREATE TABLE t (a int)' };

test('what comes while a snapshot is taken over, at whatever moment, counts as if it had come before or after', () => {
  const { log, add } = rootLog();
  add('insert', table, { type: 'table', id: 'held' });
  add('insert', { a: 1 }, { type: 'site', id: 's' });
  add('insert', { a: 1 }, { type: 'site', id: 'untouched' });
  add('insert', { a: 1 }, { type: 'site', id: 'gone' });
  add('snapshot', draftOf(log));
  const before = [...log];
  add('update', { a: 2 }, { id: 's' });
  add('delete', {}, { id: 'gone' });
  add('insert', { a: 1 }, { type: 'site', id: 'new' });
  const net = log[0]?.hash ?? '';
  const late = entryOf({
    ...{ author: BOB, op: 'insert', type: 'table', id: 'late', content: table, net, cap: net },
    ...{ seq: 1, time: 1_001, parents: [net] },
  });
  const after = [...log.slice(before.length), late];
  const expected = viewOf(bookOf([...log, late]), [...log, late]);
  for (let pause = 0, isDone = false; !isDone; pause += 1) {
    const fold = createFold();
    fold.add(before);
    const settling = settle(fold, new SettleMemory());
    for (let slice = 0; slice < pause && !isDone; slice += 1) isDone = settling.next().done === true;
    fold.add(after);
    atOnce(settling);
    expect(viewOf(fold, [...log, late]), `after ${pause} slices`).toEqual(expected);
  }
});

test('a policy with entries after the snapshot shares nothing: it is evaluated beside the book, which shows nothing of it before', () => {
  const { log, add } = rootLog();
  const insert = add('insert', { a: 1 }, { type: 'site', id: 's' });
  const snapshot = add('snapshot', draftOf(log));
  add('update', { a: 2 }, { id: 's', replaces: insert.hash });
  const early = entryOf({
    ...{ author: BOB, op: 'update', id: 's', content: { a: 3 } },
    ...{ seq: 1, time: 1_011, net: log[0]?.hash ?? '', cap: log[0]?.hash ?? '', parents: [insert.hash] },
  });
  const fold = createFold();
  fold.add([...log, early]);
  const settling = settle(fold, new SettleMemory());
  const shown: unknown[] = [];
  while (settling.next().done !== true) shown.push(fold.get('s')?.value['a']);
  expect(new Set(shown)).toEqual(new Set([2]));
  expect(fold.effectOf(snapshot.hash)).toBe('in-force');
  // What is settled comes first, so the early one of the two that are not comes between.
  expect(fold.get('s')?.value['a']).toBe(2);
  expect(fold.effectOf(early.hash)).toBe('superseded');
});
