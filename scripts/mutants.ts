/**
 * Plants known bugs one at a time and sees whether the tests find them:
 *
 * npm run test:mutants [-- NAME… --json --at-once N]
 *
 * NAME chooses the bugs whose name or file holds it. Exit status 0 where at least 95 % are found, 1 where fewer are, 2
 * where the tests cannot tell (they fail without a bug) or no bug is chosen.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type Mutant, planted } from '../test/mutants/mutant.ts';
import { MUTANTS } from '../test/mutants/mutants.ts';

const ROOT = join(import.meta.dirname, '..');
const COPIED = ['src', 'test', 'fixtures', 'scripts', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
const AT_ONCE_MAX = 2;
const MUTANT_MS_MAX = 120_000;
const BASELINE_MS_MAX = 600_000;
const FOUND_MIN = 0.95;
/** Property tests make fewer runs than they do by themselves: a bug that needs more is not found by few fast tests. */
const FEWER_RUNS = { HOLDFAST_PROPERTY_RUNS: '60', HOLDFAST_AUTHORITY_RUNS: '2000' };

/**
 * `found`: a test failed. `time-out`: the tests did not end, which nobody overlooks. `broken`: no test ran into it, the
 * files could not even be loaded, so it proves nothing and does not count.
 */
type Outcome = 'found' | 'time-out' | 'not found' | 'broken';

interface Verdict {
  readonly outcome: Outcome;
  readonly seconds: number;
  /** The test that failed, or what else there is to say. */
  readonly by: string;
}

const reportSchema = z.object({
  numPassedTests: z.int(),
  testResults: z.array(
    z.object({
      message: z.string().default(''),
      assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })),
    }),
  ),
});

/** Whether vitest ended by itself, and how. The whole process group ends with its time. */
const runVitest = (dir: string, tests: readonly string[], msMax: number): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    rmSync(join(dir, 'report.json'), { force: true });
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
    const report = ['--reporter=json', `--outputFile=${join(dir, 'report.json')}`];
    const options = ['--maxWorkers=1', '--bail=1', ...report];
    const child = spawn(process.execPath, [vitest, 'run', ...options, ...tests], {
      cwd: dir,
      env: { ...process.env, ...FEWER_RUNS },
      stdio: 'ignore',
      detached: true,
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, msMax);
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve(late ? undefined : (status ?? 1));
    });
  });

const readVerdict = (dir: string, status: number | undefined): Omit<Verdict, 'seconds'> => {
  if (status === undefined) return { outcome: 'time-out', by: 'the tests did not end' };
  const path = join(dir, 'report.json');
  if (!existsSync(path)) return { outcome: 'broken', by: `vitest ended with ${status} and without a report` };
  const { testResults, numPassedTests } = reportSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  const failed = testResults.flatMap((file) => file.assertionResults).find((test) => test.status === 'failed');
  if (failed !== undefined) return { outcome: 'found', by: failed.fullName };
  if (status === 0 && numPassedTests > 0) return { outcome: 'not found', by: '' };
  const message = testResults.map((file) => file.message).find((text) => text !== '') ?? `vitest ended with ${status}`;
  return { outcome: 'broken', by: message.split('\n')[0] ?? '' };
};

/**
 * Runs test files in a copy of the repository, with the bug in it where one is given: those of each part together, to
 * the first failure.
 */
const runCopy = async (
  mutant: Mutant | undefined,
  parts: readonly (readonly string[])[],
  msMax: number,
): Promise<Verdict> => {
  const startedMs = performance.now();
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-mutant-'));
  try {
    for (const name of COPIED) cpSync(join(ROOT, name), join(dir, name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    if (mutant !== undefined) writeFileSync(join(dir, mutant.file), planted(ROOT, mutant));
    let verdict: Omit<Verdict, 'seconds'> = { outcome: 'broken', by: 'no tests' };
    for (const part of parts) {
      verdict = readVerdict(dir, await runVitest(dir, part, msMax));
      if (verdict.outcome !== 'not found') break;
    }
    return { ...verdict, seconds: (performance.now() - startedMs) / 1_000 };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, 'at-once': { type: 'string', default: '2' } },
});
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const lineOf = ({ name, file }: Mutant, { outcome, seconds, by }: Verdict): string =>
  `${outcome.padEnd(9)} ${seconds.toFixed(1).padStart(6)} s  ${name} (${file})${by === '' ? '' : `: ${by}`}`;

const chosen = MUTANTS.filter(
  ({ name, file }) =>
    positionals.length === 0 || positionals.some((part) => name.includes(part) || file.includes(part)),
);
if (chosen.length === 0) {
  say('no bug of that name; see test/mutants');
  process.exit(2);
}
// Where the edits do not fit, say so before minutes of tests.
for (const mutant of chosen) planted(ROOT, mutant);

// A test that fails without a bug would find every one.
const baseline = await runCopy(undefined, [[...new Set(chosen.flatMap(({ tests }) => tests))]], BASELINE_MS_MAX);
if (baseline.outcome !== 'not found') {
  say(`without any bug: ${baseline.outcome}: ${baseline.by}`);
  process.exit(2);
}
say(`without any bug all tests pass, ${baseline.seconds.toFixed(1)} s; ${chosen.length} bugs to plant`);

const verdicts = new Map<Mutant, Verdict>();
const waiting = chosen.values();
const worker = async (): Promise<void> => {
  for (const mutant of waiting) {
    // One after the other, since most bugs are found by the first.
    const verdict = await runCopy(
      mutant,
      mutant.tests.map((test) => [test]),
      MUTANT_MS_MAX,
    );
    verdicts.set(mutant, verdict);
    say(lineOf(mutant, verdict));
  }
};
const atOnce = Math.min(AT_ONCE_MAX, Math.max(1, Number(values['at-once']) || 1));
await Promise.all(Array.from({ length: atOnce }, worker));

const results = chosen.flatMap((mutant) => {
  const verdict = verdicts.get(mutant);
  return verdict === undefined ? [] : [{ name: mutant.name, file: mutant.file, ...verdict }];
});
const found = results.filter(({ outcome }) => outcome === 'found' || outcome === 'time-out').length;
const share = found / chosen.length;
if (values.json) process.stdout.write(`${JSON.stringify({ found, of: chosen.length, results }, null, 2)}\n`);
else {
  const width = Math.max(...results.map(({ name }) => name.length));
  for (const { name, outcome, seconds, by } of results)
    process.stdout.write(
      `${name.padEnd(width)}  ${outcome.padEnd(9)}  ${seconds.toFixed(1).padStart(6)} s  ${by.slice(0, 80)}\n`,
    );
  process.stdout.write(`\n${found} of ${chosen.length} found (${(100 * share).toFixed(1)} %)\n`);
}
process.exitCode = share >= FOUND_MIN ? 0 : 1;
