import { expect, test } from 'vitest';
import { atOnce } from '../../src/base/slices.ts';
import { canonicalBytes } from '../../src/codec/canonical.ts';
import { archivedEntry, type Entry } from '../../src/entry/entry.ts';
import { forksOf } from '../../src/policy/closure.ts';
import { createFold, type LedgerFold } from '../../src/policy/fold.ts';
import { snapshotKey } from '../../src/policy/snapshot/act.ts';
import { droppable, statesToSave } from '../../src/policy/snapshot/drop.ts';
import { decodeState, encodeState, leavesOfRoot } from '../../src/policy/snapshot/saved.ts';
import { settle, SettleMemory } from '../../src/policy/snapshot/settle.ts';
import { stateRoot } from '../../src/policy/state-root.ts';
import { createSeededRandom, type SeededRandom } from '../support/seeded-random.ts';
import { bookOf, giveMissing, snapshotHistory, UNSIGNED } from '../support/snapshot-histories.ts';
import { stateHash } from '../support/state-hash.ts';

const RUNS = Number(process.env['HOLDFAST_PRUNE_RUNS'] ?? 300);
const FIRST_SEED = Number(process.env['HOLDFAST_SEED'] ?? Math.floor(Math.random() * 1e9));

const stateOf = (fold: LedgerFold): unknown => ({
  chain: fold.snapshots.settled?.chain,
  hash: stateHash(fold),
  root: atOnce(stateRoot(fold)),
  policies: fold.ofType(),
});

const viewOf = (fold: LedgerFold, entries: readonly Entry[]): unknown => ({
  state: stateOf(fold),
  voids: fold.voids(),
  effects: entries.map(({ hash }) => fold.effectOf(hash)),
});

interface Node {
  readonly fold: LedgerFold;
  readonly memory: SettleMemory;
}

const take = ({ fold, memory }: Node, entries: readonly Entry[], random?: SeededRandom): void => {
  for (let at = 0; at < entries.length;) {
    const size = random?.integer(1, 6) ?? entries.length;
    fold.add(entries.slice(at, at + size));
    at += size;
    for (const [author, { seq, pair }] of atOnce(forksOf(fold.facts()))) fold.voidAuthor(author, seq, pair[0]);
    if (random?.chance(0.5) === true) atOnce(settle(fold, memory));
  }
  atOnce(settle(fold, memory));
};

type Way = 'runs on' | 'starts again' | 'is told';

interface Pruned extends Node {
  readonly dropped: ReadonlySet<string>;
}

/**
 * Drops what may be dropped. A node that starts again has what is on its disk; one that is told has the leaves of
 * others.
 */
const prune = ({ fold, memory }: Node, held: readonly Entry[], way: Way): Pruned => {
  const dropped = new Set(atOnce(droppable(fold)));
  const node = way === 'runs on' ? { fold, memory } : { fold: createFold(), memory: new SettleMemory() };
  const acts = new Map(fold.snapshots.filed().map(({ act }) => [snapshotKey(act), act]));
  for (const [key, state] of statesToSave(fold, memory)) {
    const { root = '' } = acts.get(key) ?? {};
    const given = atOnce(leavesOfRoot(state.leaves.map(canonicalBytes), root));
    if (way !== 'is told')
      node.memory.saved.set(key, atOnce(decodeState(key, atOnce(encodeState(key, state)))) ?? NONE);
    else if (given !== undefined) node.memory.saved.set(key, { ...NONE, leaves: given });
  }
  if (way === 'runs on') fold.archive(dropped);
  else {
    take(
      node,
      held.map((entry) => (dropped.has(entry.hash) ? archivedEntry(entry) : entry)),
    );
    giveMissing(node.fold, held);
    atOnce(settle(node.fold, node.memory));
  }
  return { ...node, dropped };
};

const NONE = { chain: [], leaves: [], reasons: [], gone: undefined };

const isWhole = ({ fold }: Node): boolean => fold.snapshots.lacks.size === 0 && !fold.lacksBodies();

test(`${RUNS} hostile histories: a node that dropped bodies comes to the state of one that has all, or knows that it needs them`, () => {
  let [pruned, whole, told, lacking] = [0, 0, 0, 0];
  for (let run = 0; run < RUNS; run += 1) {
    const seed = FIRST_SEED + run;
    const random = createSeededRandom(seed);
    const where = `HOLDFAST_SEED=${seed} HOLDFAST_PRUNE_RUNS=1`;
    const { entries } = snapshotHistory(random, random.integer(16, 48), {
      ...UNSIGNED,
      erases: random.pick([0, 0, 0.1]),
    });
    const cut = random.integer(Math.floor(entries.length / 2), entries.length);
    const [first, rest] = [entries.slice(0, cut), entries.slice(cut)];
    const before: Node = { fold: createFold(), memory: new SettleMemory() };
    take(before, first, random);
    giveMissing(before.fold, first);
    atOnce(settle(before.fold, before.memory));
    const way = random.pick<Way>(['runs on', 'starts again', 'is told']);
    const reached = viewOf(before.fold, first);
    const node = prune(before, first, way);
    if (node.dropped.size === 0) continue;
    pruned += 1;
    if (way === 'is told') told += isWhole(node) ? 1 : 0;
    else expect(isWhole(node), where).toBe(true);
    expect(reached, `before, ${where}`).toEqual(viewOf(bookOf(first), first));
    if (isWhole(node)) expect(stateOf(node.fold), where).toEqual(stateOf(bookOf(first)));
    if (way !== 'is told') expect(viewOf(node.fold, first), where).toEqual(reached);
    take(node, rest, random);
    giveMissing(node.fold, entries);
    atOnce(settle(node.fold, node.memory));
    const complete = bookOf(entries);
    const reference = viewOf(complete, entries);
    if (isWhole(node)) {
      whole += 1;
      expect(stateOf(node.fold), where).toEqual(stateOf(complete));
      if (way !== 'is told') expect(viewOf(node.fold, entries), where).toEqual(reference);
    } else lacking += 1;
    take(node, entries);
    giveMissing(node.fold, entries);
    atOnce(settle(node.fold, node.memory));
    expect(isWhole(node), where).toBe(true);
    expect(viewOf(node.fold, entries), where).toEqual(reference);
  }
  expect(pruned).toBeGreaterThan(RUNS / 10);
  expect(whole).toBeGreaterThan(RUNS / 20);
  expect(told).toBeGreaterThan(RUNS / 50);
  expect(lacking).toBeGreaterThan(0);
}, 300_000);
