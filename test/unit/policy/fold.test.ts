import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import { createFold, type LedgerFold } from '../../../src/policy/fold.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { authorKey, entryOf, type EntrySketch } from '../../support/policy-entries.ts';
import { stateHash } from '../../support/state-hash.ts';

const A = authorKey('a');
const B = authorKey('b');

const operator = (port: number, more: JsonObject = {}): JsonObject => ({
  cluster: 'c1',
  ip: '10.0.0.1',
  port,
  ...more,
});
const insert = (id: string, type: string, content: JsonObject, more: EntrySketch = {}) =>
  entryOf({ op: 'insert', id, type, content, ...more });
const update = (id: string, content: JsonObject, more: EntrySketch = {}) =>
  entryOf({ op: 'update', id, content, ...more });
const remove = (id: string, more: EntrySketch = {}) => entryOf({ op: 'delete', id, ...more });

/** Every ordering of a few entries gives the same book; returns it. */
const foldAll = (entries: readonly ReturnType<typeof entryOf>[]): LedgerFold => {
  const folds = [entries, [...entries].reverse()].map((order) => {
    const fold = createFold();
    for (const entry of order) fold.add([entry]);
    return fold;
  });
  expect(stateHash(folds[0]!)).toBe(stateHash(folds[1]!));
  return folds[1]!;
};

describe('inserts, updates and deletes of one id', () => {
  it('adds id and date and keeps text exactly, non-ASCII too', () => {
    const fold = foldAll([insert('s1', 'site', { name: 'héé ü 漢 "x"' }, { time: 1_617_388_306_802_694 })]);
    expect(fold.get('s1')?.value).toEqual({ name: 'héé ü 漢 "x"', id: 's1', date: '2021-04-02T18:31:46.802694Z' });
  });

  it('lets the earlier of two inserts hold; the later is void and names it', () => {
    const first = insert('s1', 'site', { n: 1 });
    const second = insert('s1', 'site', { n: 2 });
    const fold = foldAll([first, second]);
    expect(fold.get('s1')?.value['n']).toBe(1);
    expect(fold.effectOf(second.hash)).toMatchObject({ rule: 'id-taken', by: first.hash, holder: 's1' });
    expect(fold.voids().map(({ entry }) => entry)).toEqual([second.hash]);
  });

  it('orders what is stated for one moment by author, then by number, whichever came first', () => {
    const time = 1_617_388_306_802_694;
    const [lower, higher] = [A, B].sort() as [string, string];
    const second = insert('s1', 'site', { n: 2 }, { author: higher, time });
    const first = insert('s1', 'site', { n: 1 }, { author: lower, time });
    expect(foldAll([second, first]).get('s1')?.value['n']).toBe(1);
    const own = [1, 2].map((seq) => insert('s2', 'site', { seq }, { author: A, seq, time }));
    expect(foldAll(own.reverse()).get('s2')?.value['seq']).toBe(1);
  });

  it('takes the last update of each attribute; null removes one', () => {
    const first = insert('s1', 'site', { a: 1, b: 1, c: 1 });
    const fold = foldAll([first, update('s1', { a: 2, c: null }), update('s1', { b: 3 })]);
    expect(fold.get('s1')?.value).toMatchObject({ a: 2, b: 3 });
    expect(fold.get('s1')?.value).not.toHaveProperty('c');
    expect(fold.effectOf(first.hash)).toBe('superseded');
  });

  it('lists a conflict of two updates that replace one version until a third names both', () => {
    const first = insert('s1', 'site', { a: 1 });
    const left = update('s1', { a: 2 }, { replaces: first.hash });
    const right = update('s1', { b: 2 }, { author: B, replaces: first.hash });
    const fold = foldAll([first, left, right]);
    expect(fold.get('s1')).toMatchObject({ conflict: [left.hash, right.hash], entry: right.hash });
    fold.add([update('s1', { c: 1 }, { replaces: right.hash })]);
    expect(fold.get('s1')?.conflict).toHaveLength(2);
    fold.add([update('s1', { d: 1 }, { replaces: fold.get('s1')!.conflict })]);
    expect(fold.get('s1')).toMatchObject({ conflict: [], value: { a: 2, b: 2, c: 1, d: 1 } });
  });

  it('ends a policy by delete and brings it back by a later insert', () => {
    const first = insert('s1', 'site', { a: 1 });
    const gone = remove('s1');
    const after = update('s1', { a: 5 });
    const fold = foldAll([first, gone, after]);
    expect(fold.get('s1')).toBeUndefined();
    expect(fold.effectOf(after.hash)).toMatchObject({ rule: 'deleted', by: gone.hash });
    fold.add([insert('s1', 'site', { a: 2 })]);
    expect(fold.get('s1')?.value['a']).toBe(2);
    expect(fold.effectOf(gone.hash)).toBe('superseded');
  });

  it('does not revive an id-taken insert when the holder is deleted', () => {
    const fold = foldAll([insert('s1', 'site', { n: 1 }), insert('s1', 'site', { n: 2 }), remove('s1')]);
    expect(fold.get('s1')).toBeUndefined();
  });

  it('keeps an update of nothing, an entry without id and an unknown operation without effect', () => {
    const orphan = update('nobody', { a: 1 });
    const nameless = insert('', 'site', {});
    const future = entryOf({ op: 'teleport', id: 's1' });
    const fold = foldAll([orphan, nameless, future]);
    expect(fold.effectOf(orphan.hash)).toMatchObject({ rule: 'no-such-policy' });
    expect(fold.effectOf(nameless.hash)).toMatchObject({ rule: 'structure' });
    expect(fold.effectOf(future.hash)).toMatchObject({ rule: 'unknown-op' });
    expect(fold.unknown).toBe(1);
    expect(fold.ofType()).toEqual([]);
  });

  it('a poison entry harms only itself', () => {
    const good = insert('good', 'site', { a: 1 });
    const hostile = JSON.parse('{"__proto__": {"polluted": true}}') as JsonObject;
    const poison = [
      insert('p1', 'site', hostile),
      insert('p2', 'operator', { port: 'x' }),
      insert('p3', 'site', { a: 'nul\u0000' }),
      insert('p4', '__proto__', {}),
      update('good', hostile),
      update('good', { id: 'other', a: 2 }),
    ];
    const fold = foldAll([good, ...poison]);
    expect(fold.ofType().map(({ id }) => id)).toEqual(['good']);
    expect(fold.get('good')?.value).toMatchObject({ id: 'good', a: 2 });
    expect(fold.voids().map(({ reason }) => reason.rule)).toEqual(Array<string>(4).fill('structure'));
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('constraints', () => {
  it('a late entry of who waits does not put it before who holds', () => {
    const fold = createFold();
    fold.add([insert('o1', 'operator', operator(1)), insert('o2', 'operator', operator(1))]);
    const late = update('o2', { note: 'late' });
    fold.add([insert('s1', 'site', { n: 1 })]);
    fold.add([late]);
    expect(fold.get('o1')).toBeDefined();
    expect(fold.waiting('o2')?.reason.holder).toBe('o1');
  });

  it('the earlier claim holds; when the holder goes the next claimant holds', () => {
    const fold = foldAll([
      insert('o1', 'operator', operator(1)),
      insert('o2', 'operator', operator(1)),
      insert('o3', 'operator', operator(1)),
    ]);
    expect(fold.ofType('operator').map(({ id }) => id)).toEqual(['o1']);
    expect(fold.voids().map(({ reason }) => reason.holder)).toEqual(['o1', 'o1']);
    const announced = fold.add([remove('o1')]);
    expect(announced).toEqual(expect.arrayContaining(['o1', 'o2']));
    expect(fold.ofType('operator').map(({ id }) => id)).toEqual(['o2']);
    expect(fold.waiting('o3')?.reason.holder).toBe('o2');
  });

  it('a waiting policy that moves away from the clash comes into force', () => {
    const fold = foldAll([
      insert('o1', 'operator', operator(1)),
      insert('o2', 'operator', operator(1)),
      update('o2', { port: 2 }),
    ]);
    expect(fold.ofType('operator').map(({ id }) => id)).toEqual(['o1', 'o2']);
  });

  it('an update into a clash is void and the policy stays as it was', () => {
    const operators = [insert('o1', 'operator', operator(1)), insert('o2', 'operator', operator(2))];
    const clash = update('o2', { port: 1 });
    const fold = foldAll([...operators, clash]);
    expect(fold.get('o2')?.value['port']).toBe(2);
    expect(fold.effectOf(clash.hash)).toMatchObject({ rule: 'constraint', holder: 'o1' });
  });

  it.each<readonly [string, string, JsonObject, JsonObject, boolean]>([
    ['cluster: company and name', 'cluster', { company: 'c', name: 'n' }, { company: 'c', name: 'n', x: 1 }, false],
    ['cluster: another company', 'cluster', { company: 'c', name: 'n' }, { company: 'd', name: 'n' }, true],
    [
      'child: its parent has the name',
      'cluster',
      { company: 'c', name: 'n' },
      { company: 'c', name: 'n', parent: 'p1', table: [] },
      true,
    ],
    [
      'children: one for each table',
      'cluster',
      { company: 'c', name: 'n', parent: 'p', table: [{ dbms: 'd', name: 't' }] },
      { company: 'c', name: 'n', parent: 'p', table: [{ dbms: 'd', name: 'T', status: 'x' }] },
      false,
    ],
    [
      'children: another table',
      'cluster',
      { company: 'c', name: 'n', parent: 'p', table: [{ dbms: 'd', name: 't' }] },
      { company: 'c', name: 'n', parent: 'p', table: [{ dbms: 'd', name: 'u' }] },
      true,
    ],
    [
      'table: dbms and name',
      'table',
      { dbms: 'd', name: 't', create: 'x' },
      { dbms: 'D', name: 't', create: 'y' },
      false,
    ],
    [
      'operator: ip and port',
      'operator',
      operator(1, { name: 'a', company: 'c' }),
      operator(1, { name: 'b', company: 'c' }),
      false,
    ],
    ['operator: quoted port', 'operator', operator(1), { ...operator(2), port: '1' }, false],
    [
      'operator: company and name',
      'operator',
      operator(1, { name: 'a', company: 'c' }),
      operator(2, { name: 'a', company: 'c' }),
      false,
    ],
    [
      'operator: name in another company',
      'operator',
      operator(1, { name: 'a', company: 'c' }),
      operator(2, { name: 'a', company: 'd' }),
      true,
    ],
    ['operator: the key', 'operator', operator(1, { peer: A }), operator(2, { peer: A }), false],
    ['config: name', 'config', { name: 'a' }, { name: 'a', script: [] }, false],
    [
      'query: address',
      'query',
      { company: 'c', name: 'a', ip: '1.1.1.1', port: 1 },
      { company: 'c', name: 'b', ip: '1.1.1.1', port: 1 },
      false,
    ],
    ['free types: none', 'site', { name: 'a' }, { name: 'a' }, true],
  ])('%s', (_, type, first, second, both) => {
    const fold = foldAll([insert('p1', type, first), insert('p2', type, second)]);
    expect(fold.get('p1')).toBeDefined();
    expect(fold.get('p2') !== undefined).toBe(both);
  });

  it('a query node may share the address of an operator: the documented single-machine network', () => {
    const fold = foldAll([
      insert('o', 'operator', operator(1, { company: 'c', name: 'n' })),
      insert('q', 'query', { company: 'c', name: 'n', ip: '10.0.0.1', port: 1 }),
    ]);
    expect(fold.ofType()).toHaveLength(2);
  });
});

describe('member numbers', () => {
  it('gives a concurrent loser the next free number and keeps numbers of other clusters apart', () => {
    const fold = foldAll([
      insert('o1', 'operator', operator(1, { member: 254 })),
      insert('o2', 'operator', operator(2, { member: 254 })),
      insert('o3', 'operator', operator(3, { member: 254 })),
      insert('o4', 'operator', { ...operator(4, { member: 254 }), cluster: 'c2' }),
    ]);
    expect(fold.ofType('operator').map(({ value }) => value['member'])).toEqual([254, 255, 1, 254]);
  });

  it('frees a number with its holder, and takes it along into another cluster', () => {
    const fold = foldAll([
      insert('o1', 'operator', operator(1, { member: 7 })),
      remove('o1'),
      insert('o2', 'operator', operator(2, { member: 7 })),
      update('o2', { cluster: 'c2' }),
      insert('o3', 'operator', operator(3, { member: 7 })),
    ]);
    expect(fold.get('o2')?.value).toMatchObject({ cluster: 'c2', member: 7 });
    expect(fold.get('o3')?.value['member']).toBe(7);
  });

  it('a full cluster takes no more; a place that becomes free goes to the one that waits', () => {
    const entries = Array.from({ length: 256 }, (_, index) => insert(`o${index}`, 'operator', operator(index + 1)));
    const fold = createFold();
    fold.add(entries);
    expect(new Set(fold.ofType('operator').map(({ value }) => value['member'])).size).toBe(255);
    expect(fold.waiting('o255')?.reason.rule).toBe('cluster-full');
    fold.add([remove('o9')]);
    expect(fold.get('o255')?.value['member']).toBe(10);
  });
});

describe('who may write', () => {
  it('a node policy with a key is updated by that key alone, and nobody names a foreign key', () => {
    const policies = [insert('o1', 'operator', operator(1, { peer: A })), insert('o3', 'operator', operator(3))];
    const foreign = update('o1', { name: 'evil' }, { author: B });
    const stolen = insert('o2', 'operator', operator(2, { peer: A }), { author: B });
    const claimed = update('o3', { peer: A }, { author: B });
    const fold = foldAll([...policies, foreign, stolen, claimed, update('o1', { name: 'mine' })]);
    expect(fold.get('o1')?.value['name']).toBe('mine');
    for (const entry of [foreign, stolen, claimed])
      expect(fold.effectOf(entry.hash)).toMatchObject({ rule: 'not-the-owner' });
  });

  it('a policy that someone else inserted is claimed by the node itself', () => {
    const fold = foldAll([insert('o1', 'operator', operator(1)), update('o1', { peer: B }, { author: B })]);
    expect(fold.get('o1')).toMatchObject({ owner: A, author: B, value: { peer: B } });
  });

  it('a policy is taken over by an update that names the key it replaces and the writer’s own, and by no other', () => {
    const policy = insert('o1', 'operator', operator(1, { peer: A }));
    const wrong = [
      update('o1', { peer: B }, { author: B }),
      update('o1', { peer: B, replaces: B }, { author: B }),
      update('o1', { replaces: A, name: 'x' }, { author: B }),
    ];
    const taken = update('o1', { peer: B, replaces: A }, { author: B });
    const late = update('o1', { name: 'late' });
    const fold = foldAll([policy, ...wrong, taken, update('o1', { name: 'new' }, { author: B }), late]);
    expect(fold.get('o1')).toMatchObject({ value: { peer: B, replaces: A, name: 'new' } });
    for (const entry of [...wrong, late]) expect(fold.effectOf(entry.hash)).toMatchObject({ rule: 'not-the-owner' });
  });

  it('everything of an equivocating author from that number on is void, and others take what it held', () => {
    const bad = insert('o1', 'operator', operator(1), { author: B, seq: 5 });
    const fold = foldAll([bad, insert('o2', 'operator', operator(1))]);
    expect(fold.get('o2')).toBeUndefined();
    expect(fold.voidAuthor(B, 5, 'proof')).toEqual(expect.arrayContaining(['o1', 'o2']));
    expect(fold.get('o1')).toBeUndefined();
    expect(fold.get('o2')).toBeDefined();
    expect(fold.effectOf(bad.hash)).toMatchObject({ rule: 'equivocation', by: 'proof' });
    const later = insert('s', 'site', {}, { author: B, seq: 6 });
    fold.add([later]);
    expect(fold.effectOf(later.hash)).toMatchObject({ rule: 'equivocation' });
  });
});

describe('ANMP', () => {
  it('lays scalars over and appends lists, in what is shown and not in the policy', () => {
    const fold = foldAll([
      insert('s1', 'site', { state: 'old', tags: ['a'] }),
      insert('m1', 'anmp', { s1: { state: 'new', tags: 'b', id: 'x', date: 'x' } }),
    ]);
    expect(fold.shown('s1')).toMatchObject({ state: 'new', tags: ['a', 'b'], id: 's1' });
    expect(fold.get('s1')?.value).toMatchObject({ state: 'old', tags: ['a'] });
    fold.add([remove('m1')]);
    expect(fold.shown('s1')).toMatchObject({ state: 'old' });
  });

  it('does not let others touch a node that has proved its key', () => {
    const fold = foldAll([
      insert('o1', 'operator', operator(1, { peer: A })),
      insert('m1', 'anmp', { o1: { ip: '6.6.6.6' } }, { author: B }),
      insert('m2', 'anmp', { o1: { note: 'mine' } }),
    ]);
    expect(fold.shown('o1')).toMatchObject({ ip: '10.0.0.1', note: 'mine' });
  });
});

describe('cost', () => {
  it('an update later than all before evaluates its own policy alone, not those that share a claim with it', () => {
    const fold = createFold();
    fold.add([insert('o1', 'operator', operator(1)), insert('o2', 'operator', operator(2))]);
    expect(fold.add([update('o1', { note: 'new' })])).toEqual(['o1']);
  });

  it('folds 10,000 inserts within a fraction of a second, in order and in reverse', () => {
    const entries = Array.from({ length: 10_000 }, (_, index) =>
      index % 2 === 0
        ? insert(`t${index}`, 'table', { dbms: 'd', name: `t${index}`, create: 'CREATE TABLE t (a int)' })
        : insert(`s${index}`, 'site', { name: `s${index}`, at: [1, 2] }),
    );
    for (const order of [entries, [...entries].reverse()]) {
      const fold = createFold();
      const start = cpuMs();
      for (let at = 0; at < order.length; at += 500) fold.add(order.slice(at, at + 500));
      // The aim is 100 ms; the bound leaves room for a busy machine and still catches work that grows with the square.
      expect(cpuMs() - start).toBeLessThan(2_000);
      expect(fold.ofType()).toHaveLength(10_000);
    }
  });
});
