import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TRANSFER_READ_TURN_MS } from '../../../src/base/limits.ts';
import type { FileCopy } from '../../../src/operator/file-record.ts';
import { PushLine } from '../../../src/replication/push-line.ts';
import type { TransferChannel } from '../../../src/replication/transfer/protocol.ts';
import { Outgoing, type Reading } from '../../../src/replication/transfer/outgoing.ts';
import { servePull } from '../../../src/replication/transfer/serve.ts';
import { TooLarge } from '../../../src/replication/transfer/too-large.ts';
import { copyOf } from '../../conformance/file-store.ts';
import { ReplicationWorld, type SimulatedOperator } from '../../support/replication-world.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const TOTAL = 100;
const SMALL = 10;
/** One that is larger than all room goes alone. */
const MOST = 120;

const fileOf = (bytes: number): readonly FileCopy[] => [{ ...copyOf('own', 1, ''), content: new Uint8Array(bytes) }];
const turns = async (): Promise<void> => {
  for (let count = 0; count < 60; count += 1) await new Promise((resolve) => setImmediate(resolve));
};

test('what is held to be sent is bounded, all get their turn, and small files never wait for large ones', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: MOST }), { maxLength: 12 }), async (sizes) => {
      const outgoing = new Outgoing(createVirtualClock(), TOTAL, SMALL);
      const held = new Map<number, Reading>();
      let [beingRead, peak] = [0, 0];
      const isLarge = (bytes: number): boolean => bytes > SMALL;
      const heldLarge = (): number =>
        [...held.keys()].reduce((sum, at) => sum + (isLarge(sizes[at]!) ? sizes[at]! : 0), 0);
      for (const [at, bytes] of sizes.entries()) {
        const read = async (): Promise<readonly FileCopy[]> => {
          beingRead += bytes;
          peak = Math.max(peak, beingRead + heldLarge());
          await new Promise((resolve) => setImmediate(resolve));
          beingRead -= bytes;
          return fileOf(bytes);
        };
        void outgoing.read({ key: `${at}`, read, isGone: () => false }).then((reading) => held.set(at, reading));
      }
      await turns();
      for (const [at, bytes] of sizes.entries()) if (!isLarge(bytes)) expect(held.has(at)).toBe(true);
      for (let sent = 0; sent < sizes.length; sent += 1) {
        expect(heldLarge()).toBeLessThanOrEqual(MOST);
        const [first] = held;
        expect(first, 'somebody has what he wants').toBeDefined();
        held.delete(first![0]);
        first![1].leave();
        await turns();
      }
      expect(peak, 'and one that was just read').toBeLessThanOrEqual(2 * MOST);
    }),
    { numRuns: 50 },
  );
});

test('who has left by the time there is room reads nothing, and what fails holds no room', async () => {
  const outgoing = new Outgoing(createVirtualClock(), TOTAL, SMALL);
  const { leave } = await outgoing.read({ key: 'a', read: async () => fileOf(90), isGone: () => false });
  let reads = 0;
  let gone = false;
  const read = async (): Promise<readonly FileCopy[]> => ((reads += 1), fileOf(50));
  const left = outgoing.read({ key: 'b', read, isGone: () => gone });
  const failed = outgoing.read({
    key: 'c',
    read: async () => {
      if ((reads += 1) > 2) throw new Error('cannot be read');
      return fileOf(50);
    },
    isGone: () => false,
  });
  const outcomes = Promise.allSettled([left, failed]);
  await turns();
  expect(reads, 'each once, to see how large it is').toBe(2);
  gone = true;
  leave();
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(reads).toBe(3);
  expect((await outgoing.read({ key: 'd', read: async () => fileOf(100), isGone: () => false })).copies).toHaveLength(
    1,
  );
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

test('an answer gives back what it took, file by file', async () => {
  const world = await ReplicationWorld.linked(1);
  const { store } = world.operator(1);
  for (let count = 0; count < 8; count += 1) world.put(world.operator(1));
  const sent: string[] = [];
  let asked = false;
  const channel = {
    async read() {
      if (asked) return undefined;
      asked = true;
      return { message: { type: 'want', id: 1, files: [[store.origin, [[1, 8]]]] }, payload: new Uint8Array() };
    },
    send: async ({ type }: { readonly type: string }) => void sent.push(type),
    sendBundle: async () => void sent.push('bundle'),
  } as unknown as TransferChannel;
  const one = { ...store, origin: store.origin, holdings: () => store.holdings() };
  const readOne: typeof store.readMany = (origin, ranges) => store.readMany(origin, ranges, { files: 1, bytes: 1 });
  const tooLarge = new TooLarge(createVirtualClock());
  const ports = {
    wants: () => {},
    sent: () => {},
    underWay: () => [],
    tooLarge,
    outgoing: new Outgoing(createVirtualClock(), 1, 0),
  };
  await servePull(channel, Object.assign(one, { readMany: readOne }), ports);
  expect(sent).toEqual([...Array.from({ length: 8 }, () => 'bundle'), 'done']);
  await world.close();
});

test('so does a line that pushes', async () => {
  const world = await ReplicationWorld.linked(2);
  const [one, two] = world.operators as [SimulatedOperator, SimulatedOperator];
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
