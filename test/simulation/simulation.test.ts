import { describe, expect, test } from 'vitest';
import { simulationSeeds } from '../support/seeded-random.ts';
import { runSchedules, SIMULATIONS } from './schedules.ts';

/** A few, so that a bug shows here too: `npm run test:simulation` runs many. One alone where `HOLDFAST_SEED` is set. */
const SCHEDULES = 100;
const isOne = (process.env['HOLDFAST_SEED'] ?? '') !== '';

describe.each(['data', 'ledger'] as const)('simulated faults of %s', (name) => {
  test.each(simulationSeeds(1))(
    'break no promise, and all nodes end equal (HOLDFAST_SEED=%i and on)',
    async (seed) => {
      const count = isOne ? 1 : SCHEDULES;
      expect(await runSchedules(name, seed, (done) => done < count)).toBe(count);
    },
    180_000,
  );

  test('a seed gives the same schedule each time', async () => {
    for (const seed of [7, 8]) expect(await SIMULATIONS[name](seed)).toEqual(await SIMULATIONS[name](seed));
  });
});
