import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { fault } from '../../src/base/errors.ts';
import { ResourceStack } from '../../src/base/lifecycle.ts';
import { silentLogger } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { Access } from '../../src/command/access/access.ts';
import { Users } from '../../src/command/access/users.ts';
import type { Archiving, BackupStatus, CommandContext, NodeControl, NodeFacts } from '../../src/command/context.ts';
import { createExecutor } from '../../src/command/create-executor.ts';
import { createSession, type CommandExecutor, type CommandOutput, type Session } from '../../src/command/executor.ts';
import { signingKeyFromSeed, signWith } from '../../src/entry/keys.ts';
import { createMemoryLedger, type MemoryLedger } from '../../src/ledger/memory-ledger.ts';
import type { Archive } from '../../src/ledger/archive/port.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { LedgerSync } from '../../src/ledger/sync/sync.ts';
import { createMemoryHub, type MemoryHub } from '../../src/network/memory.ts';
import type { Network } from '../../src/network/network.ts';
import { createMemoryFileStore, type MemoryFileStore } from './memory-file-store.ts';
import type {
  BufferStatus,
  IngestFailure,
  Operator,
  OperatorOptions,
  PutRequest,
} from '../../src/operator/operator.ts';
import { createPolicies, type PoliciesPorts } from '../../src/policy/ledger-policies.ts';
import type { Policies } from '../../src/policy/policies.ts';
import type { SavedState } from '../../src/policy/snapshot/saved.ts';
import { countingHere } from '../../src/policy/whose-word.ts';
import { startReceipts } from '../../src/receipt/receipt-service.ts';
import type { QueryJob, QueryRequest, QueryResult, QueryService } from '../../src/query/query.ts';
import type { Consumer, Distributor, PeerReplication, Scrubbing } from '../../src/replication/replication.ts';
import { openInlineSqlite } from '../../src/sqlite/inline.ts';
import type { Sqlite } from '../../src/sqlite/sqlite.ts';
import { followTopology } from '../../src/topology/derive.ts';
import { waitFor } from './wait.ts';

/** An operator that notes what it is told, over the memory file store. */
interface TestOperator extends Operator {
  readonly store: MemoryFileStore;
  readonly puts: PutRequest[];
  readonly streamed: PutRequest[];
  readonly flushed: (readonly [string | undefined, string | undefined])[];
  readonly thresholds: unknown[];
  buffered: readonly BufferStatus[];
  failed: readonly IngestFailure[];
}

const createTestOperator = (options: OperatorOptions): TestOperator => {
  const store = createMemoryFileStore(options.policy);
  const operator: TestOperator = {
    store,
    puts: [],
    streamed: [],
    flushed: [],
    thresholds: [],
    buffered: [],
    failed: [],
    async put(request) {
      operator.puts.push(request);
      return store.put({ ...request, time: '2026-11-23T10:00:00.000000Z' });
    },
    async stream(request) {
      operator.streamed.push(request);
      return { rows: 1 };
    },
    async flush(dbms, table) {
      operator.flushed.push([dbms, table]);
    },
    setThreshold: (...args) => operator.thresholds.push(args),
    buffers: () => operator.buffered,
    failures: (limit) => operator.failed.slice(0, limit),
    failing: () => ({
      dir: options.errDir,
      files: operator.failed.length,
      bytes: 0,
      isFull: false,
      newest: operator.failed,
    }),
    status: () => ({
      options,
      files: store.all().length,
      rows: 0,
      duplicates: 0,
      repeated: 0,
      leftInWatch: [],
      watchFailure: undefined,
      failed: operator.failed.length,
      lastFailure: operator.failed[0],
      queued: 0,
      leftOut: 0,
      setAside: [],
    }),
    drops: { isApplied: () => true, isDropping: () => false, failure: undefined },
    refresh: () => {},
    close: async () => {},
  };
  return operator;
};

/** What may be changed while the node runs. */
interface TestParts {
  operator: TestOperator | undefined;
  distributor: Distributor | undefined;
  consumer: Consumer | undefined;
  scrubber: Scrubbing | undefined;
  peers: readonly PeerReplication[];
  queries: { readonly request: QueryRequest; readonly local: boolean }[];
  jobs: readonly QueryJob[];
  result: QueryResult;
  exits: number;
  backup: BackupStatus | undefined;
  seeds: string[];
  syncs: number;
  /** Nodes that hold every entry, beside this one. */
  holders: readonly string[];
}

export interface CommandNode {
  readonly context: CommandContext;
  readonly executor: CommandExecutor;
  readonly ledger: Ledger;
  readonly policies: Policies;
  readonly network: Network;
  readonly sqlite: Sqlite;
  readonly parts: TestParts;
  readonly session: Session;
  /** Runs one command and gives its output. */
  run(text: string, session?: Session): Promise<CommandOutput>;
  /** The text of one command. */
  text(text: string): Promise<string>;
  /** The JSON value of one command, asked for by the caller. */
  json(text: string): Promise<unknown>;
}

export interface CommandNodeOptions {
  readonly name?: string;
  readonly address?: string;
  readonly remoteCommands?: NodeFacts['remoteCommands'];
  readonly environment?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** Whom a node asks that may drop bodies; without it, it drops none. */
  readonly archive?: Archive;
  readonly archiving?: Archiving;
}

/** Nodes with the command language over the real memory forms of the floors below, in one ledger. */
export class CommandNodes {
  readonly hub: MemoryHub = createMemoryHub({ clock: systemClock, random: systemRandom, delayMs: { min: 0, max: 0 } });
  readonly nodes: CommandNode[] = [];
  readonly #stack = new ResourceStack();

  async close(): Promise<void> {
    await this.#stack.close();
  }

  async add(options: CommandNodeOptions = {}): Promise<CommandNode> {
    const node = await createNode(this.hub, this.#stack, options);
    const [first] = this.nodes;
    if (first === undefined) await node.ledger.createNetwork('test', 'open');
    this.nodes.push(node);
    node.ledger.notices.on('ledger:appended', () => void this.#spread(node));
    if (first !== undefined) {
      await this.#spread(first);
      node.ledger.allowAppend();
      for (const other of this.nodes) if (other !== node) await node.network.dial({ address: other.network.address });
    }
    return node;
  }

  /** Resolves when all hold the same entries. */
  async settled(): Promise<void> {
    await waitFor(() => new Set(this.nodes.map(({ ledger }) => ledger.version)).size === 1);
    for (const { policies } of this.nodes) await policies.caughtUp();
  }

  async #spread(from: CommandNode): Promise<void> {
    const entries = (await from.ledger.follow(0, 1_000)).map(({ entry }) => entry.raw);
    for (const node of this.nodes)
      if (node !== from && node.ledger.version !== from.ledger.version)
        await node.ledger.offer(entries, from.network.self);
  }
}

const release = (): void => {};
const EMPTY_RESULT: QueryResult = {
  job: 1,
  columns: [],
  rows: [],
  runMs: 0,
  parts: [],
  behind: [],
  missing: [],
  release,
};

const createControl = (parts: TestParts): NodeControl => ({
  async startOperator(options) {
    parts.operator = createTestOperator(options);
  },
  async stopOperator() {
    parts.operator = undefined;
  },
  async startDistributor() {
    parts.distributor = { peers: () => parts.peers, close: async () => {} };
  },
  async stopDistributor() {
    parts.distributor = undefined;
  },
  async startConsumer({ mode }) {
    let current = mode;
    parts.consumer = {
      peers: () => parts.peers,
      get mode() {
        return current;
      },
      setMode(next) {
        current = next;
      },
      filled: true,
      syncNow: async () => {},
      close: async () => {},
    };
  },
  async stopConsumer() {
    parts.consumer = undefined;
  },
  rotateKey: async () => 'ab'.repeat(32),
  async seedFrom(address) {
    parts.seeds.push(address);
  },
  exitNode() {
    parts.exits += 1;
  },
  async startBackup(dir) {
    const counts = { files: 3, bytes: 10, bytesTotal: 40, ms: 65_000 };
    parts.backup = { state: 'running', dir, part: 'archive', ...counts, error: undefined };
  },
  async stopBackup() {
    if (parts.backup !== undefined)
      parts.backup = { ...parts.backup, state: 'failed', error: fault('BACKUP_STOPPED', 'the backup was stopped') };
  },
});

const createQueries = (parts: TestParts): QueryService => ({
  async network(request) {
    parts.queries.push({ request, local: false });
    return parts.result;
  },
  async local(request) {
    parts.queries.push({ request, local: true });
    return parts.result;
  },
  jobs: () => parts.jobs,
});

const createSync = (parts: TestParts, ledger: Ledger): LedgerSync => ({
  holders: () => new Set([ledger.author, ...parts.holders]),
  holding: async () => new Set(parts.holders),
  peers: () => [],
  async syncNow() {
    parts.syncs += 1;
  },
  ownLogKnown: async () => {},
  close: async () => {},
});

const createFacts = (
  dir: string,
  { name = 'node-1', remoteCommands = 'registered' }: CommandNodeOptions,
): NodeFacts => ({
  name,
  company: 'Lit San Leandro',
  hostname: 'machine',
  version: '0.1.0',
  startedMs: Date.UTC(2026, 0, 1),
  remoteCommands,
  directories: {
    root: dir,
    watch: join(dir, 'watch'),
    error: join(dir, 'error'),
    archive: join(dir, 'archive'),
    prep: join(dir, 'prep'),
    backup: join(dir, 'bkup'),
    distribution: join(dir, 'distr'),
    databases: join(dir, 'dbms'),
    ledger: join(dir, 'ledger'),
    scripts: join(dir, 'local_scripts'),
  },
  script: join(dir, 'start.al'),
  restAddress: () => '127.0.0.1:32149',
});

const pruningOf = ({ bodies }: MemoryLedger, archive: Archive | undefined): Pick<PoliciesPorts, 'pruning'> => {
  const saved = new Map<string, SavedState>();
  const states = { save: async (key: string, state: SavedState) => void saved.set(key, state) };
  return archive === undefined ? {} : { pruning: { archive, states, saved, bodies } };
};

const createNode = async (hub: MemoryHub, stack: ResourceStack, options: CommandNodeOptions): Promise<CommandNode> => {
  const clock = options.clock ?? systemClock;
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-command-'));
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  const seed = randomBytes(32);
  const ledger = stack.use(await createMemoryLedger({ seed }));
  const sqlite = stack.use(openInlineSqlite({ dir: join(dir, 'dbms') }));
  const network = stack.use(
    hub.node({ key: ledger.author, ...(options.address === undefined ? {} : { address: options.address }) }),
  );
  const isOwn = (_type: string, value: Readonly<Record<string, unknown>>): boolean =>
    `${String(value['ip'])}:${String(value['port'])}` === network.address;
  const policies = stack.use(
    createPolicies({
      ...{ ledger, ownKey: ledger.author, clock, holders: () => new Set([ledger.author]), isOwn },
      ...pruningOf(ledger, options.archive),
    }),
  );
  const receipts = stack.use(
    startReceipts({
      ...{ ledger, network, clock, random: systemRandom, log: silentLogger, key: signingKeyFromSeed(seed) },
      dir: join(dir, 'receipts'),
      registered: async () => {
        await policies.caughtUp();
        return policies.registered();
      },
      counting: ({ origin: { node }, cosignatures }, entries, signal) =>
        countingHere(policies, { node, by: cosignatures.map(({ witness }) => witness) }, entries, signal),
    }),
  );
  const parts: TestParts = {
    operator: undefined,
    distributor: undefined,
    consumer: undefined,
    scrubber: undefined,
    peers: [],
    queries: [],
    jobs: [],
    result: EMPTY_RESULT,
    exits: 0,
    backup: undefined,
    seeds: [],
    syncs: 0,
    holders: [],
  };
  const users = await Users.open(join(dir, 'users.json'), { clock, random: systemRandom });
  const context: CommandContext = {
    access: new Access({
      token: 'secret',
      tokenPath: join(dir, 'rest.token'),
      users,
      authentication: 'on',
      log: silentLogger,
      clock,
      certificateMember: () => undefined,
    }),
    facts: createFacts(dir, options),
    clock,
    random: systemRandom,
    log: silentLogger,
    network,
    ledger,
    ledgerSync: createSync(parts, ledger),
    policies,
    receipts,
    sqlite,
    query: createQueries(parts),
    control: createControl(parts),
    signManifest: (manifest) => signWith(signingKeyFromSeed(seed), manifest),
    topology: followTopology(policies.book),
    operator: () => parts.operator,
    distributor: () => parts.distributor,
    consumer: () => parts.consumer,
    knownFiles: async () => parts.operator?.store.holdings() ?? new Map(),
    ...(options.archiving === undefined ? {} : { archiving: options.archiving }),
    backup: () => parts.backup,
    scrubber: () => parts.scrubber,
    startScript: { failure: undefined },
    threadFailures: new Map(),
    environment: (name) => options.environment?.[name],
  };
  const executor = createExecutor(context);
  const session = createSession();
  const run = (text: string, other: Session = session): Promise<CommandOutput> =>
    executor.execute({ text, format: undefined, session: other });
  return {
    context,
    executor,
    ledger,
    policies,
    network,
    sqlite,
    parts,
    session,
    run,
    text: async (text) => (await run(text)).text,
    json: async (text) => (await executor.execute({ text, format: 'json', session })).json,
  };
};

/** New ones until the test that asks for them, or whose `beforeEach` does, has ended. */
export const commandNodes = (): CommandNodes => {
  const nodes = new CommandNodes();
  onTestFinished(() => nodes.close());
  return nodes;
};
