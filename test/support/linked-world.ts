import { onTestFinished } from 'vitest';
import { ReplicationWorld, type SimulatedOperator } from './replication-world.ts';

/** Operators that know and have reached one another, until the test that asks for them has ended. */
export const linkedWorld = async (operators: number): Promise<ReplicationWorld> => {
  const world = await ReplicationWorld.linked(operators);
  onTestFinished(() => world.close());
  return world;
};

/** Two of them, by name. */
export const linkedPair = async () => {
  const world = await linkedWorld(2);
  return { world, clock: world.clock, one: world.operator(1), two: world.operator(2) };
};

/** Three of them. */
export const linkedTrio = async () => {
  const world = await linkedWorld(3);
  return { world, clock: world.clock, one: world.operator(1), two: world.operator(2), three: world.operator(3) };
};

/** How many files an operator holds. */
export const filesOf = ({ store }: SimulatedOperator): number => store.all().length;
