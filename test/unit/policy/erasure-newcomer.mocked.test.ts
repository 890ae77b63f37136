import { expect, test, vi } from 'vitest';
import type * as limits from '../../../src/base/limits.ts';
import { erasingWorld } from '../../support/erasing-admin.ts';
import { proposal } from '../../support/sync-world.ts';

// Small, so that few entries fill it.
vi.mock('../../../src/base/limits.ts', async (original) => ({
  ...(await original<typeof limits>()),
  ENTRIES_WAITING_MAX: 50,
}));

/** They wait for what was erased, and with them more than may wait. */
const FOLLOWERS = 40;

test('a newcomer gets past what an admin erased whose grant came later than that, however much follows the grant', async () => {
  const { a, b, start, withBook, inStep, dial, fill, tell, startAdmin, grant, erase, close } = await erasingWorld();
  // More than one frame: the newcomer knows the network by the time it comes to what was erased.
  await fill(100, 130, 60_000);
  await inStep(b);
  const secret = await tell();
  const admin = await startAdmin();
  await fill(200, 230, 60_000);
  const granted = await grant(a, admin.key, 'admin');
  await inStep(admin);
  const erasure = await erase(admin, secret, granted);
  for (let number = 0; number < FOLLOWERS; number += 1) {
    await a.ledger.append(proposal(300 + number));
    await grant(a, (number + 1).toString(16).padStart(64, '0'), 'auditor');
  }
  const fresh = await start();
  const book = withBook(fresh);
  dial(fresh);
  await inStep(fresh, 30_000);
  await book.caughtUp();
  expect(fresh.ledger.erasedBy(secret)).toBe(erasure);
  expect(fresh.ledger.status().bodies.missing).toBe(0);
  await close();
});
