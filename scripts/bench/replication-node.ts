import { mkdir } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { unwatchedDisk } from '../../src/base/disk.ts';
import { createLogger } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { StateFile } from '../../src/base/state-file.ts';
import { startLibp2pNetwork } from '../../src/network/libp2p.ts';
import { createOperator } from '../../src/operator/create-operator.ts';
import { countRanges } from '../../src/operator/ranges.ts';
import { createReplication } from '../../src/replication/create-replication.ts';
import { createFilledFlag } from '../../src/replication/filled-flag.ts';
import type { ClusterPeer } from '../../src/replication/replication.ts';
import { ScrubEndpoint } from '../../src/replication/scrub/protocol.ts';
import { TransferEndpoint } from '../../src/replication/transfer/protocol.ts';
import { startSqliteThreads } from '../../src/sqlite/threads.ts';
import type { Column } from '../../src/topology/topology.ts';

/** What the bench tells a node to do; each is answered with {@link Reply}. */
export type Order =
  | { readonly do: 'peers'; readonly peers: readonly (ClusterPeer & { readonly address: string })[] }
  /** Puts files of so many rows, one after the other, with a pause between. */
  | { readonly do: 'put'; readonly files: number; readonly rows: number; readonly pauseMs: number }
  /** Answers when so many files are held. */
  | { readonly do: 'hold'; readonly files: number }
  /**
   * When each file was acknowledged here (own) or stored here (others'), in order, on a clock that all processes share.
   */
  | { readonly do: 'times' }
  | { readonly do: 'usage' };

export interface Reply {
  readonly times?: readonly number[];
  readonly ms?: number;
  /** Bytes resident at most since the last call, and milliseconds of processor time since then. */
  readonly peakBytes?: number;
  readonly cpuMs?: number;
  /** Event loop delay, 99th percentile, milliseconds. */
  readonly delayMs?: number;
}

export const COLUMNS: readonly Column[] = [
  { name: 'timestamp', type: 'timestamp' },
  { name: 'device', type: 'varchar' },
  { name: 'reading', type: 'int' },
  { name: 'value', type: 'float' },
];

/** Newline-delimited rows that no file before had. */
export const benchFile = (from: number, count: number): Buffer => {
  const line = (at: number): string => {
    const timestamp = new Date(Date.UTC(2026, 0, 1) + at * 1_000).toISOString();
    return JSON.stringify({ timestamp, device: `device-${at % 4}`, reading: at, value: (at % 100) / 4 });
  };
  return Buffer.from(Array.from({ length: count }, (_, at) => line(from + at)).join('\n'));
};

const sharedNow = (): number => performance.timeOrigin + performance.now();

const startNode = async (dir: string, id: string) => {
  const log = createLogger(({ level, area, text }) => {
    if (level === 'error' || level === 'warn') console.error(`${id} ${area}: ${text}`);
  });
  const [clock, random] = [systemClock, systemRandom];
  const network = await startLibp2pNetwork({
    ...{ privateKeySeed: systemRandom.bytes(32), listen: '127.0.0.1:0' },
    ...{ clock, random, log },
  });
  await mkdir(join(dir, 'watch'), { recursive: true });
  const sqlite = startSqliteThreads({ dir: join(dir, 'dbms'), log });
  let peers: readonly ClusterPeer[] = [];
  const operator = await createOperator(
    {
      ...{ sqlite, clock, log },
      registry: { columns: () => COLUMNS, isHeld: () => true, declare: () => Promise.resolve(COLUMNS) },
      members: () => new Map([[id, 1], ...peers.map(({ operator: peer, member }) => [peer, member] as const)]),
    },
    {
      ...{ policy: id, createTable: true, updateTsdInfo: true, archive: true, distributor: true, threads: 1 },
      ...{ limitTables: [], watchDir: join(dir, 'watch'), errDir: join(dir, 'error') },
      ...{ archiveDir: join(dir, 'archive'), prepDir: join(dir, 'prep') },
    },
  );
  const replication = await createReplication({
    ...{ network, clock, random, log, store: operator.store },
    endpoint: new TransferEndpoint(network, clock),
    scrubEndpoint: new ScrubEndpoint(network, clock),
    clusterPeers: () => peers,
    filledFlag: createFilledFlag(new StateFile(join(dir, 'filled'), { clock, disk: unwatchedDisk, log })),
  });
  replication.startDistributor();
  replication.startConsumer({ startMs: () => 0, endMs: () => undefined, mode: 'active' });
  return {
    ...{ network, operator, replication },
    setPeers: (now: readonly ClusterPeer[]) => {
      peers = now;
      replication.refresh();
    },
  };
};

/** Peak memory, processor time and event loop delay since the last look. */
const watchUsage = (): (() => Reply) => {
  let peak = 0;
  let delays: number[] = [];
  let last = performance.now();
  let cpu = process.cpuUsage();
  setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
    delays.push(Math.max(0, performance.now() - last - 5));
    last = performance.now();
  }, 5);
  return () => {
    const used = process.cpuUsage(cpu);
    const delayMs = delays.sort((a, b) => a - b)[Math.floor(delays.length * 0.99)] ?? 0;
    const reply = { peakBytes: peak, cpuMs: (used.user + used.system) / 1_000, delayMs };
    [peak, delays, cpu] = [0, [], process.cpuUsage()];
    return reply;
  };
};

const serve = async (dir: string, id: string): Promise<void> => {
  const { network, operator, setPeers } = await startNode(dir, id);
  const usage = watchUsage();
  const times: number[] = [];
  operator.store.notices.on('file:stored', (records) => {
    for (const { origin } of records) if (origin !== id) times.push(sharedNow());
  });
  let made = 0;
  const held = (): number =>
    [...operator.store.holdings().values()].reduce((sum, ranges) => sum + countRanges(ranges), 0);
  const obey = async (order: Order): Promise<Reply> => {
    switch (order.do) {
      case 'peers':
        network.keepDialled(order.peers.map(({ address, peer }) => ({ address, key: peer })));
        setPeers(order.peers);
        return {};
      case 'put': {
        const start = performance.now();
        for (let file = 0; file < order.files; file += 1) {
          const content = benchFile(made, order.rows);
          made += order.rows;
          await operator.put({ dbms: 'plant', table: 'readings', source: '0', instructions: '0', content });
          times.push(sharedNow());
          if (order.pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, order.pauseMs));
        }
        return { ms: performance.now() - start };
      }
      case 'hold':
        while (held() < order.files) await new Promise((resolve) => setTimeout(resolve, 2));
        return {};
      case 'times':
        return { times: times.splice(0) };
      case 'usage':
        return usage();
    }
  };
  process.on('message', (order: Order) => {
    void obey(order).then((reply) => process.send?.(reply));
  });
  flushCompileCache();
  process.send?.({ key: network.self, address: network.address });
};

// As a program: one operator, until it is killed.
const [, program, dir, id] = process.argv;
if (program !== undefined && import.meta.filename === program && dir !== undefined && id !== undefined)
  await serve(dir, id);
