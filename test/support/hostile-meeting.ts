import assert from 'node:assert/strict';
import type { RawEntry } from '../../src/entry/entry.ts';
import { auditLedger } from '../../src/ledger/audit/audit.ts';
import { type HostileStep, hostileEntries } from './hostile-logs.ts';
import { convergentState, offerAll } from './ledger-authors.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createSyncWorld, holdTheSame, proposal, type SyncNode } from './sync-world.ts';

const CONVERGED_WITHIN_MS = 60_000;

/** Some of the entries, in an order and in offers that the seed decides. */
const deliver = async ({ ledger }: SyncNode, entries: readonly RawEntry[], seed: number): Promise<void> => {
  const random = createSeededRandom(seed);
  const left = random.chance(0.3) ? entries.filter(() => random.chance(0.8)) : entries;
  const order = random.chance(0.2) ? left : random.chance(0.3) ? [...left].reverse() : random.shuffled(left);
  for (let at = 0; at < order.length;) {
    const count = random.integer(1, random.pick([1, 4, order.length]));
    await offerAll(ledger, order.slice(at, at + count));
    at += count;
  }
};

/**
 * Two nodes, apart, are given what hostile authors have signed, each in an order of its own, and write. Then they meet:
 * they must end with the same, blame nobody, and each take what the other writes.
 */
export const meet = async (script: readonly HostileStep[], groups: number, seed: number): Promise<void> => {
  const { clock, start } = createSyncWorld();
  const [a, b] = [await start(), await start()];
  const { entry: genesis } = await a.ledger.createNetwork('n', 'open');
  await b.ledger.offer([genesis.raw], a.key);
  b.ledger.allowAppend();
  const entries = hostileEntries(script, groups, genesis);
  await deliver(a, entries, 2 * seed);
  await deliver(b, entries, 2 * seed + 1);
  let number = 0;
  const write = async (): Promise<void> => {
    for (const { ledger } of [a, b]) await ledger.append(proposal((number += 1)));
  };
  const level = async (): Promise<void> => {
    await clock.runUntil(() => holdTheSame(a, b), CONVERGED_WITHIN_MS, 'the same version');
    assert.deepEqual(convergentState(a.ledger), convergentState(b.ledger));
  };
  await write();
  b.network.keepDialled([{ address: a.network.address }]);
  await level();
  await write();
  await level();
  assert.deepEqual(
    [a.ledger.clock().get(b.key), b.ledger.clock().get(a.key)],
    [2, 3],
    'each holds what the other wrote',
  );
  assert.deepEqual([a.network.expelled(), b.network.expelled()], [[], []], 'nobody is cut off');
  for (const { ledger } of [a, b]) assert.equal((await auditLedger(ledger)).first, undefined);
  await a.close();
  await b.close();
};
