import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { auditLedger } from '../../src/ledger/audit/audit.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { createMemoryLedger, type MemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import {
  createFailingJournalFiles,
  type DiskFault,
  type FailingJournalFiles,
} from '../support/failing-journal-files.ts';
import { everythingOf, proposal, seedOf, START_MICROS } from '../support/ledger-authors.ts';
import { waitFor } from '../support/wait.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';

const numRuns = Math.ceil(Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 100) / 4);

type Step =
  | { readonly kind: 'append'; readonly count: number }
  | { readonly kind: 'fail'; readonly fault: DiskFault }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'repair' | 'crash' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('fail' as const),
      fault: fc.constantFrom<DiskFault>('full', 'torn', 'sync', 'read-only'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 9_000 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'repair' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
);

/** A ledger on a failing disk, and a peer that is shown whatever the ledger shows. */
class World {
  readonly #root = mkdtempSync(join(tmpdir(), 'holdfast-failing-'));
  readonly #clock: VirtualClock = createVirtualClock(START_MICROS / 1_000);
  readonly #files: FailingJournalFiles = createFailingJournalFiles();
  readonly #abandoned: Ledger[] = [];
  readonly #acknowledged: string[] = [];
  /** In flight when a write failed: at most these may be there beside what was acknowledged. */
  #inFlight = 0;
  #unsure = 0;
  #proposals = 0;
  #lives = 0;
  peer!: MemoryLedger;
  ledger!: Ledger;

  async begin(): Promise<void> {
    this.peer = await createMemoryLedger({ seed: seedOf(2), clock: this.#clock });
    await this.#open();
    this.#acknowledged.push((await this.ledger.createNetwork('failing', 'open')).entry.hash);
  }

  async take(taken: Step): Promise<void> {
    switch (taken.kind) {
      case 'append':
        return this.#append(taken.count);
      case 'fail':
        this.#files.fault = taken.fault;
        return;
      case 'wait':
        return this.#clock.advance(taken.ms);
      case 'repair':
        return this.#repair();
      case 'crash':
        return this.#crash();
    }
  }

  /** The disk works for good: everything goes on, and what is there is checked. */
  async end(): Promise<void> {
    await this.#repair();
    await this.#append(1);
    await this.#check();
    await this.#crash();
    await this.#check();
  }

  async #check(): Promise<void> {
    const held = await this.ledger.follow(0, 1_000);
    const hashes = held.map(({ entry }) => entry.hash);
    expect(hashes.filter((hash) => this.#acknowledged.includes(hash))).toEqual(this.#acknowledged);
    expect(hashes.length - this.#acknowledged.length).toBeLessThanOrEqual(this.#inFlight);
    expect(held.map(({ entry }) => entry.header.seq)).toEqual(held.map((_, at) => at + 1));
    expect(await auditLedger(this.ledger)).toMatchObject({ sound: true });
    await this.#show();
    expect(this.peer.equivocations()).toEqual([]);
    expect(this.peer.version).toBe(this.ledger.version);
  }

  async dispose(): Promise<void> {
    for (const ledger of [...this.#abandoned, this.ledger, this.peer]) await ledger.close();
    rmSync(this.#root, { recursive: true });
  }

  /** The disk works; pauses pass in virtual time, what is done to files takes real time. */
  async #repair(): Promise<void> {
    this.#files.fault = undefined;
    await waitFor(async () => {
      await this.#clock.advance(1_000);
      return this.ledger.status().failure === undefined;
    });
    this.#unsure = 0;
  }

  async #append(count: number): Promise<void> {
    const asked = Array.from({ length: count }, () => this.ledger.append(proposal((this.#proposals += 1))));
    for (const result of await Promise.allSettled(asked)) {
      if (result.status === 'fulfilled') this.#acknowledged.push(result.value.entry.hash);
      else expect(result.reason).toMatchObject({ code: 'LEDGER_DISK_FAILED' });
    }
    if (this.ledger.status().failure !== undefined) this.#unsure = Math.max(this.#unsure, count);
    await this.#show();
  }

  /** What the ledger holds is what others may have seen of it. */
  async #show(): Promise<void> {
    await this.peer.offer(await everythingOf(this.ledger), this.ledger.author);
  }

  /** The files as they are, opened by the next process; the disk fails on. */
  async #crash(): Promise<void> {
    const dir = this.#dir;
    this.#abandoned.push(this.ledger);
    this.#lives += 1;
    cpSync(join(dir, 'journal'), join(this.#dir, 'journal'), { recursive: true });
    this.#inFlight += this.#unsure;
    this.#unsure = 0;
    await this.#open();
    await this.#show();
  }

  get #dir(): string {
    return join(this.#root, String(this.#lives));
  }

  async #open(): Promise<void> {
    this.ledger = await openLedger({
      ...{ dir: this.#dir, seed: seedOf(1), clock: this.#clock, journalFiles: this.#files },
      journalFileBytesMax: 4_000,
    });
    this.ledger.allowAppend();
  }
}

test('whatever fails, exactly what was acknowledged is kept, and after a crash at most what was in flight', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 24 }), async (steps) => {
      const world = new World();
      try {
        await world.begin();
        for (const taken of steps) await world.take(taken);
        await world.end();
      } finally {
        await world.dispose();
      }
    }),
    { numRuns },
  );
}, 120_000);
