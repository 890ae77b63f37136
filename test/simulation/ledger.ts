import assert from 'node:assert/strict';
import { silentLogger } from '../../src/base/log.ts';
import { atOnce } from '../../src/base/slices.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import type { RawEntry } from '../../src/entry/entry.ts';
import { type SigningKey, signingKeyFromSeed } from '../../src/entry/keys.ts';
import type { Ledger, Proposal } from '../../src/ledger/ledger.ts';
import { createMemoryLedger, type MemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { createLedgerSync } from '../../src/ledger/sync/ledger-sync.ts';
import type { LedgerSync } from '../../src/ledger/sync/sync.ts';
import { createMemoryHub, type MemoryHub } from '../../src/network/memory.ts';
import type { Network } from '../../src/network/network.ts';
import { createFold } from '../../src/policy/fold.ts';
import { stateRoot } from '../../src/policy/state-root.ts';
import { blameLogger, type SimulatedHistory, startHistory } from '../support/simulated-history.ts';
import { createSeededRandom, type SeededRandom } from '../support/seeded-random.ts';
import { simulatedSignatures as signatures } from '../support/simulated-signatures.ts';
import { type DiskMix, SimulatedDisk } from '../support/simulated-disk.ts';
import { openSimulatedLedger } from '../support/simulated-ledger.ts';
import { addressOfKey, proposal, seedOf } from '../support/sync-world.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';
import { eventually, type Outcome } from './outcome.ts';
import { changeOf, checkHistories, HistoryChecks, type HistoryNode } from './pruning.ts';

const CONVERGED_WITHIN_MS = 60_000;
const START_MS_MAX = 60_000;
const FOLLOW_MAX = 1_000;
const KEYS = 64;
/** A node that is to drop bodies first asks others whether they have them. */
const REWRITE_WITHIN_MS = 300;
const LOOK_MS = 3;

/** In so many schedules nodes drop bodies: such a one takes many times as long. */
const PRUNING_SHARE = 0.012;

interface Shape {
  readonly nodes: number;
  readonly steps: number;
  /** Roots make snapshots, and nodes drop what these settle. */
  readonly prunes: boolean;
}

/** Most schedules are small, since small ones find most of what there is, and many fit into the same time. */
const drawShape = (random: SeededRandom, pruningShare: number): Shape => {
  if (random.chance(pruningShare))
    return { nodes: random.chance(0.7) ? 3 : 4, steps: random.integer(6, 14), prunes: true };
  return random.chance(0.9)
    ? { nodes: 3, steps: random.integer(3, 8), prunes: false }
    : { nodes: random.integer(3, 7), steps: random.integer(5, 20), prunes: false };
};

/** How often each fault comes in one step: drawn anew for each seed, so that some schedules are all of one kind. */
interface FaultMix {
  readonly crash: number;
  readonly cut: number;
  readonly lie: number;
  readonly loss: number;
  readonly disk: DiskMix;
}

const drawMix = (random: SeededRandom): FaultMix => {
  const often = (most: number): number => (random.chance(0.4) ? 0 : random.fraction() * most);
  // Some disks fail again and again, so that one failure meets what another has left.
  const worst = random.chance(0.1) ? 0.3 : 0.03;
  return {
    crash: often(0.25),
    cut: often(0.25),
    lie: often(0.05),
    loss: often(0.02),
    disk: { msMax: random.integer(0, 10), full: often(worst), syncFails: often(worst) },
  };
};

/** A node that runs, with what crashes with it. */
interface Running {
  readonly ledger: Ledger;
  readonly network: Network;
  readonly sync: LedgerSync;
  /** Where nodes drop bodies. */
  readonly history: SimulatedHistory | undefined;
}

interface Slot {
  readonly signingKey: SigningKey;
  readonly key: string;
  readonly disk: SimulatedDisk;
  /** It drops no body. */
  readonly keepsAll: boolean;
  running: Running | undefined;
}

/** Schedules use the same few keys: to make one costs more than to sign with it. */
const keys = new Map<number, SigningKey>();
const keyNumber = (number: number): SigningKey => {
  const at = number % KEYS;
  const known = keys.get(at) ?? signingKeyFromSeed(seedOf(at));
  keys.set(at, known);
  return known;
};

/** Nodes that append, lose power, come back, are cut off from each other and lied to by an author with two faces. */
class LedgerWorld {
  readonly clock: VirtualClock;
  readonly hub: MemoryHub;
  readonly slots: readonly Slot[];
  /** Hashes by author and seq, as they were acknowledged. */
  readonly acknowledged = new Map<string, Map<number, string>>();
  readonly #random: SeededRandom;
  readonly #mix: FaultMix;
  #counter = 0;
  #faces: readonly [MemoryLedger, MemoryLedger] | undefined;
  #rogue: string | undefined;
  readonly checks: HistoryChecks | undefined;

  constructor(seed: number, { nodes, prunes }: Pick<Shape, 'nodes' | 'prunes'>) {
    // A book gives way to everything else between two slices of its work.
    this.clock = createVirtualClock(undefined, { isPure: !prunes });
    this.checks = prunes ? new HistoryChecks() : undefined;
    const random = createSeededRandom(seed, 'ledger');
    this.#random = random;
    this.#mix = drawMix(random);
    const { loss, disk } = this.#mix;
    this.hub = createMemoryHub({ clock: this.clock, random: random.fork('hub'), delayMs: { min: 1, max: 40 }, loss });
    this.slots = Array.from({ length: nodes }, (_, at) => {
      const signingKey = keyNumber(seed + at);
      const key = signingKey.author;
      const own = new SimulatedDisk(this.clock, random.fork(`disk ${key}`), disk);
      return { signingKey, key, disk: own, keepsAll: at === 1, running: undefined };
    });
  }

  get up(): readonly Running[] {
    return this.slots.flatMap(({ running }) => running ?? []);
  }

  get histories(): readonly HistoryNode[] {
    return this.up.flatMap(({ ledger, history }) => (history === undefined ? [] : { ledger, history }));
  }

  async start(slot: Slot): Promise<Running> {
    const { clock, hub } = this;
    const random = this.#random.fork(`${slot.key} ${clock.monotonicMs()}`);
    const ports = { clock, random, log: silentLogger };
    const ledger = await clock.runWhile(openSimulatedLedger(slot.signingKey, slot.disk, ports), START_MS_MAX);
    const { blamed } = this.checks ?? {};
    const log = blamed === undefined ? silentLogger : blameLogger((text) => void blamed.push(text));
    const network = hub.node({ key: slot.key, log });
    const parts = { ...ports, ...slot, ledger, network };
    const history = this.checks && (await startHistory(parts));
    const sync = history?.sync ?? createLedgerSync({ ...ports, ledger, network });
    slot.running = { ledger, network, sync, history };
    network.keepDialled(this.slots.map(({ key }) => ({ address: addressOfKey(key), key })));
    sync.ownLogKnown().catch(() => {});
    return slot.running;
  }

  async crash(slot: Slot): Promise<void> {
    const { running } = slot;
    if (running === undefined) return;
    slot.running = undefined;
    slot.disk.crash();
    await running.network.close();
    // Nobody waits for what a dead process still does.
    (running.history ?? running.sync).close().catch(() => {});
    running.ledger.close().catch(() => {});
  }

  async step(): Promise<void> {
    const random = this.#random;
    const mix = this.#mix;
    const slot = random.pick(this.slots);
    if (slot.running !== undefined)
      for (let count = random.integer(0, 3); count > 0; count -= 1) this.#append(slot.running);
    if (this.checks !== undefined) await this.#settle(slot);
    if (random.chance(mix.crash)) {
      // Half the time in the middle of a write, of zeros or of lines: it takes as long as the disk says.
      if (random.chance(0.5)) await this.clock.advance(random.fraction() * 4 * mix.disk.msMax);
      await (slot.running === undefined ? this.start(slot) : this.crash(slot));
    }
    if (random.chance(mix.cut)) this.#cut();
    if (random.chance(mix.lie)) await this.#lie();
    await this.clock.advance(random.chance(0.3) ? random.integer(500, 4_000) : random.integer(1, 100));
  }

  /** What must hold at every moment, whatever has failed. */
  async checkSafety(): Promise<void> {
    await this.checks?.check(this.histories);
    for (const { ledger } of this.up) {
      const own = this.acknowledged.get(ledger.author);
      const last = Math.max(0, ...(own?.keys() ?? []));
      assert.ok((ledger.clock().get(ledger.author) ?? 0) >= last, `L2: ${ledger.author} holds what it acknowledged`);
      for (const { author, seq } of ledger.equivocations())
        assert.equal(author, this.#rogue, `L7: ${author} used the number ${seq} once`);
    }
  }

  async heal(): Promise<void> {
    this.hub.setLoss(0);
    this.hub.heal();
    for (const slot of this.slots) {
      slot.disk.failing = false;
      slot.disk.failsNext = undefined;
      if (slot.running === undefined) await this.start(slot);
    }
  }

  #append({ ledger, history }: Running): void {
    this.#counter += 1;
    const wish = history && changeOf(this.#random, history, this.#counter);
    const note = 'x'.repeat(wish !== undefined || this.#random.chance(0.5) ? 0 : this.#random.integer(1, 400));
    ledger.append(wish ?? { ...proposal(this.#counter), content: { config: { number: this.#counter, note } } }).then(
      ({ entry: { hash, header } }) => {
        const own = this.acknowledged.get(header.author) ?? new Map<number, string>();
        this.acknowledged.set(header.author, own);
        assert.equal(own.get(header.seq) ?? hash, hash, `L7: one number, one entry`);
        own.set(header.seq, hash);
      },
      () => {},
    );
  }

  /** A snapshot by the root, and bodies that go under one or come back. */
  async #settle(slot: Slot): Promise<void> {
    const { running, keepsAll } = slot;
    const random = this.#random;
    if (random.chance(0.5)) this.slots[0]?.running?.history?.policies.snapshots.make().catch(() => {});
    await this.clock.advance(random.integer(1, 300));
    if (random.chance(0.2)) await this.#joinPruned();
    const history = running?.history;
    if (history === undefined || keepsAll) return;
    const isBack = random.chance(0.2);
    (isBack ? history.pruning.fill() : history.prune()).catch(() => {});
    if (random.chance(0.4)) await this.#spoil(slot);
  }

  /** The disk or the power fails just when a file of the journal is written anew, if it comes to that soon. */
  async #spoil(slot: Slot): Promise<void> {
    const random = this.#random;
    const { disk } = slot;
    for (let leftMs = REWRITE_WITHIN_MS; leftMs > 0 && !disk.isRewriting; leftMs -= LOOK_MS)
      await this.clock.advance(LOOK_MS);
    if (!disk.isRewriting) return;
    if (random.chance(0.5)) disk.failsNext = { call: random.pick(['write', 'sync']), left: random.fraction() };
    else {
      await this.clock.advance(random.fraction() * 4 * this.#mix.disk.msMax);
      await this.crash(slot);
    }
  }

  /** The last one joins, and in reach is nobody who has everything. */
  async #joinPruned(): Promise<void> {
    const late = this.slots.at(-1);
    const isPruned = ({ running }: Slot): boolean => (running?.history?.pruning.count ?? 0) > 0;
    if (late === undefined || late.running !== undefined || !this.slots.some(isPruned)) return;
    for (const other of this.slots) if (other !== late && !isPruned(other)) this.hub.cut(late.key, other.key);
    await this.start(late);
  }

  #cut(): void {
    const [a, b] = this.#random.shuffled(this.slots);
    if (a === undefined || b === undefined) return;
    const way = this.#random.integer(0, 3);
    if (way === 0) this.hub.cut(a.key, b.key);
    else if (way === 1) this.hub.cutOneWay(a.key, b.key);
    else if (way === 2) this.hub.heal();
    else for (const other of this.slots) if (other !== a) this.hub.cut(a.key, other.key);
  }

  /** One author, two nodes: each face goes its own way after a common beginning. */
  async #lie(): Promise<void> {
    const victims = this.#random.shuffled(this.up.filter(({ ledger }) => ledger.network !== undefined));
    const [first] = victims;
    if (first === undefined) return;
    this.#faces ??= await this.#makeFaces(first.ledger);
    for (const [at, face] of this.#faces.entries()) {
      this.#counter += 1;
      await face.append(this.#lieOf(face));
      const all = await face.log(face.author, 1, 1_000_000);
      const raw = all.map(({ entry }) => entry.raw);
      (victims[at % victims.length] ?? first).ledger.offer(raw, face.author).catch(() => {});
    }
  }

  /** Where nodes drop bodies it changes one policy again and again, so that bodies of it go. */
  #lieOf(face: MemoryLedger): Proposal {
    const replaces = face.heads().get(face.author) ?? null;
    const { content, ...common } = proposal(0);
    if (this.checks === undefined) return proposal(this.#counter);
    return { ...common, op: 'update', replaces, content: { ...content, number: this.#counter } };
  }

  async #makeFaces(ledger: Ledger): Promise<readonly [MemoryLedger, MemoryLedger]> {
    const [genesis] = await ledger.follow(0, 1);
    const seed = this.#random.bytes(32);
    const face = async (): Promise<MemoryLedger> => {
      const random = this.#random.fork('face');
      const made = await createMemoryLedger({ seed, clock: this.clock, random, signatures });
      await made.offer([genesis?.entry.raw as RawEntry], 'x');
      made.allowAppend();
      return made;
    };
    const [one, two] = [await face(), await face()];
    const common = await one.append(proposal(0));
    await two.offer([common.entry.raw], 'x');
    this.#rogue = one.author;
    return [one, two];
  }
}

/** Where the founder lost its power too early there is no network. */
const mayAppend = ({ ledger }: Running): boolean => ledger.network === undefined || ledger.status().mayAppend;

const headsOf = ({ ledger }: Running): string => JSON.stringify([...ledger.heads()].sort());
const forksOf = ({ ledger }: Running): string =>
  JSON.stringify(
    ledger
      .equivocations()
      .map(({ author, seq }) => [author, seq])
      .sort(),
  );

/** The root of the state that follows from what a node holds, in the order in which it came there. */
const rootOf = async ({ ledger }: Running): Promise<string> => {
  const fold = createFold();
  for (let cursor = 0; cursor < ledger.size;) {
    const held = await ledger.follow(cursor, FOLLOW_MAX);
    if (held.length === 0) break;
    fold.add(held.map(({ entry }) => entry));
    cursor = (held.at(-1)?.cursor ?? cursor) + 1;
  }
  for (const { author, seq, entries } of ledger.equivocations()) {
    const [by = ''] = entries
      .slice(0, 2)
      .map(({ header }) => sha256Hex(header))
      .sort();
    fold.voidAuthor(author, seq, by);
  }
  return atOnce(stateRoot(fold));
};

const isOne = (values: readonly unknown[]): boolean => new Set(values).size === 1;

/**
 * Nodes of one ledger that lose power, meet failing disks and are cut apart; throws where a promise is broken.
 * `pruningShare`: in how many of all schedules nodes drop bodies.
 */
export const runLedger = async (seed: number, pruningShare = PRUNING_SHARE): Promise<Outcome> => {
  const random = createSeededRandom(seed, 'ledger steps');
  const shape = drawShape(random, pruningShare);
  const world = new LedgerWorld(seed, shape);
  const { clock, slots } = world;
  const founder = await world.start(slots[0] as Slot);
  await clock.runWhile(founder.ledger.createNetwork('simulated', 'open'), START_MS_MAX).catch(() => {});
  // The last one joins late, when the others have a history.
  for (const slot of slots.slice(1, -1)) await world.start(slot);
  for (let left = shape.steps; left > 0; left -= 1) {
    await world.step();
    await world.checkSafety();
  }
  await world.heal();
  const isOneVersion = (): boolean => isOne(world.up.map(({ ledger }) => ledger.version));
  await eventually(clock, isOneVersion, CONVERGED_WITHIN_MS, 'one version');
  // What was under way to a disk when all were one makes them differ again, for a while.
  const isSettled = (): boolean => isOneVersion() && world.up.every(mayAppend);
  await eventually(clock, isSettled, CONVERGED_WITHIN_MS, 'one version, and every node may append again');
  await world.checkSafety();
  // L1: the same entries count everywhere, and the same authors are void from the same seq on.
  assert.ok(isOne(world.up.map(headsOf)), 'L1: the same heads');
  assert.ok(isOne(world.up.map(forksOf)), 'L1: the same forks');
  for (const entries of world.acknowledged.values())
    for (const hash of entries.values())
      for (const { ledger } of world.up)
        assert.notEqual(await ledger.byHash(hash), undefined, `L2: ${hash} is on ${ledger.author}`);
  const [all] = slots.flatMap(({ keepsAll, running }) => (keepsAll ? (running?.history ?? []) : []));
  if (all !== undefined) await checkHistories(clock, world.histories, all);
  const roots = await Promise.all(world.up.map(rootOf));
  assert.ok(isOne(roots), 'the same entries give the same state');
  return { events: clock.ran, virtualMs: clock.monotonicMs(), state: roots[0] ?? '' };
};
