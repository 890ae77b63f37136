import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTransfer } from '../../../src/replication/transfer/protocol.ts';
import { ReplicationWorld, type SimulatedOperator } from '../../support/replication-world.ts';

const GIVEN = 5;

let world: ReplicationWorld;
let former: SimulatedOperator;
let moved: SimulatedOperator;
let peer: SimulatedOperator;
/**
 * An operator was moved to another cluster, and its disk was lost before its new peer had any of its files: a former
 * peer alone holds them.
 */
beforeEach(async () => {
  world = await ReplicationWorld.linked(3);
  [former, moved, peer] = [world.operator(1), world.operator(2), world.operator(3)];
  world.move(peer, 'the other');
  for (let file = 0; file < GIVEN; file += 1) world.put(moved);
  world.put(former);
  await world.clock.runUntil(() => countOf(former) === GIVEN, 20_000, 'its peer holds its files');
  await world.crash(peer);
  world.move(moved, 'the other');
  await world.loseDisk(moved);
  moved.older = Promise.resolve();
  await world.start(peer);
});
afterEach(() => world.close());

/** How many files of the moved operator one holds. */
const countOf = ({ store }: SimulatedOperator): number =>
  store.all().filter(({ origin }) => origin === moved.id).length;
const lastOf = ({ store }: SimulatedOperator): number => store.holdings().get(moved.id)?.at(-1)?.[1] ?? 0;
/** What all of them hold of each number of the moved operator, each content once. */
const contents = (): number =>
  new Set(
    world.operators.flatMap(({ store }) =>
      store.all().flatMap(({ origin, file, digest }) => (origin === moved.id ? [`${file} ${digest}`] : [])),
    ),
  ).size;
const holdsAll = (...holders: readonly SimulatedOperator[]) => holders.every((one) => countOf(one) === GIVEN + 1);

test('it takes its own files back from its former peer, and nothing else, before it numbers new ones', async () => {
  await world.start(moved);
  await world.clock.runUntil(() => moved.known, 20_000, 'its own files are known');
  expect(countOf(moved)).toBe(GIVEN);
  world.put(moved);
  expect(lastOf(moved)).toBe(GIVEN + 1);
  await world.clock.runUntil(() => holdsAll(moved, peer), 20_000, 'its new peer has them too');
  await world.clock.advance(10_000);
  expect([contents(), countOf(former), moved.store.holdings().has(former.id)]).toEqual([GIVEN + 1, GIVEN, false]);
  expect(moved.replication!.filled).toBe(true);
});

test('while that is out of reach its numbers go on far beyond those that it may have given', async () => {
  await world.crash(former);
  await world.start(moved);
  await world.clock.runUntil(() => moved.known, 20_000, 'it waits no longer');
  world.put(moved);
  expect(lastOf(moved)).toBeGreaterThanOrEqual(1_000_000);
  await world.start(former);
  await world.clock.runUntil(() => holdsAll(moved, peer), 20_000, 'it takes them when they are there');
  await world.clock.advance(10_000);
  expect([contents(), countOf(former)]).toEqual([GIVEN + 1, GIVEN]);
});

test('what a former peer tells of and is not here yet it lacks', async () => {
  await world.start(moved);
  moved.store.store = () => new Promise<never>(() => {});
  const told = (): number => moved.replication!.shortfall(new Map()).lacking;
  await world.clock.runUntil(() => told() > 0, 20_000, 'it was told');
  expect([told(), moved.known, moved.replication!.filled]).toEqual([GIVEN, false, false]);
});

test('a former peer gives it nothing but its own files, and takes none of them', async () => {
  await world.start(moved);
  await world.clock.runUntil(() => holdsOwn(), 20_000, 'it has them');
  expect(former.replication!.peers()).toEqual([]);
  world.put(former);
  world.put(moved);
  await world.clock.advance(10_000);
  expect([moved.store.holdings().has(former.id), countOf(former)]).toEqual([false, GIVEN]);
});
const holdsOwn = (): boolean => countOf(moved) === GIVEN;

test('nor does one get more that asks for it', async () => {
  const { clock } = world;
  const { operator, network } = await world.joinHostile();
  world.move(operator, 'the other');
  const inTime = async <T>(work: Promise<T>): Promise<T> => {
    await clock.advance(1_000);
    return work;
  };
  const watch = await inTime(openTransfer(network, clock, former.key, 'watch', operator.id));
  expect((await inTime(watch.read()))?.message).toMatchObject({ type: 'holdings', full: true, origins: [] });
  const pull = await inTime(openTransfer(network, clock, former.key, 'pull', operator.id));
  await pull.send({ type: 'want', id: 1, files: [[former.id, [[1, 1]]]] });
  expect((await inTime(pull.read()))?.message).toMatchObject({ type: 'gone', files: [[former.id, [[1, 1]]]] });
  const push = await inTime(openTransfer(network, clock, former.key, 'push', operator.id));
  expect(await inTime(push.read().then(() => '', String))).toMatch(/know no operator of this cluster/);
  // In the name of another one.
  const other = await inTime(openTransfer(network, clock, former.key, 'watch', moved.id));
  expect(await inTime(other.read().then(() => '', String))).toMatch(/know no operator of this cluster/);
});

test('moved back it is a peer like any other', async () => {
  await world.crash(peer);
  await world.start(moved);
  await world.clock.runUntil(() => holdsOwn(), 20_000, 'it has them');
  world.move(moved, undefined);
  world.put(former);
  world.put(moved);
  await world.clock.runUntil(() => countOf(former) === GIVEN + 1 && moved.replication!.filled, 20_000, 'it is filled');
  expect(moved.store.holdings().get(former.id)).toEqual([[1, 2]]);
  expect(contents()).toBe(GIVEN + 1);
});
