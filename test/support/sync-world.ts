import type { Clock } from '../../src/base/clock.ts';
import { type Logger, silentLogger } from '../../src/base/log.ts';
import type { Random } from '../../src/base/random.ts';
import type { Proposal } from '../../src/ledger/ledger.ts';
import {
  createMemoryDisk,
  createMemoryLedger,
  type MemoryDisk,
  type MemoryLedger,
} from '../../src/ledger/memory-ledger.ts';
import type { ArchivedPorts } from '../../src/ledger/sync/archived-ports.ts';
import { createLedgerSync } from '../../src/ledger/sync/ledger-sync.ts';
import type { LedgerSync } from '../../src/ledger/sync/sync.ts';
import { createMemoryHub, type MemoryHub } from '../../src/network/memory.ts';
import type { Network } from '../../src/network/network.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

/** One node of a world in memory, that can crash and start again on what was durable. */
export interface SyncNode {
  readonly key: string;
  readonly seed: Uint8Array;
  readonly ledger: MemoryLedger;
  readonly network: Network;
  readonly sync: LedgerSync;
  readonly disk: MemoryDisk;
  /** Ends as a power cut does; `start` with the same seed and disk brings it back. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

export interface SyncNodeOptions {
  readonly hub: MemoryHub;
  readonly clock: Clock;
  readonly random: Random;
  readonly seed?: Uint8Array;
  readonly disk?: MemoryDisk;
  readonly log?: Logger;
  readonly archived?: ArchivedPorts;
  readonly isRefusedBy?: (peer: string) => boolean;
  /** False: its network is not told yet whom to dial. Default: nobody, at first. */
  readonly knowsTargets?: boolean;
}
/** The address that a hub gives to the node of a key. */
export const addressOfKey = (key: string): string => `${key.slice(0, 12)}.memory:1`;
export const seedOf = (number: number): Uint8Array => createSeededRandom(number, 'key').bytes(32);

const startSyncNode = async (options: SyncNodeOptions): Promise<SyncNode> => {
  const { hub, clock, random, log = silentLogger, disk = createMemoryDisk() } = options;
  const seed = options.seed ?? random.bytes(32);
  const ledger = await createMemoryLedger({ seed, clock, random, log, disk });
  const network = hub.node({ key: ledger.author, log });
  if (options.knowsTargets !== false) network.keepDialled([]);
  const { archived, isRefusedBy } = options;
  const asked = { ...(archived && { archived }), ...(isRefusedBy && { isRefusedBy }) };
  const sync = createLedgerSync({ ledger, network, clock, random, log, ...asked });
  return {
    key: ledger.author,
    seed,
    ledger,
    network,
    sync,
    disk,
    async crash() {
      ledger.crash();
      await sync.close();
      await network.close();
    },
    async close() {
      await sync.close();
      await network.close();
      await ledger.close();
    },
  };
};

/** A proposal that differs from all others by its number. */
export const proposal = (number: number): Proposal => ({
  op: 'insert',
  type: 'config',
  id: `policy-${number}`,
  replaces: null,
  content: { config: { number } },
});

/** Nodes over a hub in virtual time, numbered as they are started: node `n` has the key of `seedOf(n)`. */
export interface SyncWorld {
  readonly clock: VirtualClock;
  readonly hub: MemoryHub;
  readonly start: (options?: Partial<SyncNodeOptions>) => Promise<SyncNode>;
}

export const createSyncWorld = (): SyncWorld => {
  const clock = createVirtualClock();
  const random = createSeededRandom(3);
  const hub = createMemoryHub({ clock, random: random.fork('hub') });
  let count = 0;
  return {
    clock,
    hub,
    start(options) {
      count += 1;
      return startSyncNode({ clock, hub, random: random.fork(`${count}`), seed: seedOf(count), ...options });
    },
  };
};

/** A founder and a second node that dialled it, joined and may append. */
export const startSyncPair = async (): Promise<SyncWorld & { readonly a: SyncNode; readonly b: SyncNode }> => {
  const world = createSyncWorld();
  const [a, b] = [await world.start(), await world.start()];
  await a.ledger.createNetwork('n', 'open');
  b.network.keepDialled([{ address: a.network.address }]);
  await world.clock.runUntil(() => holdTheSame(a, b) && b.ledger.status().mayAppend, 5_000);
  return { ...world, a, b };
};

export const holdTheSame = (...nodes: SyncNode[]): boolean =>
  new Set(nodes.map(({ ledger }) => ledger.version)).size === 1;

/** Appends at once; the numbers must differ from those of before. */
export const appendMany = async (node: SyncNode, count: number, from = 0): Promise<void> => {
  await Promise.all(Array.from({ length: count }, (_, at) => node.ledger.append(proposal(from + at))));
};
