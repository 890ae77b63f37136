import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { isSimulation, runSchedules, ScheduleFailed } from '../../test/simulation/schedules.ts';
import type { Answer } from './pool.ts';

const at = z.instanceof(Float64Array).parse(workerData);
const piece = z.object({ name: z.string().refine(isSimulation), from: z.number(), count: z.number() });

/** The innermost cause says what was broken. */
const reasonOf = (error: unknown): string =>
  error instanceof Error ? (error.cause === undefined ? error.message : reasonOf(error.cause)) : String(error);

parentPort?.on('message', (message: unknown) => {
  const { name, from, count } = piece.parse(message);
  const startedMs = performance.now();
  const answer = (failed?: Answer['failed']): void => {
    const busyMs = performance.now() - startedMs;
    parentPort?.postMessage({ busyMs, ...(failed === undefined ? {} : { failed }) } satisfies Answer);
  };
  const goesOn = (done: number): boolean => {
    at[0] = from + done;
    return done < count;
  };
  runSchedules(name, from, goesOn).then(
    () => answer(),
    (caught: unknown) => {
      if (!(caught instanceof ScheduleFailed)) throw caught;
      answer({ seed: caught.seed, text: reasonOf(caught) });
    },
  );
});
