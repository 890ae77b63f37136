import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/codec/json.ts';
import type { Entry } from '../../src/entry/entry.ts';
import { compareEntries } from '../../src/entry/entry.ts';
import { createFold, type LedgerFold } from '../../src/policy/fold.ts';
import { nameKeys } from '../../src/policy/names.ts';
import { authorKey, entryOf } from '../support/policy-entries.ts';
import { stateHash } from '../support/state-hash.ts';

const numRuns = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 300);

const AUTHORS = ['a', 'b', 'c', 'd'].map(authorKey);
const IDS = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];

const site = fc.record({ a: fc.integer({ max: 3, min: 0 }), b: fc.constantFrom('x', 'y') });
const operator = fc.record(
  {
    cluster: fc.constantFrom('p1', 'p2'),
    ip: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    port: fc.integer({ min: 1, max: 3 }),
    company: fc.constant('c'),
    name: fc.constantFrom('n1', 'n2', 'n3'),
    member: fc.constantFrom(1, 2, 255),
    peer: fc.constantFrom(...AUTHORS),
  },
  { requiredKeys: ['cluster', 'ip', 'port'] },
);
const cluster = fc.record(
  {
    company: fc.constant('c'),
    name: fc.constantFrom('k1', 'k2'),
    parent: fc.constantFrom('p1', 'p2'),
    table: fc.constantFrom(
      [{ dbms: 'd', name: 't1' }],
      [
        { dbms: 'd', name: 't2' },
        { dbms: 'd', name: 't1' },
      ],
    ),
  },
  { requiredKeys: ['company', 'name'] },
);
const table = fc.record({
  dbms: fc.constant('d'),
  name: fc.constantFrom('t1', 't2'),
  create: fc.constant('CREATE TABLE t (a int)'),
});
const anmp = fc.record({ p1: fc.record({ note: fc.constantFrom('u', 'v') }) });
const broken = fc.constantFrom<JsonObject>({ ip: 7 }, { name: '' }, { cluster: [] });

const policy = fc.oneof(
  fc.tuple(fc.constant('operator'), operator),
  fc.tuple(fc.constant('operator'), operator),
  fc.tuple(fc.constant('cluster'), cluster),
  fc.tuple(fc.constant('table'), table),
  fc.tuple(fc.constant('site'), site),
  fc.tuple(fc.constant('anmp'), anmp),
  fc.tuple(fc.constantFrom('operator', 'cluster'), broken),
);
const changes = fc.oneof(
  fc.record({ port: fc.constantFrom(1, 2, 3, 70_000), member: fc.constantFrom(1, 2, 3) }, { requiredKeys: [] }),
  fc.record({ ip: fc.constantFrom('10.0.0.1', '10.0.0.3'), name: fc.constantFrom('n1', 'n4') }, { requiredKeys: [] }),
  fc.record({ cluster: fc.constantFrom('p1', 'p3'), peer: fc.constantFrom(...AUTHORS, null) }, { requiredKeys: [] }),
  fc.record({ a: fc.constantFrom(1, 2, null), b: fc.constantFrom('z', null) }, { requiredKeys: [] }),
);
const act = fc.record({
  author: fc.constantFrom(...AUTHORS),
  time: fc.integer({ min: 1, max: 40 }),
  op: fc.constantFrom('insert', 'insert', 'insert', 'update', 'update', 'delete', 'later-op'),
  id: fc.constantFrom(...IDS),
  policy,
  changes,
  /** How many of the entries before it names as replaced. */
  replaces: fc.integer({ min: 0, max: 2 }),
});

type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

/** Turns the acts into entries: per author ascending numbers and times. */
const entriesOf = (acts: readonly Act[]): readonly Entry[] => {
  const seqs = new Map<string, number>();
  const entries: Entry[] = [];
  for (const {
    author,
    op,
    id,
    policy: [type, value],
    changes: change,
    time,
    replaces,
  } of [...acts].sort((x, y) => x.time - y.time)) {
    const seq = (seqs.get(author) ?? 0) + 1;
    seqs.set(author, seq);
    const seen = entries.filter((entry) => entry.header.id === id).slice(-replaces);
    entries.push(
      entryOf({
        author,
        seq,
        time: 1_600_000_000_000_000 + time,
        op,
        id,
        type: op === 'insert' ? type : null,
        replaces: op === 'insert' || replaces === 0 || seen.length === 0 ? null : seen.map(({ hash }) => hash),
        content: op === 'insert' ? value : op === 'update' ? change : {},
      }),
    );
  }
  return entries;
};

const NAMES = ['n1', 'n2', 'n3', 'n4', 'k1', 'k2'].flatMap((name) =>
  ['operator', 'cluster'].flatMap((type) => nameKeys(type, { name })),
);

const viewOf = (fold: LedgerFold, entries: readonly Entry[]) => ({
  hash: stateHash(fold),
  policies: fold.ofType(),
  shown: IDS.map((id) => fold.shown(id)),
  voids: fold.voids(),
  effects: entries.map(({ hash }) => fold.effectOf(hash)),
  waiting: IDS.map((id) => fold.waiting(id)),
  unknown: fold.unknown,
  types: fold.types(),
  named: NAMES.map((key) => [...fold.namedBy(key)].sort()),
});

describe('the book is a function of the set of entries', () => {
  it('is the same for every order and grouping of arrival, with equivocation proofs at any moment', () => {
    const scenario = fc
      .tuple(
        fc.array(act, { minLength: 1, maxLength: 24 }),
        fc.array(fc.record({ author: fc.constantFrom(...AUTHORS), seq: fc.integer({ min: 1, max: 8 }) }), {
          maxLength: 2,
        }),
      )
      .chain(([acts, proofs]) => {
        const entries = entriesOf(acts);
        return fc.record({
          entries: fc.constant(entries),
          proofs: fc.constant(proofs),
          arrival: fc.shuffledSubarray([...entries.keys()], { minLength: entries.length }),
          sizes: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 30 }),
          proofAt: fc.array(fc.integer({ min: 0, max: 24 }), { minLength: 2, maxLength: 2 }),
        });
      });
    fc.assert(
      fc.property(scenario, ({ entries, proofs, arrival, sizes, proofAt }) => {
        const reference = createFold();
        for (const { author, seq } of proofs) reference.voidAuthor(author, seq, 'proof');
        for (const entry of [...entries].sort((a, b) => compareEntries(a.header, b.header))) reference.add([entry]);

        const fold = createFold();
        let batches = 0;
        for (let at = 0; at < arrival.length; batches += 1) {
          proofs.forEach(({ author, seq }, index) => {
            if (proofAt[index] === batches) fold.voidAuthor(author, seq, 'proof');
          });
          const size = sizes[batches % sizes.length]!;
          const before = IDS.map((id) => fold.get(id));
          const announced = fold.add(arrival.slice(at, at + size).map((index) => entries[index]!));
          IDS.forEach((id, index) => {
            if (!announced.includes(id)) expect(fold.get(id)).toEqual(before[index]);
          });
          fold.get(IDS[batches % IDS.length]!);
          fold.ofType('operator');
          fold.shown('p1');
          void fold.namedBy('');
          at += size;
        }
        for (const { author, seq } of proofs) fold.voidAuthor(author, seq, 'proof');
        expect(viewOf(fold, entries)).toEqual(viewOf(reference, entries));
      }),
      { numRuns },
    );
  });

  it('never has two policies in force that hold the same thing', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 24 }), (acts) => {
        const fold = createFold();
        fold.add(entriesOf(acts));
        const operators = fold.ofType('operator').map(({ value }) => value);
        const unique = (keys: readonly string[]): void => expect(new Set(keys).size).toBe(keys.length);
        unique(operators.map((value) => `${JSON.stringify(value['ip'])}:${JSON.stringify(value['port'])}`));
        unique(operators.map((value) => `${JSON.stringify(value['cluster'])}:${JSON.stringify(value['member'])}`));
        unique(fold.ofType('table').map(({ value }) => JSON.stringify([value['dbms'], value['name']])));
        for (const { value } of fold.ofType('operator')) expect(value['member']).toBeTypeOf('number');
        const named = fold.ofType().flatMap(({ type, id, value }) => nameKeys(type, value).map((key) => [key, id]));
        for (const key of NAMES)
          expect(new Set(fold.namedBy(key))).toEqual(new Set(named.flatMap(([of, id]) => (of === key ? id : []))));
      }),
      { numRuns },
    );
  });
});
