import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { rowsText } from '../conformance/file-store.ts';
import { Operating } from '../support/operating.ts';
import { createSeededRandom, simulationSeeds } from '../support/seeded-random.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const ROUNDS = 4;

describe('an operator that is killed at any moment', () => {
  let dir: string;
  beforeEach(async () => {
    dir = tempDir();
    await mkdir(join(dir, 'watch'));
  });

  test.each(simulationSeeds(1))(
    'loses nothing that it acknowledged and doubles nothing (HOLDFAST_SEED=%i)',
    async (seed) => {
      const random = createSeededRandom(seed);
      let next = 0;
      /** First reading of a group of ten → whether it must be there. */
      const sure = new Set<number>();
      const sent = new Set<number>();
      const group = (): { from: number; content: string } => {
        const from = next;
        next += 10;
        sent.add(from);
        return { from, content: rowsText(from, 10) };
      };

      for (let round = 0; round < ROUNDS; round += 1) {
        const operating = await Operating.start(dir);
        let running = true;
        const client = async (kind: 'put' | 'stream'): Promise<void> => {
          while (running) {
            const { from, content } = group();
            await operating.ask({ kind, content }).then(
              () => sure.add(from),
              () => {},
            );
          }
        };
        const dropper = async (): Promise<void> => {
          while (running) {
            const { from, content } = group();
            await writeFile(join(dir, `${from}`), content);
            await rename(join(dir, `${from}`), join(dir, 'watch', `plant.readings.${from}.json`));
            sure.add(from);
            await new Promise((resolve) => setTimeout(resolve, 3));
          }
        };
        const busy = [client('put'), client('put'), client('stream'), client('stream'), dropper()];
        await new Promise((resolve) => setTimeout(resolve, random.integer(20, 500)));
        await operating.kill();
        running = false;
        await Promise.all(busy);
      }

      const operating = await Operating.start(dir);
      await waitFor(async () => ((await operating.ask({ kind: 'settle' })) as { queued: number }).queued === 0, {
        timeoutMs: 20_000,
      });
      const settled = (await operating.ask({ kind: 'settle' })) as { failures: unknown[] };
      expect(settled.failures).toEqual([]);
      const rows = (await operating.ask({ kind: 'rows' })) as number[];
      await operating.kill();

      const held = new Map<number, number>();
      for (const reading of rows) held.set(reading, (held.get(reading) ?? 0) + 1);
      expect([...held].filter(([, times]) => times > 1)).toEqual([]);
      const whole = (from: number): number =>
        Array.from({ length: 10 }, (_, at) => held.get(from + at) ?? 0).reduce((a, b) => a + b, 0);
      expect([...sure].filter((from) => whole(from) !== 10)).toEqual([]);
      expect([...sent].filter((from) => ![0, 10].includes(whole(from)))).toEqual([]);
      expect(sure.size).toBeGreaterThan(50);
    },
    120_000,
  );
});
