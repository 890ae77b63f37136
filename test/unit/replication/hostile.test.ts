import { zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { STRANGE_ORIGINS_MAX } from '../../../src/base/limits.ts';
import { sha256Hex } from '../../../src/codec/hash.ts';
import type { Channel, Network } from '../../../src/network/network.ts';
import { contentHash } from '../../../src/operator/file-order.ts';
import type { FileRecord } from '../../../src/operator/file-record.ts';
import { idsOf } from '../../../src/operator/ranges.ts';
import { bundlesOf, framesOf } from '../../../src/replication/transfer/bundle.ts';
import {
  decodeTransfer,
  encodeTransfer,
  TRANSFER_PROTOCOL,
  type FilesByOrigin,
  type TransferMessage,
} from '../../../src/replication/transfer/messages.ts';
import { ReplicationWorld, type SimulatedOperator } from '../../support/replication-world.ts';

/**
 * One honest operator with a file, one honest one that has it too, and a node of the cluster that does as the test
 * says.
 */
let world: ReplicationWorld;
let victim: SimulatedOperator;
let honest: SimulatedOperator;
let foe: SimulatedOperator;
let network: Network;

beforeEach(async () => {
  world = await ReplicationWorld.create({ seed: 11, operators: 2 });
  [victim, honest] = [world.operator(1), world.operator(2)];
  const { operator, network: own } = await world.joinHostile();
  foe = operator;
  network = own;
});
afterEach(async () => {
  await world.close();
});

const recordOf = (content: string, about: Partial<FileRecord> = {}): FileRecord => ({
  origin: foe.id,
  file: 1,
  dbms: 'plant',
  table: 'readings',
  source: '0',
  instructions: '0',
  hash: contentHash('plant', 'readings', Buffer.from(content)),
  time: '2026-01-01T00:00:00.000000Z',
  rows: 1,
  columns: [],
  digest: sha256Hex(content),
  status: 'stored',
  ...about,
});

/** The frame of a bundle with one small file. */
const filesFrame = (id: number, content: string, about: Partial<FileRecord> = {}): Uint8Array => {
  const {
    bundles: [bundle],
  } = bundlesOf([{ record: recordOf(content, about), content: Buffer.from(content), rebuilt: false }]);
  const [frame] = framesOf(id, bundle!);
  return frame!;
};

const open = async (hello: TransferMessage): Promise<Channel> => {
  const channel = await world.clock.runWhile(network.open(victim.key, TRANSFER_PROTOCOL), 1_000);
  await channel.send(encodeTransfer(hello));
  return channel;
};
const helloAs = (job: 'watch' | 'push' | 'pull', operator = foe.id): TransferMessage => ({
  type: 'hello',
  job,
  operator,
});

/** The next message that the victim sends, or how the channel ended. */
const answer = async (channel: Channel): Promise<TransferMessage | 'ended'> => {
  const next = channel[Symbol.asyncIterator]().next();
  const settled = await world.clock.runWhile(
    next.then(
      (result) => (result.done === true ? ('ended' as const) : decodeTransfer(result.value).message),
      () => 'ended' as const,
    ),
    40_000,
    'an answer',
  );
  return settled;
};

/** The victim lives: it takes what an honest peer has, and serves it. */
const expectAlive = async (): Promise<void> => {
  const before = victim.store.all().length;
  world.put(honest);
  await world.clock.runUntil(() => victim.store.all().length > before, 10_000, 'the victim takes an honest file');
};

const linked = (): boolean =>
  victim.replication!.peers().find(({ operator }) => operator === foe.id)?.connected === true;

const lastError = (): string | undefined =>
  victim.replication!.peers().find(({ operator }) => operator === foe.id)?.lastError;

describe('a peer that calls', () => {
  beforeEach(async () => {
    serve([], async () => {});
    await world.clock.runUntil(() => linked(), 10_000, 'the victim watches the foe');
    expect(lastError()).toBeUndefined();
  });

  test.each<[string, () => Promise<void>]>([
    ['sends rubbish', async () => (await open(helloAs('push'))).send(Buffer.from('rubbish'))],
    [
      'sends a header that is longer than its frame',
      async () => (await open(helloAs('push'))).send(Buffer.from([0, 0, 255, 255, 1])),
    ],
    [
      'sends a header that is nested without end',
      async () => {
        const json = Buffer.from(`{"type":${'['.repeat(100_000)}`);
        const frame = Buffer.alloc(4 + json.byteLength);
        frame.writeUInt32BE(json.byteLength, 0);
        frame.set(json, 4);
        await (await open(helloAs('push'))).send(frame);
      },
    ],
    [
      'sends an unknown message',
      async () => (await open(helloAs('pull'))).send(encodeTransfer({ type: 'give-me' } as unknown as TransferMessage)),
    ],
    ['sends what belongs to another job', async () => (await open(helloAs('watch'))).send(filesFrame(1, '{"a":1}'))],
    [
      'asks for more at a time than agreed',
      async () => {
        world.put(honest);
        await world.clock.runUntil(() => victim.store.all().length === 1, 5_000);
        victim.store.readMany = () => new Promise(() => {});
        const channel = await open(helloAs('pull'));
        for (let id = 0; id < 50; id += 1)
          await channel.send(encodeTransfer({ type: 'want', id, files: [[honest.id, [[1, 2 ** 50]]]] }));
      },
    ],
    [
      'sends a bundle that is longer than it says',
      async () => {
        const channel = await open(helloAs('push'));
        const {
          bundles: [bundle],
        } = bundlesOf([
          { record: recordOf('x'.repeat(1_000_000)), content: Buffer.from('x'.repeat(1_000_000)), rebuilt: false },
        ]);
        for (const frame of framesOf(1, { ...bundle!, total: bundle!.total - 5 })) await channel.send(frame);
      },
    ],
    [
      'sends a zstd bomb',
      async () => {
        const channel = await open(helloAs('push'));
        const bomb = zstdCompressSync(Buffer.alloc(50_000_000));
        await channel.send(encodeTransfer({ type: 'files', id: 1, total: 1_000, raw: 1_000 }, bomb));
      },
    ],
    [
      'announces a bundle beyond any file',
      async () =>
        (await open(helloAs('push'))).send(
          encodeTransfer({ type: 'files', id: 1, total: 2 ** 40, raw: 700_000 }, Buffer.alloc(10)),
        ),
    ],
  ])('and %s is refused, and the node lives', async (_, attack) => {
    await world.clock.runWhile(
      attack().catch(() => {}),
      40_000,
    );
    await world.clock.runUntil(() => lastError() !== undefined, 5_000, 'the error shows');
    await expectAlive();
  });

  test('T1: as another operator than its key says is refused', async () => {
    const channel = await open(helloAs('pull', honest.id));
    expect(await answer(channel)).toMatchObject({ type: 'refused', code: 'REPLICATION_NOT_A_PEER' });
  });

  test('T1: and is no operator of the cluster is neither served nor believed', async () => {
    world.operators.splice(world.operators.indexOf(foe), 1);
    const channel = await open(helloAs('watch'));
    expect(await answer(channel)).toMatchObject({ type: 'refused', code: 'REPLICATION_NOT_A_PEER' });
    await network.close();
  });

  test('and left the cluster is dropped', async () => {
    const channel = await open(helloAs('watch'));
    expect(await answer(channel)).toMatchObject({ type: 'holdings' });
    world.operators.splice(world.operators.indexOf(foe), 1);
    victim.replication!.refresh();
    expect(await answer(channel)).toBe('ended');
    await network.close();
  });

  test('and says nothing is dropped', async () => {
    const channel = await world.clock.runWhile(network.open(victim.key, TRANSFER_PROTOCOL), 1_000);
    expect(await answer(channel)).toBe('ended');
  });

  test.each<[string, () => Uint8Array, string]>([
    ['of an origin outside the cluster', () => filesFrame(1, '{"a":1}', { origin: 'stranger' }), 'no operator'],
    ['of the victim itself', () => filesFrame(1, '{"a":1}', { origin: victim.id }), 'no operator'],
    ['with another content than its digest', () => filesFrame(1, '{"a":1}', { digest: 'f'.repeat(64) }), 'content'],
  ])('T3, T4: and pushes a file %s: that file is refused, others are taken', async (_, frame, text) => {
    const channel = await open(helloAs('push'));
    await channel.send(frame());
    expect(await answer(channel)).toMatchObject({ type: 'stored', id: 1, outcomes: ['refused'] });
    expect(victim.store.all()).toEqual([]);
    expect(lastError()).toContain(text);
    await channel.send(filesFrame(2, '{"b":1}', { file: 2 }));
    expect(await answer(channel)).toMatchObject({ type: 'stored', id: 2, outcomes: ['stored'] });
    await expectAlive();
  });

  test('T5: and pushes a duplicate whose original is not here: it is not taken', async () => {
    const channel = await open(helloAs('push'));
    const record = recordOf('{"a":1}', { status: 'duplicate', rows: 0 });
    const {
      bundles: [bundle],
    } = bundlesOf([{ record, content: new Uint8Array(0), rebuilt: false }]);
    for (const frame of framesOf(1, bundle!)) await channel.send(frame);
    expect(await answer(channel)).toMatchObject({ type: 'stored', outcomes: ['orphan'] });
    expect(victim.store.all()).toEqual([]);
  });

  test('and is slow to read its answers holds up nobody', async () => {
    for (let count = 0; count < 40; count += 1) world.put(victim, 20_000);
    const channel = await open(helloAs('pull'));
    await channel.send(encodeTransfer({ type: 'want', id: 1, files: [[victim.id, [[1, 40]]]] }));
    await expectAlive();
    const before = honest.store.all().length;
    world.put(victim);
    await world.clock.runUntil(() => honest.store.all().length > before, 5_000);
  });
});

/** Serves the victim as a peer would, but for what the test does with a request. */
const serve = (
  holdings: [string, [number, number][]][],
  onWant: (channel: Channel, id: number, files: FilesByOrigin) => Promise<void>,
): void => {
  network.handle(TRANSFER_PROTOCOL, async (channel) => {
    for await (const frame of channel) {
      const { message } = decodeTransfer(frame);
      if ((message.type === 'hello' && message.job === 'watch') || message.type === 'compare')
        await channel.send(encodeTransfer({ type: 'holdings', full: true, more: false, origins: holdings }));
      if (message.type === 'want') await onWant(channel, message.id, message.files);
    }
  });
};

describe('a peer that is asked', () => {
  beforeEach(async () => {
    // The file of the foe that the victim lacks; the honest peer has it too, announced after the foe.
    await honest.store.store([{ record: recordOf('{"a":1}'), content: Buffer.from('{"a":1}'), rebuilt: false }]);
  });

  test.each<[string, (channel: Channel, id: number) => Promise<void>]>([
    ['sends a damaged file', (channel, id) => channel.send(filesFrame(id, '{"a":1}', { digest: '0'.repeat(64) }))],
    ['sends files that nobody asked for', (channel, id) => channel.send(filesFrame(id, '{"x":1}', { file: 99 }))],
    [
      'repeats itself without end',
      async (channel, id) => {
        for (;;) await channel.send(encodeTransfer({ type: 'skipped', id, files: [[foe.id, [[1, 1]]]] }));
      },
    ],
    ['answers another request', (channel, id) => channel.send(encodeTransfer({ type: 'done', id: id + 1 }))],
    ['answers with nothing', (channel, id) => channel.send(encodeTransfer({ type: 'done', id }))],
    [
      'says that it does not have it',
      (channel, id) => channel.send(encodeTransfer({ type: 'gone', id, files: [[foe.id, [[1, 1]]]] })),
    ],
    ['breaks off', async (channel) => channel.abort('no')],
    ['sends rubbish', (channel) => channel.send(Buffer.from('rubbish'))],
    ['falls silent', async () => {}],
  ])('T6, T7: and %s costs nothing: the file comes from another', async (_, onWant) => {
    let asked = 0;
    serve([[foe.id, [[1, 1]]]], async (channel, id) => {
      asked += 1;
      await onWant(channel, id);
    });
    // Only the foe is known to have it at first.
    world.hub.cut(victim.key, honest.key);
    await world.clock.runUntil(() => asked > 0, 10_000, 'the foe is asked');
    world.hub.heal();
    await world.clock.runUntil(() => victim.store.all().length === 1, 60_000, 'it comes from the honest peer');
    expect(victim.store.all().map(({ file }) => file)).toEqual([1]);
    await world.clock.advance(60_000);
    expect(asked).toBeLessThan(30);
    await expectAlive();
  });

  test('and has no room for a file now is asked for those behind it meanwhile', async () => {
    const wants: (readonly (readonly [number, number])[])[] = [];
    await world.crash(honest);
    serve([[foe.id, [[2, 5]]]], async (channel, id, [[, ranges] = ['', []]]) => {
      wants.push(ranges);
      const file = idsOf(ranges, 2).find((asked) => asked > 2);
      if (file !== undefined) await channel.send(filesFrame(id, `{"a":${file}}`, { file }));
      await channel.send(encodeTransfer({ type: 'done', id }));
    });
    const held = (): readonly number[] => victim.store.all().map(({ file }) => file);
    await world.clock.runUntil(() => held().includes(5), 20_000, 'they are there');
    expect(wants).toEqual([[[2, 5]], [[4, 5]], [[5, 5]]]);
    const before = wants.length;
    await world.clock.advance(60_000);
    expect(wants.length).toBeGreaterThan(before);
    expect(wants.length).toBeLessThan(before + 12);
  });

  test('and announces what cannot be is not believed, nor asked without end', async () => {
    let asked = 0;
    serve(
      [
        [foe.id, [[1, 2 ** 52]]],
        ['stranger', [[1, 5]]],
      ],
      async (channel, id) => {
        asked += 1;
        await channel.send(encodeTransfer({ type: 'done', id }));
      },
    );
    await world.clock.advance(60_000);
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThan(30);
    await expectAlive();
  });

  test('and says that it holds own files of far numbers keeps no new ones waiting, and uses up no numbers', async () => {
    world.put(victim);
    await world.crash(victim);
    const far = 2 ** 52;
    const giveFar = (channel: Channel, id: number): Promise<void> =>
      channel.send(filesFrame(id, '{"far":1}', { origin: victim.id, file: far }));
    const farFiles = [victim.id, honest.id].map((of): [string, [number, number][]] => [of, [[far, far]]]);
    serve(farFiles, giveFar);
    await world.start(victim);
    await world.clock.runUntil(() => linked() && victim.known, 20_000, 'the victim numbers new files');
    world.put(victim);
    expect([...victim.store.holdings().get(victim.id)!]).toEqual([[1, 2]]);
    // Of it a drop is made, and who is named in one numbers behind it.
    const known = [victim, honest].map(({ id }) => victim.replication!.known().get(id) ?? []);
    expect(known).toEqual([[[1, 2]], []]);
    await expectAlive();
  });

  test('and holds back own files keeps new ones waiting until it is no operator of the cluster any more', async () => {
    await world.crash(victim);
    serve([[victim.id, [[1, 5]]]], (channel, id) => channel.send(encodeTransfer({ type: 'done', id })));
    await world.start(victim);
    await world.clock.advance(60_000);
    expect(victim.known).toBe(false);
    world.operators.splice(world.operators.indexOf(foe), 1);
    victim.replication!.refresh();
    await world.clock.runUntil(() => victim.known, 1_000, 'the victim numbers new files');
  });

  test('and brings files of origins without end does not make the victim say more than its peers read', async () => {
    const told: [string, [number, number][]][] = [];
    const give = async (channel: Channel, id: number, files: FilesByOrigin): Promise<void> => {
      const copies = files.map(([origin]) => {
        const content = Buffer.from(`{"a":"${origin}"}`);
        const hash = contentHash('plant', 'readings', content);
        return { record: recordOf('', { origin, hash, digest: sha256Hex(content) }), content, rebuilt: false };
      });
      for (const bundle of bundlesOf(copies).bundles)
        for (const frame of framesOf(id, bundle)) await channel.send(frame);
      await channel.send(encodeTransfer({ type: 'done', id }));
    };
    serve(told, give);
    for (let round = 0; round < 3; round += 1) {
      told.splice(
        0,
        told.length,
        ...Array.from({ length: 500 }, (_, at): [string, [number, number][]] => [`o${round}-${at}`, [[1, 1]]]),
      );
      await world.clock.advance(12_000);
    }
    expect(victim.store.all().length).toBeGreaterThan(STRANGE_ORIGINS_MAX - 1);
    expect(victim.store.holdings().size).toBeLessThan(2 * STRANGE_ORIGINS_MAX);
    world.put(victim);
    await world.clock.runUntil(() => honest.store.holdings().has(victim.id), 10_000, 'the honest peer has it');
    await world.clock.advance(12_000);
    const seen = honest.replication!.peers().find(({ operator }) => operator === victim.id);
    expect([seen?.connected, seen?.lastError]).toEqual([true, undefined]);
  });

  test('T8: and sends holdings without end is given up', async () => {
    let frames = 0;
    network.handle(TRANSFER_PROTOCOL, async (channel) => {
      const ranges = Array.from({ length: 5_000 }, (_, at) => [at * 3 + 1, at * 3 + 1] as [number, number]);
      for (let first = 0; ; first += 1) {
        const origins: [string, [number, number][]][] = [[`origin-${first}`, ranges]];
        await channel.send(encodeTransfer({ type: 'holdings', full: first === 0, more: true, origins }));
        frames += 1;
      }
    });
    await world.clock.runUntil(() => lastError()?.includes('more ranges') === true, 30_000, 'it is given up');
    expect(frames).toBeGreaterThan(10);
    await expectAlive();
  });
});
