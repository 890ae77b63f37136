import { afterEach, describe, expect, test } from 'vitest';
import { PING_INTERVAL_MS, PING_TIMEOUT_MS } from '../../src/base/limits.ts';
import type { Network } from '../../src/network/network.ts';
import { startTestNetwork } from '../support/libp2p-network.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait.ts';

const open: { close(): Promise<void> }[] = [];
const keep = <T extends { close(): Promise<void> }>(resource: T): T => {
  open.push(resource);
  return resource;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

/** `a` keeps `b` dialled through a path that can be cut. */
const throughProxy = async (): Promise<{ a: Network; b: Network; path: TcpProxy; downs: string[] }> => {
  const [a, b] = [keep(await startTestNetwork()), keep(await startTestNetwork())];
  const path = keep(await startTcpProxy(b.address));
  const downs: string[] = [];
  a.notices.on('peer:down', () => downs.push('a'));
  b.notices.on('peer:down', () => downs.push('b'));
  b.handle('/holdfast/echo/1', async (channel) => {
    for await (const frame of channel) await channel.send(frame);
  });
  a.keepDialled([{ address: path.address, key: b.self }]);
  await waitFor(() => a.peers().length === 1 && b.peers().length === 1);
  return { a, b, path, downs };
};

/** Resolves when both sides have heard as many answers to their pings. */
const pinged = async (networks: readonly Network[], times: number): Promise<void> => {
  for (let count = 0; count < times; count += 1) {
    const before = networks.map((network) => network.peers()[0]?.rttMs);
    await waitFor(() => networks.every((network, at) => network.peers()[0]?.rttMs !== before[at]));
  }
};

/** Detection is promised within the ping time-out; the rest is what two loaded cores may add. */
const NOTICED_MS = PING_TIMEOUT_MS + 1_000;

describe('a path that is cut', () => {
  test.each(['both ways', 'dialler', 'target'] as const)(
    'is noticed by both sides (%s), redialled for as long as it lasts, and in use soon after it heals',
    async (way) => {
      const { a, b, path, downs } = await throughProxy();
      if (way === 'both ways') path.cut();
      else path.cutOneWay(way);
      await waitFor(() => downs.includes('a') && downs.includes('b'), { timeoutMs: NOTICED_MS });
      expect([a.peers(), b.peers()]).toEqual([[], []]);
      const before = path.accepted;
      await waitFor(() => path.accepted > before, { timeoutMs: 10_000 });
      path.heal();
      await waitFor(() => a.peers().length === 1 && b.peers().length === 1, { timeoutMs: 12_000 });
      await waitFor(async () => (await a.request(b.self, '/holdfast/echo/1', Buffer.from('x'))).byteLength === 1);
    },
  );

  test('a reset is noticed and redialled at once', async () => {
    const { a, path, downs } = await throughProxy();
    path.reset();
    await waitFor(() => downs.includes('a') && downs.includes('b'), { timeoutMs: 1_000 });
    await waitFor(() => a.peers().length === 1, { timeoutMs: 2_000 });
  });

  test('channels over a cut path end with a typed error, reader and writer alike', async () => {
    const { a, b, path } = await throughProxy();
    const channel = await a.open(b.self, '/holdfast/echo/1');
    const reading = channel[Symbol.asyncIterator]().next();
    path.cut();
    await expect(reading).rejects.toMatchObject({ code: expect.stringMatching(/^NETWORK_CHANNEL_/) as string });
    await expect(channel.send(Buffer.from('x'))).rejects.toMatchObject({
      code: expect.stringMatching(/^NETWORK_CHANNEL_/) as string,
    });
  });
});

describe('a healthy path', () => {
  test('survives an event loop that is blocked for longer than the ping time-out', async () => {
    const { a, b, downs } = await throughProxy();
    await waitFor(() => a.peers()[0]?.rttMs !== undefined && b.peers()[0]?.rttMs !== undefined);
    const endMs = performance.now() + PING_TIMEOUT_MS + 1_500;
    while (performance.now() < endMs) continue;
    for (let round = 0; round < 10; round += 1) await a.request(b.self, '/holdfast/echo/1', Buffer.from('x'));
    await pinged([a, b], 1);
    expect(downs).toEqual([]);
  });

  test('is kept while nothing but pings goes over it, and while a large transfer does', async () => {
    const { a, b, downs } = await throughProxy();
    let received = 0;
    b.handle('/holdfast/sink/1', async (channel) => {
      for await (const frame of channel) received += frame.byteLength;
    });
    const channel = await a.open(b.self, '/holdfast/sink/1');
    const [frame, endMs] = [new Uint8Array(256 * 1024), performance.now() + PING_TIMEOUT_MS + 1_000];
    let sent = 0;
    while (performance.now() < endMs) {
      await channel.send(frame);
      sent += frame.byteLength;
    }
    await channel.finish();
    await waitFor(() => received === sent);
    const since = a.peers()[0]?.sinceMs;
    await pinged([a, b], Math.ceil(PING_TIMEOUT_MS / PING_INTERVAL_MS) + 1);
    expect(a.peers()[0]?.sinceMs).toBe(since);
    expect(downs).toEqual([]);
  });
});
