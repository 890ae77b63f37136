import { describe, expect, test } from 'vitest';
import { createMemoryFileStore } from '../../support/memory-file-store.ts';
import { filesOf, linkedPair, linkedTrio, linkedWorld } from '../../support/linked-world.ts';
import { contentsOf } from '../../support/replication-world.ts';

describe('what one operator holds', () => {
  test('is pushed to the others at once, and never pushed on (T9)', async () => {
    const { world, clock, one, two, three } = await linkedTrio();
    world.put(one);
    await clock.runUntil(() => filesOf(two) === 1 && filesOf(three) === 1, 50, 'the push');
    await clock.advance(20_000);
    const sent = world.operators.map(({ replication }) => replication!.peers().map((peer) => peer.sent));
    expect(sent).toEqual([
      [1, 1],
      [0, 0],
      [0, 0],
    ]);
    expect(two.replication!.peers().map(({ received }) => received)).toEqual([1, 0]);
  });

  test('is pulled where no distributor runs', async () => {
    const { world, clock, one, two } = await linkedPair();
    await one.distributor!.close();
    world.put(one);
    await clock.runUntil(() => filesOf(two) === 1, 3_000, 'the pull');
  });

  test('promise 3: reaches the third from the second when the first is dead', async () => {
    const world = await linkedWorld(3);
    const { clock, hub } = world;
    const [one, two, three] = [world.operator(1), world.operator(2), world.operator(3)];
    hub.cut(one.key, three.key);
    const content = world.put(one);
    await clock.runUntil(() => filesOf(two) === 1, 1_000, 'the one peer is reached');
    expect(filesOf(three)).toBe(0);
    await world.crash(one);
    await clock.runUntil(() => filesOf(three) === 1, 10_000, 'the third is reached');
    expect(Buffer.from((await three.store.read(one.id, 1)).content).toString()).toBe(content);
  });

  test('promise 4: the same content given to two operators ends as one, under the earlier record, everywhere', async () => {
    const world = await linkedWorld(3);
    const { clock, hub } = world;
    const [one, two] = [world.operator(1), world.operator(2)];
    for (const other of world.operators.slice(1)) hub.cut(one.key, other.key);
    const content = world.put(one);
    await clock.advance(5_000);
    world.putContent(two, content);
    await clock.advance(5_000);
    hub.heal();
    await clock.runUntil(() => world.equal() && filesOf(one) === 2, 30_000, 'they agree');
    for (const { store } of world.operators)
      expect(store.all().map(({ origin, status }) => [origin, status])).toEqual([
        [one.id, 'stored'],
        [two.id, 'duplicate'],
      ]);
  });

  test('promise 4: a duplicate is not taken from a peer without the original that it stands for', async () => {
    const world = await linkedWorld(3);
    const { clock, hub } = world;
    const [one, two, three] = [world.operator(1), world.operator(2), world.operator(3)];
    hub.cut(one.key, three.key);
    hub.cut(two.key, three.key);
    const content = world.put(one);
    await clock.advance(10);
    await world.crash(two);
    two.store.put({ content: 'other', time: world.recordTime() });
    world.putContent(two, content);
    await world.start(two);
    await clock.runUntil(() => filesOf(two) === 3, 20_000, 'the first two agree');
    hub.heal();
    await clock.runUntil(() => world.equal() && filesOf(three) === 3, 30_000, 'the third agrees');
    expect(contentsOf(three.store)).toEqual(contentsOf(one.store));
  });
});

describe('promise 5: a new operator', () => {
  test('fills up from its peers while data flows, and answers only when it holds what they held', async () => {
    const world = await linkedWorld(2);
    const { clock } = world;
    const one = world.operator(1);
    for (let count = 0; count < 2_500; count += 1) world.put(one, 1);
    const fresh = await world.join();
    expect(fresh.consumer!.filled).toBe(false);
    let flowing = 0;
    await clock.runUntil(
      () => {
        if (flowing < 50) world.put(one, 1);
        flowing += 1;
        if (filesOf(fresh) < 2_500) expect(fresh.consumer!.filled).toBe(false);
        return fresh.consumer!.filled;
      },
      30_000,
      'it is filled',
    );
    expect(filesOf(fresh)).toBeGreaterThanOrEqual(2_500);
    await clock.runUntil(() => world.equal(), 10_000);
    // It was spread over both peers.
    for (const { received } of fresh.replication!.peers()) expect(received).toBeGreaterThan(300);
  });

  test('resumes where it was interrupted, and does not forget that it was filled', async () => {
    const world = await linkedWorld(2);
    const { clock } = world;
    const one = world.operator(1);
    for (let count = 0; count < 3_000; count += 1) world.put(one, 1);
    const fresh = await world.join();
    await clock.runUntil(() => filesOf(fresh) > 500, 10_000, 'some are there');
    await world.crash(fresh);
    const held = filesOf(fresh);
    expect(held).toBeLessThan(3_000);
    expect(fresh.flag.value).toBe(false);
    await world.start(fresh);
    await clock.runUntil(() => fresh.consumer!.filled, 30_000, 'it is filled');
    const received = fresh.replication!.peers().reduce((sum, peer) => sum + peer.received, 0);
    expect(received).toBe(3_000 - held);
    await world.crash(fresh);
    await world.start(fresh);
    expect(fresh.consumer!.filled).toBe(true);
  });

  test('that has met only another as new as itself is not filled for good', async () => {
    const world = await linkedWorld(1);
    const { clock } = world;
    const full = world.operator(1);
    for (let count = 0; count < 2_000; count += 1) world.put(full, 1);
    await world.crash(full);
    const [two, three] = [await world.join(), await world.join()];
    await clock.advance(10_000);
    expect([two.consumer!.filled, three.consumer!.filled], 'nobody has more for now').toEqual([true, true]);
    expect([two.flag.value, three.flag.value]).toEqual([false, false]);
    await world.start(full);
    await clock.runUntil(() => !two.consumer!.filled, 20_000, 'it has met one that has more');
    await clock.runUntil(() => two.consumer!.filled, 20_000, 'it is filled');
    expect(filesOf(two)).toBe(2_000);
    expect(two.flag.value).toBe(true);
  });

  test('that lost its databases since it was filled is filled no more, though the flag is there', async () => {
    const world = await linkedWorld(2);
    const { clock, hub } = world;
    const [one, two] = [world.operator(1), world.operator(2)];
    await clock.runUntil(() => two.flag.value, 10_000, 'it is filled, with nothing');
    for (let count = 0; count < 500; count += 1) world.put(one, 1);
    await clock.runUntil(() => filesOf(two) === 500, 10_000, 'it holds them');
    await clock.advance(15_000);
    world.put(one, 1);
    await clock.runUntil(() => two.flag.held.size > 0, 10_000, 'the flag says so');
    const { flag } = two;
    await world.loseDisk(two);
    two.flag = flag;
    hub.cut(one.key, two.key);
    await world.start(two);
    expect(two.consumer!.filled).toBe(false);
    hub.heal();
    await clock.runUntil(() => two.consumer!.filled, 20_000, 'it is filled again');
    expect(filesOf(two)).toBe(501);
  });

  test('that takes the place of one whose policy is gone holds its files too, yet none of another cluster', async () => {
    const { world, clock, one, two } = await linkedPair();
    for (let count = 0; count < 10; count += 1) world.put(one);
    await clock.runUntil(() => filesOf(two) === 10, 10_000, 'the other holds them');
    const elsewhere = createMemoryFileStore('operator-of-another-cluster');
    const { record } = elsewhere.put({ content: '{"n":-1}', time: world.recordTime() });
    await two.store.store([await elsewhere.read(record.origin, record.file)]);
    world.foreign.add(record.origin);
    await world.crash(one);
    world.departed.add(one);
    const three = await world.join();
    await clock.runUntil(() => three.consumer!.filled, 20_000, 'it is filled');
    await clock.advance(10_000);
    expect(three.store.holdings()).toEqual(new Map([[one.id, [[1, 10]]]]));
    expect(three.consumer!.peers()).toMatchObject([{ operator: two.id, filesAhead: 0 }]);
  });

  test('that knows no peers is filled', async () => {
    const world = await linkedWorld(1);
    expect(world.operator(1).consumer!.filled).toBe(true);
  });

  test('that reaches none of its peers answers after a while with what it has, until it meets one that has more', async () => {
    const world = await linkedWorld(2);
    const { clock, hub } = world;
    const [one, two] = [world.operator(1), world.operator(2)];
    for (let count = 0; count < 2_000; count += 1) world.put(one, 1);
    await world.loseDisk(two);
    hub.cut(one.key, two.key);
    await world.start(two);
    expect(two.consumer!.filled).toBe(false);
    await clock.runUntil(() => two.consumer!.filled, 5_000, 'it has waited');
    expect(two.flag.value).toBe(false);
    hub.heal();
    await clock.runUntil(() => !two.consumer!.filled, 20_000, 'it has met one that has more');
    await clock.runUntil(() => two.consumer!.filled, 20_000, 'it is filled');
    expect(filesOf(two)).toBe(2_000);
    expect(two.flag.value).toBe(true);
  });
});

describe('promise 6: an operator whose disk was lost', () => {
  test('has its own files back before it numbers new ones', async () => {
    const world = await linkedWorld(3);
    const { clock } = world;
    const two = world.operator(2);
    for (let count = 0; count < 20; count += 1) world.put(two);
    await clock.runUntil(() => world.equal(), 5_000);
    await world.loseDisk(two);
    await world.start(two, { mode: 'suspend' });
    expect(two.known).toBe(false);
    await clock.runUntil(() => two.known, 10_000, 'the own files are known');
    expect(two.store.holdings().get(two.id)).toEqual([[1, 20]]);
    world.put(two);
    expect(two.store.holdings().get(two.id)).toEqual([[1, 21]]);
    await clock.runUntil(
      () => world.operators.every(({ store }) => store.holdings().get(two.id)?.[0]?.[1] === 21),
      5_000,
    );
  });

  test.each([
    ['out of the window', { startMs: (): number => Date.UTC(2099, 0, 1) }],
    ['not asked for by a suspended consumer', { mode: 'suspend' as const }],
  ])('has an own duplicate back although its original is %s', async (_, options) => {
    const { world, clock, one, two, three } = await linkedTrio();
    two.store.put({ content: '{"n":1}', time: world.recordTime() });
    one.store.put({ content: '{"n":1}', time: '2099-01-01T00:00:00.000000Z' });
    await clock.runUntil(() => filesOf(three) === 2 && world.equal(), 10_000, 'all hold both');
    expect(three.store.all().map(({ status }) => status)).toEqual(['duplicate', 'stored']);
    await world.loseDisk(one);
    await world.start(one, options);
    await clock.runUntil(() => one.known, 30_000, 'the own files are known');
    expect(one.store.all().map(({ status }) => status)).toEqual(['duplicate', 'stored']);
  });

  test('waits no longer than a bound for peers that it cannot reach', async () => {
    const { world, clock, one, two } = await linkedPair();
    await world.crash(one);
    await world.crash(two);
    await world.start(two);
    const startMs = clock.monotonicMs();
    await clock.runUntil(() => two.known, 10_000);
    expect(clock.monotonicMs() - startMs).toBeLessThanOrEqual(3_000);
  });

  test('does not number while a peer that announced own files of it does not deliver them', async () => {
    const { world, clock, one, two } = await linkedPair();
    world.put(two);
    await clock.runUntil(() => filesOf(one) === 1, 5_000);
    await world.loseDisk(two);
    const readMany = one.store.readMany.bind(one.store);
    one.store.readMany = async () => new Promise<never>(() => {});
    await world.start(two);
    await clock.advance(15_000);
    expect(two.known).toBe(false);
    one.store.readMany = readMany;
    await clock.runUntil(() => two.known, 60_000, 'the own files are known');
    expect(filesOf(two)).toBe(1);
  });
});

describe('committed files', () => {
  test('do not become none while a peer that is connected again has not told yet what it holds', async () => {
    const world = await linkedWorld(2);
    const { clock, hub } = world;
    const [one, two] = [world.operator(1), world.operator(2)];
    world.put(one);
    const committed = (): number | undefined => one.replication!.committedRanges()?.get(one.id)?.[0]?.[1];
    await clock.runUntil(() => committed() === 1, 5_000);
    hub.cut(one.key, two.key);
    await clock.runUntil(() => !one.replication!.peers()[0]!.connected, 30_000);
    hub.heal();
    const seen = new Set<number | undefined>();
    await clock.runUntil(() => {
      seen.add(committed());
      return one.replication!.peers()[0]!.connected;
    }, 60_000);
    for (let step = 0; step < 200; step += 1) {
      await clock.advance(1);
      seen.add(committed());
    }
    expect([...seen]).toEqual([1]);
  });

  test('are not known while one that is connected never said what it holds', async () => {
    const world = await linkedWorld(1);
    const { clock } = world;
    const one = world.operator(1);
    world.put(one);
    expect(one.replication!.committedRanges()).toEqual(one.store.holdings());
    const two = await world.join();
    const seen: boolean[] = [];
    await clock.runUntil(() => {
      seen.push(one.replication!.committedRanges() === undefined);
      return two.store.all().length === 1;
    }, 60_000);
    expect(seen).toContain(true);
    expect(one.replication!.committedRanges()).toBeDefined();
  });

  test('are those that every active operator holds', async () => {
    const world = await linkedWorld(3);
    const { clock, hub } = world;
    const [one, two, three] = [world.operator(1), world.operator(2), world.operator(3)];
    world.put(one);
    await clock.runUntil(() => one.replication!.committedRanges()?.get(one.id)?.[0]?.[1] === 1, 5_000);
    hub.cutOneWay(one.key, three.key);
    world.put(one);
    await clock.runUntil(() => filesOf(two) === 2, 1_000);
    // Operator 3 counts as active until its connection is known to be dead.
    expect(one.replication!.committedRanges()).toEqual(new Map([[one.id, [[1, 1]]]]));
    await world.crash(three);
    await clock.runUntil(() => one.replication!.committedRanges()?.get(one.id)?.[0]?.[1] === 2, 10_000);
  });
});
