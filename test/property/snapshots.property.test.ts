import { expect, test } from 'vitest';
import { atOnce } from '../../src/base/slices.ts';
import type { Entry } from '../../src/entry/entry.ts';
import { forksOf } from '../../src/policy/closure.ts';
import { createFold, type LedgerFold } from '../../src/policy/fold.ts';
import { settle, SettleMemory } from '../../src/policy/snapshot/settle.ts';
import { stateRoot } from '../../src/policy/state-root.ts';
import { createSeededRandom, type SeededRandom } from '../support/seeded-random.ts';
import { bookOf, giveMissing, snapshotHistory, UNSIGNED } from '../support/snapshot-histories.ts';
import { naiveBook } from '../support/snapshot-rules.ts';
import { stateHash } from '../support/state-hash.ts';

const RUNS = Number(process.env['HOLDFAST_SNAPSHOT_RUNS'] ?? 400);
const FIRST_SEED = Number(process.env['HOLDFAST_SEED'] ?? Math.floor(Math.random() * 1e9));

const viewOf = (fold: LedgerFold, entries: readonly Entry[]): unknown => ({
  chain: fold.snapshots.settled?.chain,
  hash: stateHash(fold),
  root: atOnce(stateRoot(fold)),
  policies: fold.ofType(),
  voids: fold.voids(),
  effects: entries.map(({ hash }) => fold.effectOf(hash)),
  waiting: [...fold.ids()]
    .sort()
    .map((id) => fold.waiting(id))
    .filter((waiting) => waiting !== undefined),
});

/**
 * What a node comes to: in any order, with looks at its snapshots at any time, and entries that come while it looks.
 */
const arrive = (random: SeededRandom, entries: readonly Entry[]): LedgerFold => {
  const [fold, memory] = [createFold(), new SettleMemory()];
  const looks = new Set<ReturnType<typeof settle>>();
  const shuffled = random.chance(0.5) ? random.shuffled(entries) : entries;
  for (let at = 0; at < shuffled.length;) {
    const size = random.integer(1, 6);
    fold.add(shuffled.slice(at, at + size));
    at += size;
    for (const [author, { seq, pair }] of atOnce(forksOf(fold.facts()))) fold.voidAuthor(author, seq, pair[0]);
    if (random.chance(0.3)) atOnce(settle(fold, memory));
    if (random.chance(0.3)) looks.add(settle(fold, memory));
    for (const look of looks)
      for (let slices = random.integer(0, 30); slices > 0; slices -= 1)
        if (look.next().done === true) looks.delete(look);
  }
  for (const look of looks) atOnce(look);
  giveMissing(fold, entries);
  atOnce(settle(fold, memory));
  return fold;
};

test(`${RUNS} histories with snapshots and erasures, also of what is settled: in whatever order the same state`, () => {
  for (let run = 0; run < RUNS; run += 1) {
    const seed = FIRST_SEED + run;
    const random = createSeededRandom(seed);
    const { entries } = snapshotHistory(random, random.integer(8, 40), { ...UNSIGNED, erases: 0.25 });
    const where = `HOLDFAST_SEED=${seed} HOLDFAST_SNAPSHOT_RUNS=1`;
    expect(viewOf(arrive(random, entries), entries), where).toEqual(viewOf(bookOf(entries), entries));
  }
}, 300_000);

test(`${RUNS} histories with snapshots: in whatever order entries come the same state, that of the plain rules`, () => {
  let [chains, second] = [0, 0];
  for (let run = 0; run < RUNS; run += 1) {
    const seed = FIRST_SEED + run;
    const random = createSeededRandom(seed);
    const { entries, lies } = snapshotHistory(random, random.integer(8, 40));
    const where = `HOLDFAST_SEED=${seed} HOLDFAST_SNAPSHOT_RUNS=1`;
    const reference = bookOf(entries);
    const naive = naiveBook(entries, lies);
    expect(naive.chain, where).toBe(reference.snapshots.settled?.chain.length ?? 0);
    const { states, effects } = naive;
    const own = reference.ofType().map(({ id, type, value: { date: _date, ...value } }) => ({ id, type, value }));
    expect(
      own.sort((a, b) => (a.id < b.id ? -1 : 1)),
      where,
    ).toEqual(states);
    for (const [hash, isVoid] of effects)
      expect([hash, typeof reference.effectOf(hash) === 'object'], where).toEqual([hash, isVoid]);
    expect(viewOf(arrive(random, entries), entries), where).toEqual(viewOf(reference, entries));
    chains += naive.chain > 0 ? 1 : 0;
    second += naive.chain > 1 ? 1 : 0;
  }
  expect(chains).toBeGreaterThan(RUNS / 4);
  expect(second).toBeGreaterThan(RUNS / 20);
}, 300_000);
