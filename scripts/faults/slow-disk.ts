import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../../test/support/wait.ts';
import { DBMS, type FaultCluster, type Name, otherOf, TABLE } from './cluster.ts';
import type { Scene } from './kinds.ts';

/** A slow disk is named, and no longer named, within so long: five seconds, and what a busy machine adds. */
const NAMED_MS_MAX = 10_000;
/** Whatever needs no write is answered within so long on a busy machine. */
const READ_MS_MAX = 3_000;

/** What it needed, in milliseconds; throws where that is more than a read may. */
const readInTime = async (what: string, read: Promise<unknown>): Promise<void> => {
  const startedMs = performance.now();
  await read;
  const tookMs = performance.now() - startedMs;
  if (tookMs > READ_MS_MAX) throw new Error(`${what} took ${tookMs.toFixed(0)} ms`);
};

const isNamed = async (cluster: FaultCluster, name: Name): Promise<boolean> =>
  (await cluster.faultsOf(name)).includes('DISK_SLOW');

/** What must hold while the disk is slow: who asks is answered, who gives waits for the disk. */
const watchSlow = async ({ cluster, load }: Scene, name: Name, leastMs: number): Promise<string> => {
  const other = otherOf(name);
  await waitFor(() => isNamed(cluster, name), { timeoutMs: NAMED_MS_MAX, what: `${name} names its slow disk` });
  if (await isNamed(cluster, other)) throw new Error(`${other} names a slow disk that it has not`);
  const startedMs = performance.now();
  const isAcknowledged = await load.putOn(name);
  const tookMs = performance.now() - startedMs;
  if (isAcknowledged && tookMs < leastMs)
    throw new Error(`acknowledged after ${tookMs.toFixed(0)} ms by a disk that takes ${leastMs} ms`);
  await readInTime(`a status of ${name}`, cluster.node(name).run('get status'));
  const count = `run client () sql ${DBMS} format = json and stat = false "select count(*) from ${TABLE}"`;
  await readInTime(`a query by ${other}`, cluster.node(other).run(count));
  return isAcknowledged ? `acknowledged after ${tookMs.toFixed(0)} ms` : 'no acknowledgement in time';
};

/** The disk of a node is slow for a while; sometimes it is killed meanwhile, and starts from the slow disk. */
export const slowDisk = async (scene: Scene): Promise<string> => {
  const { cluster, random } = scene;
  const name = random.pick(cluster.names);
  const dir = cluster.dirOf(name);
  const leastMs = random.integer(100, 250);
  const mostMs = random.integer(leastMs, 500);
  const isKilled = random.chance(0.3);
  let seen: string;
  cluster.traps.slowDown(dir, leastMs, mostMs);
  try {
    seen = await watchSlow(scene, name, leastMs);
    await delay(random.integer(0, 3_000));
    if (isKilled) {
      await cluster.kill(name);
      await cluster.startAgain(name);
    }
  } finally {
    cluster.traps.slowDown(dir);
  }
  await waitFor(async () => !(await isNamed(cluster, name)), {
    timeoutMs: NAMED_MS_MAX,
    what: `${name} no longer names a slow disk`,
  });
  return `${name}: each write ${leastMs} to ${mostMs} ms, ${seen}${isKilled ? ', killed meanwhile' : ''}`;
};
