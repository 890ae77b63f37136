import { describe, expect, test } from 'vitest';
import { simulationSeeds } from '../support/seeded-random.ts';
import { runSchedules, SIMULATIONS } from './schedules.ts';

/** How long each simulation runs, on one core; one schedule alone where `HOLDFAST_SEED` is set. */
const SECONDS = { data: 20, ledger: 10 } as const;
const SCHEDULES_MIN = 10;
const isOne = (process.env['HOLDFAST_SEED'] ?? '') !== '';

describe.each(['data', 'ledger'] as const)('simulated faults of %s', (name) => {
  test.each(simulationSeeds(1))(
    'break no promise, and all nodes end equal (HOLDFAST_SEED=%i and on)',
    async (seed) => {
      const endMs = performance.now() + SECONDS[name] * 1_000;
      const goesOn = (done: number): boolean => (isOne ? done < 1 : done < SCHEDULES_MIN || performance.now() < endMs);
      expect(await runSchedules(name, seed, goesOn)).toBeGreaterThan(0);
    },
    180_000,
  );

  test('a seed gives the same schedule each time', async () => {
    for (const seed of [7, 8]) expect(await SIMULATIONS[name](seed)).toEqual(await SIMULATIONS[name](seed));
  });
});
