import { afterEach, beforeEach, expect, test } from 'vitest';
import { ReplicationWorld, type SimulatedOperator } from '../../support/replication-world.ts';

let world: ReplicationWorld;
let one: SimulatedOperator;
let two: SimulatedOperator;
let three: SimulatedOperator;
/** Two are of one cluster and hold the same; the third is of another, and holds what it has taken itself. */
beforeEach(async () => {
  world = await ReplicationWorld.linked(3);
  [one, two, three] = [world.operator(1), world.operator(2), world.operator(3)];
  world.move(three, 'the other');
  for (const operator of world.operators) world.put(operator);
  await world.clock.runUntil(() => filesOf(one, two) && filesOf(two, one) && two.flag.value, 20_000, 'they are filled');
});
afterEach(() => world.close());

/** Whether an operator holds the files of another one. */
const filesOf = ({ store }: SimulatedOperator, { id }: SimulatedOperator): boolean => store.holdings().has(id);
const filled = ({ replication }: SimulatedOperator): boolean => replication!.filled;
const settled = () => world.clock.runUntil(() => filled(two), 20_000, 'it is filled again');

test('an operator that is moved answers nothing before it holds what its new peers hold, and gives them its own files alone', async () => {
  expect(filled(two)).toBe(true);
  world.move(two, 'the other');
  expect(filled(two)).toBe(false);
  await settled();
  expect(filesOf(two, three)).toBe(true);
  await world.clock.runUntil(() => filesOf(three, two), 20_000, 'its new peer has its files');
  await world.clock.advance(10_000);
  expect([filesOf(three, one), filesOf(one, three)]).toEqual([false, false]);
});

test('so does one that was moved while it was off', async () => {
  await world.crash(two);
  world.move(two, 'the other');
  await world.start(two);
  expect(filled(two)).toBe(false);
  await settled();
  expect(filesOf(two, three)).toBe(true);
  await world.clock.runUntil(() => two.flag.cluster === 'the other', 20_000, 'it remembers where');
  await world.crash(two);
  await world.start(two);
  expect(filled(two)).toBe(true);
});

test('moved back it lacks what came meanwhile, and gives what it took', async () => {
  world.move(two, 'the other');
  await settled();
  world.put(one);
  world.put(two);
  world.move(two, undefined);
  expect(filled(two)).toBe(false);
  await settled();
  await world.clock.runUntil(
    () => [one, two].every(({ store }) => [one, two].every(({ id }) => store.holdings().get(id)?.at(-1)?.[1] === 2)),
    20_000,
    'both hold both',
  );
  expect(filesOf(one, three)).toBe(false);
});

test('what it has of its former peers its new ones do not lack, nor do these when it is moved back', async () => {
  const standing = ({ replication }: SimulatedOperator) => replication!.peers()[0];
  const equal = { connected: true, filesBehind: 0, filesAhead: 0, lagMs: 0, lastError: undefined };
  const areEqual = (all: readonly SimulatedOperator[]): void => {
    for (const operator of all) expect(standing(operator)).toMatchObject(equal);
  };
  world.move(two, 'the other');
  await settled();
  await world.clock.advance(10_000);
  areEqual([two, three]);
  world.move(two, undefined);
  await settled();
  await world.clock.advance(10_000);
  areEqual([one, two]);
});

test('that it was moved while it pulled from a peer is no failure of that peer when it is back', async () => {
  await one.distributor?.close();
  const standing = () => two.replication!.peers()[0];
  world.put(one);
  await world.clock.runUntil(() => (standing()?.filesArriving ?? 0) > 0, 20_000, 'it pulls');
  world.move(two, 'the other');
  await world.clock.advance(1_000);
  world.move(two, undefined);
  expect(standing()?.lastError).toBeUndefined();
});

test('that a file was refused since its operator is moved meanwhile is no failure of the peer that gave it', async () => {
  const four = await world.join();
  await world.clock.runUntil(() => four.known && filled(four), 20_000, 'it is of the cluster');
  const standing = () => one.replication!.peers().find(({ operator }) => operator === two.id);
  one.consumer!.setMode('suspend');
  await four.distributor?.close();
  world.put(four);
  await world.clock.runUntil(() => filesOf(two, four), 20_000, 'one peer has the file');
  await world.crash(four);
  one.consumer!.setMode('active');
  await world.clock.runUntil(() => (standing()?.filesArriving ?? 0) > 0, 20_000, 'the other pulls it from there');
  world.move(four, 'the other');
  await world.clock.advance(1_000);
  expect([filesOf(one, four), standing()?.lastError]).toEqual([false, undefined]);
  // Nor while something else is on its way from there.
  await two.distributor?.close();
  world.put(two);
  await world.clock.runUntil(() => (standing()?.filesAhead ?? 0) > 0, 20_000, 'it lacks a file of the peer');
  expect(standing()?.lastError).toBeUndefined();
});

test('for how long a peer lacks a file does not go on while it is of another cluster', async () => {
  world.put(two);
  const lagMs = (): number | undefined => two.replication!.peers()[0]?.lagMs;
  lagMs();
  await world.clock.advance(1);
  expect(lagMs()).toBeGreaterThan(0);
  world.move(two, 'the other');
  await world.clock.advance(60_000);
  world.move(two, undefined);
  expect(lagMs()).toBe(0);
});

test('of what the policies say and it has not looked at yet it answers nothing', () => {
  world.move(two, 'the other', false);
  expect(filled(two)).toBe(false);
  world.move(two, undefined);
  expect(filled(two)).toBe(true);
});
