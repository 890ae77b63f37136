import { expect, test } from 'vitest';
import { writing } from '../../../src/operator/store/write-procedures.ts';
import { type FileStoreFixture, openFileStore } from '../../support/file-store-fixture.ts';
import { selectRows } from '../../support/table-rows.ts';

const columns = (type: string): readonly { name: string; type: string }[] => [{ name: 'v', type }];
const typeOf = (fixture: FileStoreFixture): Promise<unknown> =>
  selectRows(fixture.sqlite, 'plant', `select lower(type) as type from pragma_table_info('readings') where name = 'v'`);

test.each(['varchar', 'int'])('a table that was dropped is made again, as %s', async (type) => {
  const fixture = await openFileStore();
  await fixture.put('{"v":"a"}\n', { columns: columns('varchar') });
  await fixture.sqlite.write(writing, 'dropTable', 'plant', 'readings');
  await fixture.sqlite.write(writing, 'createTable', 'plant', 'readings', columns(type));
  expect(await typeOf(fixture)).toEqual([{ type }]);
  await fixture.close();
});
