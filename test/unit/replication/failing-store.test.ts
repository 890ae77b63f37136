import { afterEach, describe, expect, test } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import { ReplicationWorld, type SimulatedOperator } from '../../support/replication-world.ts';

let world: ReplicationWorld;
afterEach(async () => {
  await world.close();
});

const startTwo = async (): Promise<[SimulatedOperator, SimulatedOperator]> => {
  world = await ReplicationWorld.create({ seed: 7, operators: 2 });
  const linked = ({ replication }: SimulatedOperator): boolean =>
    replication!.peers().every(({ connected }) => connected);
  await world.clock.runUntil(
    () => world.operators.every((each) => each.known && linked(each)),
    10_000,
    'both are linked',
  );
  return [world.operator(1), world.operator(2)];
};

describe('an operator whose store fails', () => {
  test('asks with pauses for a file that is said to be stored and is not held', async () => {
    const [one, two] = await startTwo();
    await world.crash(two);
    world.put(one);
    let stores = 0;
    // Beyond any pause, an answer never comes: without pauses the clock would stand still.
    two.store.store = async (copies) =>
      (stores += 1) > 100 ? new Promise<never>(() => {}) : copies.map(() => 'held' as const);
    await world.start(two);
    await world.clock.advance(10_000);
    expect(stores).toBeGreaterThan(1);
    expect(stores).toBeLessThan(20);
    expect(two.consumer!.peers()[0]!.lastError).toContain('is not held');
  });

  test('tells who pushes why it takes nothing; when it has the files, by whatever way, neither has an error left', async () => {
    const [one, two] = await startTwo();
    const store = two.store.store.bind(two.store);
    const errors = (): unknown => [one, two].map(({ replication }) => replication!.peers()[0]?.lastError);
    two.store.store = () => Promise.reject(fault('DISK_NO_ROOM', 'the disk has 0 B free'));
    world.put(one);
    await world.clock.runUntil(() => /disk has 0 B free/.test(one.replication!.peers()[0]?.lastError ?? ''), 3_000);
    await world.clock.advance(3_000);
    expect(errors()).toEqual([expect.stringContaining('disk has 0 B'), expect.stringContaining('disk has 0 B')]);
    two.store.store = store;
    await world.clock.runUntil(() => two.store.all().length === 1, 20_000, 'it is there');
    await world.clock.advance(100);
    expect(errors()).toEqual([undefined, undefined]);
  });

  test('tells what a peer that is away lacks, as last heard of', async () => {
    const [one, two] = await startTwo();
    world.put(one);
    const about = (): unknown => one.replication!.peers()[0];
    await world.clock.runUntil(() => two.store.all().length === 1, 5_000);
    await world.clock.runUntil(() => one.replication!.peers()[0]?.filesBehind === 0, 5_000, 'it told so');
    // That it holds the file it says itself, a moment after it has acknowledged it.
    await world.clock.advance(100);
    await world.crash(two);
    await world.clock.runUntil(() => !one.replication!.peers()[0]!.connected, 10_000, 'it is away');
    expect(about()).toMatchObject({ filesBehind: 0 });
    for (let count = 0; count < 2; count += 1) world.put(one);
    expect(about()).toMatchObject({ connected: false, filesBehind: 2, filesAhead: 0 });
  });

  test('tells how much a peer that is away held that nobody in reach has', async () => {
    const [one, two] = await startTwo();
    const away = (): number | undefined => one.replication!.peers()[0]?.filesAway;
    one.consumer!.setMode('suspend');
    await two.distributor!.close();
    for (let count = 0; count < 3; count += 1) world.put(two);
    await world.clock.runUntil(() => one.replication!.peers()[0]?.filesAhead === 3, 5_000, 'it is told of them');
    expect(away()).toBe(0);
    await world.crash(two);
    await world.clock.runUntil(() => !one.replication!.peers()[0]!.connected, 10_000, 'it is away');
    expect(away()).toBe(3);
    await world.start(two);
    one.consumer!.setMode('active');
    await world.clock.runUntil(() => one.store.all().length === 3, 20_000, 'all are here');
    expect(away()).toBe(0);
  });

  test('does not say that files are gone when its databases are overloaded', async () => {
    const [one, two] = await startTwo();
    await world.crash(two);
    for (let count = 0; count < 3; count += 1) world.put(one);
    const [readMany, read] = [one.store.readMany.bind(one.store), one.store.read.bind(one.store)];
    const overloaded = (): Promise<never> => Promise.reject(fault('SQLITE_OVERLOADED', 'too many calls wait'));
    Object.assign(one.store, { readMany: overloaded, read: overloaded });
    await world.start(two);
    const ofOne = (): number => two.replication!.known().get(one.id)?.at(-1)?.[1] ?? 0;
    const tried = (): boolean => two.consumer!.peers()[0]?.lastError !== undefined;
    await world.clock.runUntil(tried, 10_000, 'it was asked');
    expect(ofOne()).toBe(3);
    expect(two.consumer!.peers()[0]!.lastError).not.toContain('cannot read a file');
    Object.assign(one.store, { readMany, read });
    await world.clock.runUntil(() => two.store.all().length === 3, 20_000, 'all are there');
  });

  test('says all that it holds again when files are lost', async () => {
    const [one, two] = await startTwo();
    for (let count = 0; count < 3; count += 1) world.put(one);
    await world.clock.runUntil(() => two.store.all().length === 3, 5_000);
    const heldByTwo = (): number => one.replication!.committedRanges()?.get(one.id)?.length ?? 0;
    await world.clock.runUntil(() => heldByTwo() === 1, 5_000, 'the first knows');
    // What was lost cannot come back, so that only the loss can be told.
    two.consumer!.setMode('suspend');
    await two.store.setDatabaseAside('plant');
    await world.clock.runUntil(() => heldByTwo() === 0, 1_000, 'the first knows that the second lost them');
  });

  test('ends a synchronisation that overlaps its stop', async () => {
    const [, two] = await startTwo();
    const consumer = two.consumer!;
    const closed = two.replication!.close();
    const ended = consumer.syncNow().then(
      () => true,
      () => true,
    );
    await closed;
    let done = false;
    void ended.then(() => (done = true));
    await world.clock.runUntil(() => done, 10_000, 'the synchronisation has ended');
  });
});
