import { runCluster } from './cluster.ts';
import { runLedger } from './ledger.ts';
import type { Outcome } from './outcome.ts';

/** What is simulated: operators of a cluster, or nodes of a ledger. */
export const SIMULATIONS = { data: runCluster, ledger: runLedger } satisfies Record<
  string,
  (seed: number) => Promise<Outcome>
>;
export type SimulationName = keyof typeof SIMULATIONS;

export const isSimulation = (name: string): name is SimulationName => name in SIMULATIONS;

/** A promise that a schedule broke; the same seed breaks it again. */
export class ScheduleFailed extends Error {
  readonly simulation: SimulationName;
  readonly seed: number;
  /** It was not broken but did not end, and would not again. */
  readonly endless: boolean;

  constructor(name: SimulationName, seed: number, cause: unknown, endless = false) {
    super(`the schedule ${seed} of ${name} failed; again: npm run test:simulation -- --of ${name} --seed ${seed}`, {
      cause,
    });
    this.simulation = name;
    this.seed = seed;
    this.endless = endless;
  }
}

/**
 * Runs schedule after schedule from a seed on, as long as `goesOn` says of their number; returns how many. Throws
 * `ScheduleFailed`.
 */
export const runSchedules = async (
  name: SimulationName,
  seed: number,
  goesOn: (done: number) => boolean,
): Promise<number> => {
  let done = 0;
  for (; goesOn(done); done += 1)
    await SIMULATIONS[name](seed + done).catch((caught: unknown) => {
      throw new ScheduleFailed(name, seed + done, caught);
    });
  return done;
};
