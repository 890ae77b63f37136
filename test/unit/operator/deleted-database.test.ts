import { copyFileSync, existsSync, readdirSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { queryStreams } from '../../../src/query/procedures.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { copyOf, rowsText } from '../../conformance/file-store.ts';
import { type FileStoreFixture, openFileStore } from '../../support/file-store-fixture.ts';
import { selectRows } from '../../support/table-rows.ts';
import { waitFor } from '../../support/wait.ts';

describe('a database file that is deleted or replaced while the operator runs', () => {
  let fixture: FileStoreFixture;
  let lost = 0;
  const told: string[] = [];
  beforeEach(async () => {
    lost = 0;
    told.splice(0);
    fixture = await openFileStore({ log: { ...silentLogger, warn: (text) => void told.push(text) } });
    await fixture.store.store([1, 2].map((file) => copyOf('peer', file, rowsText(file * 100, 4))));
    await fixture.put(rowsText(0, 5));
    await fixture.put(rowsText(0, 5), { dbms: 'other' });
    await fixture.store.damagedDatabases.look();
    fixture.store.notices.on('file:lost', () => (lost += 1));
  });
  afterEach(() => fixture.close());

  const database = (): string => join(fixture.dir, 'dbms', 'plant.sqlite');
  const held = (): unknown => [...fixture.store.holdings()];
  const OTHER_ALONE = [['own', [[2, 2]]]];
  const looked = async (): Promise<void> => {
    await fixture.store.damagedDatabases.look();
    await waitFor(() => !fixture.store.losing());
  };
  const count = () => selectRows(fixture.sqlite, 'plant', 'select count(*) as n from readings');

  test('what was in it is told as lost, comes again, and its numbers are not given again', async () => {
    await fixture.store.setDatabaseAside('plant');
    rmSync(database());
    await looked();
    expect(lost).toBe(1);
    expect(held()).toEqual(OTHER_ALONE);
    expect(fixture.store.damagedDatabases.paths).toEqual([]);
    expect(await fixture.store.store([copyOf('peer', 1, rowsText(100, 4))])).toEqual(['stored']);
    expect((await fixture.put(rowsText(7, 1))).record.file).toBeGreaterThan(2);
    expect(await count()).toEqual([{ n: 5 }]);
    await looked();
    expect(lost).toBe(1);
  });

  test('one that nothing was written to since the start is missed as well', async () => {
    await fixture.queue.close();
    await fixture.sqlite.close();
    fixture = await openFileStore({ dir: fixture.dir });
    fixture.store.notices.on('file:lost', () => (lost += 1));
    rmSync(database());
    await looked();
    expect(lost).toBe(1);
    expect(held()).toEqual(OTHER_ALONE);
  });

  test('no new file takes its place before that is known', async () => {
    rmSync(database());
    await expect(fixture.put(rowsText(7, 1))).rejects.toMatchObject({ code: 'SQLITE_CORRUPT' });
    await waitFor(() => lost === 1);
    expect(held()).toEqual(OTHER_ALONE);
    expect(existsSync(database())).toBe(false);
  });

  test('a query meets no empty database before that is known, and none that nobody knows is taken for lost', async () => {
    const { store, sqlite } = fixture;
    const counted = async (dbms: string): Promise<string[]> => {
      const select = { dbms, sql: 'select count(*) from readings', nowMicros: 0, timeoutMs: 60_000 };
      const chunks: string[] = [];
      for await (const { bytes } of sqlite.stream(queryStreams, 'select', {
        ...select,
        file: store.databaseFile(dbms),
      }))
        chunks.push(Buffer.from(bytes).toString());
      return chunks;
    };
    expect(await counted('plant')).toEqual(['[[13]]']);
    rmSync(database());
    await expect(counted('plant')).rejects.toMatchObject({ code: 'SQLITE_CORRUPT', data: { database: 'plant' } });
    expect(await counted('other')).toEqual(['[[5]]']);
    await looked();
    expect(await counted('plant')).toEqual(['[[0]]']);
    await fixture.put(rowsText(7, 1));
    expect(await counted('plant')).toEqual(['[[1]]']);
    await looked();
    expect(await counted('plant')).toEqual(['[[1]]']);
  });

  test('of a log that was deleted a look tells once, and nothing that it held is missing', async () => {
    rmSync(`${database()}-wal`);
    for (let count = 0; count < 3; count += 1) await looked();
    expect(told).toEqual([expect.stringContaining('the log of the database plant was deleted')]);
    expect(lost).toBe(0);
    expect(await count()).toEqual([{ n: 13 }]);
    await fixture.put(rowsText(7, 1));
    expect(await count()).toEqual([{ n: 14 }]);
  });

  test.each([0, 20_000])(
    'a log that was cut at byte %i takes the database with it: it is named and comes again',
    async (at) => {
      const { damagedDatabases } = fixture.store;
      truncateSync(`${database()}-wal`, at);
      // The look that meets it fails, the next one knows.
      await damagedDatabases.look().catch(() => {});
      await looked();
      expect(lost).toBe(1);
      expect(held()).toEqual(OTHER_ALONE);
      expect(damagedDatabases.paths).toHaveLength(1);
      expect(told).toEqual([]);
      expect(await fixture.store.store([copyOf('peer', 1, rowsText(100, 4))])).toEqual(['stored']);
      expect((await fixture.put(rowsText(7, 1))).record.file).toBeGreaterThan(2);
      expect(await count()).toEqual([{ n: 5 }]);
    },
  );

  test('who writes to a database whose log was cut is told that it failed, and it is lost from then on', async () => {
    truncateSync(`${database()}-wal`, 0);
    await expect(fixture.put(rowsText(7, 1))).rejects.toMatchObject({ code: 'SQLITE_CORRUPT' });
    await waitFor(() => lost === 1);
    expect(held()).toEqual(OTHER_ALONE);
  });

  test('an older copy that was put into its place is set aside', async () => {
    copyFileSync(database(), `${database()}.old`);
    renameSync(`${database()}.old`, database());
    await looked();
    expect(held()).toEqual(OTHER_ALONE);
    expect(fixture.store.damagedDatabases.paths).toHaveLength(1);
    expect(readdirSync(join(fixture.dir, 'dbms')).filter((name) => /\.damaged-\d+$/.test(name))).toHaveLength(1);
  });
});
