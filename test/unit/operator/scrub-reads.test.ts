import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { sumOfRows, sumsOfRows } from '../../../src/operator/store/file-rows.ts';
import { selectRecords } from '../../../src/operator/store/records.ts';
import { procedures } from '../../../src/operator/store/scrub-reads.ts';
import { ReadDirectory } from '../../../src/sqlite/databases.ts';
import type { ReadConnection, ReadDatabases } from '../../../src/sqlite/sqlite.ts';
import { copyOf, rowsText } from '../../conformance/file-store.ts';
import { sabotage } from '../../support/damage.ts';
import { type FileStoreFixture, openFileStore } from '../../support/file-store-fixture.ts';

let fixture: FileStoreFixture;
let databases: ReadDirectory;
const change = (sql: string, ...values: unknown[]): void =>
  sabotage(join(fixture.dir, 'dbms', 'plant.sqlite'), (db) => db.prepare(sql).run(...values));

beforeEach(async () => {
  fixture = await openFileStore();
  await fixture.store.store([1, 2, 3, 4, 5].map((file) => copyOf('peer', file, rowsText(file * 100, file))));
  await fixture.put(rowsText(900, 3));
  databases = new ReadDirectory({ dir: join(fixture.dir, 'dbms'), durable: false, clock: systemClock });
});
afterEach(async () => {
  databases.close();
  await fixture.close();
});

test('files read together have the sums that each has alone, wherever their records say that their rows are', () => {
  const row = fc.option(fc.integer({ min: 0, max: 20 }), { nil: null });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), row, row), { maxLength: 4 }), (damages) => {
      for (const [file, first, last] of damages)
        change(
          'update holdfast_files set first_row = ?, last_row = ? where origin = ? and file = ?',
          first,
          last,
          'peer',
          file,
        );
      const db = databases.read('plant');
      const all = selectRecords(db, 'plant', 'true order by time', []);
      const together = sumsOfRows(db, all);
      expect(all.map((placed) => together(placed))).toEqual(all.map((placed) => sumOfRows(db, placed)));
    }),
    { numRuns: 60 },
  );
});

test('a file that arrives while rows of no file are looked for is none of them', async () => {
  change('update readings set row_id = -3 where row_id = 2');
  let arrived = false;
  /** As the store sees it, but for a file that is stored between two statements. */
  const between = (db: ReadConnection): ReadConnection => ({
    all: (sql, params) => db.all(sql, params),
    get: (sql, params) => db.get(sql, params),
    columns: (sql) => db.columns(sql),
    deadline: (atMs) => db.deadline(atMs),
    *iterate(sql, params) {
      const rows = [...db.iterate(sql, params)];
      if (!arrived)
        change(`insert into readings (row_id, insert_timestamp, tsd_name, tsd_id) values (50, '2026', '7', 9)`);
      arrived = true;
      yield* rows;
    },
  });
  const moving: ReadDatabases = {
    names: () => databases.names(),
    read: (name: string) => between(databases.read(name)),
    fileOf: (name: string) => databases.fileOf(name),
    copyInto: (dir: string) => databases.copyInto(dir),
  };
  expect(procedures.sumTables(moving, true)).toEqual([{ dbms: 'plant', table: 'readings', strays: 1 }]);
  expect(arrived).toBe(true);
});

test('sums of some buckets alone are those that the same buckets have among all', () => {
  for (const file of [1, 2, 3, 4, 5])
    change(
      'update holdfast_files set time = ? where origin = ? and file = ?',
      `2026-01-0${file}T00:00:00`,
      'peer',
      file,
    );
  const all = { dbms: 'plant', table: 'readings', from: '', to: '~' };
  const within = ['2026-01-02', '2026-01-05'];
  const buckets = procedures.bucketSums(databases, all, within[0]!.length);
  expect(procedures.bucketSums(databases, { ...all, within }, within[0]!.length)).toEqual(
    buckets.filter(({ bucket }) => within.includes(bucket)),
  );
  expect(procedures.fileSums(databases, { ...all, within }).map(({ file }) => file)).toEqual([2, 5]);
});
