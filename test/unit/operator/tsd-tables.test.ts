import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rowsText } from '../../conformance/file-store.ts';
import type { OperatorOptions } from '../../../src/operator/operator.ts';
import { openOperator, type OperatorFixture } from '../../support/operator-fixture.ts';
import { allRows, selectRows } from '../../support/table-rows.ts';
import { waitFor } from '../../support/wait.ts';

let fixture: OperatorFixture;
beforeEach(async () => {
  fixture = await openOperator();
});
afterEach(() => fixture.close());

describe('TSD tables', () => {
  const tsd = (table: string) => selectRows(fixture.sqlite, 'almgm', `select * from ${table} order by file_id`);

  test('follow from the records, by member; a duplicate shows as one', async () => {
    const { record } = await fixture.put(rowsText(0, 2));
    await waitFor(async () => (await tsd('tsd_info')).length === 1);
    expect(await tsd('tsd_info')).toEqual([
      {
        file_id: 1,
        dbms_name: 'plant',
        table_name: 'readings',
        source: 'test',
        file_hash: record.hash,
        instructions: '0',
        file_time: `${record.time.slice(0, 10)} ${record.time.slice(11, 26)}`,
        rows: 2,
        status1: '0',
        status2: '0',
      },
    ]);
    const copy = await fixture.operator.store.read('own', 1);
    await fixture.operator.store.store([
      { ...copy, record: { ...record, origin: 'peer', file: 5, time: '2020-01-01T00:00:00.000000Z' } },
    ]);
    await waitFor(async () => (await tsd('tsd_8')).length === 1);
    expect(await tsd('tsd_8')).toMatchObject([{ file_id: 5, rows: 2, status2: '0' }]);
    expect(await tsd('tsd_info')).toMatchObject([{ file_id: 1, rows: 0, status2: 'duplicate' }]);
  });

  test('are completed at the start, and renumbered with their rows when a member number changes', async () => {
    fixture = await fixture.restarted({ updateTsdInfo: false });
    await fixture.put(rowsText(0, 2));
    await fixture.operator.close();
    expect(await tsd('tsd_info')).toEqual([]);
    fixture = await openRenumbered(fixture);
    await waitFor(async () => (await tsd('tsd_info')).length === 1);
    await waitFor(async () =>
      (await allRows(fixture.sqlite, 'plant', 'readings')).every((row) => row['tsd_name'] === '99'),
    );
  });

  test('show what is in a database that was made anew since, whose records count from 1 again', async () => {
    for (const at of [0, 10, 20]) await fixture.put(rowsText(at, 2));
    await waitFor(async () => (await tsd('tsd_info')).length === 3);
    await fixture.operator.close();
    await fixture.sqlite.close();
    for (const end of ['', '-wal', '-shm']) rmSync(join(fixture.dir, 'dbms', `plant.sqlite${end}`), { force: true });
    const { tables } = fixture.registry;
    fixture = await openOperator({ dir: fixture.dir });
    for (const [name, columns] of tables) fixture.registry.tables.set(name, columns);
    expect((await fixture.put(rowsText(30, 2))).record.file).toBe(4);
    await waitFor(async () => (await tsd('tsd_info')).length === 4);
  });

  test('rows are renumbered also where there are no TSD tables', async () => {
    fixture = await fixture.restarted({ updateTsdInfo: false });
    await fixture.put(rowsText(0, 2));
    fixture = await openRenumbered(fixture, { updateTsdInfo: false });
    await waitFor(async () =>
      (await allRows(fixture.sqlite, 'plant', 'readings')).every((row) => row['tsd_name'] === '99'),
    );
    expect(await tsd('tsd_info')).toEqual([]);
  });
});

const openRenumbered = async (
  old: OperatorFixture,
  change: Partial<OperatorOptions> = {},
): Promise<OperatorFixture> => {
  await old.operator.close();
  await old.sqlite.close();
  const opened = await openOperator({ ...change, dir: old.dir, ports: { members: () => new Map([['own', 99]]) } });
  for (const [name, columns] of old.registry.tables) opened.registry.tables.set(name, columns);
  return opened;
};
