import { expect, test } from 'vitest';
import { ENTRIES_WANTED_MAX } from '../../../../src/base/limits.ts';
import type { HeldEntry } from '../../../../src/ledger/ledger.ts';
import { holdTheSame, proposal, startSyncPair, type SyncNode } from '../../../support/sync-world.ts';

const isBare = async ({ ledger }: SyncNode, { entry }: HeldEntry): Promise<boolean> =>
  (await ledger.byHash(entry.hash))?.entry.bodiless === true;

/** Two nodes hold many entries, one of them erased on `a`, which alone was told so. */
const erasedOnA = async () => {
  const world = await startSyncPair();
  const { a, clock } = world;
  const secret = await a.ledger.append({ ...proposal(1), content: { person: 'Jane Doe' } });
  // So many that the two do not come in one frame.
  for (let number = 2; number < 40; number += 1)
    await a.ledger.append({ ...proposal(number), content: { filler: 'x'.repeat(40_000) } });
  const content = { v: 1, entry: secret.entry.hash, attributes: ['person'], removed: [], reason: 'r' };
  const erasure = await a.ledger.append({ ...proposal(0), op: 'erase', type: null, id: null, content });
  a.ledger.noteErasure({ target: secret.entry.hash, by: erasure.entry.hash, inForce: true });
  await clock.runUntil(() => holdTheSame(a, world.b), 10_000);
  return { ...world, secret, erasure };
};

test('L12 a node that joins later gets the entry with what erased it, over any number of frames, and hands on both', async () => {
  const { start, clock, a, b, secret, erasure } = await erasedOnA();
  await b.close();
  const c = await start();
  c.network.keepDialled([{ address: a.network.address }]);
  await clock.runUntil(() => holdTheSame(a, c), 10_000);
  expect(await isBare(c, secret)).toBe(true);
  expect((await c.ledger.byHash(erasure.entry.hash))?.entry.content).toEqual(erasure.entry.content);
  c.ledger.noteErasure({ target: secret.entry.hash, by: erasure.entry.hash, inForce: true });
  await a.close();
  const d = await start();
  d.network.keepDialled([{ address: c.network.address }]);
  await clock.runUntil(() => holdTheSame(c, d), 10_000);
  expect(await isBare(d, secret)).toBe(true);
});

test('L12 without what erased it an entry is not handed on', async () => {
  const { start, clock, a, b, secret, erasure } = await erasedOnA();
  await b.close();
  a.ledger.noteErasure({ target: secret.entry.hash, by: erasure.entry.hash, inForce: false });
  const c = await start();
  c.network.keepDialled([{ address: a.network.address }]);
  await clock.advance(20_000);
  expect(await c.ledger.byHash(secret.entry.hash)).toBeUndefined();
  expect(c.ledger.clock().get(a.key)).toBe(1);
});

test('a body whose erasure turns out to have no right comes back from who still has it', async () => {
  const { clock, a, b, secret, erasure } = await erasedOnA();
  expect([await isBare(a, secret), await isBare(b, secret)]).toEqual([true, false]);
  a.ledger.noteErasure({ target: secret.entry.hash, by: erasure.entry.hash, inForce: false });
  await clock.runUntil(() => a.ledger.status().bodies.missing === 1, 1_000);
  await clock.runUntil(() => a.ledger.status().bodies.missing === 0, 20_000);
  expect((await a.ledger.byHash(secret.entry.hash))?.entry.content).toEqual({ person: 'Jane Doe' });
  expect(holdTheSame(a, b)).toBe(true);
});

test('a body that nobody has any more is asked for in vain, and new entries come as fast as ever', async () => {
  const { clock, a, b, secret, erasure } = await erasedOnA();
  for (const { ledger } of [a, b])
    ledger.noteErasure({ target: secret.entry.hash, by: erasure.entry.hash, inForce: true });
  await clock.advance(100);
  for (const { ledger } of [a, b])
    ledger.noteErasure({ target: secret.entry.hash, by: erasure.entry.hash, inForce: false });
  await clock.advance(60_000);
  expect([a, b].map(({ ledger }) => ledger.status().bodies.missing)).toEqual([1, 1]);
  expect(a.sync.peers().map(({ lastError }) => lastError)).toEqual([undefined]);
  await b.ledger.append(proposal(100));
  await clock.runUntil(() => holdTheSame(a, b), 500);
});

test('a body that somebody has comes back in its turn, though as many as are asked for at once are lost everywhere', async () => {
  const { clock, a, b } = await startSyncPair();
  const told: (readonly [HeldEntry, HeldEntry])[] = [];
  for (let number = 1; number <= ENTRIES_WANTED_MAX + 1; number += 1) {
    const secret = await a.ledger.append({ ...proposal(number), content: { person: 'Jane Doe' } });
    const content = { v: 1, entry: secret.entry.hash, attributes: ['person'], removed: [], reason: 'r' };
    told.push([secret, await a.ledger.append({ ...proposal(0), op: 'erase', type: null, id: null, content })]);
  }
  await clock.runUntil(() => holdTheSame(a, b), 10_000);
  const note = ({ ledger }: SyncNode, of: typeof told, inForce: boolean): void => {
    for (const [{ entry }, by] of of) ledger.noteErasure({ target: entry.hash, by: by.entry.hash, inForce });
  };
  const lost = told.slice(0, -1);
  note(a, told, true);
  note(b, lost, true);
  const erasing = (): number => a.ledger.status().bodies.erasing + b.ledger.status().bodies.erasing;
  expect(erasing()).toBeGreaterThan(0);
  await clock.runUntil(() => erasing() === 0, 10_000);
  const [last] = told.at(-1)!;
  expect([await isBare(a, last), await isBare(b, last)]).toEqual([true, false]);
  note(a, told, false);
  note(b, lost, false);
  const missing = ({ ledger }: SyncNode): number => ledger.status().bodies.missing;
  await clock.runUntil(() => missing(a) === told.length && missing(b) === lost.length, 1_000);
  expect(a.ledger.missedBodies()).not.toContain(last.entry.hash);
  await clock.runUntil(() => missing(a) === lost.length, 60_000);
  expect((await a.ledger.byHash(last.entry.hash))?.entry.content).toEqual({ person: 'Jane Doe' });
});
