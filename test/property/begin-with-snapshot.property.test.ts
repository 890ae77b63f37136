import { expect, test } from 'vitest';
import { atOnce } from '../../src/base/slices.ts';
import { canonicalBytes } from '../../src/codec/canonical.ts';
import type { RawEntry } from '../../src/entry/entry.ts';
import type { HeldEntry } from '../../src/ledger/ledger.ts';
import { createMemoryDisk, createMemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { EVERYTHING } from '../../src/policy/moment.ts';
import type { Pruning } from '../../src/policy/pruning.ts';
import type { SavedState } from '../../src/policy/snapshot/saved.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createMemoryArchive, type MemoryArchive } from '../support/memory-archive.ts';
import { codeOf, nodeOn, type TestNode } from '../support/policy-node.ts';
import { createSeededRandom, type SeededRandom } from '../support/seeded-random.ts';
import { stateHash } from '../support/state-hash.ts';

const RUNS = Number(process.env['HOLDFAST_BEGIN_RUNS'] ?? 12);
const FIRST_SEED = Number(process.env['HOLDFAST_SEED'] ?? Math.floor(Math.random() * 1e9));

interface Pruner extends TestNode {
  readonly pruning: Pruning;
  readonly saved: Map<string, SavedState>;
}

/** On what is on a disk, and what was kept there. */
const start = async (
  archive: MemoryArchive,
  disk = createMemoryDisk(),
  saved = new Map<string, SavedState>(),
): Promise<Pruner> => {
  const ledger = await createMemoryLedger({ disk });
  const states = { save: async (key: string, state: SavedState) => void saved.set(key, state) };
  const node = nodeOn(ledger, {
    clock: systemClock,
    pruning: { archive, states, saved, bodies: ledger.bodies },
  });
  const { pruning } = node.policies;
  if (pruning === undefined) throw new Error('it drops nothing');
  return { ...node, pruning, saved };
};

const write = async ({ policies }: TestNode, random: SeededRandom): Promise<void> => {
  for (let step = random.integer(5, 15); step > 0; step -= 1) {
    const id = random.pick(['one', 'two', 'three', 'four']);
    const lives = policies.book.get(id) !== undefined;
    if (!lives) await policies.insert({ site: { id, a: random.integer(0, 3), b: 'x' } });
    else if (random.chance(0.2)) await policies.delete(id);
    else await policies.update(id, { [random.pick(['a', 'b', 'c'])]: random.pick([1, 2, null]) });
  }
};

const rawsOf = (held: readonly HeldEntry[], hashes: readonly string[]): readonly RawEntry[] => {
  const named = new Set(hashes);
  return held.flatMap(({ entry }) => (named.has(entry.hash) ? [entry.raw] : []));
};

const stateOf = async ({ policies }: TestNode): Promise<unknown> => {
  await policies.caughtUp();
  const { root } = await policies.past(EVERYTHING);
  return { root, hash: stateHash(policies.book), policies: policies.book.ofType() };
};

test(`${RUNS} histories: who begins with the snapshots of a pruned node has the book of one that has all`, async () => {
  for (let run = 0; run < RUNS; run += 1) {
    const where = `HOLDFAST_SEED=${FIRST_SEED + run} HOLDFAST_BEGIN_RUNS=1`;
    const random = createSeededRandom(FIRST_SEED + run);
    const archive = createMemoryArchive();
    const full = await start(archive);
    await full.ledger.createNetwork('test', 'open');
    for (let snapshots = random.integer(1, 3); snapshots > 0; snapshots -= 1) {
      await write(full, random);
      await full.policies.snapshots.make();
    }
    if (random.chance(0.7)) await write(full, random);
    const whole = await full.ledger.follow(0, 1_000);
    for (const { entry } of whole) archive.kept.set(entry.hash, entry.raw.body);
    const before = await stateOf(full);
    await full.pruning.prune();
    for (const [key, { leaves }] of full.saved) archive.states.set(key, leaves.map(canonicalBytes));
    const cover = await full.policies.snapshots.cover();
    const held = await full.ledger.follow(0, 1_000);
    const proof = rawsOf(held, cover?.proof ?? []);
    const late = await start(archive);
    expect(await late.policies.snapshots.prove(full.ledger.network ?? '', proof), where).toBe(
      cover && atOnce(cover.logs.root()),
    );
    for (let at = 0; at < held.length;) {
      const size = random.integer(1, 20);
      const raws = held.slice(at, at + size).map(({ entry }) => entry.raw);
      for (const { verdict } of await late.ledger.offer(raws, full.ledger.author, cover?.logs))
        expect(verdict, where).toBe('accept');
      at += size;
    }
    expect(late.ledger.version, where).toBe(full.ledger.version);
    const reached = await codeOf(late.policies.caughtUp());
    expect(reached, where).toBe(full.pruning.count > 0 ? 'ENTRY_ARCHIVED' : 'no error');
    expect(late.pruning.count, where).toBe(full.pruning.count);
    if (full.pruning.count > 0) expect(await late.pruning.askForLeaves(), where).toBe(true);
    expect(await stateOf(late), where).toEqual(before);
    // It has kept what it was given: another start needs nobody.
    const again = await start(createMemoryArchive(), late.ledger.disk, late.saved);
    expect(await stateOf(again), where).toEqual(before);
    expect(await late.pruning.fill(), where).toMatchObject({ bodies: full.pruning.count });
    expect(await stateOf(late), where).toEqual(before);
    for (const id of late.policies.book.ofType().map((state) => state.id))
      expect(
        (await late.policies.history(id)).every(({ archived }) => archived === undefined),
        where,
      ).toBe(true);
  }
}, 120_000);
