import { expect, test } from 'vitest';
import { ENTRIES_WANTED_MAX } from '../../../src/base/limits.ts';
import type { Entry } from '../../../src/entry/entry.ts';
import { badlySigned, convergentState, createAuthor, offerAll, type TestAuthor } from '../../support/ledger-authors.ts';
import { createSyncWorld, holdTheSame, proposal, type SyncNode } from '../../support/sync-world.ts';

const startApart = async (authors = 2) => {
  const world = createSyncWorld();
  const [a, b] = [await world.start(), await world.start()];
  const { entry: genesis } = await a.ledger.createNetwork('n', 'open');
  await b.ledger.offer([genesis.raw], a.key);
  b.ledger.allowAppend();
  return { ...world, a, b, authors: Array.from({ length: authors }, (_, at) => createAuthor(500 + at, genesis)) };
};

type Apart = Awaited<ReturnType<typeof startApart>>;

/** They meet, write, and end with the same; nobody is cut off. */
const endAlike = async ({ a, b, clock }: Apart): Promise<void> => {
  b.network.keepDialled([{ address: a.network.address }]);
  for (let number = 1; number <= 2; number += 1) {
    await clock.runUntil(() => holdTheSame(a, b), 30_000, 'the same version');
    for (const [at, { ledger }] of [a, b].entries()) await ledger.append(proposal(2 * number + at));
  }
  await clock.runUntil(() => holdTheSame(a, b), 30_000, 'the same version');
  expect(convergentState(a.ledger)).toEqual(convergentState(b.ledger));
  expect([a.network.expelled(), b.network.expelled()]).toEqual([[], []]);
};

const offerEach = async ({ ledger }: SyncNode, entries: readonly Entry[]): Promise<void> => {
  for (const entry of entries) await offerAll(ledger, [entry]);
};

/** Entries 2 of an author, dated before its entry 1. */
const badlyDated = (author: TestAuthor, count: number): readonly [Entry, ...Entry[]] => {
  const first = author.next({ time: (author.last?.header.time ?? 1_767_225_600_000_000) + 1_000_000 });
  const early = (): Entry => author.after(first, { time: first.header.time - 1_000 });
  return [first, ...Array.from({ length: count }, early)];
};

test('a fork of badly linked entries is known to who saw them before the one before them, and to who saw them after', async () => {
  const world = await startApart(12);
  for (const author of world.authors) {
    const [first, ...pair] = badlyDated(author, 2);
    await offerEach(world.b, [...pair, first]);
    await offerEach(world.a, [first, ...pair]);
  }
  expect([world.a, world.b].map(({ ledger }) => ledger.equivocations().length)).toEqual([0, 12]);
  await endAlike(world);
  expect(world.a.ledger.equivocations()).toHaveLength(12);
});

test('the two entries of a fork, badly linked, are one proof where they come together', async () => {
  const { a, authors } = await startApart(1);
  const [first, ...pair] = badlyDated(authors[0]!, 3);
  await offerAll(a.ledger, [first]);
  expect(await offerAll(a.ledger, pair.slice(0, 1))).toEqual(['reject LEDGER_TIME_NOT_AFTER']);
  const verdicts = await offerAll(a.ledger, pair);
  expect(verdicts.toSorted()).toEqual(['accept', 'accept', 'ignore LEDGER_AUTHOR_VOID']);
  const smallest = pair
    .map(({ hash }) => hash)
    .toSorted()
    .slice(0, 2);
  expect(verdicts.flatMap((verdict, at) => (verdict === 'accept' ? pair[at]!.hash : [])).toSorted()).toEqual(smallest);
});

test.each([
  ['is asked for by name', 0],
  ['waits for what nobody has', 1],
])('an entry builds on a void one that is badly linked and %s', async (_, way) => {
  const world = await startApart(2);
  const [x, y] = world.authors as [TestAuthor, TestAuthor];
  const [first, ...early] = badlyDated(x, 16);
  const inOrder = (one: Entry, two: Entry): number => (one.hash < two.hash ? -1 : 1);
  const [h1, h2] = early.toSorted(inOrder) as [Entry, Entry];
  const linked = way === 0 ? { time: first.header.time - 2 } : { prev: 'ab'.repeat(32) };
  // Not one of the two that prove the fork.
  const third = Array.from({ length: 16 }, () => x.after(first, linked))
    .toSorted(inOrder)
    .at(-1) as Entry;
  const built = y.next({ parents: [third.hash], time: third.header.time + 1_000_000 });
  // At one node the fork is known first, at the other what builds on it.
  await offerEach(world.b, [first, h1, h2, third, built, third]);
  await offerAll(world.b.ledger, [h1, h2]);
  await offerAll(world.b.ledger, [third]);
  await offerEach(world.a, [first, third, built]);
  await offerAll(world.a.ledger, [h1, h2]);
  await endAlike(world);
  expect([world.a, world.b].map(({ ledger }) => ledger.clock().get(y.author))).toEqual([1, 1]);
});

test('a badly signed entry that counts, and for which a void one vouches, reaches every node', async () => {
  const world = await startApart(30);
  for (const author of world.authors) {
    const [e1, e2, e3, e4] = Array.from({ length: 4 }, () => author.next()) as [Entry, Entry, Entry, Entry];
    await offerAll(world.b.ledger, [e1, e2, badlySigned(e3), e4]);
    const smaller = Array.from({ length: 64 }, () => author.after(e3, { prev: 'ab'.repeat(32) }))
      .filter(({ hash }) => hash < e4.hash)
      .slice(0, 2);
    await offerEach(world.b, smaller);
  }
  const forked = world.b.ledger.equivocations();
  await endAlike(world);
  // Of most authors there are two with smaller hashes.
  expect(forked.length).toBeGreaterThan(16);
  for (const { author } of forked) expect(world.a.ledger.clock().get(author)).toBe(3);
});

test('an entry builds on a badly signed void one, which comes with what vouches for it', async () => {
  const world = await startApart(21);
  const builder = world.authors[20]!;
  for (const author of world.authors.slice(0, 20)) {
    const [e1, e2, e3, e4] = Array.from({ length: 4 }, () => author.next()) as [Entry, Entry, Entry, Entry];
    const other = author.after(e1);
    await offerAll(world.b.ledger, [e1, e2, badlySigned(e3), e4]);
    const time = Math.max(e3.header.time, builder.last?.header.time ?? 0) + 10;
    await offerAll(world.b.ledger, [builder.next({ parents: [e3.hash], time })]);
    await offerAll(world.b.ledger, [other]);
    await offerAll(world.a.ledger, [e1, e2, other]);
  }
  await endAlike(world);
  expect(world.a.ledger.clock().get(builder.author)).toBe(20);
});

test('of three entries of one number all nodes end with the same two', async () => {
  const world = await startApart(1);
  const [x] = world.authors as [TestAuthor];
  const first = x.next();
  const [h1, h2, h3] = [x.after(first), x.after(first), x.after(first)].toSorted((one, two) =>
    one.hash < two.hash ? -1 : 1,
  ) as [Entry, Entry, Entry];
  await offerEach(world.a, [first, h2, h3]);
  await offerEach(world.b, [first, h1, h2]);
  expect(world.a.ledger.version).not.toBe(world.b.ledger.version);
  await endAlike(world);
});

test('hashes that nobody has, of forks of many made-up authors, do not keep from being asked for what waits', async () => {
  const world = await startApart(ENTRIES_WANTED_MAX + 1);
  const [honest, ...others] = world.authors as [TestAuthor, ...TestAuthor[]];
  const pairs = others.flatMap((author, at) =>
    [1, 2].map((way) => author.after(undefined, { seq: 2, prev: `${way}${at}`.padStart(64, 'a') })),
  );
  await offerAll(world.a.ledger, pairs);
  const [first, second] = [honest.next(), honest.next()];
  await offerAll(world.a.ledger, [second]);
  expect(world.a.ledger.wanted()).toContain(first.hash);
  const all = new Set<string>();
  for (let from = 0; from < 3 * ENTRIES_WANTED_MAX; from += ENTRIES_WANTED_MAX)
    for (const hash of world.a.ledger.wanted(from)) all.add(hash);
  expect(all.size).toBe(1 + 2 * ENTRIES_WANTED_MAX);
});
