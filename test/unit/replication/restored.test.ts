import { afterEach, beforeEach, expect, test } from 'vitest';
import { ReplicationWorld, type SimulatedOperator } from '../../support/replication-world.ts';

let world: ReplicationWorld;
let one: SimulatedOperator;
let two: SimulatedOperator;
/** Two operators with a file; the second has taken others while the first was down. */
beforeEach(async () => {
  world = await ReplicationWorld.linked(2);
  const { clock } = world;
  [one, two] = world.operators as [SimulatedOperator, SimulatedOperator];
  world.put(one);
  await clock.runUntil(() => two.store.all().length === 1 && one.flag.value, 10_000, 'both hold it and are filled');
  await world.crash(one);
  for (let count = 0; count < 3; count += 1) world.put(two);
});
afterEach(() => world.close());

const { promise: never } = Promise.withResolvers<undefined>();

test('an operator of a backup answers and numbers nothing before it has heard of every peer', async () => {
  const { clock, hub } = world;
  hub.cut(one.key, two.key);
  one.older = Promise.resolve();
  await world.start(one);
  await clock.advance(60_000);
  expect([one.consumer!.filled, one.known]).toEqual([false, false]);
  expect(one.replication!.awaited.map(({ operator }) => operator)).toEqual([two.id]);
  hub.heal();
  await clock.runUntil(() => one.consumer!.filled && one.known, 30_000, 'it answers and numbers');
  expect(one.store.all()).toHaveLength(4);
  expect(one.replication!.awaited).toEqual([]);
});

test('nor before it knows all peers, nor after another start', async () => {
  const { clock } = world;
  one.older = never;
  await world.start(one);
  await clock.runUntil(() => one.store.all().length === 4, 30_000, 'it has everything of those that it knows');
  await clock.advance(10_000);
  expect([one.consumer!.filled, one.known]).toEqual([false, false]);
  await world.crash(one);
  const asked = Promise.withResolvers<undefined>();
  one.older = asked.promise;
  await world.start(one);
  await clock.advance(10_000);
  expect(one.consumer!.filled).toBe(false);
  asked.resolve(undefined);
  await clock.runUntil(() => one.consumer!.filled && one.known, 1_000, 'it answers and numbers');
});

test('one that is stopped before it knows all peers leaves nothing behind', async () => {
  const stopped = Promise.withResolvers<undefined>();
  one.older = stopped.promise;
  await world.start(one);
  stopped.reject(new Error('it stops'));
  await world.clock.advance(1_000);
  expect([one.consumer!.filled, one.known]).toEqual([false, false]);
});

test('what peers held and did not give yet is remembered: alone at the next start, answers say that it is lacking', async () => {
  const { clock, hub } = world;
  await world.loseDisk(one);
  await world.start(one, { mode: 'suspend' });
  await clock.advance(5_000);
  expect(one.consumer!.filled).toBe(false);
  await world.crash(one);
  hub.cut(one.key, two.key);
  await world.start(one);
  await clock.runUntil(() => one.consumer!.filled, 10_000, 'it answers');
  const lacking = (): number => one.replication!.shortfall(new Map()).overdue;
  // Its own came back, suspended or not.
  expect(lacking()).toBe(3);
  hub.heal();
  await clock.runUntil(() => one.store.all().length === 4, 20_000, 'it has all');
  expect([lacking(), one.consumer!.filled]).toEqual([0, true]);
  await clock.runUntil(() => one.flag.value, 20_000, 'and remembers that it is filled');
});
