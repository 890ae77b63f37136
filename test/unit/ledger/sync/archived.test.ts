import { describe, expect, test } from 'vitest';
import { atOnce } from '../../../../src/base/slices.ts';
import { fault } from '../../../../src/base/errors.ts';
import type { RawEntry } from '../../../../src/entry/entry.ts';
import { type Cover, CoveredLogs } from '../../../../src/ledger/cover.ts';
import {
  decodeMessage,
  encodeControl,
  encodeEntries,
  encodeLogs,
  LEDGER_SYNC_BEFORE_ID,
  LEDGER_SYNC_ID,
  type WantMessage,
} from '../../../../src/ledger/sync/messages.ts';
import type { ArchivedPorts } from '../../../../src/ledger/sync/archived-ports.ts';
import type { Channel, Network } from '../../../../src/network/network.ts';
import { appendMany, createSyncWorld, holdTheSame, type SyncNode } from '../../../support/sync-world.ts';

const everything = async ({ ledger }: SyncNode): Promise<readonly RawEntry[]> =>
  (await ledger.follow(0, 1_000)).map(({ entry }) => entry.raw);

/** What covers everything that a node holds, as a snapshot of it would. */
const coverOf = async ({ ledger }: SyncNode): Promise<Cover> => {
  const held = await ledger.follow(0, 1_000);
  const logs = new CoveredLogs();
  for (const { entry } of held.toSorted((x, y) => x.entry.header.seq - y.entry.header.seq))
    logs.add(entry.header.author, Buffer.from(entry.hash, 'hex'));
  return { proof: held.slice(0, 1).map(({ entry }) => entry.raw), logs };
};

/** Drops the bodies of a node's inserts but the last. */
const drop = async ({ ledger }: SyncNode): Promise<number> => {
  const inserts = (await ledger.follow(0, 1_000)).filter(({ entry }) => entry.header.op === 'insert').slice(0, -1);
  await ledger.bodies.archive(inserts.map(({ entry }) => entry.hash));
  return inserts.length;
};

const archivedIn = async ({ ledger }: SyncNode): Promise<number> =>
  (await ledger.follow(0, 1_000)).filter(({ entry }) => entry.archived === true).length;

const TAKES: ArchivedPorts = {
  here: () => false,
  cover: async () => undefined,
  prove: async () => undefined,
  keepers: async () => new Set(),
};

/** A node that dropped what a snapshot covers, with one entry after it; and what a newcomer knows of snapshots. */
const prunedWorld = async () => {
  const world = createSyncWorld();
  const covers: { cover?: Cover } = {};
  const a = await world.start({ archived: { ...TAKES, here: () => true, cover: async () => covers.cover } });
  await a.ledger.createNetwork('n', 'open');
  await appendMany(a, 20);
  covers.cover = await coverOf(a);
  const root = atOnce(covers.cover.logs.root());
  const dropped = await drop(a);
  await appendMany(a, 1, 900);
  const join = async (more: Partial<ArchivedPorts> = {}): Promise<SyncNode> => {
    const node = await world.start({ archived: { ...TAKES, prove: async () => root, ...more } });
    node.network.keepDialled([{ address: a.network.address }]);
    return node;
  };
  return { ...world, a, covers, root, dropped, join };
};

describe('a node that begins with a pruned one', () => {
  test('takes headers and signatures of what a snapshot covers, and the rest whole; who joins there does so too', async () => {
    const { clock, a, dropped, join, start, covers, root } = await prunedWorld();
    const b = await join({ here: () => true, cover: async () => covers.cover });
    await clock.runUntil(() => holdTheSame(a, b), 10_000);
    expect(await archivedIn(b)).toBe(dropped);
    expect((await everything(b)).filter(({ body }) => body.byteLength > 0)).toHaveLength(b.ledger.size - dropped);
    const c = await start({ archived: { ...TAKES, prove: async () => root } });
    c.network.keepDialled([{ address: b.network.address }]);
    await clock.runUntil(() => holdTheSame(a, b, c), 10_000);
    expect(await archivedIn(c)).toBe(dropped);
    // And says so to nobody who does not ask for it: then it is left out.
    await appendMany(a, 3, 950);
    await clock.runUntil(() => holdTheSame(a, b, c), 5_000);
  });

  test('is given no more than others that keep all are, and by them where they are in reach', async () => {
    const { clock, a, join, start } = await prunedWorld();
    const archive = await join({ keepers: async () => undefined });
    await clock.advance(5_000);
    expect(archive.ledger.size).toBeLessThan(a.ledger.size);
    expect(await archivedIn(archive)).toBe(0);
    // What it says of a peer that has nothing yet does not keep it.
    const other = await start();
    const late = await join({ keepers: async () => new Set([other.key]) });
    late.network.keepDialled([{ address: a.network.address }, { address: other.network.address }]);
    await clock.runUntil(() => holdTheSame(a, late), 20_000);
  });

  test.each(['with one key', 'with a new key each time'])(
    'is not kept from it by a peer that claims to have everything and gives nothing, coming and going %s',
    async (keys) => {
      const { clock, a, hub, start, root } = await prunedWorld();
      const claiming = new Set<string>();
      const late = await start({ archived: { ...TAKES, prove: async () => root, keepers: async () => claiming } });
      const come = async (key: string): Promise<Network> => {
        const claimer = hub.node({ key });
        claiming.add(key);
        // It swallows every question.
        claimer.handle(LEDGER_SYNC_ID, async (channel) => {
          for await (const frame of channel) if (frame.byteLength === 0) break;
        });
        await clock.runWhile(claimer.dial({ address: late.network.address }), 1_000);
        return claimer;
      };
      let claimer = await come('e'.repeat(64));
      late.network.keepDialled([{ address: a.network.address }]);
      for (let seconds = 0; seconds < 120 && !holdTheSame(a, late); seconds += 2) {
        await clock.advance(1_950);
        await clock.runWhile(claimer.close(), 1_000);
        claimer = await come(keys === 'with one key' ? claimer.self : `${seconds + 100}`.padEnd(64, 'd'));
      }
      expect(holdTheSame(a, late)).toBe(true);
      await claimer.close();
    },
  );

  test('waits for one that keeps all until that has told what it holds, also where it asks first', async () => {
    const { clock, a, hub, start, root } = await prunedWorld();
    const keeper = hub.node({ key: 'e'.repeat(64) });
    keeper.handle(LEDGER_SYNC_ID, async (channel) => {
      for await (const frame of channel) if (frame.byteLength === 0) break;
    });
    const keepers = async (): Promise<ReadonlySet<string>> => new Set([keeper.self]);
    const late = await start({ archived: { ...TAKES, prove: async () => root, keepers } });
    await clock.runWhile(keeper.dial({ address: late.network.address }), 1_000);
    const channel = await clock.runWhile(keeper.open(late.key, LEDGER_SYNC_ID), 1_000);
    await channel.send(encodeControl({ kind: 'ask', net: a.ledger.network ?? '', version: '0'.repeat(32) }));
    await clock.advance(100);
    late.network.keepDialled([{ address: a.network.address }]);
    await clock.advance(1_000);
    expect(late.ledger.size).toBeLessThan(a.ledger.size);
    await clock.runUntil(() => holdTheSame(a, late), 120_000);
    await keeper.close();
  });

  test('speaks with one of the version before, which leaves archived entries out', async () => {
    const { clock, a, hub } = await prunedWorld();
    const old = hub.node({ key: 'e'.repeat(64) });
    await clock.runWhile(old.dial({ address: a.network.address }), 1_000);
    const channel = await clock.runWhile(old.open(a.key, LEDGER_SYNC_BEFORE_ID), 1_000);
    const frames: string[] = [];
    const net = a.ledger.network ?? null;
    await channel.send(encodeControl({ kind: 'ask', net, version: '0'.repeat(32) }));
    const want: WantMessage = { kind: 'want', ranges: [[a.key, 1, 100]], proofs: [], hashes: [] };
    await channel.send(encodeControl(want));
    let entries = 0;
    for (;;) {
      const next = await clock.runWhile(channel[Symbol.asyncIterator]().next(), 1_000);
      const message = decodeMessage(next.value as Uint8Array);
      frames.push(JSON.stringify(message));
      if (message.kind === 'entries') entries += message.entries.length;
      if (message.kind === 'end') break;
    }
    expect(frames.join('\n')).not.toContain('"archived"');
    expect(entries).toBe(3);
  });
});

describe('a peer that lies about snapshots', () => {
  /** Answers a newcomer's question with these frames, for entries that the honest node has. */
  const liar = async (
    frames: (cover: Cover, entries: readonly RawEntry[], want: WantMessage) => readonly Uint8Array[],
    prove?: ArchivedPorts['prove'],
  ) => {
    const { clock, hub, a, start, root, covers } = await prunedWorld();
    const [cover, entries] = [covers.cover!, await everything(a)];
    const { network: net = '', version } = a.ledger;
    const network = hub.node({ key: 'e'.repeat(64) });
    network.handle(LEDGER_SYNC_ID, async (channel: Channel) => {
      for await (const frame of channel) {
        const message = decodeMessage(frame);
        if (message.kind === 'ask') {
          await channel.send(encodeControl({ kind: 'is', net, version, same: false, archived: true }));
          const head = [...a.ledger.heads()].map(([author, hash]): [string, number, string] => [author, 22, hash]);
          await channel.send(encodeControl({ kind: 'clock', heads: head, forks: [], more: false }));
        } else if (message.kind === 'want') {
          const [genesis] = entries;
          const answers =
            message.bare === true || genesis === undefined
              ? frames(cover, entries, message)
              : [encodeEntries([genesis])];
          for (const answer of answers) await channel.send(answer);
          await channel.send(encodeControl({ kind: 'end' }));
        }
      }
    });
    const victim = await start({ archived: { ...TAKES, prove: prove ?? (async () => root) } });
    victim.network.keepDialled([{ address: network.address }]);
    const errorOf = (): string => victim.sync.peers().find(({ peer }) => peer === network.self)?.lastError ?? '';
    return { clock, victim, errorOf };
  };
  const logsFrame = ({ logs }: Cover): Uint8Array =>
    encodeLogs(logs.authors().map((author) => ({ author, hashes: logs.log(author) })));
  const bare = (entries: readonly RawEntry[]): RawEntry[] =>
    entries.slice(1).map((raw) => ({ ...raw, body: new Uint8Array() }));

  test.each<[string, Parameters<typeof liar>[0], ArchivedPorts['prove'] | undefined, RegExp]>([
    [
      'logs that the snapshot does not name',
      ({ proof, logs }, entries) => {
        const other = new CoveredLogs();
        for (const author of logs.authors()) other.add(author, logs.log(author).subarray(32));
        return [encodeEntries(proof, 'proof'), logsFrame({ proof, logs: other }), encodeEntries(bare(entries))];
      },
      undefined,
      /^LEDGER_SYNC_UNPROVEN/,
    ],
    [
      'a snapshot that is none',
      (cover, entries) => [encodeEntries(cover.proof, 'proof'), logsFrame(cover), encodeEntries(bare(entries))],
      async () => {
        throw fault('LEDGER_SYNC_UNPROVEN', 'no majority');
      },
      /^LEDGER_SYNC_UNPROVEN/,
    ],
    ['what a snapshot covers without its proof', (cover) => [logsFrame(cover)], undefined, /^LEDGER_SYNC_UNEXPECTED/],
    [
      'two proofs',
      ({ proof }) => [encodeEntries(proof, 'proof'), encodeEntries(proof, 'proof')],
      undefined,
      /^LEDGER_SYNC_UNEXPECTED/,
    ],
    [
      'logs out of order',
      ({ proof, logs }) => {
        const [author = ''] = logs.authors();
        const log = { author, hashes: logs.log(author) };
        return [encodeEntries(proof, 'proof'), encodeLogs([log, log])];
      },
      undefined,
      /^LEDGER_SYNC_UNEXPECTED/,
    ],
    [
      'logs without end',
      (cover) => [
        encodeEntries(cover.proof, 'proof'),
        ...Array.from({ length: 63 }, () => encodeLogs([{ author: 'd'.repeat(64), hashes: Buffer.alloc(524_288) }])),
      ],
      undefined,
      /^LEDGER_SYNC_UNEXPECTED/,
    ],
  ])('%s ends the exchange, is the sender’s fault and brings nothing', async (_, frames, prove, code) => {
    const { clock, victim, errorOf } = await liar(frames, prove);
    await clock.runUntil(() => code.test(errorOf()), 10_000, errorOf());
    await clock.advance(1_000);
    expect(victim.network.expelled()).toHaveLength(1);
    expect(victim.ledger.size).toBe(1);
  });

  test('headers that the snapshot does not cover are refused, and held against the sender', async () => {
    const narrow = new CoveredLogs();
    const { clock, victim, errorOf } = await liar(
      ({ proof, logs }, entries) => {
        for (const author of logs.authors()) narrow.add(author, logs.log(author).subarray(0, 64));
        return [encodeEntries(proof, 'proof'), logsFrame({ proof, logs: narrow }), encodeEntries(bare(entries))];
      },
      async () => atOnce(narrow.root()),
    );
    await clock.runUntil(() => victim.network.expelled().length > 0, 10_000);
    expect(errorOf()).toMatch(/^LEDGER_SYNC_REJECTED/);
    expect(victim.ledger.size).toBe(2);
  });

  test('what does not hold by what is known here brings nothing, and nobody is blamed for it', async () => {
    const { clock, victim } = await liar(
      (cover, entries) => [encodeEntries(cover.proof, 'proof'), logsFrame(cover), encodeEntries(bare(entries))],
      async () => undefined,
    );
    await clock.advance(5_000);
    expect(victim.ledger.size).toBe(1);
    expect(victim.network.expelled()).toHaveLength(0);
  });
});
