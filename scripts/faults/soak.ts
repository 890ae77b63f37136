/**
 * A long day in short: two operators under full load, one killed each 30 seconds, the path between them cut each 90:
 *
 * npm run test:soak [-- --minutes N --seed S --json]
 *
 * At its end each acknowledged row must be on both operators once. Memory and descriptors of the nodes are printed once
 * a minute; a node that was not killed must stay below 300 MB and be flat once it is warm. Exit status 0 exactly when
 * that held and nothing was lost or doubled.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createSeededRandom } from '../../test/support/seeded-random.ts';
import { becomeEqual, type Findings } from './check.ts';
import { FaultCluster, type Name } from './cluster.ts';
import { GROUP_ROWS, Load } from './load.ts';
import { Traps } from './traps.ts';
import { grown, type Sample, sampleOf } from './usage.ts';

const KILL_MS = 30_000;
const CUT_MS = 90_000;
const CUT_MS_MAX = 10_000;
const DOWN_MS_MAX = 5_000;
const SAMPLE_MS = 15_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 1e9)}` },
    json: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: npm run test:soak -- --minutes N --seed S --json\n');
  process.exit(2);
}
const random = createSeededRandom(seed, 'soak');
const startedMs = performance.now();
const sinceMs = (): number => performance.now() - startedMs;
const say = (line: string): void =>
  void process.stderr.write(`${(sinceMs() / 1_000).toFixed(0).padStart(5)} ${line}\n`);
const isOver = (): boolean => sinceMs() >= minutes * 60_000;

/** Does something again and again, at every multiple of a time. */
const each = async (everyMs: number, work: () => Promise<void>): Promise<number> => {
  for (let count = 0; ; count += 1) {
    await delay(Math.max(0, Math.min((count + 1) * everyMs, minutes * 60_000) - sinceMs()));
    if (isOver()) return count;
    await work();
  }
};

const dir = mkdtempSync(join(tmpdir(), 'holdfast-soak-'));
const cluster = await FaultCluster.start(new Traps(dir));
// The one is killed again and again; the other runs all the time, so that what grows in it shows.
const [stays, victim]: readonly Name[] = random.shuffled(cluster.names);
if (stays === undefined || victim === undefined) throw new Error('a soak needs two nodes');
// Policies stay in memory, and a network does not write dozens of them in a second.
const load = new Load(cluster, random, { pauseMsMax: 10, policyMsMax: 4_000 });
const samples: Sample[] = [];
say(`soak of ${minutes} minutes, seed ${seed}: ${victim} is killed each 30 s, ${stays} runs all the time`);
/** Runs until the time is over. */
const soak = async (): Promise<{ readonly kills: number; readonly cuts: number } & Findings> => {
  load.start();
  const [kills, cuts] = await Promise.all([
    each(KILL_MS, async () => {
      await cluster.kill(victim);
      await delay(random.integer(0, DOWN_MS_MAX));
      await cluster.startAgain(victim);
    }),
    each(CUT_MS, async () => {
      cluster.cut(random.pick([undefined, stays, victim]));
      await delay(random.integer(1_000, CUT_MS_MAX));
      cluster.heal();
    }),
    each(SAMPLE_MS, async () => {
      const sample = sampleOf(cluster.node(stays).facts.pid, sinceMs() / 60_000);
      samples.push(sample);
      say(
        `${load.groups.size * GROUP_ROWS} rows; ${stays}: ${sample.megabytes.toFixed(0)} MB, ${sample.descriptors} descriptors`,
      );
    }),
  ]);
  await load.stop();
  return { kills, cuts, ...(await becomeEqual(cluster, load)) };
};

let isWhole = false;
const { kills, cuts, lost, doubled, policies, reasons } = await soak()
  .then((found) => {
    isWhole = found.reasons.length === 0;
    return found;
  })
  .finally(async () => {
    await cluster.close({ keep: !isWhole });
    rmSync(dir, { recursive: true, force: true });
    if (!isWhole) say(`kept: ${cluster.dir}`);
  });
const growth = grown(samples);
const groups = [...load.groups.values()];
const result = {
  seed,
  minutes,
  kills,
  cuts,
  rowsWritten: groups.length * GROUP_ROWS,
  rowsAcknowledged: groups.filter(({ acknowledged }) => acknowledged).length * GROUP_ROWS,
  lost,
  doubled,
  policies,
  growth,
  samples,
};
if (values.json) console.log(JSON.stringify(result));
else {
  console.log(`\nkills ${kills}, cuts ${cuts}`);
  console.log(
    `rows written ${result.rowsWritten}, acknowledged ${result.rowsAcknowledged}, lost ${lost}, doubled ${doubled}`,
  );
  for (const line of [...reasons, ...growth]) console.log(`BROKEN ${line}`);
}
process.exitCode = reasons.length + growth.length > 0 ? 1 : 0;
