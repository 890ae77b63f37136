import { rmSync } from 'node:fs';
import type * as FsPromises from 'node:fs/promises';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Clock } from '../../../src/base/clock.ts';
import { rowsText } from '../../conformance/file-store.ts';
import { archivedFiles } from '../../support/damage.ts';
import { openFileStore, type FileStoreFixture } from '../../support/file-store-fixture.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

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

/** A store with files of so many days, that are in the archive no more. */
const openWithDays = async (days: number, clock: Clock): Promise<FileStoreFixture> => {
  const store = await openFileStore({ clock });
  onTestFinished(() => store.close());
  for (let day = 1; day <= days; day += 1) {
    const time = `2026-03-${String(day).padStart(2, '0')}T00:00:00.000000Z`;
    await store.put(rowsText(day * 100, 3), { time });
  }
  await store.store.archived();
  for (const path of archivedFiles(join(store.dir, 'archive'))) rmSync(path);
  vi.mocked(readdir).mockClear();
  return store;
};
const looks = (): number => vi.mocked(readdir).mock.calls.length;
const readAll = async ({ store }: FileStoreFixture, days: number): Promise<void> => {
  for (let file = 1; file <= days; file += 1) expect((await store.read('own', file)).rebuilt).toBe(true);
};

test('folders of several days are each looked through once a minute, also when their files are read in turn', async () => {
  const clock = createVirtualClock();
  const store = await openWithDays(8, clock);
  await readAll(store, 8);
  await readAll(store, 8);
  expect(looks()).toBe(8);
  await clock.advance(61_000);
  await readAll(store, 8);
  expect(looks()).toBe(16);
});

test('of more folders than a few the one that was looked through first is forgotten', async () => {
  const store = await openWithDays(9, createVirtualClock());
  await readAll(store, 9);
  await store.store.read('own', 9);
  expect(looks()).toBe(9);
  await store.store.read('own', 1);
  expect(looks()).toBe(10);
});
