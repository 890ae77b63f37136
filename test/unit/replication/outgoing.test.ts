import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CHANNEL_STALL_MS, TRANSFER_READ_TURN_MS } from '../../../src/base/limits.ts';
import type { FileCopy } from '../../../src/operator/file-record.ts';
import { PushLine } from '../../../src/replication/push-line.ts';
import { encodeTransfer, TRANSFER_PROTOCOL } from '../../../src/replication/transfer/messages.ts';
import { LINE_MS, Outgoing, type Reading } from '../../../src/replication/transfer/outgoing.ts';
import { servePull, type ServedChannel } from '../../../src/replication/transfer/serve.ts';
import { TooLarge } from '../../../src/replication/transfer/too-large.ts';
import { copyOf } from '../../conformance/file-store.ts';
import { linkedPair, linkedWorld } from '../../support/linked-world.ts';
import { ReplicationWorld } from '../../support/replication-world.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const TOTAL = 100;
const SMALL = 10;
/** One that is larger than all room goes alone. */
const MOST = 120;

const fileOf = (bytes: number): readonly FileCopy[] => [{ ...copyOf('own', 1, ''), content: new Uint8Array(bytes) }];
const turns = async (): Promise<void> => {
  for (let count = 0; count < 60; count += 1) await new Promise((resolve) => setImmediate(resolve));
};

test('what is held to be sent is bounded, who asks again gets its turn, and small files never wait for large ones', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: MOST }), { maxLength: 12 }), async (sizes) => {
      const outgoing = new Outgoing(createVirtualClock(), TOTAL, SMALL);
      const held = new Map<number, Reading>();
      let [beingRead, peak] = [0, 0];
      const isLarge = (bytes: number): boolean => bytes > SMALL;
      const heldLarge = (): number =>
        [...held.keys()].reduce((sum, at) => sum + (isLarge(sizes[at]!) ? sizes[at]! : 0), 0);
      const ask = async (at: number): Promise<void> => {
        const read = async (): Promise<readonly FileCopy[]> => {
          beingRead += sizes[at]!;
          peak = Math.max(peak, beingRead + heldLarge());
          await new Promise((resolve) => setImmediate(resolve));
          beingRead -= sizes[at]!;
          return fileOf(sizes[at]!);
        };
        const reading = await outgoing.read({ key: `${at}`, read, isGone: () => false, peer: `${at}` });
        if (reading.passedOverMs === undefined) held.set(at, reading);
      };
      const waiting = new Set(sizes.keys());
      const askAll = async (): Promise<void> => {
        await Promise.all([...waiting].map(ask));
        for (const at of held.keys()) waiting.delete(at);
        expect(heldLarge()).toBeLessThanOrEqual(MOST);
      };
      await askAll();
      for (const [at, bytes] of sizes.entries()) if (!isLarge(bytes)) expect(held.has(at)).toBe(true);
      const turns = sizes.map((_, turn) => turn);
      for (const _ of turns) {
        const [first] = held;
        expect(first, 'somebody has what he wants').toBeDefined();
        held.delete(first![0]);
        first![1].leave();
        await askAll();
      }
      expect(peak, 'and one that was just read').toBeLessThanOrEqual(2 * MOST);
    }),
    { numRuns: 50 },
  );
});

test('what was passed over is not read again before there is room, and what fails or has left holds none', async () => {
  const outgoing = new Outgoing(createVirtualClock(), TOTAL, SMALL);
  const isGone = (): boolean => false;
  const { leave } = await outgoing.read({ key: 'a', read: async () => fileOf(90), isGone });
  let reads = 0;
  const read = async (): Promise<readonly FileCopy[]> => {
    if ((reads += 1) > 1) throw new Error('cannot be read');
    return fileOf(50);
  };
  for (let count = 0; count < 3; count += 1)
    expect((await outgoing.read({ key: 'b', read, isGone })).passedOverMs).toBe(0);
  expect(reads, 'once, to see how large it is').toBe(1);
  leave();
  await expect(outgoing.read({ key: 'b', read, isGone: () => true })).rejects.toThrow();
  expect(reads).toBe(1);
  await expect(outgoing.read({ key: 'b', read, isGone })).rejects.toThrow('cannot be read');
  const all = await outgoing.read({ key: 'd', read: async () => fileOf(100), isGone });
  expect(all.copies).toHaveLength(1);
});

test('a peer that was passed over comes before those that ask later, as long as it asks again', async () => {
  const clock = createVirtualClock();
  const outgoing = new Outgoing(clock, TOTAL, SMALL);
  const ask = (peer?: string): Promise<Reading> =>
    outgoing.read({ key: 'a', read: async () => fileOf(90), isGone: () => false, ...(peer && { peer }) });
  const isHeld = ({ copies }: Reading): boolean => copies.length > 0;
  let first = await ask('one');
  let waitMs = 500;
  for (let count = 0; count < 12; count += 1) {
    expect(isHeld(await ask('two'))).toBe(false);
    await clock.advance(waitMs);
    waitMs = Math.min(2 * waitMs, 30_000);
  }
  first.leave();
  for (const later of ['one', 'three', undefined]) expect(isHeld(await ask(later)), later).toBe(false);
  const second = await ask('two');
  expect(isHeld(second)).toBe(true);
  second.leave();
  expect(isHeld(await ask('three')), 'one was there before').toBe(false);
  await clock.advance(LINE_MS);
  first = await ask('three');
  expect(isHeld(first), 'one has not come again').toBe(true);
});

test('a read that hangs holds up others for a moment alone', async () => {
  const clock = createVirtualClock();
  const outgoing = new Outgoing(clock, TOTAL, SMALL);
  const isGone = (): boolean => false;
  void outgoing.read({ key: 'a', read: () => new Promise<never>(() => {}), isGone });
  const next = outgoing.read({ key: 'b', read: async () => fileOf(1), isGone });
  await clock.advance(TRANSFER_READ_TURN_MS);
  expect((await next).copies).toHaveLength(1);
});

const PORTS = { peer: 'two', wants: () => {}, sent: () => {}, underWay: () => [] };

/** One who asks for the first so many files once, and takes what it is sent unless it hangs. */
const askingFor = (
  origin: string,
  files: number,
  takes: () => Promise<void> = async () => {},
): { readonly channel: ServedChannel; readonly sent: string[] } => {
  const sent: string[] = [];
  let asked = false;
  const channel: ServedChannel = {
    async read() {
      if (asked) return undefined;
      asked = true;
      return { message: { type: 'want', id: 1, files: [[origin, [[1, files]]]] }, payload: new Uint8Array() };
    },
    send: async ({ type }) => void sent.push(type),
    sendBundle: async () => {
      await takes();
      sent.push('bundle');
    },
  };
  return { channel, sent };
};

test('one that does not take its large file holds up large files of others alone', async () => {
  const world = await linkedWorld(1);
  const { store } = world.operator(1);
  for (let count = 0; count < 6; count += 1) world.put(world.operator(1));
  let read = 0;
  const readMany: typeof store.readMany = async (origin, [[file] = [0]]) => {
    read += 1;
    return [{ ...copyOf(origin, file, `${file}`), content: new Uint8Array(file <= 2 ? 80 : 1) }];
  };
  const served = Object.assign({ ...store, origin: store.origin, holdings: () => store.holdings() }, { readMany });
  const outgoing = new Outgoing(world.clock, TOTAL, SMALL);
  const serve = (channel: ServedChannel): Promise<void> =>
    servePull(channel, served, { ...PORTS, tooLarge: new TooLarge(world.clock), outgoing });
  const hangs = askingFor(store.origin, 1, () => new Promise(() => {}));
  void serve(hangs.channel);
  await turns();
  const other = askingFor(store.origin, 6);
  await serve(other.channel);
  expect(other.sent, 'the large ones are left out, not said to be gone').toEqual([
    ...Array.from({ length: 4 }, () => 'bundle'),
    'done',
  ]);
  expect(read, 'no more than once each').toBeLessThanOrEqual(7);
});

test('an answer reads in vain for a moment only, then what is left is left to the next', async () => {
  const world = await linkedWorld(1);
  const { store } = world.operator(1);
  for (let count = 0; count < 6; count += 1) world.put(world.operator(1));
  const clock = createVirtualClock();
  const outgoing = new Outgoing(clock, TOTAL, SMALL);
  await outgoing.read({ key: 'a', read: async () => fileOf(TOTAL), isGone: () => false });
  const readMany: typeof store.readMany = async (origin, [[file] = [0]]) => {
    await clock.advance(TRANSFER_READ_TURN_MS / 2);
    return [{ ...copyOf(origin, file, `${file}`), content: new Uint8Array(file <= 5 ? 80 : 1) }];
  };
  const served = Object.assign({ ...store, origin: store.origin, holdings: () => store.holdings() }, { readMany });
  const answers: string[][] = [];
  for (let count = 0; count < 3; count += 1) {
    const { channel, sent } = askingFor(store.origin, 6);
    await servePull(channel, served, { ...PORTS, tooLarge: new TooLarge(clock), outgoing });
    answers.push(sent);
  }
  expect(answers).toEqual([['done'], ['done'], ['bundle', 'done']]);
});

test('who asks for a file and does not read on loses the channel, and the room', async () => {
  const world = await linkedWorld(1);
  const one = world.operator(1);
  const { operator, network } = await world.joinHostile();
  world.putContent(one, randomBytes(6 * 1_048_576).toString('base64'));
  const channel = await world.clock.runWhile(network.open(one.key, TRANSFER_PROTOCOL), 1_000);
  await channel.send(encodeTransfer({ type: 'hello', job: 'pull', operator: operator.id }));
  await channel.send(encodeTransfer({ type: 'want', id: 1, files: [[one.id, [[1, 1]]]] }));
  await world.clock.advance(1_000);
  await world.clock.advance(CHANNEL_STALL_MS);
  const readAll = async (): Promise<void> => {
    for await (const _ of channel);
  };
  await expect(world.clock.runWhile(readAll(), 1_000)).rejects.toThrow('dropped the channel');
});

test('an answer gives back what it took, file by file', async () => {
  const world = await ReplicationWorld.linked(1);
  const { store } = world.operator(1);
  for (let count = 0; count < 8; count += 1) world.put(world.operator(1));
  const { channel, sent } = askingFor(store.origin, 8);
  const one = { ...store, origin: store.origin, holdings: () => store.holdings() };
  const readOne: typeof store.readMany = (origin, ranges) => store.readMany(origin, ranges, { files: 1, bytes: 1 });
  const tooLarge = new TooLarge(createVirtualClock());
  const outgoing = new Outgoing(createVirtualClock(), 1, 0);
  const ports = { ...PORTS, tooLarge, outgoing };
  await servePull(channel, Object.assign(one, { readMany: readOne }), ports);
  expect(sent).toEqual([...Array.from({ length: 8 }, () => 'bundle'), 'done']);
  await world.close();
});

test('so does a line that pushes', async () => {
  const world = await ReplicationWorld.linked(2);
  const [one, two] = [world.operator(1), world.operator(2)];
  await one.distributor!.close();
  two.consumer!.setMode('suspend');
  for (let count = 0; count < 8; count += 1) world.put(one);
  const { network, store } = one;
  const line = new PushLine(
    {
      ...{ network: network!, clock: world.clock, self: one.id, peer: two.key, idleMs: 20_000 },
      ...{ tooLarge: new TooLarge(world.clock), outgoing: new Outgoing(world.clock, 1, 0) },
      read: ({ ranges }) => store.readMany(one.id, ranges, { files: 1, bytes: 1 }),
    },
    { delivered: () => {}, refused: () => {}, broken: () => {} },
  );
  line.offer([[1, 8]]);
  await world.clock.runUntil(() => two.store.all().length === 8, 5_000, 'all are there');
  line.close('the end');
  await world.close();
});

test('a line that pushes leaves what there is no room for to be pulled, and goes on with the rest', async () => {
  const { world, one, two } = await linkedPair();
  await one.distributor!.close();
  two.consumer!.setMode('suspend');
  for (let count = 0; count < 3; count += 1) world.put(one);
  const { network, store } = one;
  const outgoing = new Outgoing(world.clock, 9_000, 8_000);
  await outgoing.read({ key: 'a', read: async () => fileOf(9_000), isGone: () => false });
  const line = new PushLine(
    {
      ...{ network: network!, clock: world.clock, self: one.id, peer: two.key, idleMs: 20_000 },
      ...{ tooLarge: new TooLarge(world.clock), outgoing },
      read: async ({ ranges: [[file] = [0]] }) =>
        file === 1 ? fileOf(8_001) : store.readMany(one.id, [[file, file]], { files: 1, bytes: 1 }),
    },
    { delivered: () => {}, refused: () => {}, broken: () => {} },
  );
  line.offer([[1, 3]]);
  await world.clock.runUntil(() => two.store.all().length === 2, 5_000, 'those behind it are there');
  line.close('the end');
});
