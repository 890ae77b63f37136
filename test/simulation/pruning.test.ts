import { expect, test } from 'vitest';
import { simulationSeeds } from '../support/seeded-random.ts';
import { runLedger } from './ledger.ts';
import type { Outcome } from './outcome.ts';

/** Of the ledger's schedules one of eighty is of this kind. */
const SCHEDULES = 30;
const isOne = (process.env['HOLDFAST_SEED'] ?? '') !== '';

const pruning = (seed: number): Promise<Outcome> =>
  runLedger(seed, 1).catch((caught: unknown) => {
    throw new Error(`the schedule ${seed} failed; again: HOLDFAST_SEED=${seed}`, { cause: caught });
  });

test.each(simulationSeeds(1))(
  'simulated faults while bodies are dropped break no promise (HOLDFAST_SEED=%i and on)',
  async (seed) => {
    for (let at = 0; at < (isOne ? 1 : SCHEDULES); at += 1) await pruning(seed + at);
  },
  180_000,
);

test('a seed gives the same schedule of nodes that drop bodies each time', async () => {
  expect(await pruning(7)).toEqual(await pruning(7));
});
