import { describe, expect, test } from 'vitest';
import { atOnce } from '../../../src/base/slices.ts';
import type { JsonObject } from '../../../src/codec/json.ts';
import { type Entry, withoutBody } from '../../../src/entry/entry.ts';
import { signingKeyFromSeed, signWith } from '../../../src/entry/keys.ts';
import { rotateText } from '../../../src/policy/authority/acts.ts';
import { decideErase } from '../../../src/policy/erase.ts';
import { createFold, type LedgerFold } from '../../../src/policy/fold.ts';
import { pastAt } from '../../../src/policy/past.ts';
import { authorKey, entryOf, type EntrySketch } from '../../support/policy-entries.ts';
import { stateHash } from '../../support/state-hash.ts';

const [ROOT, ANN, BOB] = ['0', 'a', 'b'].map(authorKey) as [string, string, string];
const NEXT = signingKeyFromSeed(Buffer.alloc(32, 3));

/** A network by invitation, entries of it one after the other, and the fold of all. */
const world = (admission: 'open' | 'invite' = 'invite') => {
  const content = { v: 1, name: 'n', admission, roots: [ROOT] };
  const genesis = entryOf({ op: 'genesis', net: '', cap: null, author: ROOT, seq: 1, content });
  const net = genesis.hash;
  const entries = [genesis];
  const seqs = new Map([[ROOT, 1]]);
  const add = (author: string, op: string, said: JsonObject, sketch: EntrySketch = {}): Entry => {
    const seq = (seqs.get(author) ?? 0) + 1;
    seqs.set(author, seq);
    const entry = entryOf({ net, cap: net, author, seq, op, content: said, ...sketch });
    entries.push(entry);
    return entry;
  };
  const grant = (key: string, roles: readonly string[], scope: JsonObject): string =>
    add(ROOT, 'grant', { v: 1, key, roles: [...roles], scope, grants: false }).hash;
  const erase = (author: string, cap: string, target: Entry, attributes: readonly string[] = ['a']): Entry =>
    add(author, 'erase', { v: 1, entry: target.hash, attributes: [...attributes], removed: [], reason: 'r' }, { cap });
  const fold = (): LedgerFold => {
    const all = createFold();
    all.add(entries);
    return all;
  };
  return { net, entries, add, grant, erase, fold };
};

describe('who may erase what an entry said', () => {
  test.each([
    ['member', { types: ['site'] }, 'not-the-owner'],
    ['admin', {}, undefined],
    ['admin', { types: ['site'] }, undefined],
    ['admin', { types: ['pump'] }, 'not-the-owner'],
    ['admin', { company: 'c' }, 'not-the-owner'],
    ['auditor', {}, 'not-the-owner'],
  ])('another, whose grant is %s %o: %s', (role, scope, rule) => {
    const { net, add, grant, erase, fold } = world();
    const target = add(ROOT, 'insert', { a: 1, b: 2 }, { type: 'site', id: 'p', cap: net });
    const { hash } = erase(BOB, grant(BOB, [role], scope), target);
    const book = fold();
    expect(book.effectOf(hash)).toEqual(
      rule === undefined ? 'in-force' : (expect.objectContaining({ rule }) as unknown),
    );
    expect(book.fact(target.hash)?.bodiless).toBe(rule === undefined);
    expect(book.get('p')?.value['a']).toBe(rule === undefined ? undefined : 1);
  });

  test('its author, a root, and the new key of its author; nobody else under open admission', () => {
    for (const [author, rule] of [
      [ANN, undefined],
      [ROOT, undefined],
      [BOB, 'not-the-owner'],
    ] as const) {
      const { net, add, erase, fold } = world('open');
      const target = add(ANN, 'insert', { a: 1 }, { type: 'site', id: 'p' });
      const { hash } = erase(author, net, target);
      expect(fold().effectOf(hash)).toEqual(
        rule === undefined ? 'in-force' : (expect.objectContaining({ rule }) as unknown),
      );
    }
    const { net, add, grant, erase, fold } = world();
    const cap = grant(ANN, ['member'], { types: ['site'] });
    const target = add(ANN, 'insert', { a: 1 }, { type: 'site', id: 'p', cap });
    const proof = Buffer.from(signWith(NEXT, Buffer.from(rotateText(net, cap, ANN, NEXT.author)))).toString('hex');
    const rotation = add(ANN, 'rotate', { v: 1, key: NEXT.author, proof }, { cap });
    const { hash } = erase(NEXT.author, rotation.hash, target);
    expect(fold().effectOf(hash)).toBe('in-force');
  });

  test('a revoked key no more; where the revocation comes later, the body may come back', () => {
    const { add, grant, erase, entries, fold } = world();
    const cap = grant(ANN, ['member'], { types: ['site'] });
    const target = add(ANN, 'insert', { a: 1 }, { type: 'site', id: 'p', cap });
    const { hash } = erase(ANN, cap, target);
    const book = fold();
    expect(book.takeErasures()).toEqual([{ target: target.hash, by: hash, inForce: true }]);
    book.add([target]);
    expect(book.get('p')?.value['a']).toBeUndefined();
    book.add([add(ROOT, 'revoke', { v: 1, grant: cap, from: 2 })]);
    expect(book.takeErasures()).toEqual([{ target: target.hash, by: hash, inForce: false }]);
    expect(book.get('p')?.value['a']).toBeUndefined();
    book.add([target]);
    expect(book.get('p')?.value['a']).toBe(1);
    expect(stateHash(book)).toBe(stateHash(fold()));
    expect(entries).toHaveLength(5);
  });

  test('what carries authority is kept, and so is what tells of an erasure', () => {
    const { net, add, grant, erase, entries, fold } = world();
    grant(BOB, ['admin'], {});
    add(ROOT, 'insert', { a: 1 }, { type: 'site', id: 'p' });
    add(ROOT, 'delete', {}, { id: 'p' });
    erase(ROOT, net, entries[2]!);
    for (const target of [entries[0]!, entries[1]!, entries[3]!, entries[4]!]) {
      const { hash } = erase(ROOT, net, target);
      expect(fold().effectOf(hash)).toMatchObject({ rule: 'structure' });
      expect(() => decideErase(fold(), ROOT, { entry: target.hash, reason: 'r' })).toThrow(/kept/);
    }
  });
});

describe('what is left of a policy', () => {
  const cluster = { company: 'c', name: 'k', status: 'active' };

  test('its name is free for who waited, and an update makes it whole again', () => {
    const { net, add, erase, fold } = world();
    const first = add(ROOT, 'insert', cluster, { type: 'cluster', id: 'p' });
    add(ROOT, 'insert', cluster, { type: 'cluster', id: 'q' });
    expect(fold().waiting('q')).toBeDefined();
    erase(ROOT, net, first, ['company', 'name', 'status']);
    expect(fold().get('q')?.value).toMatchObject(cluster);
    expect(Object.keys(fold().get('p')?.value ?? {}).sort()).toEqual(['date', 'id']);
    const note = add(ROOT, 'update', { note: 'x' }, { id: 'p' });
    expect(fold().effectOf(note.hash)).toBe('in-force');
    expect(fold().get('p')?.value).toMatchObject({ note: 'x' });
    add(ROOT, 'update', { company: 'c', name: 'k2' }, { id: 'p' });
    // In normal form again.
    expect(fold().get('p')?.value).toMatchObject({ company: 'c', name: 'k2', note: 'x', status: 'active' });
    const broken = add(ROOT, 'update', { name: null }, { id: 'p' });
    expect(fold().effectOf(broken.hash)).toMatchObject({ rule: 'structure' });
  });

  test('a key or a number that is none is as if it were missing, and a cluster that is gone gives the number back', () => {
    const { net, add, erase, fold } = world('open');
    for (const id of ['A', 'B']) add(ROOT, 'insert', { ...cluster, name: id }, { type: 'cluster', id });
    const said = { ip: 'h', port: 5, cluster: 'A', member: 7, peer: ANN };
    const first = add(ANN, 'insert', said, { type: 'operator', id: 'o' });
    const moved = add(ANN, 'update', { cluster: 'B' }, { id: 'o' });
    add(ANN, 'update', { cluster: 'A' }, { id: 'o' });
    expect(fold().memberHolder('A', 7)).toBe('o');
    erase(ANN, net, moved, ['cluster']);
    add(ANN, 'update', { cluster: 'B' }, { id: 'o' });
    expect([7, 1].map((number) => fold().memberHolder('A', number))).toEqual([undefined, undefined]);
    erase(ANN, net, first, Object.keys(said));
    add(ANN, 'update', { member: 2.5, peer: 5, port: 80.5, ip: 'i' }, { id: 'o' });
    expect(fold().get('o')?.value).toMatchObject({ member: 1, peer: 5 });
    expect(fold().holderOf('operator\u0000ip, port\u0000i\u000080.5')).toBeUndefined();
    const taken = add(BOB, 'update', { peer: BOB }, { id: 'o' });
    expect(fold().effectOf(taken.hash)).toBe('in-force');
  });

  test('nobody gains an id or rights by erasing what was void', () => {
    const { add, grant, erase, fold } = world();
    const cap = grant(BOB, ['member'], { types: ['site'], company: 'x' });
    const stolen = add(BOB, 'insert', { company: 'c', a: 1 }, { type: 'site', id: 'p', cap });
    add(ROOT, 'insert', { a: 2, b: 3 }, { type: 'site', id: 'p' });
    const update = add(BOB, 'update', { a: 4 }, { id: 'p', cap });
    for (const target of [stolen, update]) erase(BOB, cap, target, ['a', 'b']);
    expect(fold().get('p')).toMatchObject({ owner: ROOT, value: { a: 2, b: 3 } });
  });

  test('is the same of a moment that knew another erase entry only, which had no right', () => {
    const { net, add, grant, erase, entries, fold } = world();
    const target = add(ROOT, 'insert', { a: 1, b: 2 }, { type: 'site', id: 'p' });
    const lie = erase(BOB, grant(BOB, ['auditor'], {}), target, ['c']);
    const before = fold();
    const at = (book: LedgerFold): string => {
      const chronicle = { facts: () => book.facts(), fact: book.fact.bind(book), receivedMs: () => 0 };
      return atOnce(pastAt(chronicle, { kind: 'time', micros: lie.header.time })).root;
    };
    const root = at(before);
    erase(ROOT, net, target, ['a', 'b']);
    expect(at(fold())).toBe(root);
    const late = createFold();
    late.add(entries.map((entry) => (entry === target ? withoutBody(entry) : entry)));
    expect(at(late)).toBe(root);
  });
});
