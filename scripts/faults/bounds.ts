import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../../test/support/wait.ts';
import { sized } from '../../src/base/disk-monitor.ts';
import type { Scene } from './kinds.ts';

/** So long a node under load may live with the memory that it is left. */
const STARVED_MS_MAX = 6_000;
const MEBIBYTE = 1_048_576;

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

/** Bytes of memory of its own that a process could write to. */
const memoryOf = (pid: number): number =>
  1_024 * Number(/VmData:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN);

/**
 * A node under load gets no more memory, or as good as none: it ends at whatever it was about, or is killed, or goes on with what
 * failed meanwhile.
 */
export const noMemory = async ({ cluster, random }: Scene): Promise<string> => {
  const name = random.pick(cluster.names);
  const node = cluster.node(name);
  const held = memoryOf(node.facts.pid);
  // What it holds stays its own also where that is above the bound: whatever it gives back is gone then.
  const most = held + random.integer(-64, 4) * MEBIBYTE;
  const before = prlimit(node.facts.pid, '--data', '--output', 'SOFT', '--noheadings').trim();
  prlimit(node.facts.pid, `--data=${most}:`);
  const done = `${name} held ${sized(held)}, and ${sized(Math.abs(most - held))} ${most < held ? 'less' : 'more'} were allowed`;
  await waitFor(() => !node.running, { timeoutMs: random.integer(1_000, STARVED_MS_MAX) }).catch(() => {});
  const hasEnded = !node.running;
  if (!hasEnded && random.chance(0.5)) {
    prlimit(node.facts.pid, `--data=${before}:`);
    return `${done}: it lived with that`;
  }
  await cluster.kill(name);
  await cluster.startAgain(name);
  return `${done}: ${hasEnded ? 'it ended' : 'killed meanwhile'}`;
};
