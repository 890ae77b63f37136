import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Network } from '../../src/network/network.ts';
import { createReplication } from '../../src/replication/create-replication.ts';
import type { Replication } from '../../src/replication/replication.ts';
import { ScrubEndpoint } from '../../src/replication/scrub/protocol.ts';
import { TransferEndpoint } from '../../src/replication/transfer/protocol.ts';
import { type FileStoreFixture, openFileStore } from '../support/file-store-fixture.ts';
import { startTestNetwork } from '../support/libp2p-network.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait.ts';

const ROWS = 400;
/** What no packing makes of a file of so many rows. */
const FILE_BYTES_MIN = 500_000;
const CUT_EACH_BYTES = 65_536;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Operator {
  readonly files: FileStoreFixture;
  readonly network: Network;
  readonly replication: Replication;
}

const operatorAt = async (at: number, network: Network, networks: readonly Network[]): Promise<Operator> => {
  const name = (of: number): string => `operator-${of + 1}`;
  const files = await openFileStore({
    origin: name(at),
    members: new Map(networks.map((_, of) => [name(of), of + 1])),
  });
  closing.push(() => files.close());
  const peers = networks.map((peer, of) => ({ operator: name(of), name: name(of), member: of + 1, peer: peer.self }));
  const replication = await createReplication({
    ...{ network, store: files.store, clock: systemClock, random: systemRandom, log: silentLogger },
    ...{ endpoint: new TransferEndpoint(network, systemClock), scrubEndpoint: new ScrubEndpoint(network, systemClock) },
    clusterPeers: () => peers.filter(({ peer }) => peer !== network.self),
    filledFlag: { load: async () => undefined, save: async () => {} },
  });
  closing.push(() => replication.close());
  replication.startDistributor();
  replication.startConsumer({ startMs: () => 0, endMs: () => undefined, mode: 'active' });
  return { files, network, replication };
};

/** Two operators over TCP; the second dials the first on a path that the test has in its hand. */
const throughProxy = async (): Promise<{ one: Operator; two: Operator; path: TcpProxy }> => {
  const networks = [await startTestNetwork(), await startTestNetwork()] as const;
  for (const network of networks) closing.push(() => network.close());
  const path = await startTcpProxy(networks[0].address);
  closing.push(() => path.close());
  const one = await operatorAt(0, networks[0], networks);
  const two = await operatorAt(1, networks[1], networks);
  networks[1].keepDialled([{ address: path.address, key: networks[0].self }]);
  await waitFor(() => two.replication.peers().every(({ connected }) => connected));
  return { one, two, path };
};

const random = createSeededRandom(1, 'file-cut');
/** Rows that are there once in all tests, of random text. */
const fileOf = (first: number): string =>
  Array.from({ length: ROWS }, (_, at) =>
    JSON.stringify({ reading: first + at, device: Buffer.from(random.bytes(1_300)).toString('base64') }),
  ).join('\n');

const readingsOf = async ({ files }: Operator): Promise<readonly number[]> =>
  (await files.readings()).map(([reading]) => Number(reading));

/** What the target sends is the file; what the dialler sends tells that it has it. */
const CUTS = [
  ...Array.from({ length: Math.floor(FILE_BYTES_MIN / CUT_EACH_BYTES) + 1 }, (_, at) => ({
    from: 'target' as const,
    bytes: Math.max(1, at * CUT_EACH_BYTES),
  })),
  ...[1, 200, 400].map((bytes) => ({ from: 'dialler' as const, bytes })),
];

test('a transfer that is cut at any 64 KiB of a file, or while its end is acknowledged, goes on over the next connection: each row comes, and once', async () => {
  const { one, two, path } = await throughProxy();
  let given = 0;
  for (const { from, bytes } of CUTS) {
    const before = path.accepted;
    path.closeAfter(bytes, from);
    await one.files.put(fileOf(given));
    given += ROWS;
    await waitFor(async () => path.accepted > before && (await readingsOf(two)).length >= given, {
      what: `what came after a cut at ${bytes} of the ${from}`,
    });
    expect((await readingsOf(two)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: given }, (_, at) => at));
  }
  await waitFor(() => one.replication.peers().every(({ filesAhead, filesBehind }) => filesAhead + filesBehind === 0));
}, 120_000);

test('over a path that lets through a few bytes at a time, late, a file comes whole, and once', async () => {
  const { one, two, path } = await throughProxy();
  path.drip(1_400, 4);
  await one.files.put(fileOf(0));
  await two.files.put(fileOf(ROWS));
  for (const operator of [one, two])
    await waitFor(async () => (await readingsOf(operator)).length >= 2 * ROWS, { timeoutMs: 60_000 });
  for (const operator of [one, two])
    expect((await readingsOf(operator)).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 2 * ROWS }, (_, at) => at),
    );
}, 120_000);
