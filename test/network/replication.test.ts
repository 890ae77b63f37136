import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Network } from '../../src/network/network.ts';
import { createMemoryFileStore, type MemoryFileStore } from '../support/memory-file-store.ts';
import { createReplication } from '../../src/replication/create-replication.ts';
import type { ClusterPeer, Replication } from '../../src/replication/replication.ts';
import { ScrubEndpoint } from '../../src/replication/scrub/protocol.ts';
import { TransferEndpoint } from '../../src/replication/transfer/protocol.ts';
import { startTestNetwork } from '../support/libp2p-network.ts';
import { viewOf } from '../support/replication-world.ts';
import { waitFor } from '../support/wait.ts';

interface Operator {
  readonly network: Network;
  readonly store: MemoryFileStore;
  readonly replication: Replication;
  /** As after `exit operator` and `run operator`: on the node's same registration of the protocol. */
  readonly again: () => Promise<Operator>;
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const startOperator = async (
  member: number,
  network: Network,
  endpoint: TransferEndpoint,
  scrubEndpoint: ScrubEndpoint,
  peers: readonly Network[],
): Promise<Operator> => {
  const store = createMemoryFileStore(`operator-${member}`);
  const clusterPeers: ClusterPeer[] = peers.map((peer, at) => ({
    operator: `operator-${at + 1}`,
    name: `operator ${at + 1}`,
    member: at + 1,
    peer: peer.self,
  }));
  const replication = await createReplication({
    ...{ network, store, endpoint, scrubEndpoint, clock: systemClock, random: systemRandom, log: silentLogger },
    clusterPeers: () => clusterPeers.filter(({ operator }) => operator !== store.origin),
    filledFlag: { load: () => Promise.resolve(undefined), save: () => Promise.resolve() },
  });
  closing.push(() => replication.close());
  return { network, store, replication, again: () => startOperator(member, network, endpoint, scrubEndpoint, peers) };
};

const startCluster = async (count: number): Promise<Operator[]> => {
  const networks = await Promise.all(Array.from({ length: count }, () => startTestNetwork()));
  for (const network of networks) closing.push(() => network.close());
  const operators: Operator[] = [];
  for (const [at, network] of networks.entries())
    operators.push(
      await startOperator(
        ...([at + 1, network, new TransferEndpoint(network, systemClock)] as const),
        ...([new ScrubEndpoint(network, systemClock), networks] as const),
      ),
    );
  for (const [at, network] of networks.entries())
    network.keepDialled(networks.slice(0, at).map(({ address, self }) => ({ address, key: self })));
  await waitFor(() => operators.every(({ replication }) => replication.peers().every(({ connected }) => connected)));
  return operators;
};

const run = ({ replication }: Operator): void => {
  replication.startDistributor();
  replication.startConsumer({ startMs: () => 0, endMs: () => undefined, mode: 'active' });
};
const time = '2026-01-01T00:00:00.000000Z';

describe('replication over libp2p', () => {
  test('pushes files of all sizes, whole', async () => {
    const [one, two] = (await startCluster(2)) as [Operator, Operator];
    [one, two].forEach(run);
    const large = randomBytes(6_000_000).toString('base64');
    for (const content of ['{"a":1}', large, '', 'x'.repeat(720_896)]) one.store.put({ content, time });
    await waitFor(() => viewOf(two.store) === viewOf(one.store) && two.store.all().length === 4);
    const copy = await two.store.read('operator-1', 2);
    expect(Buffer.from(copy.content).equals(Buffer.from(large))).toBe(true);
    const [peer] = two.replication.peers();
    expect(peer?.lastError).toBeUndefined();
    // On a busy machine a file may be pulled while it is pushed as well.
    expect(peer?.received).toBeGreaterThanOrEqual(4);
  });

  test('fills up an operator with thousands of small files and some large ones', async () => {
    const [one, two, three] = (await startCluster(3)) as [Operator, Operator, Operator];
    for (let file = 0; file < 3_000; file += 1) one.store.put({ content: `{"n":${file}}`, time });
    for (let file = 0; file < 4; file += 1) one.store.put({ content: randomBytes(2_000_000).toString('hex'), time });
    run(two);
    await waitFor(() => viewOf(two.store) === viewOf(one.store), { timeoutMs: 20_000 });
    run(three);
    await waitFor(() => viewOf(three.store) === viewOf(one.store), { timeoutMs: 20_000 });
    expect(three.replication.filled).toBe(true);
  });

  test('a stopped operator refuses its peers, and serves them when it runs again', async () => {
    const [one, two] = (await startCluster(2)) as [Operator, Operator];
    run(two);
    await one.replication.close();
    await waitFor(() => two.replication.peers()[0]?.lastError?.includes('no operator runs on this node') === true);
    expect(two.replication.peers()).toMatchObject([{ connected: false }]);
    two.store.put({ content: '{"a":1}', time });
    expect(two.replication.committedRanges()).toEqual(two.store.holdings());
    const again = await one.again();
    run(again);
    await waitFor(() => viewOf(again.store) === viewOf(two.store));
    await waitFor(() => two.replication.peers()[0]?.lastError === undefined);
  });
});
