/**
 * The data plane and the ledger under simulated faults, schedule after schedule, on all cores:
 *
 * npm run test:simulation [-- --of data|ledger --seed S --schedules N --seconds T --workers W]
 *
 * N schedules of each. Without a seed a fresh one is drawn and both run for a minute together; with a seed one schedule
 * is run where nothing else is said. Prints the seed and the commit of a failure, runs it again, and ends with status
 * 1.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { textOf } from '../src/base/errors.ts';
import { isSimulation, type ScheduleFailed, type SimulationName, SIMULATIONS } from '../test/simulation/schedules.ts';
import { type Progress, runOnCores } from './simulation/pool.ts';

const PROGRESS_MS = 10_000;

const { values } = parseArgs({
  options: {
    of: { type: 'string' },
    seed: { type: 'string' },
    schedules: { type: 'string' },
    seconds: { type: 'string' },
    workers: { type: 'string' },
  },
});
const names = Object.keys(SIMULATIONS)
  .filter(isSimulation)
  .filter((name) => values.of === undefined || values.of === name);
const seed = Number(values.seed ?? Math.floor(Math.random() * 0x1_0000_0000));
const isAlone = values.schedules === undefined && values.seconds === undefined && values.seed !== undefined;
const schedules = Number(values.schedules ?? (isAlone ? 1 : Infinity));
const seconds = Number(values.seconds ?? (schedules < Infinity ? Infinity : 60));
const workers = Math.min(Number(values.workers ?? availableParallelism()), names.length * schedules);
if (names.length === 0 || ![seed, schedules, seconds].every((value) => value >= 0) || !(workers >= 1)) {
  const options = '--of data|ledger --seed S --schedules N --seconds T --workers W';
  process.stderr.write(`usage: npm run test:simulation -- ${options}\n`);
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
  const report = `BROKEN ${failed.message}\n  commit ${commit()}\n  ${describe(failed)}\n`;
  process.stdout.write(report);
  if (failed.endless) return;
  Error.stackTraceLimit = 20;
  const second = await SIMULATIONS[name](failed.seed).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  const isSame = second !== undefined && describe(second) === describe(failed);
  const outcome = isSame ? 'the same' : second === undefined ? 'no failure' : describe(second);
  process.stdout.write(`  run again: ${outcome}\n`);
  if (second instanceof Error) process.stdout.write(`${second.stack ?? ''}\n`);
};

const startedMs = performance.now();
let toldMs = startedMs;
const tell = (all: readonly Progress[]): void => {
  const nowMs = performance.now();
  if (nowMs - toldMs < PROGRESS_MS) return;
  toldMs = nowMs;
  const counts = all.map(({ name, done }) => `${done} of ${name}`).join(', ');
  process.stdout.write(`       ${counts} in ${((nowMs - startedMs) / 1_000).toFixed(0)} s\n`);
};

const result = await runOnCores({ names, seed, schedules, seconds, workers, tell });
for (const { name, done, busyMs } of result.all.filter((progress) => progress.done > 0)) {
  const rate = ((done / busyMs) * 1_000).toFixed(0);
  process.stdout.write(`ok     ${done} schedules of ${name} from seed ${seed} on, ${rate} per second and core\n`);
}
if (result.failed !== undefined) {
  process.exitCode = 1;
  await again(result.failed.simulation, result.failed);
}
// Worlds that were left in the middle may hold timers.
process.exit();
