import { textOf } from '../../src/base/errors.ts';
import { createSeededRandom, type SeededRandom } from '../../test/support/seeded-random.ts';
import { becomeEqual, type Findings } from './check.ts';
import { FaultCluster } from './cluster.ts';
import { type FaultName, FAULTS, type Scene } from './kinds.ts';
import { Load } from './load.ts';
import type { PathKind } from './paths.ts';
import { Traps } from './traps.ts';

/** A cluster takes so many faults; then another begins, so that the data stay small. */
const FAULTS_EACH = 20;

export interface CampaignOptions {
  readonly seed: number;
  readonly dir: string;
  /** Every second cluster runs over network namespaces instead of proxies. */
  readonly namespaces?: boolean;
  /** The next fault; undefined where it ends. */
  readonly next: () => FaultName | undefined;
  readonly say: (line: string) => void;
}

/** What one kind of fault came to. */
export interface Tally {
  tried: number;
  lost: number;
  doubled: number;
  policies: number;
  /** Times when the nodes did not come to hold the same. */
  stuck: number;
  /** The longest time until both operators ran and held the same again, milliseconds. */
  recoveredMsMax: number;
}

export interface CampaignReport {
  readonly seed: number;
  readonly reach: Traps['reach'];
  readonly faults: Readonly<Partial<Record<FaultName, Tally>>>;
  readonly rowsWritten: number;
  readonly rowsAcknowledged: number;
  readonly policiesAcknowledged: number;
  readonly failures: readonly string[];
}

const emptyTally = (): Tally => ({ tried: 0, lost: 0, doubled: 0, policies: 0, stuck: 0, recoveredMsMax: 0 });

/**
 * Clusters under load, one fault after the other, each followed by a comparison of what is held with what was promised.
 */
export const runCampaign = async (options: CampaignOptions): Promise<CampaignReport> => {
  const random = createSeededRandom(options.seed, 'faults');
  const traps = new Traps(options.dir);
  const tallies: Partial<Record<FaultName, Tally>> = {};
  const failures: string[] = [];
  const sums = { rowsWritten: 0, rowsAcknowledged: 0, policiesAcknowledged: 0 };
  let name = options.next();
  for (let clusters = 0; name !== undefined; clusters += 1) {
    const paths: PathKind = options.namespaces === true && clusters % 2 === 1 ? 'network namespaces' : 'proxies';
    options.say(`a cluster over ${paths}`);
    const cluster = await FaultCluster.start(traps, paths);
    const load = new Load(cluster, random.fork(`load ${clusters}`));
    const scene = sceneOf(cluster, load, random);
    load.start();
    let isWhole = true;
    try {
      for (let count = 0; isWhole && count < FAULTS_EACH && name !== undefined; count += 1) {
        const reasons = await tryFault(scene, name, (tallies[name] ??= emptyTally()), options.say);
        isWhole = reasons.length === 0;
        failures.push(...reasons.map((reason) => `${name}: ${reason} (kept: ${cluster.dir})`));
        name = options.next();
        if (isWhole) load.start();
      }
      await load.stop();
    } finally {
      await cluster.close({ keep: !isWhole });
    }
    const groups = [...load.groups.values()];
    sums.rowsWritten += groups.length * 10;
    sums.rowsAcknowledged += groups.filter(({ acknowledged }) => acknowledged).length * 10;
    sums.policiesAcknowledged += [...load.policies.values()].filter(Boolean).length;
  }
  return { seed: options.seed, reach: traps.reach, faults: tallies, ...sums, failures };
};

const sceneOf = (cluster: FaultCluster, load: Load, random: SeededRandom): Scene => ({
  cluster,
  load,
  random,
  async calm() {
    await load.stop();
    const { reasons } = await becomeEqual(cluster, load);
    if (reasons.length > 0) throw new Error(reasons.join('; '));
  },
});

/** Why a promise was broken; nothing where all held. */
const tryFault = async (
  scene: Scene,
  name: FaultName,
  tally: Tally,
  say: (line: string) => void,
): Promise<readonly string[]> => {
  const { cluster, load } = scene;
  tally.tried += 1;
  let done = '';
  try {
    done = await FAULTS[name].run(scene);
    const startedMs = performance.now();
    await load.stop();
    const findings = await becomeEqual(cluster, load);
    const recoveredMs = performance.now() - startedMs;
    tally.recoveredMsMax = Math.max(tally.recoveredMsMax, recoveredMs);
    tally.lost += findings.lost;
    tally.doubled += findings.doubled;
    tally.policies += findings.policies;
    say(lineOf(name, done, recoveredMs, findings));
    return findings.reasons.map((reason) => `${done}: ${reason}`);
  } catch (caught) {
    tally.stuck += 1;
    const reason = `${done}: ${explained(caught)}`;
    say(`STUCK  ${name}: ${reason}`);
    await load.stop();
    return [reason];
  }
};

const explained = (caught: unknown): string =>
  caught instanceof Error && caught.cause !== undefined
    ? `${textOf(caught)} (${explained(caught.cause)})`
    : textOf(caught);

const lineOf = (name: FaultName, done: string, recoveredMs: number, { reasons }: Findings): string =>
  `${reasons.length === 0 ? 'ok    ' : 'BROKEN'} ${(recoveredMs / 1_000).toFixed(1).padStart(5)} s  ${name}: ${done}${reasons.map((reason) => `\n       ${reason}`).join('')}`;
