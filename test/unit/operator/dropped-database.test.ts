import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rowsText } from '../../conformance/file-store.ts';
import { openOperator } from '../../support/operator-fixture.ts';
import { selectRows } from '../../support/table-rows.ts';
import { waitFor } from '../../support/wait.ts';

test('own numbers go on from where it is said', async () => {
  const fixture = await openOperator();
  fixture.operator.store.numberFrom(1_000);
  expect((await fixture.put(rowsText(0, 2))).record.file).toBe(1_000);
  await fixture.close();
});

test('the numbers of a database that was dropped are not given again: the peers know them', async () => {
  const before = await openOperator();
  await before.put(rowsText(0, 2));
  await before.put(rowsText(2, 2));
  await waitFor(async () => (await selectRows(before.sqlite, 'almgm', 'select * from tsd_info')).length === 2);
  // Not `before.close()`, which takes the directory along.
  await before.operator.close();
  await before.sqlite.close();
  for (const end of ['', '-wal', '-shm']) await rm(join(before.dir, 'dbms', `plant.sqlite${end}`), { force: true });
  const after = await openOperator({ dir: before.dir });
  // Less than what is known here does not count.
  after.operator.store.numberFrom(2);
  expect((await after.put(rowsText(4, 2))).record.file).toBe(3);
  await after.close();
});
