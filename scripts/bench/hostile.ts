/**
 * Honest traffic beside a hostile peer: a policy inserted at one node until another, which the hostile peer connects
 * to, has it. Each attack is measured in turns with and without it. The process that attacks takes a core of the
 * machine, so one that only computes stands beside: what is above that the nodes themselves spend on the attack. Names
 * of attacks as arguments: those alone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NodeProcess } from '../demo/node-process.ts';
import { attackNames } from './hostile-attacks.ts';
import { type Figure, quantile, report } from './report.ts';

const PROGRAM = fileURLToPath(new URL('hostile-attacks.ts', import.meta.url));
const COMPUTES = 'process.stdout.write("connected\\n"); for (;;);';
const TURNS = 4;
const ROUNDS = 25;

const dir = await mkdtemp(join(tmpdir(), 'holdfast-bench-hostile-'));
const victim = await NodeProcess.start({
  ...{ dir: join(dir, 'victim'), name: 'victim' },
  args: ['--network', 'besieged', '--admission', 'open'],
});
const bystander = await NodeProcess.start({
  ...{ dir: join(dir, 'bystander'), name: 'bystander' },
  args: ['--seed', victim.facts.listen],
});
let honest = 0;

/** Milliseconds from the insert at the bystander until the victim has it. */
const round = async (): Promise<number> => {
  const name = `site ${(honest += 1)}`;
  const startMs = performance.now();
  await bystander.run(`blockchain insert where policy = {"site": {"name": "${name}"}}`);
  while ((await victim.run(`blockchain get site where name = "${name}" bring.count`)).trim() !== '1') await delay(1);
  return performance.now() - startMs;
};

const rounds = async (): Promise<readonly number[]> => {
  const taken: number[] = [];
  for (let each = 0; each < ROUNDS; each += 1) taken.push(await round());
  return taken;
};

const ended = async (child: ChildProcess): Promise<void> => {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
};

/** The medians without and with a process beside, taken in turns. */
const besides = async (args: readonly string[]): Promise<{ readonly quiet: number; readonly besieged: number }> => {
  const [quiet, besieged]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < TURNS; turn += 1) {
    quiet.push(...(await rounds()));
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(child.stdout, 'data');
    besieged.push(...(await rounds()));
    await ended(child);
  }
  return { quiet: quantile(quiet, 0.5), besieged: quantile(besieged, 0.5) };
};

try {
  while ((await victim.json('blockchain get site bring.count')) === undefined) await delay(10);
  await rounds();
  const figures: Figure[] = [];
  const add = async (work: string, target: string, args: readonly string[]): Promise<void> => {
    const { quiet, besieged } = await besides(args);
    process.stderr.write(`${work}: ${besieged.toFixed(1)} ms, ${quiet.toFixed(1)} without\n`);
    figures.push({ work, ours: besieged, limit: quiet, against: 'the same without it', unit: 'ms', target });
  };
  await add('a process that only computes', '', ['-e', COMPUTES]);
  const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
  for (const name of asked.length > 0 ? asked : attackNames)
    await add(name, '≤ 200 %', [PROGRAM, name, victim.facts.listen, victim.facts.network ?? '']);
  report('honest traffic beside a hostile peer (p50)', figures);
} finally {
  await Promise.all([victim.stop(), bystander.stop()]);
  await rm(dir, { recursive: true, force: true });
}
