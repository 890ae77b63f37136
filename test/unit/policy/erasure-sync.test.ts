import { expect, test } from 'vitest';
import { createPolicies } from '../../../src/policy/ledger-policies.ts';
import type { Policies } from '../../../src/policy/policies.ts';
import { holdTheSame, proposal, startSyncPair, type SyncNode } from '../../support/sync-world.ts';

const NO_POLICY = { type: null, id: null, replaces: null };

test('a node that was away takes in what an admin erased whose grant came later than that, over any number of frames', async () => {
  const { a, b, clock, start } = await startSyncPair();
  const books: Policies[] = [];
  const withBook = (node: SyncNode): Policies => {
    const { ledger } = node;
    const policies = createPolicies({ ledger, ownKey: ledger.author, clock, holders: () => new Set() });
    books.push(policies);
    return policies;
  };
  withBook(a);
  withBook(b);
  const away = await start();
  away.network.keepDialled([{ address: a.network.address }]);
  await clock.runUntil(() => holdTheSame(a, away), 10_000);
  await away.close();
  const secret = await b.ledger.append({ ...proposal(1), content: { person: 'Jane Doe' } });
  await clock.runUntil(() => holdTheSame(a, b), 10_000);
  // So many that the grant does not come in one frame with what was erased.
  for (let number = 2; number < 40; number += 1)
    await a.ledger.append({ ...proposal(number), content: { filler: 'x'.repeat(40_000) } });
  const admin = await start();
  withBook(admin);
  admin.network.keepDialled([{ address: a.network.address }]);
  await clock.runUntil(() => holdTheSame(a, admin) && admin.ledger.status().mayAppend, 10_000);
  const grant = { v: 1, key: admin.key, roles: ['admin'], scope: {}, grants: false };
  const granted = await a.ledger.append({ ...NO_POLICY, op: 'grant', content: grant });
  await clock.runUntil(() => holdTheSame(a, admin), 10_000);
  const erasure = await admin.ledger.append({
    ...{ ...NO_POLICY, op: 'erase', cap: granted.entry.hash },
    content: { v: 1, entry: secret.entry.hash, attributes: ['person'], removed: [], reason: 'r' },
  });
  const { hash } = erasure.entry;
  await clock.runUntil(() => [a, b, admin].every(({ ledger }) => ledger.erasedBy(secret.entry.hash) === hash), 10_000);
  const back = await start({ seed: away.seed, disk: away.disk });
  const book = withBook(back);
  await book.caughtUp();
  back.network.keepDialled([{ address: a.network.address }]);
  await clock.runUntil(() => holdTheSame(a, back), 60_000);
  await book.caughtUp();
  expect((await back.ledger.byHash(secret.entry.hash))?.entry.bodiless).toBe(true);
  expect(back.ledger.erasedBy(secret.entry.hash)).toBe(hash);
  for (const each of books) await each.close();
});
