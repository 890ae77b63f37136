/**
 * Live propagation of policies beside bare gossip, and the catch-up of a node that joins. Real nodes in processes of
 * their own.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type Asked,
  type LedgerNode,
  loopDelayMs,
  RAW_TOPIC,
  sharedNow,
  startLedgerNode,
  type Told,
  watchLoop,
} from './propagation-node.ts';
import { type Figure, quantile, report } from './report.ts';

const PROGRAM = fileURLToPath(new URL('propagation-node.ts', import.meta.url));
const MESSAGES = 300;
const PACE_MS = 30;
const CATCH_UP_ENTRIES = 10_000;

class Peer {
  readonly #child: ChildProcess;
  #seen: ReadonlyMap<string, number> = new Map();
  #size = 0;
  #sizeAt = 0;

  constructor(dir: string, address: string) {
    this.#child = fork(PROGRAM, [dir, address], { execArgv: [] });
    this.#child.on('message', (message) => {
      const told = message as Told;
      if (told.kind !== 'size') return;
      this.#size = told.size;
      this.#sizeAt = told.at;
    });
  }

  seenAt(id: string): number | undefined {
    return this.#seen.get(id);
  }

  /** When the peer's book held so many entries, on the shared scale. */
  async heldAt(size: number): Promise<number> {
    while (this.#size < size) await delay(1);
    return this.#sizeAt;
  }

  /** From now on the peer writes down what arrives when. */
  watch(): void {
    this.#ask('watch');
  }

  /** Ends that; what it saw is known then. Returns the p99 of the delay of its event loop meanwhile, milliseconds. */
  async unwatch(): Promise<number> {
    this.#ask('tell');
    const [told] = (await once(this.#child, 'message')) as [Told];
    if (told.kind !== 'live') return Number.NaN;
    this.#seen = new Map(told.seen);
    return told.loopP99Ms;
  }

  #ask(asked: Asked): void {
    this.#child.send(asked);
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

const policyOf = (index: number): { site: Record<string, string> } => ({
  site: { name: `site-${index}`, note: randomBytes(150).toString('hex') },
});

interface Live {
  readonly policies: readonly number[];
  readonly raw: readonly number[];
  /** p99 of the delay of the event loop, of the node where it is largest. */
  readonly loopP99Ms: number;
}

/** Policies and bare gossip messages of the same size in turn; the slowest peer counts. */
const measureLive = async (node: LedgerNode, peers: readonly Peer[]): Promise<Live> => {
  const loop = watchLoop();
  for (const peer of peers) peer.watch();
  const sent: { id: string; at: number; kind: 'policies' | 'raw' }[] = [];
  for (let index = 0; index < MESSAGES; index += 1) {
    const { id } = await node.policies.insert(policyOf(index));
    sent.push({ id, at: sharedNow(), kind: 'policies' });
    await delay(PACE_MS / 2);
    const raw = randomBytes(8).toString('hex');
    sent.push({ id: raw, at: sharedNow(), kind: 'raw' });
    await node.network.publish(RAW_TOPIC, Buffer.from(raw.padEnd(900, '.'), 'latin1'));
    await delay(PACE_MS / 2);
  }
  const ownDelayMs = loopDelayMs(loop);
  loop.disable();
  await delay(2_000);
  const loops = [ownDelayMs, ...(await Promise.all(peers.map((peer) => peer.unwatch())))];
  const of = (kind: 'policies' | 'raw'): number[] =>
    sent
      .filter((message) => message.kind === kind)
      .map(({ id, at }) => Math.max(...peers.map((peer) => (peer.seenAt(id) ?? Number.POSITIVE_INFINITY) - at)));
  return { policies: of('policies'), raw: of('raw'), loopP99Ms: Math.max(...loops) };
};

const liveFigures = (nodes: number, { policies, raw, loopP99Ms }: Live, p99Ms: number): readonly Figure[] => [
  ...([0.5, 0.99] as const).map((share) => ({
    work: `live, ${nodes} nodes, slowest, ${share === 0.5 ? 'p50' : 'p99'}`,
    ours: quantile(policies, share),
    limit: quantile(raw, share),
    against: 'bare gossip of the same size, same run (ratio: smaller is better)',
    unit: 'ms',
    target: share === 0.5 ? '≤ 150 %' : `≤ ${p99Ms} ms`,
  })),
  { work: `event loop delay, ${nodes} nodes, slowest, p99`, ours: loopP99Ms, unit: 'ms', target: '≤ 50 ms' },
];

const withNetwork = async <T>(
  peerCount: number,
  work: (node: LedgerNode, peers: readonly Peer[], dir: string) => Promise<T>,
): Promise<T> => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const node = await startLedgerNode(join(dir, 'first'));
  await node.ledger.createNetwork('bench', 'open');
  node.network.subscribe(RAW_TOPIC, async () => 'accept');
  const peers = Array.from(
    { length: peerCount },
    (_, index) => new Peer(join(dir, `peer-${index}`), node.network.address),
  );
  try {
    const { size } = node.ledger;
    await Promise.all(peers.map((peer) => peer.heldAt(size)));
    await delay(3_000); // gossip meshes form at heartbeats of one second
    return await work(node, peers, dir);
  } finally {
    for (const peer of peers) peer.stop();
    await node.policies.close();
    await node.sync.close();
    await node.network.close();
    await node.ledger.close();
    await rm(dir, { recursive: true, force: true });
  }
};

const measureCatchUp = (): Promise<number> =>
  withNetwork(0, async (node, _, dir) => {
    for (let index = 0; index < CATCH_UP_ENTRIES; index += 500)
      await Promise.all(Array.from({ length: 500 }, (__, offset) => node.policies.insert(policyOf(index + offset))));
    const connected = new Promise<number>((resolve) =>
      node.network.notices.once('peer:up', () => resolve(sharedNow())),
    );
    const peer = new Peer(join(dir, 'late'), node.network.address);
    const held = await peer.heldAt(node.ledger.size);
    peer.stop();
    return (held - (await connected)) / 1_000;
  });

const figures = [
  ...liveFigures(2, await withNetwork(1, measureLive), 8),
  ...liveFigures(5, await withNetwork(4, measureLive), 15),
  {
    work: `catch-up of ${CATCH_UP_ENTRIES} entries of one author, connected → in the book`,
    ours: await measureCatchUp(),
    unit: 's',
    target: '≤ 0.4 s (50 authors)',
  },
];
report('Propagation of the ledger', figures);
process.exit(0);
