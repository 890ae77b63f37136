import { afterEach, beforeEach, expect, test } from 'vitest';
import { NUMBERING_LEAP } from '../../../src/base/limits.ts';
import { ReplicationWorld, type SimulatedOperator } from '../../support/replication-world.ts';

const FILES = 5;

let world: ReplicationWorld;
let one: SimulatedOperator;
let two: SimulatedOperator;
/** The first has lost its databases and not what it remembers of them; the second cannot be reached. */
beforeEach(async () => {
  world = await ReplicationWorld.linked(2);
  const { clock, hub } = world;
  [one, two] = [world.operator(1), world.operator(2)];
  await clock.advance(15_000);
  for (let count = 0; count < FILES; count += 1) world.put(one);
  await clock.runUntil(() => two.store.all().length === FILES, 10_000, 'the second holds them');
  await clock.runUntil(() => one.flag.held.size > 0, 20_000, 'the first remembers some');
  const { flag } = one;
  await world.loseDisk(one);
  one.flag = flag;
  hub.cut(one.key, two.key);
  await world.start(one);
});
afterEach(() => world.close());

const lacks = (): number => one.replication!.shortfall(new Map()).overdue;

test('an operator that lost own files and reaches nobody gives no number that its peers know', async () => {
  const { clock, hub } = world;
  await clock.runUntil(() => one.known, 10_000, 'it takes data all the same');
  world.put(one);
  expect(one.store.all().map(({ file }) => file > NUMBERING_LEAP)).toEqual([true]);
  hub.heal();
  await clock.runUntil(() => two.store.all().length === FILES + 1 && world.equal(), 30_000, 'both hold all');
});

test('one that reaches its peer goes on without a gap', async () => {
  const { clock, hub } = world;
  hub.heal();
  await clock.runUntil(() => one.known && one.store.all().length === FILES, 2_500, 'it has its files back');
  world.put(one);
  expect(one.store.holdings().get(one.id)).toEqual([[1, FILES + 1]]);
});

test('answers say that they lack what was lost, until it is back', async () => {
  const { clock, hub } = world;
  await clock.runUntil(() => one.consumer!.filled, 10_000, 'it answers');
  expect(lacks()).toBeGreaterThan(0);
  hub.heal();
  await clock.runUntil(() => one.store.all().length === FILES, 20_000, 'it is back');
  expect(lacks()).toBe(0);
});
