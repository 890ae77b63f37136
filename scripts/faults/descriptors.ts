import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Scene } from './kinds.ts';

/** Why the bounds of a process that runs cannot be set here; undefined where they can. */
export const lackOfBounds = (): string | undefined => {
  if (process.platform !== 'linux') return 'only Linux has prlimit';
  return spawnSync('prlimit', ['--version']).status === 0 ? undefined : 'prlimit (util-linux) is missing';
};

const prlimit = (pid: number, ...args: readonly string[]): string =>
  execFileSync('prlimit', ['--pid', `${pid}`, ...args], { encoding: 'utf8' });

/** For a while a node can open no file and no connection, or few; half the time it is killed meanwhile. */
export const fewDescriptors = async ({ cluster, random }: Scene): Promise<string> => {
  const name = random.pick(cluster.names);
  const { pid } = cluster.node(name).facts;
  const open = readdirSync(`/proc/${pid}/fd`).length;
  // What is open stays so also where it has a number above the bound.
  const most = random.pick([3, 3, open - 10, open, open + 4]);
  const before = prlimit(pid, '--nofile', '--output', 'SOFT', '--noheadings').trim();
  prlimit(pid, `--nofile=${most}:`);
  await delay(random.integer(500, 4_000));
  const done = `${name} had ${open} open, and could have ${most}`;
  if (!cluster.node(name).running) throw new Error(`${done}: it ended`);
  if (random.chance(0.5)) {
    await cluster.kill(name);
    await cluster.startAgain(name);
    return `${done}, killed meanwhile`;
  }
  prlimit(pid, `--nofile=${before}:`);
  return done;
};
