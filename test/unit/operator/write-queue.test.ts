import { expect, onTestFinished, test } from 'vitest';
import { UNSURE_LOOK_MS } from '../../../src/base/limits.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { WriteQueue } from '../../../src/operator/write-queue.ts';
import { openInlineSqlite } from '../../../src/sqlite/inline.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';
import { waitFor } from '../../support/wait.ts';

const open = () => {
  const sqlite = openInlineSqlite({ dir: ':memory:' });
  const clock = createVirtualClock();
  const queue = new WriteQueue({ sqlite, clock, log: silentLogger, origin: 'own', members: () => new Map() });
  onTestFinished(async () => {
    await queue.close();
    await sqlite.close();
  });
  return { sqlite, clock, queue };
};

test('what is mended while a look fails is looked at once more, without a commit; what fails again waits for one', async () => {
  const { sqlite, queue } = open();
  const looks: string[] = [];
  queue.whenUnsure(async () => {
    looks.push(looks.length === 0 ? 'mended meanwhile' : 'in vain');
    if (looks.length === 1) sqlite.notices.emit('databases:mended');
    throw new Error('cannot be read');
  });
  sqlite.notices.emit('databases:mended');
  await waitFor(() => looks.length === 2);
  await queue.between(async () => {});
  expect(looks).toEqual(['mended meanwhile', 'in vain', 'in vain']);
});

test('what could not be looked at is looked at again after a while, without a commit, until it was seen', async () => {
  const { sqlite, clock, queue } = open();
  let looks = 0;
  queue.whenUnsure(async () => {
    looks += 1;
    if (looks < 3) throw new Error('cannot be read');
  });
  sqlite.notices.emit('databases:mended');
  await waitFor(() => looks === 1);
  for (const expected of [2, 3]) {
    await clock.advance(UNSURE_LOOK_MS - 1);
    expect(looks).toBe(expected - 1);
    await clock.advance(1);
    await waitFor(() => looks === expected);
  }
  await clock.advance(10 * UNSURE_LOOK_MS);
  await queue.between(async () => {});
  expect(looks).toBe(3);
});

test.each(['after a look', 'during a look'])('a queue that is closed %s looks no more', async (when) => {
  const { sqlite, clock, queue } = open();
  const failing = Promise.withResolvers<never>();
  let looks = 0;
  queue.whenUnsure(async () => {
    looks += 1;
    await failing.promise;
  });
  const fail = (): void => failing.reject(new Error('cannot be read'));
  sqlite.notices.emit('databases:mended');
  await waitFor(() => looks === 1);
  if (when === 'after a look') fail();
  await new Promise((resolve) => setImmediate(resolve));
  const closed = queue.close();
  fail();
  await closed;
  await clock.advance(10 * UNSURE_LOOK_MS);
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(looks).toBe(1);
});
