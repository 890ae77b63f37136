import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../../src/base/clock.ts';
import { LEDGER_OWN_LOG_TIMEOUT_MS } from '../../../../src/base/limits.ts';
import { createLogger, type LogRecord } from '../../../../src/base/log.ts';
import { createMemoryDisk } from '../../../../src/ledger/memory-ledger.ts';
import {
  addressOfKey,
  appendMany,
  createSyncWorld,
  holdTheSame,
  proposal,
  startSyncPair,
  type SyncNode,
} from '../../../support/sync-world.ts';

describe('the own log after a start', () => {
  const mayAppend = ({ ledger }: SyncNode): boolean => ledger.status().mayAppend;
  /** A node of the network that stopped, with a copy of its disk from before its last 5 entries. */
  const restored = async () => {
    const world = await startSyncPair();
    const { clock, b } = world;
    await clock.advance(2_000);
    await appendMany(b, 5);
    const backup = { ...createMemoryDisk(), durable: [...b.disk.durable] };
    await appendMany(b, 5, 100);
    await clock.advance(2_000);
    const lastSeq = b.ledger.clock().get(b.key) ?? 0;
    await b.close();
    return { ...world, backup, lastSeq };
  };

  test('L7 a node restored from a backup takes back its own newer entries before it appends', async () => {
    const { clock, start, a, b, backup, lastSeq } = await restored();
    const again = await start({ seed: b.seed, disk: backup });
    again.network.keepDialled([{ address: a.network.address, key: a.key }]);
    await expect(again.ledger.append(proposal(200))).rejects.toMatchObject({ code: 'LEDGER_OWN_LOG_BEHIND' });
    await clock.runWhile(again.sync.ownLogKnown(), 3_000);
    const { entry } = await again.ledger.append(proposal(200));
    expect(entry.header.seq).toBe(lastSeq + 1);
    await clock.advance(3_000);
    expect(a.ledger.equivocations()).toEqual([]);
    expect(holdTheSame(a, again)).toBe(true);
  });

  test('L7 with no known peer it may append at once', async () => {
    const world = createSyncWorld();
    const a = await world.start();
    await a.ledger.createNetwork('n', 'open');
    const { disk } = a;
    await a.close();
    const again = await world.start({ seed: a.seed, disk });
    expect(mayAppend(again)).toBe(false);
    await again.sync.ownLogKnown();
    expect(mayAppend(again)).toBe(true);
  });

  test('L7 it does not take itself for alone before it was told whom to dial, however long the book takes', async () => {
    const { clock, start, a, b, backup, lastSeq } = await restored();
    const again = await start({ seed: b.seed, disk: backup, knowsTargets: false });
    void again.sync.ownLogKnown();
    await clock.advance(2 * LEDGER_OWN_LOG_TIMEOUT_MS);
    expect(mayAppend(again)).toBe(false);
    again.network.keepDialled([{ address: a.network.address, key: a.key }]);
    await clock.runUntil(() => mayAppend(again), 1_500);
    expect((await again.ledger.append(proposal(300))).entry.header.seq).toBe(lastSeq + 1);
  });

  test('L7 with known peers out of reach it waits for LEDGER_OWN_LOG_TIMEOUT_MS, then goes on with a warning', async () => {
    const { clock, hub, start, a, b, backup } = await restored();
    hub.cut(a.key, b.key);
    const again = await start({ seed: b.seed, disk: backup });
    again.network.keepDialled([{ address: a.network.address, key: a.key }]);
    void again.sync.ownLogKnown();
    await clock.advance(LEDGER_OWN_LOG_TIMEOUT_MS - 1_000);
    expect(mayAppend(again)).toBe(false);
    await clock.advance(1_500);
    expect(mayAppend(again)).toBe(true);
  });

  test.each([
    [true, /^the peers that were reached do not let this node in/],
    [false, /^no known peer could give back all/],
  ])(
    'L7 where whoever was reached says that it refuses this node (%s), that is what is told',
    async (refused, told) => {
      const { clock, start, a, b, backup } = await restored();
      await a.sync.close();
      const said: LogRecord[] = [];
      const log = createLogger((record) => said.push(record));
      const isRefusedBy = (peer: string): boolean => refused && peer === a.key;
      const again = await start({ seed: b.seed, disk: backup, log, isRefusedBy });
      again.network.keepDialled([{ address: a.network.address, key: a.key }]);
      await clock.runUntil(() => mayAppend(again), LEDGER_OWN_LOG_TIMEOUT_MS + 2_000);
      const warned = said.flatMap(({ level, text }) => (level === 'warn' ? [text] : []));
      expect(warned).toEqual([expect.stringMatching(told)]);
    },
  );

  test('L7 a peer that is lost before it was asked is waited for, until a dial tells that it is out of reach', async () => {
    const { clock, start, a, b, backup, lastSeq } = await restored();
    const old = await start({ disk: { ...createMemoryDisk(), durable: [...backup.durable] } });
    const again = await start({ seed: b.seed, disk: backup });
    let cuts = 0;
    again.network.notices.on('peer:up', ({ key }) => {
      // Once it is up on both sides, and before anything was asked.
      if (key === a.key && cuts++ === 0) clock.after(1, () => void again.network.disconnect(key));
    });
    const peers = [old, a].map(({ key, network }) => ({ address: network.address, key }));
    again.network.keepDialled(peers);
    void again.sync.ownLogKnown();
    await clock.runUntil(() => mayAppend(again), 5_000);
    expect((await again.ledger.append(proposal(300))).entry.header.seq).toBe(lastSeq + 1);
    expect(cuts).toBeGreaterThan(1);
  });

  test('L7 the own address among the seeds is no peer to wait for', async () => {
    const world = createSyncWorld();
    const a = await world.start();
    await a.ledger.createNetwork('n', 'open');
    const { disk } = a;
    await a.close();
    const again = await world.start({ seed: a.seed, disk });
    again.network.keepDialled([{ address: addressOfKey(a.key) }]);
    await world.clock.advance(2_000);
    expect(mayAppend(again)).toBe(true);
  });

  test('L7 one that joins with a key that has a log already waits for its first exchange, however late', async () => {
    const { clock, hub, start, a, b, lastSeq } = await restored();
    hub.cut(a.key, b.key);
    const again = await start({ seed: b.seed, disk: createMemoryDisk() });
    again.network.keepDialled([{ address: a.network.address }]);
    await clock.runWhile(again.sync.ownLogKnown(), LEDGER_OWN_LOG_TIMEOUT_MS + 1_000);
    expect(mayAppend(again)).toBe(false);
    hub.heal();
    await clock.runUntil(() => mayAppend(again), 15_000);
    expect((await again.ledger.append(proposal(300))).entry.header.seq).toBe(lastSeq + 1);
  });

  test('L7 one whose own entries come back dated ahead of its clock waits until they are in its log', async () => {
    const { clock, start, a, b, lastSeq } = await restored();
    const slow: Clock = {
      wallMs: () => clock.wallMs() - 600_000,
      monotonicMs: () => clock.monotonicMs(),
      after: (ms, task) => clock.after(ms, task),
    };
    const again = await start({ seed: b.seed, disk: createMemoryDisk(), clock: slow });
    again.network.keepDialled([{ address: a.network.address, key: a.key }]);
    await clock.advance(20_000);
    expect(mayAppend(again)).toBe(false);
    await expect(again.ledger.append(proposal(1))).rejects.toThrow();
    await clock.runUntil(() => mayAppend(again), 700_000);
    expect((await again.ledger.append(proposal(300))).entry.header.seq).toBe(lastSeq + 1);
  });

  test('waiting can be given up', async () => {
    const { hub, start, a, b, backup } = await restored();
    hub.cut(a.key, b.key);
    const again = await start({ seed: b.seed, disk: backup });
    again.network.keepDialled([{ address: a.network.address, key: a.key }]);
    const controller = new AbortController();
    const waiting = again.sync.ownLogKnown(controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(again.sync.ownLogKnown(controller.signal)).rejects.toThrow('enough');
  });
});
