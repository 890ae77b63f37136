import { EventEmitter } from 'node:events';
import { systemClock } from '../base/clock.ts';
import { fault } from '../base/errors.ts';
import { startCollecting } from '../base/collection.ts';
import { ClockGuard } from './clock-guard.ts';
import { ClockMonitor } from '../base/clock-monitor.ts';
import { joinAddress } from '../base/host.ts';
import { DiskMonitor } from '../base/disk-monitor.ts';
import type { ResourceStack } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { StateFile } from '../base/state-file.ts';
import { signingKeyFromSeed, signWith, type SigningKey } from '../entry/keys.ts';
import type { Access } from '../command/access/access.ts';
import { checkAsker } from '../command/access/door.ts';
import type { CommandContext, Watched } from '../command/context.ts';
import type { PeerView, PeerWatch } from '../command/health/peer-watch.ts';
import { nodeNamer } from '../command/node-names.ts';
import type { ArchiveClient } from '../ledger/archive/client.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { openLedger, type TakenDirectory } from '../ledger/open-ledger.ts';
import type { StoredLedger } from '../ledger/stored-ledger.ts';
import { createLedgerSync } from '../ledger/sync/ledger-sync.ts';
import type { LedgerSync } from '../ledger/sync/sync.ts';
import { TwinWatch } from '../ledger/twins/watch.ts';
import type { DialTarget, Network } from '../network/network.ts';
import { startReceipts } from '../receipt/receipt-service.ts';
import { createPolicies, type PoliciesPorts } from '../policy/ledger-policies.ts';
import { mayCite } from '../policy/authority/may-cite.ts';
import type { Introductions } from '../policy/introduction/introductions.ts';
import type { Policies } from '../policy/policies.ts';
import { countingHere } from '../policy/whose-word.ts';
import { createQueryService } from '../query/service.ts';
import type { Replication } from '../replication/replication.ts';
import { noticingDamage } from '../sqlite/noticing-damage.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import { startSqliteThreads } from '../sqlite/threads.ts';
import { followTopology } from '../topology/derive.ts';
import type { Topology } from '../topology/topology.ts';
import {
  archivedPorts,
  archivesToDial,
  createArchiveAddresses,
  createArchiveClient,
  type Later,
  startArchiving,
} from './archiving.ts';
import { Backups } from './backup/backups.ts';
import { commandFacts } from './command-facts.ts';
import { configurationOf, type NodeConfig } from './config.ts';
import { createDialling, type Dialling } from './dialling.ts';
import { environmentVariable } from './environment.ts';
import { HistoryKeeper } from './history-keeper.ts';
import { type Identity, ownIdentity } from './identity.ts';
import { joinNetwork } from './join-network.ts';
import { forgetRefused } from './joining.ts';
import { startListening } from './listening.ts';
import { guardNetwork } from './network-gate.ts';
import { settleNetwork } from './own-network.ts';
import { endRotation, rotateKey } from './rotation.ts';
import { Parts, unlessArchived } from './parts.ts';
import { toCome } from './start-script.ts';
import { queryPorts } from './query-ports.ts';
import { readSavedStates, stateStore } from './saved-states.ts';
import { takeRestored } from './restore/mark.ts';
import { WriteGuard } from './restore/write-guard.ts';
import { writesKnown } from './first-writes.ts';
import { isOwnPolicy } from './own-policies.ts';
import type { NodePaths } from './paths.ts';

/** What the floors need of what stands around them. */
export interface Outside {
  readonly version: string;
  readonly log: Logger;
  /** Aborted when the node is told to stop. */
  readonly stop: AbortSignal;
  /** Aborted when what stands above the floors has ended. */
  readonly stopping: AbortSignal;
  readonly access: Access;
  /** The directory of the ledger. */
  readonly taken: TakenDirectory;
  /** Throws what will keep REST from listening: a taken port, a certificate that cannot be read. */
  readonly tryRest: () => Promise<void>;
  exitNode(): void;
  /** Undefined until REST listens. */
  restAddress(): string | undefined;
  /** What the connected nodes tell of themselves; undefined until they are asked. */
  peerWatch(): PeerWatch | undefined;
}

/** `seed from`: knows the address from now on, joins its network where this node has none, and takes up what it has. */
const createSeedFrom =
  (dialling: Dialling, network: Network, ledgerSync: LedgerSync) =>
  async (address: string, signal?: AbortSignal): Promise<void> => {
    await network.dial({ address }, { signal });
    await dialling.addSeed(address);
    await ledgerSync.syncNow();
  };

const sharingOf = ({ replication }: Parts): Watched['sharing'] =>
  replication && { filled: replication.filled, peers: replication.peers(), awaited: replication.awaited };

/** What stands below the parts that commands start and stop. */
interface Base {
  readonly ledger: Ledger;
  readonly sqlite: Sqlite;
  readonly network: Network;
  readonly ledgerSync: LedgerSync;
  readonly policies: Policies;
  readonly topology: () => Topology;
  readonly archive: ArchiveClient;
  readonly introductions: Introductions;
  readonly guard: WriteGuard;
  readonly clockGuard: ClockGuard;
  readonly disk: DiskMonitor;
  /** Tells the name of a database that SQLite found damaged. */
  readonly damaged: EventEmitter<{ database: [string] }>;
  /** Tells the address of a seed that belongs to another network. */
  readonly foreign: EventEmitter<{ seed: [string] }>;
  readonly key: SigningKey;
  /** What comes later: for parts that ask for it then. */
  readonly made: Later;
}

/** Dropping bodies, on command: what follows from them stays among the ledger's files, which must not change under a backup. */
const pruningOf = async (
  { bodies }: StoredLedger,
  archive: ArchiveClient,
  { ledger: dir }: NodePaths,
  made: Later,
  log: Logger,
): Promise<NonNullable<PoliciesPorts['pruning']>> => ({
  ...{ archive, bodies, states: stateStore(dir), saved: await readSavedStates(dir, log) },
  mayBegin: () => {
    if (made.backups?.isRunning !== true) return;
    throw fault('BACKUP_RUNNING', 'a backup is being made: the files of the ledger stay as they are meanwhile', {
      hint: 'how far it is: get backup; to break it off: exit backup',
    });
  },
});

/** The node's own key: another one than before where it comes with another invite than the one that was refused. */
const takeIdentity = async (paths: NodePaths, { invite }: NodeConfig): Promise<Identity> => {
  await forgetRefused(paths, invite);
  return ownIdentity(paths);
};

const viewsOf = (outside: Outside): readonly PeerView[] => outside.peerWatch()?.views() ?? [];

/** Compares the clock with what the connected nodes said of theirs. */
const clockGuardOf = (outside: Outside, made: Later): ClockGuard =>
  new ClockGuard({
    clock: systemClock,
    clocks: () => {
      const nameOf = nodeNamer(made.topology?.());
      return viewsOf(outside).map(({ peer, clockAheadMs }) => ({ name: nameOf(peer), clockAheadMs }));
    },
    measure: () => outside.peerWatch()?.lookNow(),
  });

const startBase = async (
  stack: ResourceStack,
  config: NodeConfig,
  paths: NodePaths,
  outside: Outside,
): Promise<Base> => {
  const { log, taken, tryRest } = outside;
  const ports = { clock: systemClock, random: systemRandom };
  const disk = stack.use(
    await DiskMonitor.start({ dir: paths.dir, clock: systemClock, log: log.child('disk'), reserve: config.reserve }),
  );
  const restored = await takeRestored(paths, config.restored, log);
  const { seed } = await takeIdentity(paths, config);
  const own = { dir: paths.ledger, taken, seed };
  const ledger = stack.use(await openLedger({ ...ports, ...own, disk, log: log.child('ledger') }));
  const damaged = new EventEmitter<{ database: [string] }>();
  const sqlite = stack.use(
    noticingDamage(startSqliteThreads({ dir: paths.dbms, disk, log: log.child('sqlite') }), (name) =>
      damaged.emit('database', name),
    ),
  );
  const networkOptions = { ...ports, privateKeySeed: seed, log: log.child('network') };
  const network = stack.use(await startListening(config, networkOptions));
  // Not before what else may refuse the start was tried; not after, since a peer may tell of another network.
  await settleNetwork(ledger, config, tryRest);
  const made: Later = {};
  const archive = stack.use(createArchiveClient({ network, ledger, log, clock: ports.clock }, made));
  const foreign = new EventEmitter<{ seed: [string] }>();
  const ledgerSync = stack.use(
    createLedgerSync({
      ...{ ...ports, ledger, network, log: log.child('ledger') },
      onForeignSeed: (address) => foreign.emit('seed', address),
      isRefusedBy: (key) => made.introductions?.isRefusedBy(key) === true,
      isGranted: (header) => made.policies && mayCite(made.policies.book.authority, header),
      archived: archivedPorts({ ledger, log }, archive, made, config),
    }),
  );
  const nameOf = (key: string): string => nodeNamer(made.topology?.())(key);
  const guard = stack.use(new WriteGuard({ ...ports, ledger, network, ledgerSync, restored, log, nameOf }));
  const clockGuard = clockGuardOf(outside, made);
  const policies = stack.use(
    createPolicies({
      ...{ ledger, ownKey: ledger.author, clock: ports.clock, log: log.child('policy') },
      holders: (author, seq) => ledgerSync.holders(author, seq),
      isOwn: isOwnPolicy(config, network),
      mayWrite: async () => {
        await writesKnown(ledger, ledgerSync, network);
        await guard.allowed();
        await clockGuard.allowed();
      },
      pruning: await pruningOf(ledger, archive, paths, made, log),
    }),
  );
  made.policies = policies;
  made.topology = followTopology(policies.book);
  // What it lacks is asked for in the background: that needs the network.
  await policies.caughtUp().catch(unlessArchived);
  await endRotation(paths, policies, ledger.author);
  // Not before: a book that is still being read lacks what settles it.
  stack.use(new HistoryKeeper({ policies, clock: ports.clock, log: log.child('archive') }));
  const introductions = (made.introductions = guardNetwork(
    stack,
    { network, ledger, policies, foreign, log: log.child('join') },
    config,
  ));
  return {
    ...{ introductions, archive, topology: made.topology, ledger, sqlite, network, ledgerSync, policies },
    ...{ guard, clockGuard, disk, damaged, foreign, key: signingKeyFromSeed(seed), made },
  };
};

/** Begins to dial whom the policies name, and to look for what forbids writing. */
const startDialling = async (
  stack: ResourceStack,
  config: NodeConfig,
  paths: NodePaths,
  { log }: Outside,
  { network, policies, guard, key, ledger, topology, disk, foreign, made }: Base,
): Promise<Dialling> => {
  const ports = { clock: systemClock, random: systemRandom };
  const seeds = [...config.seeds, ...(config.invite?.seeds ?? [])];
  const stateFile = (path: string): StateFile => stack.use(new StateFile(path, { clock: systemClock, disk, log }));
  const file = stateFile(paths.peers);
  const needed = (): readonly DialTarget[] => archivesToDial(made);
  const dialling = await createDialling({ network, topology, seeds, needed, file, log });
  made.addresses = stack.use(
    await createArchiveAddresses({ ...ports, network, ledger, log, file: stateFile(paths.archives) }, made, () =>
      dialling.refresh(),
    ),
  );
  policies.notices.on('policy:changed', () => dialling.refresh());
  dialling.refresh();
  foreign.on('seed', (address) => void dialling.forget(address));
  const twins = stack.use(
    new TwinWatch({
      ...{ ...ports, network, key, log: log.child('ledger') },
      writes: () => ledger.status().mayAppend,
      onAnswer: guard.look,
    }),
  );
  const own = topology().nodes.filter(({ peer }) => peer === network.self);
  guard.begin(
    twins,
    own.map(({ ip, port }) => joinAddress({ host: ip, port })),
  );
  return dialling;
};

/** Checkpoints of what this node accepted, witnessed by the registered nodes. */
const receiptsOf = ({ ledger, network, policies, topology, key }: Base, { receipts: dir }: NodePaths, log: Logger) =>
  startReceipts({
    ...{ clock: systemClock, random: systemRandom, ledger, network, key, dir, log: log.child('receipt') },
    registered: async () => {
      await policies.caughtUp();
      return policies.registered();
    },
    nameOf: (node) => (node === ledger.author ? 'this node' : nodeNamer(topology())(node)),
    counting: ({ origin: { node }, cosignatures }, entries, signal) =>
      countingHere(policies, { node, by: cosignatures.map(({ witness }) => witness) }, entries, signal),
  });

/** Everything below the front doors, in floor order; each part is closed in the reverse order. */
export const startFloors = async (
  stack: ResourceStack,
  config: NodeConfig,
  paths: NodePaths,
  outside: Outside,
): Promise<{
  readonly context: CommandContext;
  readonly replication: () => Replication | undefined;
  readonly disk: DiskMonitor;
}> => {
  const { log, version } = outside;
  const { clock, random } = { clock: systemClock, random: systemRandom };
  stack.use(startCollecting({ clock }));
  const base = await startBase(stack, config, paths, outside);
  const { ledger, sqlite, network, ledgerSync, policies, topology, guard, disk } = base;
  const dialling = await startDialling(stack, config, paths, outside, base);
  const receipts = stack.use(receiptsOf(base, paths, log));
  await joinNetwork(base, config, paths, outside);
  const clockMonitor = stack.use(new ClockMonitor(clock, log.child('clock')));
  const mayWrite = (): Promise<void> => guard.allowed();
  const archiving = stack.use(startArchiving({ ...base, config, paths, receipts, clock, log }));
  const parts = stack.use(
    new Parts({ clock, random, network, policies, sqlite, topology, paths, mayWrite, asked: guard.asked, disk, log }),
  );
  const backups = stack.use(
    new Backups(
      () => ({
        ...{ paths, sqlite, clock, version, node: ledger.author, name: config.name, script: config.script },
        network: ledger.network ?? null,
        archive: parts.operator?.status().options.archiveDir ?? paths.archive,
        configuration: configurationOf(config),
      }),
      () => policies.pruning?.busy === true,
    ),
  );
  base.made.backups = backups;
  base.damaged.on('database', (name) => parts.databaseDamaged(name));
  const { ports, knownFiles } = queryPorts({
    ...{ network, sqlite, topology, parts, log },
    checkAsker: (key, dbms, table) => checkAsker(context, key, dbms, table),
  });
  const query = createQueryService(ports);
  const context: CommandContext = {
    facts: commandFacts(config, paths, version, clock.wallMs(), () => outside.restAddress()),
    ...{ clock, random, log: log.child('command'), network, ledger, ledgerSync, policies, sqlite, query, topology },
    ...{ access: outside.access, receipts, startScript: toCome(config.script) },
    ...{ threadFailures: new Map(), knownFiles },
    operator: () => parts.operator,
    distributor: () => parts.distributor,
    consumer: () => parts.consumer,
    archiving,
    backup: () => backups.status,
    ...{ refusals: () => base.introductions.refusals(), doubts: () => base.clockGuard.doubts },
    scrubber: () => parts.replication?.scrubber,
    control: {
      ...parts.control,
      seedFrom: createSeedFrom(dialling, network, ledgerSync),
      exitNode: () => outside.exitNode(),
      rotateKey: () => rotateKey(paths, policies),
      startBackup: (dir) => backups.start(dir),
      stopBackup: () => backups.stop(),
    },
    disk: () => disk.status(),
    watched: () => ({ clock: clockMonitor.status(), peers: viewsOf(outside), sharing: sharingOf(parts) }),
    signManifest: (manifest) => signWith(base.key, manifest),
    ...{ environment: environmentVariable, stopping: outside.stopping },
  };
  return { context, replication: () => parts.replication, disk };
};
