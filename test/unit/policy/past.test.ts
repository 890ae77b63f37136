import { describe, expect, it } from 'vitest';
import { atOnce, inSlices } from '../../../src/base/slices.ts';
import { FRONTIER_HEADS_MAX } from '../../../src/base/limits.ts';
import { merkleLeaf, merkleRoot } from '../../../src/codec/merkle.ts';
import type { JsonObject } from '../../../src/codec/json.ts';
import type { Entry } from '../../../src/entry/entry.ts';
import { splitAsOf, splitKnownAt } from '../../../src/policy/as-of.ts';
import { blameOf } from '../../../src/policy/blame.ts';
import { changesBetween } from '../../../src/policy/changes.ts';
import { frontierOf } from '../../../src/policy/closure.ts';
import { conflictsOf } from '../../../src/policy/conflicts.ts';
import { idsNamed, versionsOf } from '../../../src/policy/history.ts';
import { EVERYTHING, frontierText, momentText, readFrontier } from '../../../src/policy/moment.ts';
import { pastAt } from '../../../src/policy/past.ts';
import { chronicleOf } from '../../support/linked-history.ts';
import { authorKey, entryOf, type EntrySketch } from '../../support/policy-entries.ts';

const hash = (digit: string): string => digit.repeat(64);

describe('RFC 6962 tree', () => {
  /** The vectors of the certificate transparency projects: eight leaves, the root of the first n of them. */
  const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
  const ROOTS = [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ];

  it.each(ROOTS.map((root, size) => [size, root] as const))('of %i leaves', (size, root) => {
    const leaves = LEAVES.slice(0, size).map((leaf) => merkleLeaf(Buffer.from(leaf, 'hex')));
    expect(merkleRoot(leaves).toString('hex')).toBe(root);
  });
});

describe('a moment as text', () => {
  it('is a date, or hashes in order, each once', () => {
    expect(momentText({ kind: 'time', micros: 1_600_000_000_000_001 })).toBe('2020-09-13T12:26:40.000001Z');
    const moment = readFrontier(` ${hash('B')}+${hash('a')}+${hash('b')} `);
    expect(moment).toEqual({ kind: 'frontier', heads: [hash('a'), hash('b')] });
    expect(momentText(moment!)).toBe(`${hash('a')}+${hash('b')}`);
  });

  it.each(['', '2026-01-01', hash('a').slice(1), `${hash('a')}+`, `${hash('a')},${hash('b')}`])(
    'is no frontier: %s',
    (text) => expect(readFrontier(text)).toBeUndefined(),
  );

  it('is bounded', () => {
    const heads = Array.from({ length: FRONTIER_HEADS_MAX + 1 }, (_, at) => at.toString(16).padStart(64, '0'));
    const oversize = expect.objectContaining({ code: 'POLICY_FRONTIER_OVERSIZE' }) as Error;
    expect(() => frontierText(heads)).toThrow(oversize);
    expect(() => readFrontier(heads.join('+'))).toThrow(oversize);
    expect(readFrontier(heads.slice(1).join('+'))).toBeDefined();
  });
});

describe('as of in a blockchain get', () => {
  it.each([
    ['operator as of "2026-01-01 10:00:00"', 'operator', '2026-01-01 10:00:00'],
    ["operator where a = 1 as of '-1d' bring [*][id]", 'operator where a = 1  bring [*][id]', '-1d'],
    ['operator as of 2026-01-01 10:00:00 where a = 1', 'operator  where a = 1', '2026-01-01 10:00:00'],
    ['* AS  OF -2d', '*', '-2d'],
    [`site bring [*][id] as of ${hash('a')}+${hash('b')}`, 'site bring [*][id]', `${hash('a')}+${hash('b')}`],
    ['site where text = "as of today"', 'site where text = "as of today"', undefined],
    ['site bring [as of]', 'site bring [as of]', undefined],
    ['site where has of = 1', 'site where has of = 1', undefined],
  ])('%s', (text, rest, asOf) => expect(splitAsOf(text)).toEqual({ rest, asOf }));

  it('refuses one without a moment', () =>
    expect(() => splitAsOf('site as of')).toThrow(expect.objectContaining({ code: 'POLICY_GET_SYNTAX' }) as Error));
});

/** Entries of two authors on one site, each after the one before unless it says otherwise. */
const linked = (...sketches: readonly EntrySketch[]): readonly Entry[] => {
  const last = new Map<string, Entry>();
  return sketches.map((sketch) => {
    const author = authorKey(sketch.author ?? 'a');
    const before = last.get(author);
    const entry = entryOf({
      type: 'site',
      id: 's',
      seq: (before?.header.seq ?? 0) + 1,
      prev: before?.hash ?? null,
      ...sketch,
      author,
    });
    last.set(author, entry);
    return entry;
  });
};

describe('two authors who change one policy at once', () => {
  const nested: JsonObject = { name: 'one', place: { city: 'Oslo', floors: [1, 2] } };
  const [insert] = linked({ content: nested });
  const left = entryOf({
    author: authorKey('a'),
    seq: 2,
    prev: insert!.hash,
    op: 'update',
    type: 'site',
    id: 's',
    replaces: insert!.hash,
    content: { place: { city: 'Oslo', floors: [1, 3] } },
  });
  const right = entryOf({
    author: authorKey('b'),
    seq: 1,
    parents: [insert!.hash],
    op: 'update',
    type: 'site',
    id: 's',
    replaces: insert!.hash,
    content: { name: 'two' },
  });
  const chronicle = chronicleOf([right, insert!, left]);
  const past = atOnce(pastAt(chronicle, EVERYTHING));
  const { book } = past;

  it('has a frontier of two heads', () =>
    expect(atOnce(frontierOf(chronicle.facts()))).toEqual([left.hash, right.hash].sort()));

  it('is told as a conflict, with both entries and the one in force', () => {
    const [conflict, ...others] = atOnce(conflictsOf(book, past.forks));
    expect(others).toEqual([]);
    expect(conflict).toMatchObject({ rule: 'concurrent-update', type: 'site', id: 's', by: right.hash });
    expect(conflict!.entries.map((fact) => fact.hash)).toEqual([left.hash, right.hash]);
  });

  it('names the origin of each value, in objects and lists too', () => {
    const lines = atOnce(blameOf(book.get('s')!, book, chronicle));
    expect(Object.fromEntries(lines.map(({ path, entry }) => [path.join('.'), entry]))).toEqual({
      name: right.hash,
      'place.city': insert!.hash,
      'place.floors.0': insert!.hash,
      'place.floors.1': left.hash,
      id: insert!.hash,
      date: insert!.hash,
    });
  });

  it('shows in the history what is in conflict with what, and what came instead', () => {
    const versions = atOnce(versionsOf('s', book.factsOf('s'), book, chronicle));
    expect(versions).toMatchObject([
      { effect: 'superseded', supersededBy: left.hash, conflictsWith: [] },
      { effect: 'superseded', supersededBy: right.hash, conflictsWith: [right.hash] },
      { effect: 'in-force', supersededBy: undefined, conflictsWith: [left.hash] },
    ]);
    expect(versions[0]!.received).toBe('1970-01-01T00:00:00.001000Z');
  });

  it('differs from either side by what the other wrote', () => {
    const ofLeft = atOnce(pastAt(chronicle, readFrontier(left.hash)!)).book;
    expect(atOnce(changesBetween(ofLeft, book))).toEqual({
      added: [],
      removed: [],
      changed: [{ type: 'site', id: 's', changes: [{ attribute: 'name', before: 'one', after: 'two' }] }],
    });
  });

  it('has a root that says which entries it follows from: the same value by another entry is another root', () => {
    const again = linked({ content: nested, time: 5 });
    const first = atOnce(pastAt(chronicleOf([insert!]), EVERYTHING));
    const second = atOnce(pastAt(chronicleOf(again), EVERYTHING));
    expect(first.book.get('s')!.value['place']).toEqual(second.book.get('s')!.value['place']);
    expect(first.root).not.toBe(second.root);
    expect(first.root).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('an author that signs a number twice', () => {
  const [one, two] = linked({ content: { a: 1 } }, { op: 'update', content: { a: 2 } });
  const other = entryOf({ author: authorKey('a'), seq: 2, prev: one!.hash, op: 'update', id: 's', content: { a: 3 } });
  const [witness] = linked({ author: 'b', id: 't', parents: [two!.hash], content: { b: 1 } });
  const all = [one!, two!, other, witness!];

  it('is void from there on where the frontier shows both, and not where it shows one', () => {
    const chronicle = chronicleOf(all);
    const heads = atOnce(frontierOf(chronicle.facts()));
    // What is void names nothing, so the entry before it is a head of its own.
    expect(heads).toEqual([one!.hash, two!.hash, other.hash, witness!.hash].sort());
    const now = atOnce(pastAt(chronicle, { kind: 'frontier', heads }));
    expect(now.book.get('s')).toMatchObject({ value: { a: 1 } });
    expect([...now.forks.keys()]).toEqual([authorKey('a')]);
    const then = atOnce(pastAt(chronicle, readFrontier(witness!.hash)!));
    expect(then.book.get('s')).toMatchObject({ value: { a: 2 } });
    expect(then.forks.size).toBe(0);
  });

  it('is told once, by the proof', () => {
    const { book, forks } = atOnce(pastAt(chronicleOf(all), EVERYTHING));
    const conflicts = atOnce(conflictsOf(book, forks));
    expect(conflicts.map(({ rule }) => rule)).toEqual(['equivocation']);
    expect(conflicts[0]!.entries.map((fact) => fact.hash).sort()).toEqual([two!.hash, other.hash].sort());
  });
});

describe('a policy by type and name', () => {
  it('is found by names that it had, deleted ones and homonyms too', () => {
    const chronicle = chronicleOf(
      linked(
        { id: 'x', content: { name: 'old' } },
        { id: 'x', op: 'update', content: { name: 'new' } },
        { id: 'y', content: { name: 'old' } },
        { id: 'y', op: 'delete' },
        { id: 'z', type: 'other', content: { name: 'old' } },
      ),
    );
    expect(idsNamed(chronicle.facts(), 'site', 'old')).toEqual(['x', 'y']);
    expect(idsNamed(chronicle.facts(), 'site', 'new')).toEqual(['x']);
    expect(idsNamed(chronicle.facts(), 'site', 'none')).toEqual([]);
  });
});

describe('work in slices', () => {
  const count = function* (): Generator<undefined, number, undefined> {
    for (let step = 0; step < 5; step += 1) yield;
    return 7;
  };

  it('gives way between two slices, and ends with what it gives', async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 0);
    const immediate = (): void => {
      turns += 1;
    };
    setImmediate(immediate);
    expect(await inSlices(count())).toBe(7);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
    expect(atOnce(count())).toBe(7);
  });

  it('ends where it is aborted', async () => {
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    await expect(inSlices(count(), abort.signal)).rejects.toThrow('enough');
  });
});

describe('known at in a command', () => {
  it.each([
    ['site known at "2026-01-31 10:00" on two', 'site', '2026-01-31 10:00', 'two'],
    [
      `* where name = x known at '-1d' on "the node" bring [*][id]`,
      '* where name = x  bring [*][id]',
      '-1d',
      'the node',
    ],
    ['site known at 2026-01-31 10:00 bring [*][id]', 'site  bring [*][id]', '2026-01-31 10:00', undefined],
    ['site known at -1d', 'site', '-1d', undefined],
  ])('%s', (text, rest, time, node) => expect(splitKnownAt(text)).toEqual({ rest, knownAt: { time, node } }));

  it('is none in quotes or as part of a word, and needs a date', () => {
    for (const text of ['site where name = "known at 1"', 'site where known-at = 1'])
      expect(splitKnownAt(text)).toEqual({ rest: text, knownAt: undefined });
    expect(() => splitKnownAt('site known at')).toThrow(
      expect.objectContaining({ code: 'POLICY_GET_SYNTAX' }) as Error,
    );
  });
});
