import { expect, test } from 'vitest';
import { sha256Hex } from '../../../src/codec/hash.ts';
import type { Channel } from '../../../src/network/network.ts';
import { contentHash } from '../../../src/operator/file-order.ts';
import type { FileRecord } from '../../../src/operator/file-record.ts';
import { bundlesOf, framesOf } from '../../../src/replication/transfer/bundle.ts';
import { encodeTransfer, TRANSFER_PROTOCOL } from '../../../src/replication/transfer/messages.ts';
import { filesOf, linkedPair } from '../../support/linked-world.ts';
import type { ReplicationWorld, SimulatedOperator } from '../../support/replication-world.ts';

const LARGE = 'x'.repeat(12 * 1_048_576);

const recordOf = (origin: string): FileRecord => ({
  origin,
  file: 1,
  dbms: 'plant',
  table: 'readings',
  source: '0',
  instructions: '0',
  hash: contentHash('plant', 'readings', Buffer.from(LARGE)),
  time: '2026-01-01T00:00:00.000000Z',
  rows: 1,
  columns: [],
  digest: sha256Hex(LARGE),
  status: 'stored',
});

/** A peer that pushes a large file a frame at a time, each just before it would be cut off. */
const pushSlowly = async (
  world: ReplicationWorld,
  to: SimulatedOperator,
): Promise<{ readonly foe: SimulatedOperator; push: (origin: string) => Promise<void> }> => {
  const { operator, network } = await world.joinHostile();
  const push = async (origin: string): Promise<void> => {
    const channel: Channel = await world.clock.runWhile(network.open(to.key, TRANSFER_PROTOCOL), 1_000);
    await channel.send(encodeTransfer({ type: 'hello', job: 'push', operator: operator.id }));
    const {
      bundles: [bundle],
    } = bundlesOf([{ record: recordOf(origin), content: Buffer.from(LARGE), rebuilt: false }]);
    const frames = framesOf(1, bundle!);
    const next = (): void => {
      const frame = frames.next();
      if (frame.done === true) return;
      void channel.send(frame.value).catch(() => {});
      world.clock.after(15_000, next);
    };
    next();
    await world.clock.advance(100);
  };
  return { foe: operator, push };
};

test('who pushes a file of another origin slowly does not hold it back', async () => {
  const { world, one, two } = await linkedPair();
  await one.distributor!.close();
  const { push } = await pushSlowly(world, two);
  await push(one.id);
  world.putContent(one, LARGE);
  await world.clock.runUntil(() => filesOf(two) === 1, 5_000, 'the pull');
});

test('an origin that pushes slowly holds back its file from others for as long as an honest one would wait', async () => {
  const { world, one, two } = await linkedPair();
  const { foe, push } = await pushSlowly(world, two);
  await push(foe.id);
  await one.store.store([{ record: recordOf(foe.id), content: Buffer.from(LARGE), rebuilt: false }]);
  await world.clock.advance(20_000);
  expect(filesOf(two)).toBe(0);
  await world.clock.runUntil(() => filesOf(two) === 1, 30_000, 'the pull from another');
});
