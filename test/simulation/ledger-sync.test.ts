import { describe, expect, test } from 'vitest';
import type { RawEntry } from '../../src/entry/entry.ts';
import { createMemoryLedger, type MemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { createMemoryHub, type MemoryHub } from '../../src/network/memory.ts';
import { createSeededRandom, type SeededRandom, simulationSeeds } from '../support/seeded-random.ts';
import { addressOfKey, keyOfSeed, proposal, seedOf, startSyncNode, type SyncNode } from '../support/sync-world.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';

const SECONDS = 90;
const CONVERGED_WITHIN_MS = 60_000;

interface Slot {
  readonly seed: Uint8Array;
  readonly key: string;
  node: SyncNode | undefined;
  disk: SyncNode['disk'] | undefined;
}

/** Nodes that append, crash, come back, are cut off from each other and lied to by an author with two faces. */
class World {
  readonly clock: VirtualClock = createVirtualClock();
  readonly hub: MemoryHub;
  readonly slots: Slot[];
  readonly acknowledged: { readonly hash: string; readonly author: string }[] = [];
  readonly #random: SeededRandom;
  #counter = 0;
  #faces: [MemoryLedger, MemoryLedger] | undefined;
  rogue: string | undefined;

  constructor(seed: number) {
    this.#random = createSeededRandom(seed);
    this.hub = createMemoryHub({
      clock: this.clock,
      random: this.#random.fork('hub'),
      delayMs: { min: 1, max: 40 },
      loss: 0.01,
    });
    this.slots = Array.from({ length: this.#random.integer(3, 7) }, (_, at) => {
      const nodeSeed = seedOf(seed + at);
      return { seed: nodeSeed, key: keyOfSeed(nodeSeed), node: undefined, disk: undefined };
    });
  }

  get up(): SyncNode[] {
    return this.slots.flatMap(({ node }) => node ?? []);
  }

  async start(slot: Slot): Promise<SyncNode> {
    const node = await startSyncNode({
      hub: this.hub,
      clock: this.clock,
      random: this.#random.fork(`${slot.key} ${this.clock.monotonicMs()}`),
      seed: slot.seed,
      syncMs: 2,
      ...(slot.disk === undefined ? {} : { disk: slot.disk }),
    });
    slot.node = node;
    slot.disk = node.disk;
    node.network.keepDialled(this.slots.map(({ key }) => ({ address: addressOfKey(key), key })));
    void node.sync.ownLogKnown();
    return node;
  }

  append(node: SyncNode): void {
    this.#counter += 1;
    node.ledger.append(proposal(this.#counter)).then(
      ({ entry }) => this.acknowledged.push({ hash: entry.hash, author: node.key }),
      () => {},
    );
  }

  /** One author, two nodes: each face goes its own way after a common beginning. */
  async lie(): Promise<void> {
    const victims = this.#random.shuffled(this.up.filter(({ ledger }) => ledger.network !== undefined));
    const first = victims[0];
    if (first === undefined) return;
    this.#faces ??= await this.#makeFaces(first);
    for (const [at, face] of this.#faces.entries()) {
      const victim = victims[at % victims.length] ?? first;
      for (let count = 0; count < 3; count += 1) {
        this.#counter += 1;
        await face.append(proposal(this.#counter));
      }
      const all = await face.log(face.author, 1, 1_000_000);
      void victim.ledger.offer(
        all.map(({ entry }) => entry.raw),
        face.author,
      );
    }
  }

  async #makeFaces(from: SyncNode): Promise<[MemoryLedger, MemoryLedger]> {
    const genesis = (await from.ledger.byHash(from.ledger.network ?? ''))?.entry.raw as RawEntry;
    const seed = this.#random.bytes(32);
    const face = async (): Promise<MemoryLedger> => {
      const ledger = await createMemoryLedger({ seed, clock: this.clock, random: this.#random.fork('face') });
      await ledger.offer([genesis], 'x');
      ledger.allowAppend();
      return ledger;
    };
    const [one, two] = [await face(), await face()];
    const common = await one.append(proposal(0));
    await two.offer([common.entry.raw], 'x');
    this.rogue = one.author;
    return [one, two];
  }

  async step(): Promise<void> {
    const random = this.#random;
    const dice = random.fraction();
    const node = this.up.length > 0 ? random.pick(this.up) : undefined;
    const [a, b] = random.shuffled(this.slots);
    if (a === undefined || b === undefined) return;
    if (dice < 0.55) {
      for (let count = random.integer(1, 4); count > 0 && node !== undefined; count -= 1) this.append(node);
    } else if (dice < 0.65) this.hub.cut(a.key, b.key);
    else if (dice < 0.7) this.hub.cutOneWay(a.key, b.key);
    else if (dice < 0.78) this.hub.heal(a.key, b.key);
    else if (dice < 0.8) this.hub.heal();
    else if (dice < 0.86) {
      if (a.node !== undefined && this.up.length > 1) {
        await a.node.crash();
        a.node = undefined;
      }
    } else if (dice < 0.96) {
      if (b.node === undefined) await this.start(b);
    } else await this.lie();
  }

  async calm(): Promise<void> {
    this.hub.setLoss(0);
    this.hub.heal();
    for (const slot of this.slots) if (slot.node === undefined) await this.start(slot);
  }
}

const heads = (node: SyncNode): string => JSON.stringify([...node.ledger.heads()].sort());
const forks = (node: SyncNode): string =>
  JSON.stringify(
    node.ledger
      .equivocations()
      .map(({ author, seq }) => [author, seq])
      .sort(),
  );

describe('ledger sync, simulated', () => {
  test.each(simulationSeeds(5))(
    'HOLDFAST_SEED=%i: all nodes end with the same ledger',
    { timeout: 120_000 },
    async (seed) => {
      const random = createSeededRandom(seed, 'actions');
      const world = new World(seed);
      const { clock, slots } = world;
      const founder = await world.start(slots[0]!);
      await clock.runWhile(founder.ledger.createNetwork('simulated', 'open'), 1_000);
      // The last node joins late, when the others have a history.
      for (const slot of slots.slice(1, -1)) await world.start(slot);
      while (clock.monotonicMs() < SECONDS * 1_000) {
        await world.step();
        await clock.advance(random.integer(10, 800));
      }
      await world.calm();
      await clock.runUntil(
        () => new Set(world.up.map(({ ledger }) => ledger.version)).size === 1,
        CONVERGED_WITHIN_MS,
        `equal versions (HOLDFAST_SEED=${seed})`,
      );
      // L1: the same entries count everywhere, and the same authors are void from the same seq on.
      expect(new Set(world.up.map(heads)).size).toBe(1);
      expect(new Set(world.up.map(forks)).size).toBe(1);
      // L2: what was acknowledged is nowhere missing; L7: no honest author ever used a seq twice.
      expect(world.acknowledged.length).toBeGreaterThan(20);
      for (const { hash } of world.acknowledged)
        for (const node of world.up) expect(await node.ledger.byHash(hash), `HOLDFAST_SEED=${seed}`).toBeDefined();
      for (const { author } of founder.ledger.equivocations()) expect(author).toBe(world.rogue);
      // Everybody knows that everybody holds it (`ledger`: local → global), soon after all are connected again.
      await clock.runUntil(
        () => world.up.every(({ network }) => network.peers().length === slots.length - 1),
        CONVERGED_WITHIN_MS,
        `all connected (HOLDFAST_SEED=${seed})`,
      );
      await clock.advance(2_000);
      for (const node of world.up) {
        for (const [author, seq] of node.ledger.clock()) expect(node.sync.holders(author, seq).size).toBe(slots.length);
        expect(node.sync.peers().every(({ behind, ahead }) => behind === 0 && ahead === 0)).toBe(true);
      }
      for (const node of world.up) await node.close();
      await clock.advance(10_000);
    },
  );
});
