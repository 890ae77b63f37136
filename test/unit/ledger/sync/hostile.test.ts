import { describe, expect, test } from 'vitest';
import { SYNC_SERVED_PER_SECOND, SYNC_SERVED_SPARE } from '../../../../src/base/limits.ts';
import {
  decodeMessage,
  encodeControl,
  encodeEntries,
  LEDGER_SYNC_ID,
  type SyncMessage,
} from '../../../../src/ledger/sync/messages.ts';
import type { Channel } from '../../../../src/network/network.ts';
import { appendMany, holdTheSame, startSyncPair } from '../../../support/sync-world.ts';

describe('a peer that breaks the protocol', () => {
  /** A node that answers every ask with what `say` writes, and whose channel to the victim can be used freely. */
  const rogue = async (say: (channel: Channel, message: SyncMessage) => Promise<void>) => {
    const world = await startSyncPair();
    const network = world.hub.node({ key: 'e'.repeat(64) });
    network.handle(LEDGER_SYNC_ID, async (channel) => {
      for await (const frame of channel) await say(channel, decodeMessage(frame));
    });
    await world.clock.runWhile(network.dial({ address: world.a.network.address }), 1_000);
    const errorAt = (): string | undefined => world.a.sync.peers().find(({ peer }) => peer === network.self)?.lastError;
    return { ...world, network, errorAt };
  };
  const version = '0'.repeat(32);
  const silent = async (): Promise<void> => {};

  test.each<[string, (channel: Channel, net: string) => Promise<void>, RegExp, number]>([
    ['rubbish', (channel) => channel.send(Buffer.from('rubbish')), /^LEDGER_SYNC_MALFORMED/, 1],
    [
      'an answer to a question that was not asked',
      (channel) => channel.send(encodeControl({ kind: 'end' })),
      /^LEDGER_SYNC_UNEXPECTED/,
      1,
    ],
    ['silence', silent, /^NETWORK_CHANNEL_ABORTED/, 2],
    [
      'a clock without end',
      async (channel, net) => {
        await channel.send(encodeControl({ kind: 'is', net, version, same: false }));
        for (let page = 0; page < 30; page += 1) {
          const heads = Array.from({ length: 5_000 }, (_, at): [string, number, string] => [
            (page * 5_000 + at).toString(16).padStart(64, '0'),
            1,
            net,
          ]);
          await channel.send(encodeControl({ kind: 'clock', heads, forks: [], more: true }));
        }
      },
      /^LEDGER_SYNC_UNEXPECTED/,
      1,
    ],
  ])('L5 %s ends the exchange with a typed error, and the others go on', async (_, reply, code, peersLeft) => {
    const world = await rogue(async (channel, message) => {
      if (message.kind === 'ask') await reply(channel, message.net ?? '');
    });
    const { clock, a, b } = world;
    await clock.runUntil(() => code.test(world.errorAt() ?? ''), 30_000, `${world.errorAt()}`);
    await appendMany(b, 3, 500);
    await clock.runUntil(() => holdTheSame(a, b), 3_000);
    // Who breaks the protocol is cut off; who is only silent is not.
    await clock.advance(1_000);
    expect(a.network.peers()).toHaveLength(peersLeft);
    expect(a.network.expelled()).toHaveLength(2 - peersLeft);
  });

  test('L6 more entries than were asked for, and entries that do not hold, end the exchange', async () => {
    const forged = { header: Buffer.from('{}'), signature: Buffer.alloc(64), body: Buffer.from('{}') };
    const author = 'd'.repeat(64);
    const serve =
      (count: number) =>
      async (channel: Channel, message: SyncMessage): Promise<void> => {
        if (message.kind === 'ask') {
          await channel.send(encodeControl({ kind: 'is', net: message.net, version, same: false }));
          await channel.send(
            encodeControl({ kind: 'clock', heads: [[author, 1_000, author]], forks: [], more: false }),
          );
        } else if (message.kind === 'want')
          await channel.send(encodeEntries(Array.from({ length: count }, () => forged)));
      };
    const many = await rogue(serve(1_001));
    await many.clock.runUntil(() => /^LEDGER_SYNC_UNEXPECTED/.test(many.errorAt() ?? ''), 10_000);
    const bad = await rogue(serve(100));
    await bad.clock.runUntil(() => /^LEDGER_SYNC_REJECTED/.test(bad.errorAt() ?? ''), 10_000);
    expect(bad.a.ledger.size).toBe(1);
  });

  test('L11 a peer that promises what it does not have is asked less and less', async () => {
    let wants = 0;
    const { clock } = await rogue(async (channel, message) => {
      if (message.kind === 'ask') {
        await channel.send(encodeControl({ kind: 'is', net: message.net, version, same: false }));
        await channel.send(
          encodeControl({ kind: 'clock', heads: [['d'.repeat(64), 5, 'd'.repeat(64)]], forks: [], more: false }),
        );
      } else if (message.kind === 'want') {
        wants += 1;
        await channel.send(encodeControl({ kind: 'end' }));
      }
    });
    await clock.advance(60_000);
    const inTheFirstMinute = wants;
    await clock.advance(600_000);
    expect(inTheFirstMinute).toBeLessThan(20);
    expect((wants - inTheFirstMinute) / 10).toBeLessThan(4);
    expect(wants).toBeGreaterThan(inTheFirstMinute);
  });

  test('L5 a hostile client: what it may not send ends its channel, floods of asks keep nobody else waiting', async () => {
    for (const frame of [
      Buffer.from('x'),
      encodeControl({ kind: 'end' }),
      encodeControl({ kind: 'is', net: null, version, same: true }),
    ]) {
      const { clock, network, a } = await rogue(silent);
      const channel = await clock.runWhile(network.open(a.key, LEDGER_SYNC_ID), 1_000);
      await channel.send(frame);
      await expect(clock.runWhile(channel[Symbol.asyncIterator]().next(), 1_000)).rejects.toMatchObject({
        code: expect.stringMatching(/^NETWORK_CHANNEL_/) as string,
      });
      await clock.runUntil(() => a.network.peers().every(({ key }) => key !== network.self), 1_000);
      expect(a.network.expelled()).toMatchObject([{ key: network.self }]);
    }
    const { clock, network, a, b } = await rogue(silent);
    const flood = await clock.runWhile(network.open(a.key, LEDGER_SYNC_ID), 1_000);
    for (let count = 0; count < 2_000; count += 1)
      void flood.send(encodeControl({ kind: 'ask', net: null, version })).catch(() => {});
    await appendMany(b, 3, 700);
    await clock.runUntil(() => holdTheSame(a, b), 3_000);
  });

  test('whoever wants all of it over and over is answered at a pace, also on another channel', async () => {
    const { clock, network, a } = await rogue(silent);
    await appendMany(a, 500, 1);
    const want = encodeControl({ kind: 'want', ranges: [[a.key, 1, 1_000]], proofs: [], hashes: [] });
    let answered = 0;
    for (let times = 0; times < 2; times += 1) {
      const channel = await clock.runWhile(network.open(a.key, LEDGER_SYNC_ID), 1_000);
      const read = async (): Promise<void> => {
        for await (const frame of channel) if (decodeMessage(frame).kind === 'end') answered += 1;
      };
      void read().catch(() => {});
      for (let count = 0; count < 50; count += 1) void channel.send(want).catch(() => {});
      await clock.advance(5_000);
      channel.abort();
    }
    const size = a.ledger.size;
    expect(answered).toBeGreaterThanOrEqual(10);
    expect(answered).toBeLessThan((2 * size + SYNC_SERVED_SPARE + 11 * SYNC_SERVED_PER_SECOND) / size + 2);
    expect(network.peers()).toHaveLength(1);
  });

  test('gossip that is no entry is rejected, one of another network or forged too', async () => {
    const { clock, network, a } = await rogue(silent);
    const topic = `/holdfast/ledger/1/${a.ledger.network}`;
    await network.publish(topic, Buffer.from('rubbish'));
    await network.publish(
      topic,
      encodeEntries([{ header: Buffer.from('{}'), signature: Buffer.alloc(64), body: Buffer.from('{}') }]),
    );
    await clock.advance(1_000);
    expect(a.ledger.size).toBe(1);
  });
});
