import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { ScheduleFailed, type SimulationName } from '../../test/simulation/schedules.ts';

/** Schedules that a worker runs before it tells: a second or two. */
const PIECE = 400;
/** A schedule takes milliseconds, the longest a second. */
const ENDLESS_MS = 60_000;
const LOOK_MS = 5_000;

/** What was done of one simulation. */
export interface Progress {
  readonly name: SimulationName;
  readonly done: number;
  /** Of all workers together. */
  readonly busyMs: number;
}

export interface PoolOptions {
  readonly names: readonly SimulationName[];
  /** Of the first schedule of each simulation; the others follow. */
  readonly seed: number;
  /** Of each simulation. */
  readonly schedules: number;
  readonly seconds: number;
  readonly workers: number;
  readonly tell: (all: readonly Progress[]) => void;
}

/** What a worker is asked for. */
export interface Piece {
  readonly name: SimulationName;
  readonly from: number;
  readonly count: number;
}

const answer = z.object({
  busyMs: z.number(),
  failed: z.object({ seed: z.number(), text: z.string() }).optional(),
});
export type Answer = z.infer<typeof answer>;

/** Runs the schedules in worker threads, up to the first failure. */
export const runOnCores = async (
  options: PoolOptions,
): Promise<{ readonly all: readonly Progress[]; readonly failed: ScheduleFailed | undefined }> => {
  const { names, workers, tell } = options;
  const done = new Map(names.map((name) => [name, { name, done: 0, busyMs: 0 }]));
  const pieces = piecesOf(options);
  let failed: ScheduleFailed | undefined;
  const work = async (): Promise<void> => {
    const crew = new Crew();
    try {
      for (const piece of pieces) {
        if (failed !== undefined) break;
        const outcome = await crew.run(piece);
        if (outcome instanceof ScheduleFailed) {
          failed ??= outcome;
          break;
        }
        const of = done.get(piece.name);
        if (of === undefined) continue;
        of.done += piece.count;
        of.busyMs += outcome.busyMs;
        tell([...done.values()]);
      }
    } finally {
      await crew.close();
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return { all: [...done.values()], failed };
};

/** The simulations in turn, until the number or the time is reached. Shared by the workers: each takes the next. */
function* piecesOf({ names, seed, schedules, seconds }: PoolOptions): Generator<Piece, void, undefined> {
  const endMs = performance.now() + seconds * 1_000;
  for (let at = 0; at < schedules; at += PIECE)
    for (const name of names) {
      if (performance.now() >= endMs) return;
      yield { name, from: seed + at, count: Math.min(PIECE, schedules - at) };
    }
}

/** One worker thread, and the seed that it is at. */
class Crew {
  readonly #at = new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT));
  readonly #worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: this.#at });

  run(piece: Piece): Promise<Answer | ScheduleFailed> {
    return new Promise((resolve, reject) => {
      let last = { seed: NaN, sinceMs: performance.now() };
      const end = (outcome: Answer | ScheduleFailed): void => {
        clearInterval(watch);
        this.#worker.off('message', onMessage).off('error', reject);
        resolve(outcome);
      };
      const onMessage = (message: unknown): void => {
        const parsed = answer.parse(message);
        const { failed } = parsed;
        end(failed === undefined ? parsed : new ScheduleFailed(piece.name, failed.seed, new Error(failed.text)));
      };
      const watch = setInterval(() => {
        const [seed = NaN] = this.#at;
        if (seed !== last.seed) last = { seed, sinceMs: performance.now() };
        else if (performance.now() - last.sinceMs > ENDLESS_MS)
          end(new ScheduleFailed(piece.name, seed, new Error('it does not end'), true));
      }, LOOK_MS);
      this.#worker.on('message', onMessage).on('error', reject);
      this.#worker.postMessage(piece);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
