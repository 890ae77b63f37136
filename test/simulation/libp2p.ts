import { vi } from 'vitest';
import type { Clock } from '../../src/base/clock.ts';
import { DIAL_TIMEOUT_MS } from '../../src/base/limits.ts';
import { silentLogger } from '../../src/base/log.ts';
import { createMemoryLedger, type MemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { createLedgerSync } from '../../src/ledger/sync/ledger-sync.ts';
import type { LedgerSync } from '../../src/ledger/sync/sync.ts';
import { startNetwork } from '../../src/network/libp2p-network.ts';
import type { Address, Network } from '../../src/network/network.ts';
import { Libp2pWire } from '../support/libp2p-wire.ts';
import { createSeededRandom, type SeededRandom } from '../support/seeded-random.ts';

/** Timers of libp2p and ours alike; what needs no time (promises, immediates) goes on by itself. */
const FAKED = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] as const;
const STEP_MS = 5;

const fakedClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, Math.max(0, ms));
    return () => clearTimeout(timer);
  },
};

/** The runtime's own time-outs do not follow faked timers. */
const timeoutSignal = (ms: number): AbortSignal => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DOMException('timed out', 'TimeoutError')), ms);
  return controller.signal;
};

/** A node: real libp2p with gossipsub, noise and yamux, and a ledger in memory. */
export interface Libp2pNode {
  readonly address: Address;
  readonly network: Network;
  readonly ledger: MemoryLedger;
  readonly sync: LedgerSync;
}

/**
 * Nodes that dial each other over a wire that can be cut, in faked time. Close it in every case: it fakes the timers of
 * the process.
 */
export class Libp2pWorld {
  readonly random: SeededRandom;
  readonly wire: Libp2pWire;
  readonly nodes: Libp2pNode[] = [];

  private constructor(seed: number) {
    this.random = createSeededRandom(seed, 'libp2p');
    this.wire = new Libp2pWire(this.random.fork('wire'));
  }

  static async create(seed: number, count: number): Promise<Libp2pWorld> {
    vi.useFakeTimers({ toFake: [...FAKED], now: 1_767_225_600_000 });
    const world = new Libp2pWorld(seed);
    const chance = world.random.fork('Math.random');
    vi.spyOn(Math, 'random').mockImplementation(() => chance.fraction());
    vi.spyOn(AbortSignal, 'timeout').mockImplementation(timeoutSignal);
    const addresses = Array.from({ length: count }, (_, at) => `10.0.0.${at + 1}:32148`);
    for (const address of addresses) world.nodes.push(await world.during(world.#start(address)));
    const targets = world.nodes.map(({ address, network }) => ({ address, key: network.self }));
    for (const { network } of world.nodes) network.keepDialled(targets);
    return world;
  }

  /** Lets time pass. */
  async pass(ms: number, stepMs = STEP_MS): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      await vi.advanceTimersByTimeAsync(stepMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Lets time pass until `done` holds; returns how long that took. Throws beyond `limitMs`. */
  async until(done: () => boolean, limitMs: number): Promise<number> {
    const startedMs = performance.now();
    while (!done()) {
      if (performance.now() - startedMs > limitMs)
        throw new Error(`waited ${limitMs} virtual ms in vain for: ${done.toString()}`);
      await this.pass(STEP_MS);
    }
    return performance.now() - startedMs;
  }

  async during<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const mark = (): void => void (isDone = true);
    work.then(mark, mark);
    await this.until(() => isDone, 60_000);
    return work;
  }

  async close(): Promise<void> {
    this.wire.heal();
    const closing = this.nodes.map(async ({ sync, network, ledger }) => {
      await sync.close();
      await network.close();
      await ledger.close();
    });
    await this.during(Promise.all(closing)).finally(() => {
      vi.restoreAllMocks();
      vi.useRealTimers();
    });
  }

  async #start(address: Address): Promise<Libp2pNode> {
    const random = this.random.fork(address);
    const ports = { clock: fakedClock, random, log: silentLogger };
    const seed = random.bytes(32);
    const ledger = await createMemoryLedger({ ...ports, seed });
    const network = await startNetwork({
      ...ports,
      privateKeySeed: seed,
      listen: address,
      transport: this.wire.transport(address),
      call: (to) => this.wire.call(address, to, AbortSignal.timeout(DIAL_TIMEOUT_MS)),
    });
    return { address, network, ledger, sync: createLedgerSync({ ...ports, ledger, network }) };
  }
}
