import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SeededRandom } from '../../test/support/seeded-random.ts';
import { waitFor } from '../../test/support/wait.ts';
import { becomeOperator, compareCluster, insertPolicy, restartOperator } from '../demo/network.ts';
import { NodeProcess } from '../demo/node-process.ts';
import { makePaths, type PathKind, type Paths } from './paths.ts';
import type { Phase, Traps } from './traps.ts';

export const DBMS = 'plant';
export const TABLE = 'readings';
const NAMES = ['op1', 'op2'] as const;
export type Name = (typeof NAMES)[number];
/** Of a check; the load gives up sooner. */
const REQUEST_MS_MAX = 170_000;
const PROCESSES_MS_MAX = 30_000;

const WALL_CLOCK = fileURLToPath(new URL('./wall-clock.mjs', import.meta.url));

export const otherOf = (name: Name): Name => (name === 'op1' ? 'op2' : 'op1');

/** Two operators of one cluster as real processes that reach each other through paths that can be cut. */
export class FaultCluster {
  readonly dir: string;
  readonly traps: Traps;
  readonly #nodes = new Map<Name, NodeProcess>();
  readonly #paths: Paths;

  private constructor(dir: string, traps: Traps, paths: Paths) {
    this.dir = dir;
    this.#paths = paths;
    this.traps = traps;
  }

  static async start(traps: Traps, kind: PathKind = 'proxies'): Promise<FaultCluster> {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-faults-'));
    const cluster = new FaultCluster(dir, traps, makePaths(kind, NAMES, dir));
    try {
      await cluster.#found();
    } catch (caught) {
      await cluster.close();
      throw caught;
    }
    return cluster;
  }

  get names(): readonly Name[] {
    return NAMES;
  }

  dirOf(name: Name): string {
    return join(this.dir, name);
  }

  /** Files in the watch directory of a node. */
  waitingFiles(name: Name): number {
    return readdirSync(join(this.dirOf(name), 'data', 'watch')).length;
  }

  node(name: Name): NodeProcess {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  /** Those whose process runs. */
  up(): readonly NodeProcess[] {
    return [...this.#nodes.values()].filter((node) => node.running);
  }

  /** Ends a process at once, and takes up what it did until then; the call that killed it before, where a trap did. */
  async kill(name: Name, phase: Phase = 'running'): Promise<string | undefined> {
    await this.node(name).stop('SIGKILL');
    return this.traps.learn(this.dirOf(name), phase);
  }

  /** Starts an ended node again in its directory; throws where it ends before it is ready. */
  async startAgain(name: Name, ...args: readonly string[]): Promise<void> {
    const seed = this.#paths.addressOf(otherOf(name));
    const old = this.node(name);
    const node = await (args.length > 0
      ? old.restart(['--script', join(this.dirOf(name), 'operator.al'), '--seed', seed ?? '', ...args])
      : restartOperator(old, seed));
    this.traps.learn(this.dirOf(name), 'starting');
    this.#nodes.set(name, node);
  }

  async runsAgain(name: Name): Promise<void> {
    await waitFor(async () => /Consumer +\|Running/.test(await this.node(name).run('get processes')), {
      timeoutMs: PROCESSES_MS_MAX,
      what: `${name} runs its processes`,
    });
  }

  /** Codes of the faults that a node names of itself and of what is around it. */
  async faultsOf(name: Name): Promise<readonly string[]> {
    const { faults } = (await this.node(name).json('get status where format = json')) as {
      readonly faults: readonly { readonly code: string }[];
    };
    return faults.map(({ code }) => code);
  }

  /** Sets the wall clock of a node, running or not, so far ahead (behind where it is less than 0); 0 sets it right. */
  setClock(name: Name, offMs: number): void {
    const path = this.#clockOf(name);
    if (offMs === 0) rmSync(path, { force: true });
    else writeFileSync(path, `${offMs}`);
  }

  /** Cuts the paths between the two: both ways, or what the named one sends. */
  cut(from?: Name): void {
    this.#paths.cut(from);
  }

  /** Makes the paths between the two bad ones, until they are healed; says how. */
  spoilPaths(random: SeededRandom): string {
    return this.#paths.spoil(random);
  }

  heal(): void {
    this.#paths.heal();
  }

  /** A copy of the directory of a node that does not run. */
  async copyOf(name: Name, to: string): Promise<void> {
    await cp(this.dirOf(name), join(this.dir, to), { recursive: true });
  }

  /**
   * Puts a copy in the place of the directory of a node that does not run; the start script stays, which no backup has.
   */
  async putBack(name: Name, from: string): Promise<void> {
    const script = join(this.dirOf(name), 'operator.al');
    await cp(script, join(this.dir, from, 'operator.al'));
    await rm(this.dirOf(name), { recursive: true });
    await rename(join(this.dir, from), this.dirOf(name));
  }

  /** Whether both hold the same entries of the ledger. */
  async haveEqualLedgers(): Promise<boolean> {
    const versions = await Promise.all(NAMES.map((name) => this.node(name).run('get metadata version')));
    return versions[0] === versions[1];
  }

  /** Whether files, rows and content of every table are the same on both. Takes time: each row is looked at. */
  async haveEqualData(): Promise<boolean> {
    return (await compareCluster(this.node('op1'))).equal;
  }

  /** Ends everything; `keep` leaves the directory, to see what happened. */
  async close({ keep = false } = {}): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node.stop('SIGKILL')));
    await this.#paths.close();
    if (!keep) await rm(this.dir, { recursive: true, force: true });
  }

  // Beside the node's directory: what is damaged or put back there must not be this.
  #clockOf(name: Name): string {
    return `${this.dirOf(name)}.clock`;
  }

  #environment(name: Name): Readonly<Record<string, string>> {
    const traps = this.traps.environment(this.dirOf(name));
    const options = `${traps['NODE_OPTIONS'] ?? ''} --import ${WALL_CLOCK}`.trim();
    return { ...traps, NODE_OPTIONS: options, FAULTS_CLOCK: this.#clockOf(name), HOME: this.dir };
  }

  async #found(): Promise<void> {
    for (const name of NAMES) {
      const dir = this.dirOf(name);
      await mkdir(dir);
      const seed = this.#paths.addressOf('op1');
      const node = await NodeProcess.start({
        dir,
        name,
        ...this.#paths.hostOf(name),
        args: seed === undefined ? ['--network', 'faults', '--admission', 'open'] : ['--seed', seed],
        environment: this.#environment(name),
        log: `${dir}.log`,
        requestMsMax: REQUEST_MS_MAX,
      });
      this.#nodes.set(name, node);
      this.traps.learn(dir, 'founding');
      await this.#paths.opened(name, node.facts.listen);
    }
    const { id } = await insertPolicy(this.node('op1'), 'cluster', { company: 'Acme', name: 'plant-1' });
    for (const name of NAMES) {
      await waitFor(async () => (await this.node(name).run(`blockchain test id ${id}`)).includes('true'));
      const port = Number(this.#paths.addressOf(name)?.split(':')[1]);
      await becomeOperator(this.node(name), 'Acme', id, { port });
    }
    await waitFor(() => this.haveEqualLedgers(), { timeoutMs: 20_000, what: 'one ledger' });
  }
}
