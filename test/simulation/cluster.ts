import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { PEERS_WAIT_MS } from '../../src/base/limits.ts';
import type { FileRanges, FileRecord } from '../../src/operator/file-record.ts';
import { subtractRanges } from '../../src/operator/ranges.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import { contentsOf, ReplicationWorld, type SimulatedOperator, viewOf } from '../support/replication-world.ts';
import { createSeededRandom, type SeededRandom } from '../support/seeded-random.ts';
import { eventually, type Outcome } from './outcome.ts';

const OPERATORS_MAX = 7;
/** One schedule of so many is long: faults that need a history show only there. */
const LONG_OF = 1_000;
const HEAL_LIMIT_MS = 180_000;
/** How long a peer may believe in a disk that was lost: until it notices the dead connection and compares again. */
const FORGOTTEN_MS = 30_000;

/** How often each fault comes in one schedule: drawn anew for each seed, so that some schedules are all of one kind. */
interface FaultMix {
  readonly crash: number;
  readonly loseDisk: number;
  readonly cut: number;
  readonly join: number;
  readonly retry: number;
  readonly suspend: number;
  readonly loss: number;
  readonly commit: number;
  readonly lie: number;
}

/** Most schedules are small, since small ones find most of what there is, and many fit into the same time. */
const drawShape = (random: SeededRandom): { readonly operators: number; readonly steps: number } =>
  random.integer(1, LONG_OF) === 1
    ? { operators: random.integer(3, 5), steps: 60 }
    : { operators: random.chance(0.9) ? 3 : random.integer(4, OPERATORS_MAX), steps: random.integer(3, 8) };

const drawMix = (random: SeededRandom): FaultMix => {
  const often = (most: number): number => (random.chance(0.4) ? 0 : random.fraction() * most);
  return {
    crash: often(0.2),
    loseDisk: often(0.06),
    cut: often(0.2),
    join: often(0.06),
    retry: often(0.3),
    suspend: often(0.05),
    loss: often(0.02),
    commit: often(0.3),
    lie: often(0.06),
  };
};

/** Asked at each step of each schedule: the words are made only where they are needed. */
const assertNone = (lacking: FileRanges, what: () => string): void => {
  if (lacking.length > 0) assert.deepEqual(lacking, [], what());
};

class Schedule {
  readonly world: ReplicationWorld;
  readonly random: SeededRandom;
  readonly #mix: FaultMix;
  readonly #contents: string[] = [];
  /** The records that were looked at last: nothing is to be said of the same again. */
  #safe: readonly (readonly FileRecord[])[] = [];

  constructor(world: ReplicationWorld, random: SeededRandom, mix: FaultMix) {
    this.world = world;
    this.random = random;
    this.#mix = mix;
  }

  async step(): Promise<void> {
    const { random, world } = this;
    const mix = this.#mix;
    const operator = random.pick(world.operators);
    if (random.chance(mix.crash)) await (operator.up ? world.crash(operator) : world.start(operator));
    await this.#lose(operator);
    if (random.chance(mix.cut)) this.#cut();
    if (random.chance(mix.join) && world.operators.length < OPERATORS_MAX) await world.join();
    if (random.chance(mix.commit))
      operator.failing = { way: random.chance(0.5) ? 'kept' : 'lost', restMs: random.integer(1, 3_000) };
    if (random.chance(mix.suspend))
      operator.consumer?.setMode(operator.consumer.mode === 'active' ? 'suspend' : 'active');
    for (let count = random.integer(0, 2); count > 0; count -= 1) this.#put(random.pick(world.operators));
    await world.clock.advance(random.chance(0.2) ? random.integer(500, 6_000) : random.integer(0, 50));
  }

  /** Its disk is gone, or lacks what it stored last though it said that it was durable. */
  async #lose(operator: SimulatedOperator): Promise<void> {
    const { random, world } = this;
    const lose = [
      { chance: this.#mix.loseDisk, how: () => world.loseDisk(operator) },
      { chance: this.#mix.lie, how: () => world.loseCommits(operator, random.integer(0, operator.store.commits)) },
    ];
    for (const { chance, how } of lose) {
      if (!random.chance(chance) || !this.#mayLoseDisk(operator)) continue;
      await how();
      if (random.chance(0.5)) await world.start(operator);
    }
  }

  /** What must hold at every moment, whatever has failed. */
  checkSafety(): void {
    const all = this.world.operators.map(({ store }) => store.all());
    if (all.length === this.#safe.length && all.every((records, at) => records === this.#safe[at])) return;
    this.#safe = all;
    const digests = new Map<string, string>();
    for (const { id, store } of this.world.operators) {
      const contents = contentsOf(store);
      assert.equal(new Set(contents).size, contents.length, `${id} holds each content once`);
      for (const { origin, file, digest } of store.all()) {
        const name = `${origin}/${file}`;
        assert.equal(digests.get(name) ?? digest, digest, `${name} is one file everywhere`);
        digests.set(name, digest);
      }
    }
  }

  /** T2: what an operator says of others must be so, unless a disk that it knew has been lost since. */
  checkWords(): void {
    const nowMs = this.world.clock.monotonicMs();
    for (const operator of this.world.operators.filter(({ up }) => up)) {
      const links = operator.replication!.peers().filter(({ connected }) => connected);
      const peers = this.world.operators.filter(
        (other) =>
          other.up && links.some(({ operator: id }) => id === other.id) && nowMs - other.emptyMs > FORGOTTEN_MS,
      );
      for (const [origin, ranges] of operator.replication!.committedRanges() ?? [])
        for (const { id, store } of peers)
          assertNone(
            subtractRanges(ranges, store.holdings().get(origin) ?? []),
            () => `${id} holds what is committed of ${origin}`,
          );
      this.#checkJoined(operator);
    }
  }

  /** Filled, or free to number, before the wait for silent peers was over: then all peers were compared. */
  #checkJoined(operator: SimulatedOperator): void {
    if (this.world.clock.monotonicMs() - operator.startedMs >= PEERS_WAIT_MS) return;
    const own = operator.store.holdings();
    for (const { other, emptyMs, holdings } of operator.heldByOthers) {
      if (other.emptyMs !== emptyMs) continue;
      for (const [origin, ranges] of holdings) {
        const lacking = subtractRanges(ranges, own.get(origin) ?? []);
        if (!operator.startedFilled && operator.consumer?.filled === true)
          assertNone(lacking, () => `${operator.id} is filled and holds what ${other.id} held of ${origin}`);
        if (operator.known && origin === operator.id)
          assertNone(lacking, () => `${operator.id} has its own files back from ${other.id}`);
      }
    }
  }

  async heal(): Promise<void> {
    const { world } = this;
    world.hub.setLoss(0);
    world.hub.heal();
    for (const operator of world.operators) {
      operator.failing = undefined;
      if (!operator.up) await world.start(operator);
      operator.consumer?.setMode('active');
    }
  }

  #put(operator: SimulatedOperator): void {
    const { world, random } = this;
    if (!this.#mayNumber(operator)) return;
    // A client that got no answer gives the same content to another operator of the cluster.
    if (this.#contents.length > 0 && random.chance(this.#mix.retry)) {
      const recent = this.#contents.slice(-4);
      world.putContent(operator, random.pick(recent));
    } else this.#contents.push(world.put(operator, random.integer(1, 4)));
  }

  /**
   * An operator that knows its own files may number new ones. One whose disk was lost and that could reach nobody
   * within the bound may, too, and would use numbers again: that is not promised, so it is not tried.
   */
  #mayNumber(operator: SimulatedOperator): boolean {
    if (!operator.up || !operator.known) return false;
    const own = operator.store.holdings().get(operator.id) ?? [];
    return this.world.operators.every(
      ({ store }) => subtractRanges(store.holdings().get(operator.id) ?? [], own).length === 0,
    );
  }

  /** A disk may go when nothing on it is the only copy: what is lost then is lost, and no protocol brings it back. */
  #mayLoseDisk(operator: SimulatedOperator): boolean {
    const elsewhere = new Set(
      this.world.operators.filter((other) => other !== operator).flatMap(({ store }) => contentsOf(store)),
    );
    const owned = (other: SimulatedOperator) => other.store.holdings().get(operator.id) ?? [];
    const copies = this.world.operators.filter((other) => other !== operator).flatMap(owned);
    const known = copies.reduce((highest, [, to]) => Math.max(highest, to), 0);
    return (
      contentsOf(operator.store).every((digest) => elsewhere.has(digest)) && known >= (owned(operator).at(-1)?.[1] ?? 0)
    );
  }

  #cut(): void {
    const { hub, operators } = this.world;
    const [a, b] = this.random.shuffled(operators);
    if (a === undefined || b === undefined) return;
    const way = this.random.integer(0, 3);
    if (way === 0) hub.cut(a.key, b.key);
    else if (way === 1) hub.cutOneWay(a.key, b.key);
    else if (way === 2) hub.heal();
    else for (const other of operators) if (other !== a) hub.cut(a.key, other.key);
  }
}

/** It knows of every file that all operators hold it, and lacks nothing that a peer holds. */
const isLevel = ({ store, replication }: SimulatedOperator): boolean =>
  isDeepStrictEqual(replication?.committedRanges(), new Map(store.holdings())) &&
  replication?.peers().every(({ filesAhead, filesBehind }) => filesAhead === 0 && filesBehind === 0) === true;

/** Operators that are killed, cut off and lose disks while files come in; throws where a promise is broken. */
export const runCluster = async (seed: number): Promise<Outcome> => {
  const random = createSeededRandom(seed).fork('schedule');
  const mix = drawMix(random);
  const { operators, steps } = drawShape(random);
  const world = await ReplicationWorld.create({
    seed,
    operators,
    diskMs: random.chance(0.3) ? 0 : random.integer(1, 60),
    isPure: true,
  });
  const { clock } = world;
  world.hub.setLoss(mix.loss);
  const schedule = new Schedule(world, random, mix);
  for (let step = 0; step < steps; step += 1) {
    await schedule.step();
    schedule.checkSafety();
    schedule.checkWords();
  }
  for (const operator of world.operators) world.mend(operator);
  const expected = [...new Set(world.operators.flatMap(({ store }) => contentsOf(store)))].sort();
  await schedule.heal();
  await eventually(clock, () => world.equal(), HEAL_LIMIT_MS, 'all operators hold the same');
  for (const { id, store } of world.operators) assert.deepEqual(contentsOf(store), expected, id);
  schedule.checkSafety();
  await eventually(
    clock,
    () => world.operators.every(({ known, consumer }) => known && consumer?.filled === true),
    HEAL_LIMIT_MS,
    'all operators know their own files and are filled',
  );
  await eventually(clock, () => world.operators.every(isLevel), HEAL_LIMIT_MS, 'all know that all hold all');
  const state = sha256Hex(world.operators.map(({ store }) => viewOf(store)).join('\n'));
  return { events: clock.ran, virtualMs: clock.monotonicMs(), state };
};
