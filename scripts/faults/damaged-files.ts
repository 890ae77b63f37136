import { setTimeout as delay } from 'node:timers/promises';
import { textOf } from '../../src/base/errors.ts';
import type { Name } from './cluster.ts';
import { damage, filesOf } from './damage.ts';
import type { Scene } from './kinds.ts';

/** What SQLite keeps beside an open database: it belongs to it, and means nothing without it. */
const BESIDE_DATABASE = /-(wal|shm)$/;
/** What a node looks through while it runs; damage of the rest is found when it is opened. */
const LOOKED_THROUGH = /\/data\/(dbms|archive)\//;

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
