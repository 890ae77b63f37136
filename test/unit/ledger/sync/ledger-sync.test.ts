import { describe, expect, test } from 'vitest';
import { SYNC_INTERVAL_MS } from '../../../../src/base/limits.ts';
import { createMemoryDisk } from '../../../../src/ledger/memory-ledger.ts';
import { appendMany, createSyncWorld, holdTheSame, proposal, startSyncPair } from '../../../support/sync-world.ts';

describe('joining', () => {
  test('L8 a node without a network takes the genesis entry of the first peer it meets, then everything', async () => {
    const world = createSyncWorld();
    const a = await world.start();
    await a.ledger.createNetwork('n', 'open');
    await appendMany(a, 500);
    const late = await world.start();
    late.network.keepDialled([{ address: a.network.address }]);
    await world.clock.runUntil(() => holdTheSame(a, late), 2_000);
    expect(late.ledger.network).toBe(a.ledger.network);
    expect(late.ledger.size).toBe(501);
  });

  test('L8 a network that is created after the nodes met reaches those that wait for one', async () => {
    const world = createSyncWorld();
    const [a, b] = [await world.start(), await world.start()];
    b.network.keepDialled([{ address: a.network.address }]);
    await world.clock.advance(10_000);
    expect(b.ledger.network).toBeUndefined();
    await a.ledger.createNetwork('n', 'open');
    await world.clock.runUntil(() => holdTheSame(a, b) && b.ledger.network !== undefined, 2_000);
  });

  test('L9 nodes of different networks refuse each other, say why, and keep what they have', async () => {
    const world = createSyncWorld();
    const [a, b] = [await world.start(), await world.start()];
    await a.ledger.createNetwork('one', 'open');
    await b.ledger.createNetwork('two', 'open');
    const versions = [a.ledger.version, b.ledger.version];
    b.network.keepDialled([{ address: a.network.address }]);
    await world.clock.advance(20_000);
    for (const [node, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const told = node.sync.peers().find(({ peer }) => peer === other.key);
      expect(told?.lastError).toMatch(/^LEDGER_OTHER_NETWORK/);
      expect(told).toMatchObject({ behind: 0, ahead: 0 });
    }
    expect([a.ledger.version, b.ledger.version]).toEqual(versions);
    // Never connected for long: both sides hang up.
    let connectedMs = 0;
    for (let look = 0; look < 200; look += 1) {
      await world.clock.advance(50);
      connectedMs += a.network.peers().length > 0 ? 50 : 0;
    }
    expect(connectedMs).toBeLessThan(5_000);
  });
});

describe('staying the same', () => {
  test('a damaged line of which nobody knows whose it was is mended once every known peer was asked for all it holds', async () => {
    const { clock, start, a, b } = await startSyncPair();
    await appendMany(a, 5);
    await clock.advance(1_000);
    const lost = { file: 'f', offset: 0, author: undefined, seq: undefined };
    const disk = { ...createMemoryDisk(), durable: b.disk.durable.slice(0, -2), damaged: [lost] };
    await b.close();
    const again = await start({ seed: b.seed, disk });
    await clock.advance(1_000);
    expect(again.ledger.status()).toMatchObject({ damaged: [lost], mended: 0 });
    again.network.keepDialled([{ address: a.network.address, key: a.key }]);
    await clock.runUntil(() => again.ledger.status().damaged.length === 0, 3_000);
    expect(again.ledger.status()).toMatchObject({ damaged: [], mended: 1 });
    expect(holdTheSame(a, again)).toBe(true);
  });

  test('a damaged line of which nobody knows whose it was stays a fault while a known peer was not asked', async () => {
    const { clock, start, a, b } = await startSyncPair();
    const lost = { file: 'f', offset: 0, author: undefined, seq: undefined };
    const known = [...b.disk.durable];
    const c = await start();
    c.network.keepDialled([{ address: b.network.address }]);
    await clock.runUntil(() => holdTheSame(b, c) && c.ledger.status().mayAppend, 5_000);
    await a.close();
    await c.ledger.append(proposal(1));
    await clock.runUntil(() => holdTheSame(b, c), 5_000);
    await b.close();
    await c.crash();
    // Of the entry by the third node this one has lost every trace, and the first never had it.
    const first = await start({ seed: a.seed, disk: a.disk });
    const again = await start({ seed: b.seed, disk: { ...createMemoryDisk(), durable: known, damaged: [lost] } });
    again.network.keepDialled([a, c].map(({ key, network }) => ({ address: network.address, key })));
    await clock.runUntil(() => holdTheSame(first, again) && again.ledger.status().mayAppend, 60_000);
    await clock.advance(20_000);
    expect(again.ledger.status()).toMatchObject({ damaged: [lost], mended: 0 });
    const third = await start({ seed: c.seed, disk: c.disk });
    await clock.runUntil(() => again.ledger.status().damaged.length === 0, 120_000);
    expect(again.ledger.version).toBe(third.ledger.version);
  });

  test('an append is on the other node and known to be there within moments', async () => {
    const { clock, a, b } = await startSyncPair();
    const { entry } = await a.ledger.append(proposal(1));
    await clock.advance(50);
    expect(await b.ledger.byHash(entry.hash)).toBeDefined();
    await clock.advance(500);
    expect(a.sync.holders(a.key, entry.header.seq)).toEqual(new Set([a.key, b.key]));
    expect(b.sync.holders(a.key, entry.header.seq)).toEqual(new Set([a.key, b.key]));
    expect(a.sync.holders(a.key, entry.header.seq + 1)).toEqual(new Set());
    const own = { author: a.key, seq: entry.header.seq, hash: entry.hash };
    expect(await a.sync.holding([own])).toEqual(new Set([b.key]));
    expect(await a.sync.holding([own, { ...own, seq: own.seq + 1 }])).toEqual(new Set());
  });

  test('many at once arrive by the exchange', async () => {
    const { clock, a, b } = await startSyncPair();
    await appendMany(a, 2_000);
    await clock.runUntil(() => holdTheSame(a, b), 1_000);
  });

  test('without any gossip the exchange alone does it within a few seconds', async () => {
    const { clock, hub, a, b } = await startSyncPair();
    hub.setLoss(0);
    b.network.subscribe(`/holdfast/ledger/1/${a.ledger.network}`, async () => 'ignore');
    await appendMany(a, 3);
    await clock.runUntil(() => holdTheSame(a, b), SYNC_INTERVAL_MS);
  });

  test('what was learnt from one peer is told to the others: a line of nodes ends the same', async () => {
    const { clock, hub, start, a, b } = await startSyncPair();
    const c = await start();
    c.network.keepDialled([{ address: b.network.address }]);
    await clock.runUntil(() => holdTheSame(a, b, c), 5_000);
    hub.cut(a.key, b.key);
    await clock.advance(5_000);
    await appendMany(a, 10);
    hub.heal();
    await clock.runUntil(() => holdTheSame(a, b, c), 15_000);
    expect(c.ledger.size).toBe(11);
  });

  test('both sides of a long cut catch up with each other', async () => {
    const { clock, hub, a, b } = await startSyncPair();
    hub.cut(a.key, b.key);
    await clock.advance(3_600_000);
    await appendMany(a, 300);
    await appendMany(b, 200, 1_000);
    expect(a.sync.peers()[0]?.connected).toBe(false);
    hub.heal();
    await clock.runUntil(() => holdTheSame(a, b), 20_000);
    expect(a.ledger.size).toBe(501);
  });

  test('L4 an exchange that breaks off is resumed: nothing comes twice that was taken in', async () => {
    const { clock, hub, a, b } = await startSyncPair();
    hub.cut(a.key, b.key);
    await clock.advance(5_000);
    await appendMany(a, 4_000);
    const offered: number[] = [];
    const offer = b.ledger.offer.bind(b.ledger);
    b.ledger.offer = (entries, from) => {
      offered.push(entries.length);
      // In the middle of the transfer the link dies.
      if (offered.length === 2) hub.cut(a.key, b.key);
      return offer(entries, from);
    };
    hub.heal();
    await clock.runUntil(() => offered.length >= 2, 20_000);
    await clock.advance(10_000);
    hub.heal();
    await clock.runUntil(() => holdTheSame(a, b), 30_000);
    expect(offered.reduce((sum, count) => sum + count, 0)).toBeLessThan(4_000 * 1.6);
  });

  test('one peer at a time: several that hold the same do not all send it', async () => {
    const { clock, start, a, b } = await startSyncPair();
    await appendMany(a, 1_500);
    await clock.runUntil(() => holdTheSame(a, b), 5_000);
    const late = await start();
    let offered = 0;
    const offer = late.ledger.offer.bind(late.ledger);
    late.ledger.offer = (entries, from) => {
      offered += entries.length;
      return offer(entries, from);
    };
    late.network.keepDialled([a, b].map(({ network }) => ({ address: network.address })));
    await clock.runUntil(() => holdTheSame(a, b, late), 5_000);
    expect(offered).toBeLessThan(1_500 * 1.2);
  });

  test('syncNow resolves when everything that connected peers hold is here', async () => {
    const { clock, hub, a, b } = await startSyncPair();
    hub.cutOneWay(a.key, b.key);
    await appendMany(a, 5);
    hub.heal();
    await clock.runWhile(b.sync.syncNow(), 5_000);
    expect(holdTheSame(a, b)).toBe(true);
  });

  test('peers() tells how the exchange stands', async () => {
    const { clock, hub, a, b } = await startSyncPair();
    await clock.advance(5_000);
    expect(a.sync.peers()).toEqual([
      {
        peer: b.key,
        connected: true,
        version: a.ledger.version,
        behind: 0,
        ahead: 0,
        lastExchangeMs: expect.any(Number) as number,
        lastError: undefined,
      },
    ]);
    hub.cut(a.key, b.key);
    await clock.advance(5_000);
    await appendMany(a, 7);
    expect(a.sync.peers()[0]).toMatchObject({ connected: false, ahead: 7, behind: 0 });
  });
});
