import { existsSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { textOf } from '../../src/base/errors.ts';
import { waitFor } from '../../test/support/wait.ts';
import type { Name } from './cluster.ts';
import { damage, filesOf } from './damage.ts';
import type { Scene } from './kinds.ts';

/** What SQLite keeps beside an open database: see {@link deleteLog} and {@link cutLog}. */
const BESIDE_DATABASE = /-(wal|shm)$/;
/** What a node looks through while it runs; damage of the rest is found when it is opened. */
const LOOKED_THROUGH = /\/data\/(dbms|archive)\//;

const LOG_IN_USE = /^[a-z0-9_]+\.sqlite-wal$/;
/** Until a node has seen that a log is gone, and has saved what it held. */
const LOG_MS_MAX = 20_000;

/** Starts a node with a damaged file: it mends that, or says what is wrong with it and is given back the file. */
const startDamaged = async ({ cluster }: Scene, name: Name, damaged: ReturnType<typeof damage>): Promise<string> => {
  const { what } = damaged;
  try {
    await cluster.startAgain(name);
    await cluster.runsAgain(name);
    await cluster.node(name).run('run scrub');
    return `${what}: mended`;
  } catch (failure) {
    if (cluster.node(name).running) throw new Error(what, { cause: failure });
    const said = /^.*hint: .*$/m.exec(textOf(failure));
    if (said === null) throw new Error(`${what}: the node does not say what to do`, { cause: failure });
    damaged.undo();
    await cluster.startAgain(name);
    return `${what}: refused, put back`;
  }
};

/** Any file of a node that does not run. */
export const damageStopped = async (scene: Scene): Promise<string> => {
  const { cluster, random } = scene;
  const name = random.pick(cluster.names);
  await scene.calm();
  await cluster.kill(name);
  return startDamaged(scene, name, damage(random.pick(filesOf(cluster.dirOf(name), random)), random));
};

/**
 * Any file of a node that runs and may have it open. What it looks through is mended while it runs, half the time; the
 * rest by the next start.
 */
export const damageRunning = async (scene: Scene): Promise<string> => {
  const { cluster, random } = scene;
  const name = random.pick(cluster.names);
  await scene.calm();
  const paths = filesOf(cluster.dirOf(name), random).filter((path) => !BESIDE_DATABASE.test(path));
  const path = random.pick(paths);
  const done = damage(path, random);
  if (LOOKED_THROUGH.test(path) && random.chance(0.5)) {
    await cluster.node(name).run('run scrub');
    return `${done.what}: mended while it ran`;
  }
  await delay(random.integer(0, 1_500));
  await cluster.kill(name);
  return startDamaged(scene, name, done);
};

/** The log of one database of a node; a database that was set aside has its own beside it, which nobody has open. */
const logOf = ({ cluster, random }: Scene, name: Name): string => {
  const dir = join(cluster.dirOf(name), 'data', 'dbms');
  const logs = readdirSync(dir).filter((file) => LOG_IN_USE.test(file));
  return join(dir, random.pick(logs.sort()));
};

/** Whether the node runs on, or is killed with what it has open. */
const endedHalfTheTime = async ({ cluster, random }: Scene, name: Name): Promise<string> => {
  if (random.chance(0.5)) return 'it ran on';
  await cluster.kill(name);
  await cluster.startAgain(name);
  return 'killed then';
};

/**
 * The log of a database is deleted while the node writes to it. As soon as it has another, it holds all that the deleted
 * one had.
 */
export const deleteLog = async (scene: Scene): Promise<string> => {
  const { cluster, load, random } = scene;
  const name = random.pick(cluster.names);
  await scene.calm();
  const path = logOf(scene, name);
  load.start();
  await delay(random.integer(0, 1_000));
  const { size } = statSync(path);
  rmSync(path);
  await waitFor(() => existsSync(path), { timeoutMs: LOG_MS_MAX, what: `${basename(path)} of ${name} is there again` });
  await delay(random.integer(0, 500));
  return `${basename(path)} of ${name}, ${size} bytes: ${await endedHalfTheTime(scene, name)}`;
};

/** The log of a database is cut short under a node, which then goes on writing. */
export const cutLog = async (scene: Scene): Promise<string> => {
  const { cluster, load, random } = scene;
  const name = random.pick(cluster.names);
  // What only the lost frames held is elsewhere.
  await scene.calm();
  const path = logOf(scene, name);
  const { size } = statSync(path);
  const left = random.chance(0.3) ? 0 : random.integer(0, size);
  truncateSync(path, left);
  load.start();
  await delay(random.integer(0, 2_000));
  return `${basename(path)} of ${name}, ${left} of ${size} bytes left: ${await endedHalfTheTime(scene, name)}`;
};
