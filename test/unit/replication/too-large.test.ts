import { expect, test } from 'vitest';
import { FILE_BYTES_MAX } from '../../../src/base/limits.ts';
import type { FileCopy } from '../../../src/operator/file-record.ts';
import { ReplicationWorld, type SimulatedOperator } from '../../support/replication-world.ts';

/** Never written to: it takes no memory. */
const HUGE = new Uint8Array(FILE_BYTES_MAX + 1);

/** From now on file 2 of an operator has more content than can be sent; returns how often it was read. */
const outgrow = ({ store }: SimulatedOperator): (() => number) => {
  let reads = 0;
  const grown = (copy: FileCopy): FileCopy => {
    if (copy.record.file !== 2) return copy;
    reads += 1;
    return { ...copy, content: HUGE };
  };
  const [readMany, read] = [store.readMany.bind(store), store.read.bind(store)];
  store.readMany = async (...about) => (await readMany(...about)).map(grown);
  store.read = async (...about) => grown(await read(...about));
  return () => reads;
};

const filesOf = ({ store }: SimulatedOperator): number[] => store.all().map(({ file }) => file);
const errorOf = ({ replication }: SimulatedOperator): string => replication!.peers()[0]?.lastError ?? '';

test('a file that is too large to be sent holds up no other that is pulled, and both sides say so', async () => {
  const world = await ReplicationWorld.linked(2);
  const [one, two] = [world.operator(1), world.operator(2)];
  await world.crash(two);
  for (let count = 0; count < 4; count += 1) world.put(one);
  const reads = outgrow(one);
  await world.start(two);
  await world.clock.runUntil(() => filesOf(two).length === 3, 5_000, 'the others are there');
  expect(filesOf(two)).toEqual([1, 3, 4]);
  await world.clock.runUntil(() => errorOf(one) !== '' && errorOf(two) !== '', 5_000, 'both know');
  expect([errorOf(one), errorOf(two)]).toEqual([
    expect.stringMatching(/^file 2 of operator-1 cannot be sent: it has/),
    expect.stringContaining('file 2 of operator-1 cannot be sent'),
  ]);
  // It is asked for again and again, and made from its rows once.
  const before = reads();
  await world.clock.advance(60_000);
  expect(reads()).toBe(before);
  expect(errorOf(one)).toContain('cannot be sent');
  await world.close();
});

test('a file that is too large to be sent holds up no other that is pushed', async () => {
  const world = await ReplicationWorld.linked(2);
  const [one, two] = [world.operator(1), world.operator(2)];
  await two.consumer!.close();
  outgrow(one);
  for (let count = 0; count < 3; count += 1) world.put(one);
  await world.clock.runUntil(() => filesOf(two).length === 2, 2_000, 'the others are there');
  world.put(one);
  await world.clock.runUntil(() => filesOf(two).length === 3, 2_000, 'the line goes on');
  expect(errorOf(one)).toContain('file 2 of operator-1 cannot be sent');
  await world.close();
});
