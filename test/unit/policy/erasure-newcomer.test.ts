import { expect, test, vi } from 'vitest';
import type * as limits from '../../../src/base/limits.ts';
import { createPolicies } from '../../../src/policy/ledger-policies.ts';
import type { Policies } from '../../../src/policy/policies.ts';
import { holdTheSame, proposal, startSyncPair, type SyncNode } from '../../support/sync-world.ts';

// Small, so that few entries fill it.
vi.mock('../../../src/base/limits.ts', async (original) => ({
  ...(await original<typeof limits>()),
  ENTRIES_WAITING_MAX: 50,
}));

const NO_POLICY = { type: null, id: null, replaces: null };
/** They wait for what was erased, and with them more than may wait. */
const FOLLOWERS = 40;

test('a newcomer gets past what an admin erased whose grant came later than that, however much follows the grant', async () => {
  const { a, b, clock, start } = await startSyncPair();
  const books: Policies[] = [];
  const withBook = ({ ledger }: SyncNode): Policies => {
    const policies = createPolicies({ ledger, ownKey: ledger.author, clock, holders: () => new Set() });
    books.push(policies);
    return policies;
  };
  withBook(a);
  withBook(b);
  // More than one frame: the newcomer knows the network by the time it comes to what was erased.
  const filler = 'x'.repeat(60_000);
  for (let number = 100; number < 130; number += 1) await a.ledger.append({ ...proposal(number), content: { filler } });
  await clock.runUntil(() => holdTheSame(a, b), 10_000);
  const secret = await b.ledger.append({ ...proposal(1), content: { person: 'Jane Doe' } });
  await clock.runUntil(() => holdTheSame(a, b), 10_000);
  const admin = await start();
  withBook(admin);
  admin.network.keepDialled([{ address: a.network.address }]);
  await clock.runUntil(() => holdTheSame(a, admin) && admin.ledger.status().mayAppend, 10_000);
  for (let number = 200; number < 230; number += 1) await a.ledger.append({ ...proposal(number), content: { filler } });
  const grant = { v: 1, key: admin.key, roles: ['admin'], scope: {}, grants: false };
  const granted = await a.ledger.append({ ...NO_POLICY, op: 'grant', content: grant });
  await clock.runUntil(() => holdTheSame(a, admin), 10_000);
  const erasure = await admin.ledger.append({
    ...{ ...NO_POLICY, op: 'erase', cap: granted.entry.hash },
    content: { v: 1, entry: secret.entry.hash, attributes: ['person'], removed: [], reason: 'r' },
  });
  const { hash } = erasure.entry;
  await clock.runUntil(() => [a, b, admin].every(({ ledger }) => ledger.erasedBy(secret.entry.hash) === hash), 10_000);
  for (let number = 0; number < FOLLOWERS; number += 1) {
    await a.ledger.append(proposal(300 + number));
    const key = (number + 1).toString(16).padStart(64, '0');
    await a.ledger.append({ ...NO_POLICY, op: 'grant', content: { ...grant, key, roles: ['auditor'] } });
  }
  const fresh = await start();
  const book = withBook(fresh);
  fresh.network.keepDialled([{ address: a.network.address }]);
  await clock.runUntil(() => holdTheSame(a, fresh), 30_000);
  await book.caughtUp();
  expect(fresh.ledger.erasedBy(secret.entry.hash)).toBe(hash);
  expect(fresh.ledger.status().bodies.missing).toBe(0);
  for (const each of books) await each.close();
});
