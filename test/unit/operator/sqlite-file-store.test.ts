import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FileCopy, FileRecord } from '../../../src/operator/file-record.ts';
import { archivePath } from '../../../src/operator/names.ts';
import { writing } from '../../../src/operator/store/write-procedures.ts';
import { copyOf, describeFileStore, rowsText } from '../../conformance/file-store.ts';
import { type FileStoreFixture, openFileStore } from '../../support/file-store-fixture.ts';
import { allRows } from '../../support/table-rows.ts';

describeFileStore('SQLite', () => openFileStore());

describe('SQLite file store', () => {
  let fixture: FileStoreFixture;
  beforeEach(async () => {
    fixture = await openFileStore();
  });
  afterEach(() => fixture.close());

  const reopened = async (): Promise<void> => {
    await fixture.queue.close();
    await fixture.store.archived();
    await fixture.sqlite.close();
    fixture = await openFileStore({ dir: fixture.dir });
  };

  test('numbers go on over all databases and after a restart', async () => {
    await fixture.put(rowsText(0, 1), { dbms: 'one' });
    await fixture.put(rowsText(1, 1), { dbms: 'two' });
    await reopened();
    expect([...fixture.store.holdings()]).toEqual([['own', [[1, 2]]]]);
    expect((await fixture.put(rowsText(2, 1), { dbms: 'one' })).record.file).toBe(3);
    expect(fixture.store.totals).toMatchObject({ files: 3, rows: 3, duplicates: 0 });
  });

  test('a copy that the database has and the store does not know of counts as held from then on', async () => {
    const copy = copyOf('peer', 4, rowsText(6, 1));
    const job = { kind: 'copy', copy, takesOrphans: false } as const;
    await fixture.sqlite.write(writing, 'apply', {
      origin: 'own',
      members: new Map([['peer', 8]]),
      ownFrom: 1,
      heard: [],
      jobs: [job],
    });
    expect([...fixture.store.holdings()]).toEqual([]);
    for (const again of [1, 2]) {
      expect([again, await fixture.store.store([copy])]).toEqual([again, ['held']]);
      expect([...fixture.store.holdings()]).toEqual([['peer', [[4, 4]]]]);
      expect(fixture.store.totals).toMatchObject({ files: 1, rows: 1 });
    }
  });

  test('a bad file among many in one commit undoes only itself and takes no number', async () => {
    const contents = [rowsText(0, 2), '{"reading":1}\n{"reading":"x"}', rowsText(2, 2), '{', rowsText(4, 2)];
    const settled = await Promise.allSettled(contents.map((content) => fixture.put(content)));
    expect(
      settled.map((one) => (one.status === 'fulfilled' ? one.value.record.file : (one.reason as Error).message)),
    ).toEqual([
      1,
      expect.stringMatching(/^line 2: "x" does not fit the column reading \(int\)/),
      2,
      expect.stringMatching(/^line 1: not JSON/),
      3,
    ]);
    expect((await allRows(fixture.sqlite, 'plant', 'readings')).map((row) => row['reading'])).toEqual([
      0, 1, 2, 3, 4, 5,
    ]);
  });

  test('a bad first file leaves no table that later files could miss columns of', async () => {
    const columns = [{ name: 'other', type: 'int' }];
    const [bad, good] = await Promise.allSettled([
      fixture.put('{"other":"x"}', { columns }),
      fixture.put(rowsText(0, 1)),
    ]);
    expect([bad.status, good.status]).toEqual(['rejected', 'fulfilled']);
  });

  test('rows carry the four documented columns', async () => {
    await fixture.put(rowsText(5, 1), { time: '2026-06-01T10:20:30.123456Z' });
    await fixture.store.store([copyOf('peer', 4, rowsText(6, 1))]);
    expect(await allRows(fixture.sqlite, 'plant', 'readings')).toEqual([
      { row_id: 1, insert_timestamp: '2026-06-01 10:20:30.123456', tsd_name: '7', tsd_id: 1, reading: 5, device: 'd1' },
      { row_id: 2, insert_timestamp: '2026-01-01 00:00:00.000000', tsd_name: '8', tsd_id: 4, reading: 6, device: 'd1' },
    ]);
  });

  test('a table gets the columns that a later file has more', async () => {
    await fixture.put(rowsText(0, 1));
    const columns = [
      { name: 'reading', type: 'int' },
      { name: 'select', type: 'float' },
      { name: 'a"b', type: 'varchar' },
    ];
    await fixture.put('{"reading":1,"select":2.5,"a\\"b":"x"}', { columns });
    expect(await allRows(fixture.sqlite, 'plant', 'readings')).toMatchObject([
      { reading: 0, select: null },
      { reading: 1, device: null, select: 2.5, 'a"b': 'x' },
    ]);
  });

  test.each<[string, Partial<FileRecord>]>([
    ['a path as database', { dbms: '../plant' }],
    ['the database of the TSD tables', { dbms: 'almgm' }],
    ['a device name as database', { dbms: 'con' }],
    ['a path as table', { table: '../../x' }],
    ['a table of SQLite', { table: 'sqlite_sequence' }],
    ['a table of ours', { table: 'holdfast_files' }],
    ['a table name with NUL', { table: 'a\0b' }],
    ['a path as source', { source: '../x' }],
    [
      'a column twice',
      {
        columns: [
          { name: 'a', type: 'int' },
          { name: 'A', type: 'int' },
        ],
      },
    ],
    ['an added column', { columns: [{ name: 'tsd_id', type: 'int' }] }],
    ['a column name with NUL', { columns: [{ name: 'a\0', type: 'int' }] }],
    ['no columns', { columns: [] }],
    ['a wrong number of rows', { rows: 5 }],
    ['file 0', { file: 0 }],
    ['a wrong time', { time: 'now' }],
    ['a wrong hash', { hash: 'x' }],
    ['an origin with blanks', { origin: 'a b' }],
  ])('a copy with %s is refused and changes nothing', async (_, change) => {
    const good = copyOf('peer', 2, rowsText(1, 1));
    const bad = copyOf('peer', 1, rowsText(0, 1), change);
    await expect(fixture.store.store([bad, good])).rejects.toMatchObject({
      code: expect.stringMatching(/^(FILE|INGEST|SQLITE_NAME)/) as string,
    });
    expect([...fixture.store.holdings()]).toEqual([['peer', [[2, 2]]]]);
    expect(await readdir(join(fixture.dir, 'dbms'))).not.toContain('almgm.sqlite');
  });

  test('a hostile type is no SQL', async () => {
    const columns = [{ name: 'reading', type: 'int); drop table holdfast_files; --' }];
    await fixture.store.store([copyOf('peer', 1, rowsText(0, 1), { columns })]);
    expect((await fixture.store.read('peer', 1)).record.columns).toEqual(columns);
  });

  test('the archive lies under the day with the documented name; a damaged or lost file is made from the rows', async () => {
    const { record } = await fixture.put(rowsText(0, 2), { time: '2026-06-01T10:20:30.123456Z' });
    await fixture.store.archived();
    const path = join(fixture.dir, 'archive', archivePath(record, 7));
    expect(archivePath(record, 7)).toBe(`26/06/01/plant.readings.0.${record.hash}.0.7.1.260601102030.json.gz`);
    expect(await fixture.store.read('own', 1)).toMatchObject({ rebuilt: false });
    await writeFile(path, 'damaged');
    const rebuilt = await fixture.store.read('own', 1);
    expect([rebuilt.rebuilt, Buffer.from(rebuilt.content).toString()]).toEqual([true, `${rowsText(0, 2)}\n`]);
    await rm(path);
    expect(await fixture.store.read('own', 1)).toEqual(rebuilt);
  });

  test('with archive = false every copy is made from the rows', async () => {
    await fixture.close();
    fixture = await openFileStore({ archive: false });
    await fixture.put(rowsText(0, 2));
    await fixture.store.archived();
    expect(await fixture.store.read('own', 1)).toMatchObject({ rebuilt: true });
  });
});

describe('copies in any order', () => {
  test('end in the same records and rows', async () => {
    const contents = [rowsText(0, 2), rowsText(2, 1), rowsText(3, 3)];
    const set = fc.uniqueArray(
      fc.record({
        origin: fc.constantFrom('a', 'b', 'c'),
        file: fc.integer({ min: 1, max: 4 }),
        content: fc.constantFrom(...contents),
        second: fc.integer({ min: 0, max: 2 }),
      }),
      { selector: ({ origin, file }) => `${origin}${file}`, minLength: 1, maxLength: 8 },
    );
    const runs = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 25);
    const order = fc.array(fc.nat(7), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(set, order, order, async (files, first, second) => {
        const copies = files.map(({ origin, file, content, second: at }) =>
          copyOf(origin, file, content, { time: `2026-01-01T00:00:0${at}.000000Z` }),
        );
        const [one, two] = [await endOf(copies, first), await endOf(copies, second)];
        expect(one).toEqual(two);
        const rows = new Set(copies.map(({ record }) => record.digest)).size;
        expect(one.records.filter(({ status }) => status === 'stored')).toHaveLength(rows);
      }),
      { numRuns: runs },
    );
  });
});

/** What a store ends with that takes the copies in that order (with repeats), then all of them. */
const endOf = async (
  copies: readonly FileCopy[],
  order: readonly number[],
): Promise<{ records: readonly FileRecord[]; rows: unknown }> => {
  const fixture = await openFileStore({
    archive: false,
    members: new Map([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]),
  });
  try {
    for (const at of order) await fixture.store.store([copies[at % copies.length] as FileCopy]);
    await fixture.store.store(copies);
    const origins = [...fixture.store.holdings().keys()].sort();
    const records = await Promise.all(origins.map((origin) => fixture.store.records(origin, [[1, 99]], 99)));
    const rows = await allRows(fixture.sqlite, 'plant', 'readings');
    const texts = rows.map(({ row_id: _, ...row }) => JSON.stringify(row));
    return { records: records.flat(), rows: texts.sort() };
  } finally {
    await fixture.close();
  }
};
