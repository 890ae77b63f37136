import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { PING_TIMEOUT_MS } from '../../../src/base/limits.ts';
import { createMemoryHub, type MemoryHub } from '../../../src/network/memory.ts';
import type { Channel, Network } from '../../../src/network/network.ts';
import { describeNetworkGate } from '../../conformance/network-gate.ts';
import { describeNetwork, type NetworkFactory } from '../../conformance/network.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const inMemory = async (): Promise<NetworkFactory> => {
  const hub = createMemoryHub({ clock: systemClock, random: createSeededRandom(1) });
  return async () => hub.node({ key: randomBytes(32).toString('hex') });
};
describeNetwork('in memory', inMemory);
describeNetworkGate('in memory', inMemory);

const key = (digit: string): string => digit.repeat(64);

const world = (seed = 1): { clock: VirtualClock; hub: MemoryHub; a: Network; b: Network } => {
  const clock = createVirtualClock();
  const hub = createMemoryHub({ clock, random: createSeededRandom(seed) });
  return { clock, hub, a: hub.node({ key: key('a') }), b: hub.node({ key: key('b') }) };
};

describe('memory hub', () => {
  test('a cut shorter than the ping time-out holds frames back and loses none, in order', async () => {
    const { clock, hub, a, b } = world();
    const got: string[] = [];
    b.handle('/holdfast/x/1', async (channel) => {
      for await (const frame of channel) got.push(Buffer.from(frame).toString());
    });
    await clock.runWhile(a.dial({ address: b.address }), 1_000);
    const channel = await clock.runWhile(a.open(b.self, '/holdfast/x/1'), 1_000);
    void channel.send(Buffer.from('1'));
    hub.cutOneWay(a.self, b.self);
    void channel.send(Buffer.from('2'));
    await clock.advance(PING_TIMEOUT_MS - 100);
    expect(got).toEqual([]);
    hub.heal(a.self, b.self);
    await clock.advance(100);
    expect(got).toEqual(['1', '2']);
    expect(a.peers()).toHaveLength(1);
  });

  const taking = async (): Promise<
    ReturnType<typeof world> & { readonly channel: Channel; readonly got: string[] }
  > => {
    const made = world();
    const { clock, a, b } = made;
    const got: string[] = [];
    b.handle('/holdfast/x/1', async (channel) => {
      for await (const frame of channel) got.push(Buffer.from(frame).toString());
    });
    await clock.runWhile(a.dial({ address: b.address }), 1_000);
    return { ...made, channel: await clock.runWhile(a.open(b.self, '/holdfast/x/1'), 1_000), got };
  };

  test('what a cut holds back comes before what is still under way when it ends', async () => {
    const { clock, hub, a, b, channel, got } = await taking();
    hub.cutOneWay(a.self, b.self);
    for (let count = 0; count < 10; count += 1) {
      void channel.send(Buffer.from(`${count}`));
      await clock.advance(1);
    }
    hub.heal(a.self, b.self);
    await clock.advance(100);
    expect(got).toEqual(Array.from({ length: 10 }, (_, count) => `${count}`));
  });

  test('after a frame that is lost no other of its channel arrives', async () => {
    const { clock, hub, channel, got } = await taking();
    void channel.send(Buffer.from('before'));
    await clock.advance(0);
    hub.setLoss(1);
    void channel.send(Buffer.from('lost'));
    await clock.advance(0);
    hub.setLoss(0);
    void channel.send(Buffer.from('after'));
    await clock.advance(100);
    expect(got).toEqual(['before']);
  });

  test.each(['a to b', 'b to a'])(
    'a long cut %s drops the connection on both sides; redial comes back after',
    async (way) => {
      const { clock, hub, a, b } = world();
      a.keepDialled([{ address: b.address, key: b.self }]);
      await clock.advance(100);
      expect([a.peers().length, b.peers().length]).toEqual([1, 1]);
      if (way === 'a to b') hub.cutOneWay(a.self, b.self);
      else hub.cutOneWay(b.self, a.self);
      await clock.advance(PING_TIMEOUT_MS + 10);
      expect([a.peers().length, b.peers().length]).toEqual([0, 0]);
      await clock.advance(3_600_000);
      expect(a.peers()).toEqual([]);
      hub.heal();
      await clock.advance(10_000);
      expect([a.peers().length, b.peers().length]).toEqual([1, 1]);
    },
  );

  test('the same seed gives the same run', async () => {
    const run = async (seed: number): Promise<string[]> => {
      const { clock, hub, a, b } = world(seed);
      const trace: string[] = [];
      hub.setLoss(0.3);
      b.subscribe('t', async (data) => {
        trace.push(`${clock.monotonicMs()} ${Buffer.from(data).toString()}`);
        return 'accept';
      });
      a.keepDialled([{ address: b.address }]);
      await clock.advance(20_000);
      for (let count = 0; count < 20; count += 1) {
        await a.publish('t', Buffer.from(`${count}`));
        await clock.advance(50);
      }
      return trace;
    };
    const first = await run(5);
    expect(first.length).toBeGreaterThan(2);
    expect(first.length).toBeLessThan(20);
    expect(await run(5)).toEqual(first);
    expect(await run(6)).not.toEqual(first);
  });
});
