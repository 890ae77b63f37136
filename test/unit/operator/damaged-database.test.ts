import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { copyOf, rowsText } from '../../conformance/file-store.ts';
import { flipBytes, sabotage } from '../../support/damage.ts';
import { type FileStoreFixture, openFileStore } from '../../support/file-store-fixture.ts';

describe('a damaged database file', () => {
  let fixture: FileStoreFixture;
  beforeEach(async () => {
    fixture = await openFileStore();
    await fixture.store.store([1, 2, 3].map((file) => copyOf('peer', file, rowsText(file * 1_000, 400))));
    await fixture.put(rowsText(0, 5));
    await fixture.put(rowsText(0, 5), { dbms: 'other' });
  });
  afterEach(() => fixture.close());

  const database = (): string => join(fixture.dir, 'dbms', 'plant.sqlite');
  const aside = (): string[] => readdirSync(join(fixture.dir, 'dbms')).filter((name) => /\.damaged-\d+$/.test(name));
  const damagedAndReopened = async (at: number): Promise<void> => {
    await fixture.queue.close();
    await fixture.store.archived();
    await fixture.sqlite.close();
    sabotage(database(), () => {});
    flipBytes(database(), at, 4_096);
    fixture = await openFileStore({ dir: fixture.dir });
  };

  test('that cannot be opened is set aside at a start; the other databases are as before', async () => {
    await damagedAndReopened(0);
    expect(aside()).toHaveLength(1);
    expect([...fixture.store.holdings()]).toEqual([['own', [[2, 2]]]]);
    expect(await fixture.store.store([copyOf('peer', 1, rowsText(1_000, 400))])).toEqual(['stored']);
    expect((await fixture.put(rowsText(7, 1))).record.file).toBeGreaterThan(2);
  });

  test('with damage within is set aside when it is met, and what was in it is lost, told, and not numbered again', async () => {
    await damagedAndReopened(8 * 4_096);
    let told = 0;
    fixture.store.notices.on('file:lost', () => (told += 1));
    expect(await fixture.store.setDatabaseAside('other')).toBeUndefined();
    expect(await fixture.store.setDatabaseAside('plant')).toMatch(/plant\.sqlite\.damaged-\d+$/);
    expect([told, aside().length]).toEqual([1, 1]);
    expect([...fixture.store.holdings()]).toEqual([['own', [[2, 2]]]]);
    expect(await fixture.store.setDatabaseAside('plant')).toBeUndefined();
    expect((await fixture.put(rowsText(7, 1))).record.file).toBe(3);
  });
});
