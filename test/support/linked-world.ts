import { onTestFinished } from 'vitest';
import { ReplicationWorld, type SimulatedOperator } from './replication-world.ts';

/** Operators that know and have reached one another, until the test that asks for them has ended. */
export const linkedWorld = async (operators: number): Promise<ReplicationWorld> => {
  const world = await ReplicationWorld.linked(operators);
  onTestFinished(() => world.close());
  return world;
};

/** How many files an operator holds. */
export const filesOf = ({ store }: SimulatedOperator): number => store.all().length;
