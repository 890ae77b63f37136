import { afterEach, beforeEach, expect, test } from 'vitest';
import { PEERS_WAIT_MS } from '../../../src/base/limits.ts';
import { ReplicationWorld, type SimulatedOperator } from '../../support/replication-world.ts';

let world: ReplicationWorld;
let one: SimulatedOperator;
let two: SimulatedOperator;
/** The second was filled, is down, and the first has taken in more since. */
beforeEach(async () => {
  world = await ReplicationWorld.linked(2);
  [one, two] = [world.operator(1), world.operator(2)];
  await world.clock.runUntil(() => two.flag.value, 10_000, 'it is filled for good');
  await world.crash(two);
  world.put(one);
});
afterEach(() => world.close());

const heard = (): boolean => two.replication!.heard;

test('an operator that was down has heard its peers when it knows what it lacks', async () => {
  await world.start(two, { mode: 'suspend' });
  expect([two.replication!.filled, heard()]).toEqual([true, false]);
  await world.clock.runUntil(heard, PEERS_WAIT_MS - 1, 'it has heard');
  expect(two.replication!.shortfall(new Map()).lacking).toBe(1);
});

test('peers that cannot be reached are waited for no longer than a moment', async () => {
  await world.crash(one);
  await world.start(two);
  await world.clock.advance(PEERS_WAIT_MS - 1);
  expect(heard()).toBe(false);
  await world.clock.advance(1);
  expect(heard()).toBe(true);
});

test('who has no peers waits for nobody', async () => {
  world.departed.add(one);
  await world.start(two);
  expect(heard()).toBe(true);
});
