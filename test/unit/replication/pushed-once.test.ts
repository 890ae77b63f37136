import { expect, test } from 'vitest';
import { sleep } from '../../../src/base/clock.ts';
import { TRANSFER_IDLE_MS } from '../../../src/base/limits.ts';
import { TRANSFER_PROTOCOL } from '../../../src/replication/transfer/messages.ts';
import { openTransfer, TransferChannel } from '../../../src/replication/transfer/protocol.ts';
import { filesOf, linkedPair, linkedTrio, linkedWorld } from '../../support/linked-world.ts';

/** Longer than a new file is expected as a push. */
const SLOW_MS = 3_000;

test('a pushed file that its receiver needs long to store is not pulled too', async () => {
  const { world, clock, one, two, three } = await linkedTrio();
  const store = two.store.store.bind(two.store);
  two.store.store = async (copies) => {
    await sleep(clock, SLOW_MS);
    return store(copies);
  };
  for (let count = 0; count < 5; count += 1) world.put(one);
  await clock.runUntil(() => filesOf(two) === 5 && filesOf(three) === 5, 60_000, 'the push');
  await clock.advance(20_000);
  expect(one.replication!.peers().map(({ sent }) => sent)).toEqual([5, 5]);
  expect(three.replication!.peers().map(({ sent }) => sent)).toEqual([0, 0]);
  expect(two.replication!.peers().map(({ received }) => received)).toEqual([5, 0]);
});

test('a large file may take its receiver as long as its size allows', async () => {
  const { world, clock, one, two } = await linkedPair();
  const store = two.store.store.bind(two.store);
  two.store.store = async (copies) => {
    await sleep(clock, TRANSFER_IDLE_MS + 8_000);
    return store(copies);
  };
  world.putContent(one, 'x'.repeat(12 * 1_048_576));
  await clock.advance(TRANSFER_IDLE_MS);
  expect(one.replication!.peers()).toMatchObject([{ filesBehind: 1, filesLeaving: 1, filesArriving: 0 }]);
  expect(two.replication!.peers()).toMatchObject([{ filesAhead: 1, filesArriving: 1, filesLeaving: 0 }]);
  await clock.runUntil(() => filesOf(two) === 1, 60_000, 'the push');
  await clock.advance(1_000);
  expect(one.replication!.peers()).toMatchObject([{ sent: 1, lastError: undefined, filesLeaving: 0 }]);
  expect(two.replication!.peers()).toMatchObject([{ filesArriving: 0 }]);
});

test('a file on its way as a push is no part of an answer, until it is refused', async () => {
  const world = await linkedWorld(1);
  const { clock } = world;
  const one = world.operator(1);
  const { operator, network } = await world.joinHostile();
  const pushed: { channel: TransferChannel; id: number }[] = [];
  network.handle(TRANSFER_PROTOCOL, async (served) => {
    const channel = new TransferChannel(served, clock);
    const hello = await channel.read();
    if (hello?.message.type === 'hello' && hello.message.job === 'watch')
      await channel.send({ type: 'holdings', full: true, more: false, origins: [] });
    for (let frame = await channel.read(); frame !== undefined; frame = await channel.read())
      if (frame.message.type === 'files') pushed.push({ channel, id: frame.message.id });
  });
  await clock.runUntil(() => one.replication!.peers().every(({ connected }) => connected), 20_000, 'the link');
  world.put(one);
  await clock.runUntil(() => pushed.length === 1, 5_000, 'the push');
  const inTime = async <T>(work: Promise<T>): Promise<T> => {
    await clock.advance(1_000);
    return work;
  };
  const pull = await inTime(openTransfer(network, clock, one.key, 'pull', operator.id));
  const asked = async (id: number): Promise<readonly string[]> => {
    await pull.send({ type: 'want', id, files: [[one.id, [[1, 1]]]] });
    const said: string[] = [];
    while (said.at(-1) !== 'done') said.push((await pull.read())?.message.type ?? 'done');
    return said;
  };
  expect(await inTime(asked(1))).toEqual(['done']);
  await inTime(pushed[0]!.channel.send({ type: 'stored', id: pushed[0]!.id, outcomes: ['refused'] }));
  expect(await inTime(asked(2))).toEqual(['files', 'done']);
});
