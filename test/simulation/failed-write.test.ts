import { expect, test } from 'vitest';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { SimulatedDisk } from '../support/simulated-disk.ts';
import { openSimulatedLedger } from '../support/simulated-ledger.ts';
import { proposal, seedOf } from '../support/sync-world.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';

const WITHIN_MS = 60_000;

/**
 * What fails, how much of it reaches the disk all the same, and how many entries of equal length are written before and
 * after.
 */
interface Schedule {
  readonly call: 'write' | 'sync';
  readonly left: number;
  readonly refused: number;
  readonly after: number;
}

const schedules: readonly Schedule[] = (['write', 'sync'] as const).flatMap((call) =>
  [0, 0.4, 0.8, call === 'write' ? 0.99 : 1].flatMap((left) =>
    [1, 2, 3].flatMap((refused) => [1, 2].map((after) => ({ call, left, refused, after }))),
  ),
);

/** A ledger that loses its power, and what it has acknowledged. */
class Directed {
  readonly clock: VirtualClock = createVirtualClock(undefined, { isPure: true });
  readonly acknowledged: string[] = [];
  readonly disk = new SimulatedDisk(this.clock, createSeededRandom(1, 'disk'), { msMax: 0, full: 0, syncFails: 0 });
  ledger!: Ledger;
  #count = 10;

  async start(): Promise<void> {
    const about = { clock: this.clock, random: createSeededRandom(this.#count, 'ledger') };
    const opening = openSimulatedLedger(signingKeyFromSeed(seedOf(1)), this.disk, about);
    this.ledger = await this.clock.runWhile(opening, WITHIN_MS);
    this.ledger.allowAppend();
  }

  async powerCut(): Promise<void> {
    const { ledger } = this;
    this.disk.crash();
    ledger.close().catch(() => {});
    await this.start();
  }

  /** In one group; all entries are of one length, so that what is left of one can stand where another ends. */
  async append(entries: number): Promise<number> {
    const asked = Array.from({ length: entries }, () => this.ledger.append(proposal((this.#count += 1))));
    const settled = await this.clock.runWhile(Promise.allSettled(asked), WITHIN_MS);
    for (const result of settled) if (result.status === 'fulfilled') this.acknowledged.push(result.value.entry.hash);
    return settled.filter(({ status }) => status === 'fulfilled').length;
  }

  async held(): Promise<readonly string[]> {
    return (await this.ledger.follow(0, 1_000)).map(({ entry }) => entry.hash);
  }
}

test.each(schedules)(
  'after a failed $call that left $left of $refused entries nothing is written before that is cut off ($after follow)',
  async ({ call, left, refused, after }) => {
    const world = new Directed();
    await world.start();
    const genesis = await world.clock.runWhile(world.ledger.createNetwork('directed', 'open'), WITHIN_MS);
    world.acknowledged.push(genesis.entry.hash);
    expect(await world.append(2)).toBe(2);
    world.disk.failsNext = { call, left };
    expect(await world.append(refused)).toBe(0);
    await world.clock.runUntil(() => world.ledger.status().failure === undefined, WITHIN_MS, 'it can write again');
    expect(await world.append(after)).toBe(after);
    await world.powerCut();
    expect(await world.held()).toEqual(world.acknowledged);
    expect(await world.append(after)).toBe(after);
    await world.powerCut();
    expect(await world.held()).toEqual(world.acknowledged);
  },
);
