import { beforeEach, expect, test } from 'vitest';
import { runCampaign } from '../../scripts/faults/campaign.ts';
import type { FaultName } from '../../scripts/faults/kinds.ts';
import { simulationSeeds } from '../support/seeded-random.ts';
import { tempDir } from '../support/temp-dir.ts';

/** A sample of what `npm run test:faults` tries for as long as it is told to. */
const SAMPLE: readonly FaultName[] = [
  'kill -9 at a call',
  'kill -9 at a call of the start',
  'kill -9 of all nodes',
  'damage of a file',
];

let dir: string;
beforeEach(() => void (dir = tempDir()));

test.each(simulationSeeds(1))(
  'whatever happens to two operators under load, no acknowledged row is lost and none is doubled (HOLDFAST_SEED=%i)',
  async (seed) => {
    const faults = SAMPLE.values();
    const said: string[] = [];
    const report = await runCampaign({
      seed,
      dir,
      next: () => faults.next().value,
      say: (line) => said.push(line),
    });
    expect(report.failures, said.join('\n')).toEqual([]);
    expect(Object.values(report.faults).reduce((sum, { tried }) => sum + tried, 0)).toBe(SAMPLE.length);
    expect(report.rowsAcknowledged).toBeGreaterThan(200);
  },
  180_000,
);
