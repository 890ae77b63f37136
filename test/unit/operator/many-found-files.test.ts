import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { FileRecord } from '../../../src/operator/file-record.ts';
import { copyOf, rowsText } from '../../conformance/file-store.ts';
import { sabotage } from '../../support/damage.ts';
import { openFileStore } from '../../support/file-store-fixture.ts';

/** More than a function takes arguments. */
const FILES = 130_000;

test('a database that is found to hold any number of files more than was known is taken up', async () => {
  const fixture = await openFileStore();
  await fixture.store.store([copyOf('peer', 1, rowsText(0, 1))]);
  sabotage(join(fixture.dir, 'dbms', 'plant.sqlite'), (db) =>
    db.exec(`
      create temp table more as select * from holdfast_files;
      with recursive files(number) as (select 2 union all select number + 1 from files where number < ${FILES})
      insert into holdfast_files select origin, number, table_name, source, instructions, hash, digest, time, 0, mapping,
        'duplicate', null, null, number + 1000 from temp.more, files`),
  );
  const { promise, resolve } = Promise.withResolvers<readonly FileRecord[]>();
  fixture.store.notices.on('file:stored', resolve);
  fixture.queue.lookAgain();
  const news = await promise;
  expect(news.length).toBe(FILES - 1);
  expect([...fixture.store.holdings()]).toEqual([['peer', [[1, FILES]]]]);
  await fixture.close();
});
