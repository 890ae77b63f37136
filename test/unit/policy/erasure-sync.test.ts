import { expect, test } from 'vitest';
import { erasingWorld } from '../../support/erasing-admin.ts';

test('a node that was away takes in what an admin erased whose grant came later than that, over any number of frames', async () => {
  const { a, start, withBook, inStep, dial, fill, tell, startAdmin, grant, erase, close } = await erasingWorld();
  const away = await start();
  dial(away);
  await inStep(away);
  await away.close();
  const secret = await tell();
  // So many that the grant does not come in one frame with what was erased.
  await fill(2, 40, 40_000);
  const admin = await startAdmin();
  const granted = await grant(a, admin.key, 'admin');
  await inStep(admin);
  const erasure = await erase(admin, secret, granted);
  const back = await start({ seed: away.seed, disk: away.disk });
  const book = withBook(back);
  await book.caughtUp();
  dial(back);
  await inStep(back, 60_000);
  await book.caughtUp();
  expect((await back.ledger.byHash(secret))?.entry.bodiless).toBe(true);
  expect(back.ledger.erasedBy(secret)).toBe(erasure);
  await close();
});
