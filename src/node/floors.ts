import { EventEmitter } from 'node:events';
import { networkInterfaces } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { WRITE_WAIT_MS_MAX } from '../base/limits.ts';
import type { ResourceStack } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import type { JsonObject } from '../codec/json.ts';
import type { CommandContext } from '../command/context.ts';
import { splitAddress } from '../command/facts.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { openLedger } from '../ledger/open-ledger.ts';
import { createLedgerSync } from '../ledger/sync/ledger-sync.ts';
import type { LedgerSync } from '../ledger/sync/sync.ts';
import { startLibp2pNetwork } from '../network/libp2p.ts';
import type { Network } from '../network/network.ts';
import { createPolicies } from '../policy/ledger-policies.ts';
import type { QueryPorts } from '../query/ports.ts';
import { createQueryService } from '../query/service.ts';
import { createCommitted } from '../replication/committed/protocol.ts';
import { noticingDamage } from '../sqlite/noticing-damage.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import { startSqliteThreads } from '../sqlite/threads.ts';
import { followTopology } from '../topology/derive.ts';
import type { OperatorInfo, Topology } from '../topology/topology.ts';
import { commandFacts } from './command-facts.ts';
import type { NodeConfig } from './config.ts';
import { createDialling, type Dialling } from './dialling.ts';
import { environmentVariable } from './environment.ts';
import { loadIdentity } from './identity.ts';
import { settleNetwork } from './own-network.ts';
import { Parts } from './parts.ts';
import type { NodePaths } from './paths.ts';

/** Whether a node policy that is inserted here stands for this very node: its name, or an address that is ours. */
const isOwnPolicy =
  (config: NodeConfig, network: Network) =>
  (_type: string, value: JsonObject): boolean => {
    const { host, port } = splitAddress(network.address);
    const local = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    const ours = [host, ...local.map(({ address }) => address)];
    return (
      value['name'] === config.name ||
      (Number(value['port']) === port &&
        [value['ip'], value['local_ip']].some((ip) => typeof ip === 'string' && ours.includes(ip)))
    );
  };

/** What the floors need of what stands around them. */
export interface Outside {
  readonly version: string;
  readonly log: Logger;
  exitNode(): void;
  /** Undefined until REST listens. */
  restAddress(): string | undefined;
}

/** A write right after a start waits for the peers to be asked; the ledger refuses it where that takes too long. */
const ownLogKnown = async (ledger: Ledger, ledgerSync: LedgerSync): Promise<void> => {
  if (ledger.network === undefined || ledger.status().mayAppend) return;
  await ledgerSync.ownLogKnown(AbortSignal.timeout(WRITE_WAIT_MS_MAX)).catch(() => {
    // The ledger's own error says more.
  });
};

/** `seed from`: knows the address from now on, joins its network where this node has none, and takes up what it has. */
const createSeedFrom =
  (dialling: Dialling, network: Network, ledgerSync: LedgerSync) =>
  async (address: string, signal?: AbortSignal): Promise<void> => {
    await network.dial({ address }, { signal });
    await dialling.addSeed(address);
    await ledgerSync.syncNow();
  };

interface QueryFloors {
  readonly network: Network;
  readonly sqlite: Sqlite;
  readonly topology: () => Topology;
  readonly parts: Parts;
  readonly log: Logger;
}

const queryPorts = ({ network, sqlite, topology, parts, log }: QueryFloors): QueryPorts => {
  const isUp = ({ peer }: OperatorInfo): boolean =>
    peer === network.self || network.peers().some(({ key }) => key === peer);
  return {
    ...{ network, sqlite, topology, isUp },
    clock: systemClock,
    log: log.child('query'),
    operating: () => operatingOf(parts),
    committedRanges: createCommitted({
      ...{ network, topology, isUp },
      clock: systemClock,
      operating: () => parts.sharing,
    }),
  };
};

const operatingOf = ({ operator, replication }: Parts): { operator: string; filled: boolean } | undefined =>
  operator === undefined ? undefined : { operator: operator.store.origin, filled: replication?.filled === true };

/** Everything below the front doors, in floor order; each part is closed in the reverse order. */
export const startFloors = async (
  stack: ResourceStack,
  config: NodeConfig,
  paths: NodePaths,
  outside: Outside,
): Promise<CommandContext> => {
  const { log } = outside;
  const ports = { clock: systemClock, random: systemRandom };
  const identity = await loadIdentity(paths.key);
  const ledger = stack.use(
    await openLedger({ ...ports, dir: paths.ledger, seed: identity.seed, log: log.child('ledger') }),
  );
  await settleNetwork(ledger, config);
  const damaged = new EventEmitter<{ database: [string] }>();
  const sqlite = stack.use(
    noticingDamage(startSqliteThreads({ dir: paths.dbms, log: log.child('sqlite') }), (name) =>
      damaged.emit('database', name),
    ),
  );
  const network = stack.use(
    await startLibp2pNetwork({
      ...ports,
      privateKeySeed: identity.seed,
      listen: config.listen,
      log: log.child('network'),
    }),
  );
  const ledgerSync = stack.use(createLedgerSync({ ...ports, ledger, network, log: log.child('ledger') }));
  const policies = stack.use(
    createPolicies({
      ledger,
      ownKey: ledger.author,
      clock: ports.clock,
      log: log.child('policy'),
      holders: (author, seq) => ledgerSync.holders(author, seq),
      isOwn: isOwnPolicy(config, network),
      mayWrite: () => ownLogKnown(ledger, ledgerSync),
    }),
  );
  await policies.caughtUp();
  const topology = followTopology(policies.book);
  const dialling = await createDialling({ network, topology, seeds: config.seeds, path: paths.peers, log });
  policies.notices.on('policy:changed', () => dialling.refresh());
  dialling.refresh();
  const parts = stack.use(new Parts({ ...ports, network, policies, sqlite, topology, paths, log }));
  damaged.on('database', (name) => parts.databaseDamaged(name));
  const query = createQueryService(queryPorts({ network, sqlite, topology, parts, log }));
  return {
    facts: commandFacts(config, paths, outside.version, ports.clock.wallMs(), () => outside.restAddress()),
    clock: ports.clock,
    log: log.child('command'),
    network,
    ledger,
    ledgerSync,
    policies,
    sqlite,
    query,
    topology,
    operator: () => parts.operator,
    distributor: () => parts.distributor,
    consumer: () => parts.consumer,
    scrubber: () => parts.replication?.scrubber,
    control: {
      ...parts.control,
      seedFrom: createSeedFrom(dialling, network, ledgerSync),
      exitNode: () => outside.exitNode(),
    },
    environment: environmentVariable,
  };
};
