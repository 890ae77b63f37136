import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writing } from '../../../src/operator/store/write-procedures.ts';
import { rowsText } from '../../conformance/file-store.ts';
import { sabotage } from '../../support/damage.ts';
import { type FileStoreFixture, openFileStore } from '../../support/file-store-fixture.ts';
import { selectRows } from '../../support/table-rows.ts';
import { tempDir } from '../../support/temp-dir.ts';

const LIMITS = { files: 100, rows: 1_000_000 };

describe('rows of a member whose number changes', () => {
  let dir: string;
  let fixture: FileStoreFixture;
  const members = new Map([['own', 9]]);
  const step = (to = members): Promise<boolean> => fixture.sqlite.write(writing, 'renumber', to);
  const names = async (): Promise<unknown> =>
    Object.fromEntries(
      (
        await selectRows(
          fixture.sqlite,
          'plant',
          `select tsd_name || '.' || tsd_id as file, count(*) as rows from readings group by 1`,
        )
      ).map(({ file, rows }) => [file, rows]),
    );
  const proofs = async (): Promise<unknown> =>
    (await fixture.store.check('own', [[1, 9]], LIMITS)).map(({ proof }) => proof);

  beforeEach(async () => {
    dir = tempDir();
    fixture = await openFileStore({ dir });
    for (const from of [1, 2, 3]) await fixture.put(rowsText(from * 100_000, 15_000));
    await fixture.store.archived();
  });
  afterEach(() => fixture.close());

  test('get the new one step by step: meanwhile all are right, files come, and a node that was killed goes on', async () => {
    expect([await step(), await step()]).toEqual([true, true]);
    expect(await names()).toEqual({ '9.1': 15_000, '9.2': 15_000, '7.3': 15_000 });
    await fixture.put(rowsText(0, 5));
    await fixture.store.archived();
    expect(await proofs()).toEqual(['proved', 'proved', 'proved', 'proved']);
    const [third] = await fixture.store.readMany('own', [[3, 3]], { files: 1, bytes: 0 });
    expect(await fixture.store.repair(third!)).toMatchObject({ did: 'none' });
    await fixture.close();
    fixture = await openFileStore({ dir });
    let steps = 0;
    while (await step()) steps += 1;
    expect(steps).toBe(2);
    expect(await names()).toEqual({ '9.1': 15_000, '9.2': 15_000, '9.3': 15_000, '9.4': 5 });
    expect(await proofs()).toEqual(['proved', 'proved', 'proved', 'proved']);
    expect(await step()).toBe(false);
  });

  test('whose record was lost before they got it are not there twice when their file comes again', async () => {
    const [third] = await fixture.store.readMany('own', [[3, 3]], { files: 1, bytes: 0 });
    await step();
    await step();
    await fixture.close();
    sabotage(join(dir, 'dbms', 'plant.sqlite'), (db) => db.exec('delete from holdfast_files where file = 3'));
    fixture = await openFileStore({ dir });
    expect(await fixture.store.store([third!])).toEqual(['stored']);
    expect(await names()).toEqual({ '9.1': 15_000, '9.2': 15_000, '9.3': 15_000 });
    const kept = await selectRows(fixture.sqlite, 'plant', 'select count(*) as n from holdfast_aside');
    expect(kept).toEqual([{ n: 0 }]);
  });

  test('end with the number that the policies say last, also where it changes meanwhile', async () => {
    await step();
    await step();
    const back = new Map([['own', 7]]);
    while (await step(back)) continue;
    expect(await names()).toEqual({ '7.1': 15_000, '7.2': 15_000, '7.3': 15_000 });
    expect(await proofs()).toEqual(['proved', 'proved', 'proved']);
  });
});
