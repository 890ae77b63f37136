import { expect, onTestFinished, test } from 'vitest';
import { WriteQueue } from '../../../src/operator/write-queue.ts';
import { openInlineSqlite } from '../../../src/sqlite/inline.ts';
import { waitFor } from '../../support/wait.ts';

test('what is mended while a look fails is looked at once more, without a commit; what fails again waits for one', async () => {
  const sqlite = openInlineSqlite({ dir: ':memory:' });
  const queue = new WriteQueue({ sqlite, origin: 'own', members: () => new Map() });
  onTestFinished(async () => {
    await queue.close();
    await sqlite.close();
  });
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
