import { afterEach, describe, expect, test } from 'vitest';
import { ReplicationWorld, type SimulatedOperator } from '../../support/replication-world.ts';

let world: ReplicationWorld;
afterEach(async () => {
  await world.close();
});

const startTwo = async (): Promise<[SimulatedOperator, SimulatedOperator]> => {
  world = await ReplicationWorld.create({ seed: 7, operators: 2 });
  const linked = ({ replication }: SimulatedOperator): boolean =>
    replication!.peers().every(({ connected }) => connected);
  await world.clock.runUntil(
    () => world.operators.every((each) => each.known && linked(each)),
    10_000,
    'both are linked',
  );
  return world.operators as [SimulatedOperator, SimulatedOperator];
};

describe('an operator whose store fails', () => {
  test('asks with pauses for a file that is said to be stored and is not held', async () => {
    const [one, two] = await startTwo();
    await world.crash(two);
    world.put(one);
    let stores = 0;
    // Beyond any pause, an answer never comes: without pauses the clock would stand still.
    two.store.store = async (copies) =>
      (stores += 1) > 100 ? new Promise<never>(() => {}) : copies.map(() => 'held' as const);
    await world.start(two);
    await world.clock.advance(10_000);
    expect(stores).toBeGreaterThan(1);
    expect(stores).toBeLessThan(20);
    expect(two.consumer!.peers()[0]!.lastError).toContain('is not held');
  });
});
