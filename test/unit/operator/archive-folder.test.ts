import { rmSync } from 'node:fs';
import type * as FsPromises from 'node:fs/promises';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { rowsText } from '../../conformance/file-store.ts';
import { archivedFiles } from '../../support/damage.ts';
import { openFileStore } from '../../support/file-store-fixture.ts';

vi.mock('node:fs/promises', async (original) => {
  const whole = await original<typeof FsPromises>();
  return { ...whole, readdir: vi.fn(whole.readdir) };
});

test('files that are in the archive no more are read from the rows, without a look through the folder for each', async () => {
  const store = await openFileStore();
  for (const at of [1, 2, 3, 4, 5]) await store.put(rowsText(at * 100, 3));
  await store.store.archived();
  for (const path of archivedFiles(join(store.dir, 'archive'))) rmSync(path);
  vi.mocked(readdir).mockClear();
  for (const file of [1, 2, 3, 4, 5]) {
    expect((await store.store.read('own', file)).rebuilt).toBe(true);
    // What comes in meanwhile changes the folder.
    await store.put(rowsText(file * 1_000, 3));
    await store.store.archived();
  }
  expect(vi.mocked(readdir).mock.calls.length).toBeLessThanOrEqual(1);
  await store.close();
});
