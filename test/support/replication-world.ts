import { sleep } from '../../src/base/clock.ts';
import { fault } from '../../src/base/errors.ts';
import { silentLogger, type Logger } from '../../src/base/log.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import { createMemoryHub, type MemoryHub } from '../../src/network/memory.ts';
import type { Network } from '../../src/network/network.ts';
import type { Holdings } from '../../src/operator/file-record.ts';
import type { FileStore } from '../../src/operator/file-store.ts';
import { createMemoryFileStore, type MemoryFileStore } from './memory-file-store.ts';
import { createReplication } from '../../src/replication/create-replication.ts';
import type {
  ClusterPeer,
  Consumer,
  ConsumerOptions,
  Distributor,
  FilledFlag,
  Replication,
} from '../../src/replication/replication.ts';
import { ScrubEndpoint } from '../../src/replication/scrub/protocol.ts';
import { TransferEndpoint } from '../../src/replication/transfer/protocol.ts';
import { createSeededRandom, type SeededRandom } from './seeded-random.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

export interface WorldOptions {
  readonly seed: number;
  /** Operators that there are from the start. */
  readonly operators: number;
  readonly loss?: number;
  /** Stores and reads take between 0 and so many milliseconds; a crash in that time undoes the store. Default 0. */
  readonly diskMs?: number;
  readonly log?: Logger;
  /** As the clock's option. */
  readonly isPure?: boolean;
}

const OPEN_WINDOW: ConsumerOptions = { startMs: () => 0, endMs: () => undefined, mode: 'active' };

/** One operator of the simulated cluster: its disk outlives its process. */
export class SimulatedOperator {
  readonly id: string;
  readonly key: string;
  readonly member: number;
  store: MemoryFileStore;
  flag: MemoryFlag;
  network: Network | undefined;
  replication: Replication | undefined;
  distributor: Distributor | undefined;
  consumer: Consumer | undefined;
  /** Its store is that of a backup, at the next starts. */
  older: Promise<void> | undefined;
  /** Own numbering may go on: the own files are known. */
  known = false;
  /** The others by the policies, and as of when. */
  peers: { readonly members: string; readonly list: readonly ClusterPeer[] } = { members: '', list: [] };
  /** How its next commit fails. */
  failing: CommitFailure | undefined;
  /** A commit has failed and its databases rest; does what shows of it when they are opened again. */
  resting: (() => void) | undefined;
  /** Virtual moments of the last start, and of the last time when the disk was empty; for oracles. */
  startedMs = 0;
  emptyMs = 0;
  /** It had been filled before the last start. */
  startedFilled = false;
  /** What the others that ran held at the last start. */
  heldByOthers: readonly {
    readonly other: SimulatedOperator;
    readonly emptyMs: number;
    readonly holdings: Holdings;
  }[] = [];

  constructor(member: number) {
    this.member = member;
    this.id = `operator-${member}`;
    this.key = sha256Hex(this.id);
    this.store = createMemoryFileStore(this.id);
    this.flag = memoryFlag();
  }

  get up(): boolean {
    return this.replication !== undefined;
  }
}

/** A commit that is reported as failed: what is found of it when the databases are opened again, nothing or all, and after how long. */
export interface CommitFailure {
  readonly way: 'lost' | 'kept';
  readonly restMs: number;
}

interface MemoryFlag extends FilledFlag {
  value: boolean;
  held: Holdings;
  cluster: string | undefined;
}

const memoryFlag = (): MemoryFlag => ({
  value: false,
  held: new Map(),
  cluster: undefined,
  async load() {
    return { filled: this.value, files: this.held, cluster: this.cluster };
  },
  async save({ filled, files, cluster }) {
    this.value = filled;
    this.held = files;
    this.cluster = cluster;
  },
});

/** A cluster in one process under a virtual clock. */
export class ReplicationWorld {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly hub: MemoryHub;
  readonly operators: SimulatedOperator[] = [];
  /** Operators whose policies are gone, and ids of operators of another cluster. */
  readonly departed = new Set<SimulatedOperator>();
  readonly foreign = new Set<string>();
  readonly #log: Logger;
  readonly #diskMs: number;
  /** Where operators were moved to; all others are in one cluster. */
  readonly #moved = new Map<string, string>();
  /** The same, for those who are not told of policies now. */
  readonly #untold = new Map<string, ReadonlyMap<string, string>>();
  #moves = 0;
  #files = 0;

  private constructor(options: WorldOptions) {
    this.clock = createVirtualClock(undefined, { isPure: options.isPure === true });
    this.random = createSeededRandom(options.seed);
    this.#log = options.log ?? silentLogger;
    this.#diskMs = options.diskMs ?? 0;
    this.hub = createMemoryHub({
      clock: this.clock,
      random: this.random.fork('network'),
      loss: options.loss ?? 0,
    });
  }

  static async create(options: WorldOptions): Promise<ReplicationWorld> {
    const world = new ReplicationWorld(options);
    for (let count = 0; count < options.operators; count += 1) await world.join();
    return world;
  }

  /** Operators that know and have reached one another. */
  static async linked(operators: number): Promise<ReplicationWorld> {
    const world = await ReplicationWorld.create({ seed: 7, operators });
    const isLinked = ({ known, replication }: SimulatedOperator): boolean =>
      known && replication!.peers().every(({ connected }) => connected);
    await world.clock.runUntil(() => world.operators.every(isLinked), 10_000, 'all are linked');
    return world;
  }

  operator(member: number): SimulatedOperator {
    const found = this.operators[member - 1];
    if (found === undefined) throw new Error(`no operator ${member}`);
    return found;
  }

  /** A new operator of the cluster, with everything that runs on one. */
  async join(): Promise<SimulatedOperator> {
    const operator = new SimulatedOperator(this.operators.length + 1);
    operator.emptyMs = this.clock.monotonicMs();
    this.operators.push(operator);
    await this.start(operator);
    for (const other of this.operators) {
      this.#dialAll(other);
      other.replication?.refresh();
    }
    return operator;
  }

  /** An operator by the policies whose node does what the test wants: connected to all the others. */
  async joinHostile(): Promise<{ readonly operator: SimulatedOperator; readonly network: Network }> {
    const operator = new SimulatedOperator(this.operators.length + 1);
    this.operators.push(operator);
    const network = this.hub.node({ key: operator.key });
    operator.network = network;
    this.#dialAll(operator);
    const others = this.operators.filter(({ up }) => up);
    await this.clock.runUntil(() => network.peers().length === others.length, 5_000, 'the hostile node is connected');
    for (const other of others) other.replication?.refresh();
    return { operator, network };
  }

  async start(operator: SimulatedOperator, options: Partial<ConsumerOptions> = {}): Promise<void> {
    this.mend(operator);
    const network = this.hub.node({ key: operator.key });
    operator.network = network;
    operator.known = false;
    operator.startedMs = this.clock.monotonicMs();
    operator.startedFilled = operator.flag.value;
    operator.heldByOthers = this.operators
      .filter((other) => other !== operator && other.up)
      .map((other) => ({ other, emptyMs: other.emptyMs, holdings: new Map(other.store.holdings()) }));
    const replication = await createReplication({
      network,
      endpoint: new TransferEndpoint(network, this.clock),
      scrubEndpoint: new ScrubEndpoint(network, this.clock),
      store: this.#diskMs > 0 ? this.#slowDisk(operator, network) : operator.store,
      clusterPeers: () => this.peersOf(operator),
      isForeign: (origin) => this.foreign.has(origin) || !this.#areTogether(origin, operator.id, operator),
      cluster: () => this.#movedFor(operator).get(operator.id) ?? 'the one',
      filledFlag: operator.flag,
      ...(operator.older && { older: operator.older }),
      clock: this.clock,
      random: this.random.fork(`${operator.id} ${this.clock.monotonicMs()}`),
      log: this.#log.child(operator.id),
    });
    operator.replication = replication;
    operator.distributor = replication.startDistributor();
    operator.consumer = replication.startConsumer({ ...OPEN_WINDOW, ...options });
    replication.ownFilesKnown().then(
      () => {
        if (operator.replication === replication) operator.known = true;
      },
      () => {},
    );
    this.#dialAll(operator);
  }

  /** The policies say that an operator is of another cluster from now on; undefined: of that of most. All look at once, where they are told. */
  move({ id }: SimulatedOperator, cluster: string | undefined, areTold = true): void {
    if (cluster === undefined) this.#moved.delete(id);
    else this.#moved.set(id, cluster);
    this.#moves += 1;
    if (areTold) for (const { replication } of this.operators) replication?.refresh();
  }

  /** From now on policies do not get to an operator, until it is told. */
  keepUntold({ id }: SimulatedOperator): void {
    this.#untold.set(id, new Map(this.#movedFor({ id })));
  }

  /** All that the policies say gets to an operator. */
  tell({ id, replication }: SimulatedOperator): void {
    this.#untold.delete(id);
    this.#moves += 1;
    replication?.refresh();
  }

  /** The process ends; what was durable stays. */
  async crash(operator: SimulatedOperator): Promise<void> {
    const { network, replication } = operator;
    operator.network = undefined;
    operator.replication = undefined;
    operator.distributor = undefined;
    operator.consumer = undefined;
    operator.known = false;
    await network?.close();
    // Nobody waits for what a dead process still does: on its slow disk that would need time to pass.
    void replication?.close();
  }

  /** The disk is gone, too. */
  async loseDisk(operator: SimulatedOperator): Promise<void> {
    await this.crash(operator);
    operator.resting = undefined;
    operator.store = createMemoryFileStore(operator.id);
    operator.emptyMs = this.clock.monotonicMs();
    operator.flag = memoryFlag();
  }

  /** The power goes, and what was stored after so many commits is not on the disk, which said that it was. */
  async loseCommits(operator: SimulatedOperator, kept: number): Promise<void> {
    await this.crash(operator);
    operator.resting = undefined;
    operator.store = operator.store.asOf(kept);
    operator.emptyMs = this.clock.monotonicMs();
  }

  /** A data source gives a new file to an operator; returns its content. */
  put(operator: SimulatedOperator, rows = 3): string {
    this.#files += 1;
    const content = Array.from({ length: rows }, (_, row) => `{"n":${this.#files * 1_000 + row}}`).join('\n');
    this.putContent(operator, content);
    return content;
  }

  putContent(operator: SimulatedOperator, content: string): void {
    const time = this.recordTime();
    try {
      this.#commit(operator, () => operator.store.put({ content, time }));
    } catch {
      // Its sender is told so.
    }
  }

  /** The databases are opened again: what a failed commit has left is there from now on, and is told as if it came now. */
  mend(operator: SimulatedOperator): void {
    const { resting } = operator;
    operator.resting = undefined;
    resting?.();
  }

  /** While the databases rest after a failed commit nothing is written. */
  #commit<T>(operator: SimulatedOperator, work: () => T): T {
    const { failing } = operator;
    if (failing === undefined && operator.resting === undefined) return work();
    if (failing !== undefined && operator.resting === undefined) {
      operator.failing = undefined;
      const resting = (): void => {
        if (failing.way === 'kept') work();
      };
      operator.resting = resting;
      this.clock.after(failing.restMs, () => {
        if (operator.up && operator.resting === resting) this.mend(operator);
      });
    }
    throw fault('SQLITE_DISK_FAILED', 'the disk failed the commit');
  }

  /** The virtual moment in record form. */
  recordTime(): string {
    const ms = this.clock.wallMs();
    return `${new Date(Math.floor(ms)).toISOString().slice(0, -1)}${String(Math.floor((ms % 1) * 1_000)).padStart(3, '0')}Z`;
  }

  peersOf(operator: SimulatedOperator): readonly ClusterPeer[] {
    // Asked often: made anew only when somebody came or left.
    const members = `${this.operators.length} ${this.departed.size} ${this.#moves}`;
    if (operator.peers.members !== members) {
      const others = this.operators.filter(
        (other) =>
          other !== operator && !this.departed.has(other) && this.#areTogether(other.id, operator.id, operator),
      );
      const list = others.map(({ id, key, member }) => ({ operator: id, name: id, member, peer: key }));
      operator.peers = { members, list };
    }
    return operator.peers.list;
  }

  /** Where operators were moved to, as one of them knows it. */
  #movedFor({ id }: Pick<SimulatedOperator, 'id'>): ReadonlyMap<string, string> {
    return this.#untold.get(id) ?? this.#moved;
  }

  /** Whether two are of one cluster, as one of them knows it. */
  #areTogether(a: string, b: string, to: SimulatedOperator): boolean {
    const moved = this.#movedFor(to);
    return moved.get(a) === moved.get(b);
  }

  /** Whether all that run hold the same files with the same content, each row once. */
  equal(): boolean {
    const views = this.operators.filter(({ up }) => up).map(({ store }) => viewOf(store));
    return new Set(views).size <= 1;
  }

  async close(): Promise<void> {
    for (const operator of this.operators) if (operator.network !== undefined) await this.crash(operator);
  }

  /** The operator's store with a disk that takes time, as one process sees it: after a crash it does nothing more. */
  #slowDisk(operator: SimulatedOperator, network: Network): FileStore {
    const { store } = operator;
    const random = this.random.fork(`disk ${operator.id} ${this.clock.monotonicMs()}`);
    const after = async <T>(work: () => Promise<T>): Promise<T> => {
      await sleep(this.clock, random.fraction() * this.#diskMs);
      if (operator.network !== network) throw fault('SIMULATED_CRASH', 'the process is no more');
      return work();
    };
    return {
      notices: store.notices,
      origin: store.origin,
      sums: store.sums,
      losing: () => false,
      databaseFile: () => undefined,
      holdings: () => store.holdings(),
      records: (...about) => after(() => store.records(...about)),
      countRows: (files) => after(() => store.countRows(files)),
      read: (...about) => after(() => store.read(...about)),
      readMany: (...about) => after(() => store.readMany(...about)),
      store: (...about) => after(() => this.#commit(operator, () => store.store(...about))),
      check: (...about) => after(() => store.check(...about)),
      repair: (...about) => after(() => store.repair(...about)),
      note: (findings) => after(() => store.note(findings)),
      damages: () => store.damages(),
      numberFrom: (atLeast) => store.numberFrom(atLeast),
      strays: () => after(() => store.strays()),
      setAside: (strays) => after(() => store.setAside(strays)),
      setDatabaseAside: (dbms) => after(() => store.setDatabaseAside(dbms)),
      pages: () => after(() => store.pages()),
      checkPages: (scope) => after(() => store.checkPages(scope)),
    };
  }

  #dialAll(operator: SimulatedOperator): void {
    operator.network?.keepDialled(
      this.operators
        .filter((other) => other.member < operator.member)
        .map((other) => ({ address: `${other.key.slice(0, 12)}.memory:1`, key: other.key })),
    );
  }
}

/** Everything that must be equal on all operators, as one string. */
export const viewOf = (store: MemoryFileStore): string =>
  store
    .all()
    .map(({ origin, file, status, digest, time }) => `${origin}/${file} ${status} ${digest} ${time}`)
    .join('\n');

/** Digests of the content held, each stored once. */
export const contentsOf = (store: MemoryFileStore): string[] =>
  store
    .all()
    .filter(({ status }) => status === 'stored')
    .map(({ digest }) => digest)
    .sort();
