import { expect, test } from 'vitest';
import { sha256Hex } from '../../../src/codec/hash.ts';
import { contentHash } from '../../../src/operator/file-order.ts';
import type { FileRecord } from '../../../src/operator/file-record.ts';
import { bundlesOf, framesOf } from '../../../src/replication/transfer/bundle.ts';
import {
  decodeTransfer,
  encodeTransfer,
  TRANSFER_PROTOCOL,
  type TransferMessage,
} from '../../../src/replication/transfer/messages.ts';
import { filesOf, linkedPair, linkedWorld } from '../../support/linked-world.ts';
import type { SimulatedOperator } from '../../support/replication-world.ts';

const CONTENT = '{"a":1}';
/** What a later version of the same major may say beside what this one knows. */
const LATER = { urgency: 7, codecs: ['zstd', 'brotli'] };

const recordOf = (origin: string): FileRecord => ({
  ...{ origin, file: 1, dbms: 'plant', table: 'readings', source: '0', instructions: '0' },
  hash: contentHash('plant', 'readings', Buffer.from(CONTENT)),
  ...{ time: '2026-01-01T00:00:00.000000Z', rows: 1, columns: [], digest: sha256Hex(CONTENT), status: 'stored' },
});
const saidLater = (message: TransferMessage): Uint8Array => encodeTransfer({ ...message, ...LATER });
const peerOf = (of: SimulatedOperator, { id }: SimulatedOperator) =>
  of.replication!.peers().find(({ operator }) => operator === id);

test('a peer of a later version, which says more, gives and takes files', async () => {
  const world = await linkedWorld(1);
  const one = world.operator(1);
  const { operator: later, network } = await world.joinHostile();
  const pushed: number[] = [];
  network.handle(TRANSFER_PROTOCOL, async (channel) => {
    for await (const frame of channel) {
      const { message } = decodeTransfer(frame);
      if ((message.type === 'hello' && message.job === 'watch') || message.type === 'compare')
        await channel.send(saidLater({ type: 'holdings', full: true, more: false, origins: [[later.id, [[1, 1]]]] }));
      if (message.type === 'want') {
        const record = { ...recordOf(later.id), ...LATER };
        const {
          bundles: [bundle],
        } = bundlesOf([{ record, content: Buffer.from(CONTENT), rebuilt: false }]);
        for (const piece of framesOf(message.id, bundle!)) await channel.send(piece);
        await channel.send(saidLater({ type: 'done', id: message.id }));
      }
      if (message.type === 'files') {
        pushed.push(message.id);
        await channel.send(saidLater({ type: 'stored', id: message.id, outcomes: ['stored'] }));
      }
    }
  });
  await world.clock.runUntil(() => filesOf(one) === 1, 20_000, 'the file of the later version');
  world.put(one);
  await world.clock.runUntil(() => peerOf(one, later)?.sent === 1, 20_000, 'the push to the later version');
  expect(pushed).toEqual([1]);
  expect(peerOf(one, later)).toMatchObject({ connected: true, received: 1, lastError: undefined });
});

test('a peer that speaks another major is said to, holds up nobody, and is a peer once it speaks this one', async () => {
  const { world, one, two } = await linkedPair();
  const { operator: other, network } = await world.joinHostile();
  network.handle('/holdfast/transfer/2', async () => {});
  await world.clock.advance(5_000);
  world.put(one);
  await world.clock.runUntil(() => filesOf(two) === 1, 5_000, 'the push between those that understand each other');
  expect(peerOf(one, other)).toMatchObject({ connected: false });
  expect(peerOf(one, other)?.lastError).toMatch(/does not speak \/holdfast\/transfer\/1/);
  // What is committed waits only for those that can hold it.
  const isCommitted = (): boolean => one.replication!.committedRanges()?.get(one.id) !== undefined;
  await world.clock.runUntil(isCommitted, 5_000, 'the word of the other that it holds the file');
  // Nobody is punished for being older.
  expect(one.network!.expelled()).toEqual([]);
  network.handle(TRANSFER_PROTOCOL, async (channel) => {
    for await (const frame of channel)
      if (decodeTransfer(frame).message.type === 'hello')
        await channel.send(encodeTransfer({ type: 'holdings', full: true, more: false, origins: [] }));
  });
  await world.clock.runUntil(() => peerOf(one, other)?.connected === true, 90_000, 'the link after its update');
});
