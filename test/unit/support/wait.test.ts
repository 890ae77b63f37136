import { expect, test } from 'vitest';
import { waitWhileFalling } from '../../support/wait.ts';

const options = { timeoutMs: 5, everyMs: 1, what: 'all is done' };

test('who works through a backlog is waited for, for longer than it may stand still', async () => {
  let left = 40;
  const startedMs = performance.now();
  await waitWhileFalling(
    () => (left -= 1) < 0,
    async () => left,
    options,
  );
  expect(performance.now() - startedMs).toBeGreaterThan(2 * options.timeoutMs);
});

test('who stands still is given up, with what was waited for', async () => {
  let left = 9;
  const waiting = waitWhileFalling(
    () => false,
    async () => (left = Math.max(4, left - 1)),
    options,
  );
  await expect(waiting).rejects.toMatchObject({
    message: 'nothing goes on: 4 are open',
    cause: expect.objectContaining({ message: expect.stringContaining('all is done') as string }) as Error,
  });
});
