import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writing } from '../../../src/operator/store/write-procedures.ts';
import type { Column } from '../../../src/topology/topology.ts';
import { leaveReal, sabotage } from '../../support/damage.ts';
import { type FileStoreFixture, openFileStore } from '../../support/file-store-fixture.ts';
import { allRows, selectRows } from '../../support/table-rows.ts';
import { tempDir } from '../../support/temp-dir.ts';

const LIMITS = { files: 100, rows: 100_000 };
const columns = (type: string): readonly Column[] => [
  { name: 'v', type },
  { name: 'at', type: 'timestamp' },
];

describe('a table whose columns have other types in later files', () => {
  let dir: string;
  let fixture: FileStoreFixture;
  const values = async (): Promise<unknown> =>
    (await allRows(fixture.sqlite, 'plant', 'readings')).map(({ row_id: id, v }) => [id, v]);
  const schema = (): Promise<readonly unknown[]> =>
    selectRows(
      fixture.sqlite,
      'plant',
      `select name, sql from sqlite_master where tbl_name = 'readings' order by name`,
    );

  beforeEach(async () => {
    dir = tempDir();
    fixture = await openFileStore({ dir });
  });
  afterEach(() => fixture.close());

  test('text of digits stays text after numbers, and numbers stay numbers after text', async () => {
    await fixture.put('{"v":5}\n{"v":6}\n', { columns: columns('int') });
    const before = await schema();
    await fixture.put('{"v":"007"}\n', { columns: columns('varchar') });
    await fixture.put('{"v":12}\n', { columns: columns('int') });
    expect(await values()).toEqual([
      [1, 5],
      [2, 6],
      [3, '007'],
      [4, 12],
    ]);
    const indexes = (all: readonly unknown[]): unknown =>
      all.filter((one) => !/CREATE TABLE/i.test(JSON.stringify(one)));
    expect(indexes(await schema())).toEqual(indexes(before));
    const checks = await fixture.store.check('own', [[1, 3]], LIMITS);
    expect(checks.map(({ proof }) => proof)).toEqual(['proved', 'proved', 'proved']);
  });

  test('the table is written anew where that is needed and no more, and not for a file that is refused', async () => {
    await fixture.put('{"v":"a"}\n', { columns: columns('varchar') });
    const before = await schema();
    await expect(fixture.put('{"v":1}\n{"v":"x"}\n', { columns: columns('int') })).rejects.toThrow('does not fit');
    await fixture.put('{"v":"b"}\n', { columns: columns('uuid') });
    expect(await schema()).toEqual(before);
    await fixture.put('{"v":2}\n', { columns: columns('int') });
    expect(await schema()).not.toEqual(before);
  });

  test('a database of an earlier version is brought over; values that it changed are mended once', async () => {
    await fixture.put('{"v":5}\n', { columns: columns('int') });
    await fixture.put('{"v":"007"}\n', { columns: columns('varchar') });
    await fixture.store.archived();
    await fixture.close();
    sabotage(join(dir, 'dbms', 'plant.sqlite'), (db) =>
      db.exec(`delete from holdfast_steps; alter table readings rename to old;
        create table readings (row_id integer primary key, insert_timestamp timestamp not null,
          tsd_name char(3) not null, tsd_id int not null, v int, at timestamp);
        insert into readings select * from old; drop table old`),
    );
    fixture = await openFileStore({ dir });
    const [first, second] = await fixture.store.readMany('own', [[1, 2]], { files: 2, bytes: 1_000 });
    expect(await values()).toEqual([
      [1, 5],
      [2, 7],
    ]);
    expect([await fixture.store.repair(first!), await fixture.store.repair(second!)]).toMatchObject([
      { did: 'none' },
      { did: 'rows', changes: [{ was: 'v = 7', now: 'v = "007"' }] },
    ]);
    expect(await fixture.store.repair(second!)).toMatchObject({ did: 'none' });
    expect(await values()).toEqual([
      [1, 5],
      [2, '007'],
    ]);
  });

  test('it is brought over also where nothing is to be mended', async () => {
    await fixture.put('{"v":5}\n', { columns: columns('float') });
    await fixture.put('{"v":6}\n', { columns: columns('int') });
    await fixture.close();
    leaveReal(join(dir, 'dbms', 'plant.sqlite'));
    fixture = await openFileStore({ dir });
    await fixture.put('{"v":7}\n', { columns: [{ name: 'w', type: 'int' }] });
    const types = await selectRows(
      fixture.sqlite,
      'plant',
      'select v, typeof(v) as t from readings where v is not null',
    );
    expect(types).toEqual([
      { v: 5, t: 'integer' },
      { v: 6, t: 'integer' },
    ]);
  });

  test('files of a table that was dropped count for nothing in the one made after it', async () => {
    await fixture.put('{"v":"a"}\n{"v":"5"}\n', { columns: columns('varchar') });
    expect(await fixture.sqlite.write(writing, 'dropTable', 'plant', 'readings')).toBe(true);
    const readings = `select sql from sqlite_master where name = 'readings'`;
    const table = (of: FileStoreFixture): Promise<unknown> => selectRows(of.sqlite, 'plant', readings);
    await fixture.put('{"v":5}\n', { columns: columns('int') });
    const [dropped, later] = await fixture.store.readMany('own', [[1, 2]], { files: 2, bytes: 1_000 });
    for (const order of [
      [dropped!, later!],
      [later!, dropped!],
    ]) {
      const newcomer = await openFileStore({ origin: 'peer' });
      for (const copy of order) await newcomer.store.store([copy], true);
      expect(await table(newcomer)).toEqual(await table(fixture));
      await newcomer.close();
    }
  });

  test('a duplicate of a dropped table makes no table', async () => {
    await fixture.put('{"v":"a"}\n', { columns: columns('varchar') });
    await fixture.sqlite.write(writing, 'dropTable', 'plant', 'readings');
    const newcomer = await openFileStore({ origin: 'peer' });
    const dropped = await fixture.store.readMany('own', [[1, 1]], { files: 1, bytes: 1_000 });
    expect(await newcomer.store.store(dropped, true)).toEqual(['duplicate']);
    const tables = `select name from sqlite_master where name not like 'holdfast%' and type = 'table'`;
    expect(await selectRows(newcomer.sqlite, 'plant', tables)).toEqual([]);
    await newcomer.close();
  });
});
