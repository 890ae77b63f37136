import { afterEach, beforeEach, expect } from 'vitest';
import type { Entry } from '../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { DiskFault } from './failing-journal-files.ts';
import { genesisOf, offerAll, seedOf, START_MICROS } from './ledger-authors.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

/** A ledger under test: closed, or crashed, and opened again it holds what it held. */
export interface LedgerUnderTest {
  readonly ledger: Ledger;
  reopen(how?: 'close' | 'crash'): Promise<Ledger>;
  /** From now on its disk fails, in that way where it can; undefined: it works again. */
  fail(fault: DiskFault | undefined): void;
  dispose(): Promise<void>;
}

export type LedgerFactory = (seed: Uint8Array, clock: VirtualClock) => Promise<LedgerUnderTest>;

/** Number of the seed of the ledger's own key. */
export const ME = 1_000;

export interface LedgerWorld {
  ledger: Ledger;
  readonly under: LedgerUnderTest;
  readonly clock: VirtualClock;
  /** Genesis entry of a network that author 1 created. */
  readonly genesis: Entry;
  /** Lets the ledger join that network. */
  joined(): Promise<void>;
}

/** A fresh ledger for each test of the surrounding `describe`. */
export const useLedger = (create: LedgerFactory): LedgerWorld => {
  const clock = createVirtualClock(START_MICROS / 1_000 + 1_000);
  const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));
  const world: { under?: LedgerUnderTest; ledger?: Ledger } = {};
  beforeEach(async () => {
    clock.setWallMs(START_MICROS / 1_000 + 1_000);
    world.under = await create(seedOf(ME), clock);
    world.ledger = world.under.ledger;
  });
  afterEach(() => world.under?.dispose());
  return {
    clock,
    genesis,
    get under() {
      return world.under!;
    },
    get ledger() {
      return world.ledger!;
    },
    set ledger(ledger: Ledger) {
      world.ledger = ledger;
    },
    async joined() {
      expect(await offerAll(world.ledger!, [genesis])).toEqual(['accept']);
      world.ledger!.allowAppend();
    },
  };
};
