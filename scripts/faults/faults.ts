/**
 * Real processes under load, and everything that can happen to them, one fault after the other:
 *
 *   npm run test:faults [-- --minutes N --seed S --only TEXT --json]
 *
 * Two operators take rows by REST, in files and as streams, and policies; after each fault both must hold each acknowledged row
 * once and nothing twice. Exit status 0 exactly when nothing was lost or doubled and the nodes always came back.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createSeededRandom } from '../../test/support/seeded-random.ts';
import { runCampaign } from './campaign.ts';
import { drawFaults, type FaultName } from './kinds.ts';
import { lackOfBounds } from './bounds.ts';
import { lackOfNamespaces } from './namespaces.ts';
import { isBroken, printReport } from './report.ts';
import { lackOfCompiler } from './compile.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 1e9)}` },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: npm run test:faults -- --minutes N --seed S --only TEXT --json\n');
  process.exit(2);
}
const lack = lackOfNamespaces();
const skipped = [
  ...(lack === undefined ? [] : [`skipped: network namespaces (${lack})`]),
  ...(lackOfCompiler() === undefined ? [] : [`skipped: slow disk (${lackOfCompiler()})`]),
  ...(lackOfBounds() === undefined ? [] : [`skipped: few file descriptors, no memory (${lackOfBounds()})`]),
];
const draw = drawFaults(createSeededRandom(seed, 'draw'), { minutes, only: values.only });
let first = draw();
if (first === undefined) {
  process.stderr.write(
    `no fault is tried: none is named ${values.only ?? ''}, or it takes more than ${minutes} minutes\n`,
  );
  process.exit(2);
}
const next = (): FaultName | undefined => {
  const drawn = first ?? draw();
  first = undefined;
  return drawn;
};
const dir = mkdtempSync(join(tmpdir(), 'holdfast-traps-'));
const endMs = performance.now() + minutes * 60_000;
const startedMs = performance.now();
process.stderr.write(`faults for ${minutes} minutes, seed ${seed}\n`);
for (const line of skipped) process.stderr.write(`${line}\n`);
try {
  const report = await runCampaign({
    seed,
    dir,
    namespaces: lack === undefined,
    next: () => (performance.now() < endMs ? next() : undefined),
    say: (line) =>
      process.stderr.write(`${((performance.now() - startedMs) / 1_000).toFixed(0).padStart(5)} ${line}\n`),
  });
  printReport(report, values.json);
  if (!values.json) for (const line of skipped) console.log(line);
  process.exitCode = isBroken(report) ? 1 : 0;
} finally {
  rmSync(dir, { recursive: true, force: true });
}
