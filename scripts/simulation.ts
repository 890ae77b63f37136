/**
 * The data plane and the ledger under simulated faults, schedule after schedule:
 *
 *   npm run test:simulation [-- --of data|ledger --seed S --schedules N --seconds T]
 *
 * Without a seed a fresh one is drawn and both run for a minute together, on one core; with a seed one schedule is run
 * where nothing else is said. Prints the seed and the commit of a failure, runs it again, and ends with status 1.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { textOf } from '../src/base/errors.ts';
import { runSchedules, ScheduleFailed, type SimulationName, SIMULATIONS } from '../test/simulation/schedules.ts';

const { values } = parseArgs({
  options: {
    of: { type: 'string' },
    seed: { type: 'string' },
    schedules: { type: 'string' },
    seconds: { type: 'string' },
  },
});
const isSimulation = (name: string): name is SimulationName => name in SIMULATIONS;
const names = Object.keys(SIMULATIONS)
  .filter(isSimulation)
  .filter((name) => values.of === undefined || values.of === name);
const seed = Number(values.seed ?? Math.floor(Math.random() * 0x1_0000_0000));
const isAlone = values.schedules === undefined && values.seconds === undefined && values.seed !== undefined;
const schedules = Number(values.schedules ?? (isAlone ? 1 : Infinity));
const seconds = Number(values.seconds ?? (schedules < Infinity ? Infinity : 60)) / names.length;
if (names.length === 0 || ![seed, schedules, seconds].every((value) => value >= 0)) {
  process.stderr.write('usage: npm run test:simulation -- --of data|ledger --seed S --schedules N --seconds T\n');
  process.exit(2);
}

const describe = (error: unknown): string =>
  error instanceof Error && error.cause !== undefined ? describe(error.cause) : textOf(error);
const commit = (): string => {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return 'unknown';
  }
};

/** Runs the failed schedule once more, with the places of its errors. */
const again = async (name: SimulationName, failed: ScheduleFailed): Promise<void> => {
  Error.stackTraceLimit = 20;
  const second = await SIMULATIONS[name](failed.seed).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  const isSame = second !== undefined && describe(second) === describe(failed);
  process.stdout.write(
    `BROKEN ${failed.message}\n  commit ${commit()}\n  ${describe(failed)}\n` +
      `  ${isSame ? 'run again: the same' : `run again: ${second === undefined ? 'no failure' : describe(second)}`}\n`,
  );
  if (second instanceof Error) process.stdout.write(`${second.stack ?? ''}\n`);
};

for (const name of names) {
  const startedMs = performance.now();
  const passedMs = (): number => performance.now() - startedMs;
  try {
    const done = await runSchedules(name, seed, (count) => count < schedules && passedMs() < seconds * 1_000);
    const rate = ((done / passedMs()) * 1_000).toFixed(0);
    process.stdout.write(`ok     ${done} schedules of ${name} from seed ${seed} on, ${rate} per second\n`);
  } catch (caught) {
    if (!(caught instanceof ScheduleFailed)) throw caught;
    process.exitCode = 1;
    await again(name, caught);
  }
}
// Worlds that were left in the middle may hold timers.
process.exit();
