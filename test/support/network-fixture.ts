import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dropFile } from '../../scripts/demo/drop-file.ts';
import {
  becomeOperator,
  compareCluster,
  insertPolicy,
  restartOperator,
  startNodes,
} from '../../scripts/demo/network.ts';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { waitFor } from './wait.ts';

const COMPANY = 'Lit San Leandro';

interface QueryReply {
  readonly Query?: readonly Readonly<Record<string, unknown>>[];
}

/** Real node processes of one test, in a directory of their own; `close` ends them and removes it. */
export class NetworkFixture {
  readonly dir: string;
  readonly nodes = new Map<string, NodeProcess>();
  /** Cluster policy ids by cluster name. */
  readonly clusters = new Map<string, string>();

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async create(): Promise<NetworkFixture> {
    return new NetworkFixture(await mkdtemp(join(tmpdir(), 'holdfast-e2e-')));
  }

  node(name: string): NodeProcess {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  /** Starts the nodes of a network; the first name creates it, the others join it by its address. */
  async start(...names: string[]): Promise<void> {
    for (const node of await startNodes(this.dir, names)) this.nodes.set(node.facts.name, node);
  }

  /** Starts one more node that knows the address of one other. */
  async join(name: string, seed: string): Promise<NodeProcess> {
    const args = ['--seed', this.node(seed).facts.listen];
    const node = await NodeProcess.start({ dir: join(this.dir, name), name, args });
    this.nodes.set(name, node);
    return node;
  }

  /** Inserts a cluster policy on the first node and makes the named nodes its operators. */
  async cluster(name: string, ...operators: string[]): Promise<void> {
    const [first] = this.nodes.values();
    const policy = await insertPolicy(first as NodeProcess, 'cluster', { company: COMPANY, name });
    this.clusters.set(name, policy.id);
    for (const operator of operators) await this.operator(operator, name);
    await this.settled();
  }

  /** Makes a running node an operator of a cluster; `port` where others reach it elsewhere than where it listens. */
  async operator(name: string, cluster: string, port?: number): Promise<void> {
    const id = this.clusters.get(cluster) ?? '';
    await waitFor(async () => (await this.node(name).run(`blockchain test id ${id}`)).includes('true'));
    await becomeOperator(this.node(name), COMPANY, id, port === undefined ? {} : { port });
  }

  /** Waits until all running nodes hold the same entries. */
  async settled(): Promise<void> {
    await waitFor(async () => (await this.versions()).size === 1, { timeoutMs: 20_000 });
  }

  /** The metadata versions that the running nodes tell. */
  async versions(): Promise<Set<string>> {
    const running = [...this.nodes.values()].filter((node) => node.running);
    return new Set(await Promise.all(running.map(async (node) => (await node.run('get metadata version')).trim())));
  }

  /** Ends a node with a signal and waits until it is gone. */
  async kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.node(name).stop(signal);
  }

  /** Starts an ended operator again in its directory and waits until its processes run. */
  async revive(name: string): Promise<NodeProcess> {
    const seed = [...this.nodes.values()].find((node) => node.running)?.facts.listen;
    const node = await restartOperator(this.node(name), seed);
    this.nodes.set(name, node);
    await waitFor(async () => /Consumer +\|Running/.test(await node.run('get processes')), { timeoutMs: 20_000 });
    return node;
  }

  /** Kills a node and removes everything it had but its key and its script: a new disk, the key from a backup. */
  async loseDisk(name: string): Promise<void> {
    await this.kill(name);
    const { dir } = this.node(name).options;
    for (const file of await readdir(dir))
      if (file !== 'node.key' && !file.endsWith('.al')) await rm(join(dir, file), { recursive: true });
  }

  /** Drops a file into a node's watch directory. */
  async drop(name: string, file: string, content: string | Uint8Array): Promise<void> {
    await dropFile(this.node(name), file, content);
  }

  /** A number from the local database of one operator. */
  async localNumber(name: string, dbms: string, sql: string): Promise<number> {
    return firstNumber(await this.node(name).json(`sql ${dbms} format = json and stat = false "${sql}"`));
  }

  /** A number from a network query, such as a count. */
  async queryNumber(name: string, dbms: string, sql: string): Promise<number> {
    const command = `run client () sql ${dbms} format = json and stat = false "${sql}"`;
    return firstNumber(await this.node(name).json(command));
  }

  /** Whether `test cluster data` on a node finds the same files, rows and content on all operators of its cluster. */
  async equalData(name: string): Promise<boolean> {
    const { equal, tables } = await compareCluster(this.node(name));
    return equal && Object.keys(tables).length > 0;
  }

  async close(): Promise<void> {
    await Promise.all([...this.nodes.values()].map((node) => node.stop('SIGKILL')));
    await rm(this.dir, { recursive: true, force: true });
  }
}

const firstNumber = (reply: unknown): number => Number(Object.values((reply as QueryReply).Query?.[0] ?? {})[0]);

/** Newline-delimited rows with a running number `reading`, distinct by `from`. */
export const sensorRows = (from: number, count: number): string =>
  Array.from({ length: count }, (_, index) => {
    const reading = from + index;
    return JSON.stringify({
      timestamp: new Date(Date.UTC(2026, 0, 1) + reading * 1_000).toISOString(),
      device: `device-${reading % 4}`,
      reading,
      value: (reading % 100) / 4,
    });
  }).join('\n');
