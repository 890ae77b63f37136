import { describe, expect, test } from 'vitest';
import { simulationSeeds } from '../support/seeded-random.ts';
import { runCluster } from './cluster.ts';

describe('a cluster of operators under random faults', () => {
  const seeds = simulationSeeds(Number(process.env['HOLDFAST_SIMULATIONS'] ?? 300));
  test.each(seeds)('ends equal on all operators, each content once (HOLDFAST_SEED=%i)', async (seed) => {
    await runCluster(seed);
  });

  test('a seed gives the same schedule each time', async () => {
    expect(await runCluster(7)).toEqual(await runCluster(7));
  });
});
