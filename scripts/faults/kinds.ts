import { setTimeout as delay } from 'node:timers/promises';
import { ENTRY_FUTURE_MS_MAX } from '../../src/base/limits.ts';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import { waitFor } from '../../test/support/wait.ts';
import { badPath } from './bad-path.ts';
import { fewDescriptors, lackOfBounds, noMemory } from './bounds.ts';
import { type FaultCluster, type Name, otherOf } from './cluster.ts';
import { cutLog, damageRunning, damageStopped, deleteLog } from './damaged-files.ts';
import { ANSWER_MS_MAX, type Load } from './load.ts';
import { slowDisk } from './slow-disk.ts';
import { lackOfCompiler } from './compile.ts';

/** How long a trap is waited for while the node runs; then it is killed anyway. */
const TRAP_MS_MAX = 3_000;
/** Beyond what a liveness check or a redial that gives up would outlast. */
const LONG_CUT_MS = 190_000;
const DAY_MS = 86_400_000;
/** Until a node has seen that its clock was set. */
const CLOCK_READ_MS = 200;

/** What a fault works on. */
export interface Scene {
  readonly cluster: FaultCluster;
  readonly load: Load;
  readonly random: SeededRandom;
  /** Brings both operators to the same, with the load off; for faults that take away what only one of them holds. */
  calm(): Promise<void>;
}

interface Fault {
  /** How often it comes, among the others. */
  readonly weight: number;
  /** Comes once, in a run of so many minutes or more. */
  readonly minutesMin?: number;
  /** Does it and undoes it, so that all nodes run at its end; says what exactly was done. The load runs meanwhile. */
  run(scene: Scene): Promise<string>;
}

const anyOf = ({ cluster, random }: Scene): Name => random.pick(cluster.names);

/** Starts a node; with a trap in its way it is killed before it is ready, and started again. */
const startThroughTraps = async ({ cluster, random }: Scene, name: Name, traps: number): Promise<readonly string[]> => {
  const dir = cluster.dirOf(name);
  const caught: string[] = [];
  for (let count = 0; count < traps; count += 1) {
    cluster.traps.set(dir, 'starting', random);
    try {
      await cluster.startAgain(name);
    } catch (failure) {
      const call = cluster.traps.learn(dir, 'starting');
      cluster.traps.clear(dir);
      if (call === undefined) throw failure;
      caught.push(call);
      continue;
    }
    cluster.traps.clear(dir);
    caught.push((await cluster.kill(name, 'starting')) ?? 'ready');
  }
  await cluster.startAgain(name);
  return caught;
};

const killAtCall = async (scene: Scene): Promise<string> => {
  const { cluster, random } = scene;
  const name = anyOf(scene);
  const node = cluster.node(name);
  cluster.traps.learn(cluster.dirOf(name), 'running');
  cluster.traps.set(cluster.dirOf(name), 'running', random);
  await waitFor(() => !node.running, { timeoutMs: TRAP_MS_MAX }).catch(() => {});
  const call = (await cluster.kill(name)) ?? 'any moment';
  cluster.traps.clear(cluster.dirOf(name));
  await delay(random.integer(0, 400));
  const recovering = await startThroughTraps(scene, name, random.chance(0.25) ? 1 : 0);
  return [`${name} at ${call}`, ...recovering.map((at) => `while it recovered at ${at}`)].join(', ');
};

const killInStart = async (scene: Scene): Promise<string> => {
  const name = anyOf(scene);
  await scene.cluster.kill(name);
  return `${name} at ${(await startThroughTraps(scene, name, scene.random.integer(1, 3))).join(', ')}`;
};

const killAtRandom = async (scene: Scene): Promise<string> => {
  const name = anyOf(scene);
  await delay(scene.random.integer(0, 800));
  await scene.cluster.kill(name);
  await delay(scene.random.integer(0, 800));
  await scene.cluster.startAgain(name);
  return name;
};

const killAll = async ({ cluster, random }: Scene): Promise<string> => {
  await delay(random.integer(0, 500));
  await Promise.all(cluster.names.map((name) => cluster.kill(name)));
  const first = random.pick(cluster.names);
  await cluster.startAgain(first);
  await delay(random.integer(0, 1_000));
  await cluster.startAgain(otherOf(first));
  return `${first} came back first`;
};

const pauseAndKill = async (scene: Scene): Promise<string> => {
  const { cluster, random } = scene;
  const name = anyOf(scene);
  cluster.node(name).signal('SIGSTOP');
  await delay(random.integer(100, 1_500));
  await cluster.kill(otherOf(name));
  await delay(random.integer(0, 2_500));
  cluster.node(name).signal('SIGCONT');
  await cluster.startAgain(otherOf(name));
  return `${name} stood still, ${otherOf(name)} was killed`;
};

const cut =
  (pick: (scene: Scene) => Name | undefined, msMin: number, msMax = msMin) =>
  async (scene: Scene): Promise<string> => {
    const { cluster, random } = scene;
    const from = pick(scene);
    cluster.cut(from);
    await delay(random.integer(msMin, msMax));
    cluster.heal();
    return from === undefined ? 'both ways' : `what ${from} sent`;
  };

const cutAndKill = async (scene: Scene): Promise<string> => {
  const { cluster, random } = scene;
  const name = anyOf(scene);
  cluster.cut(random.pick([undefined, ...cluster.names]));
  await delay(random.integer(200, 1_500));
  await cluster.kill(name);
  await delay(random.integer(0, 500));
  await cluster.startAgain(name);
  await delay(random.integer(0, 1_500));
  cluster.heal();
  return `${name} was killed`;
};

/** The wall clock of a node is wrong for a while; half the time it is killed and starts meanwhile. */
const wrongClock =
  (msMin: number, msMax: number) =>
  async (scene: Scene): Promise<string> => {
    const { cluster, load, random } = scene;
    const name = anyOf(scene);
    const offMs = random.integer(msMin, msMax);
    // What is dated far ahead does not count before its time, as promised: nobody writes that here.
    if (offMs > ENTRY_FUTURE_MS_MAX) load.policiesOn = otherOf(name);
    await delay(ANSWER_MS_MAX);
    cluster.setClock(name, offMs);
    await delay(random.integer(300, 3_000));
    const isKilled = random.chance(0.5);
    if (isKilled) {
      await cluster.kill(name);
      await cluster.startAgain(name);
      await cluster.runsAgain(name);
      await delay(random.integer(300, 2_000));
    }
    cluster.setClock(name, 0);
    await delay(CLOCK_READ_MS);
    load.policiesOn = undefined;
    return `${name} off by ${(offMs / 3_600_000).toFixed(1)} hours${isKilled ? ', killed meanwhile' : ''}`;
  };

const oldCopy = async (scene: Scene): Promise<string> => {
  const { cluster, load, random } = scene;
  const name = anyOf(scene);
  await cluster.kill(name);
  await cluster.copyOf(name, 'copy');
  await cluster.startAgain(name);
  await delay(random.integer(200, 1_000));
  await scene.calm();
  await cluster.kill(name);
  await cluster.putBack(name, 'copy');
  await cluster.startAgain(name);
  load.start();
  return `${name} as it was some seconds before`;
};

const backup = async (scene: Scene): Promise<string> => {
  const { cluster, load } = scene;
  const name = anyOf(scene);
  const node = cluster.node(name);
  await node.run(`run backup where dir = "${cluster.dir}/copy"`);
  await waitFor(async () => {
    const { state } = (await node.json('get backup where format = json')) as { readonly state: string };
    return state === 'done';
  });
  await delay(500);
  await scene.calm();
  await cluster.kill(name);
  await cluster.putBack(name, 'copy');
  await cluster.startAgain(name);
  load.start();
  return name;
};

const faults = {
  'kill -9 at a call': { weight: 10, run: killAtCall },
  'kill -9 at a call of the start': { weight: 6, run: killInStart },
  'kill -9 at any moment': { weight: 2, run: killAtRandom },
  'kill -9 of all nodes': { weight: 2, run: killAll },
  'SIGSTOP and kill -9': { weight: 2, run: pauseAndKill },
  'cut both ways': { weight: 1, run: cut(() => undefined, 300, 5_000) },
  'cut one way': { weight: 2, run: cut(anyOf, 300, 5_000) },
  'cut and kill -9': { weight: 2, run: cutAndKill },
  'bad path': { weight: 3, run: badPath },
  'cut of three minutes': { weight: 0, minutesMin: 10, run: cut(() => undefined, LONG_CUT_MS) },
  'clock ahead': { weight: 1, run: wrongClock(1_000, 3_650 * DAY_MS) },
  'clock a little ahead': { weight: 1, run: wrongClock(1_000, ENTRY_FUTURE_MS_MAX - 60_000) },
  'clock behind': { weight: 1, run: wrongClock(-3_650 * DAY_MS, -1_000) },
  'damage of a file': { weight: 6, run: damageStopped },
  'damage of a file while it runs': { weight: 5, run: damageRunning },
  'log of a database deleted': { weight: 2, run: deleteLog },
  'slow disk': { weight: lackOfCompiler() === undefined ? 2 : 0, run: slowDisk },
  'log of a database cut short': { weight: 2, run: cutLog },
  'few file descriptors': { weight: lackOfBounds() === undefined ? 3 : 0, run: fewDescriptors },
  'no memory': { weight: lackOfBounds() === undefined ? 3 : 0, run: noMemory },
  'old copy put back': { weight: 1, run: oldCopy },
  'backup put back': { weight: 1, run: backup },
} satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof faults;
/** The faults that can be tried. */
export const FAULTS: Readonly<Record<FaultName, Fault>> = faults;

const isFault = (name: string): name is FaultName => name in faults;

/**
 * Draws faults without end, each as often as its weight says; those that come once come first, while there is time. Only those
 * whose name holds `only`; undefined where there is none.
 */
export const drawFaults = (
  random: SeededRandom,
  { minutes, only = '' }: { readonly minutes: number; readonly only?: string | undefined },
): (() => FaultName | undefined) => {
  const chosen = Object.keys(faults)
    .filter(isFault)
    .filter((name) => name.includes(only));
  const once = chosen.filter((name) => minutes >= (FAULTS[name].minutesMin ?? Infinity));
  const all = chosen.flatMap((name) => Array.from({ length: FAULTS[name].weight }, () => name));
  let bag: FaultName[] = [];
  return () => {
    if (bag.length === 0) bag = random.shuffled(all);
    return once.pop() ?? bag.pop();
  };
};
