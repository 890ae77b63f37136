import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import type { Batch } from '../../../src/operator/store/jobs.ts';
import type { TableDrop } from '../../../src/topology/topology.ts';
import { copyOf, rowsText } from '../../conformance/file-store.ts';
import { openOperator, type OperatorFixture } from '../../support/operator-fixture.ts';
import { selectRows } from '../../support/table-rows.ts';
import { waitFor } from '../../support/wait.ts';

let fixture: OperatorFixture;
let heard: readonly TableDrop[] = [];
afterEach(async () => {
  heard = [];
  await fixture.close();
});

const open = async (): Promise<void> => {
  fixture = await openOperator({ ports: { drops: () => heard } });
};

const hear = async (files: Readonly<Record<string, number>>): Promise<void> => {
  heard = [
    ...heard,
    { id: `drop-${heard.length}`, dbms: 'plant', table: 'readings', files: new Map(Object.entries(files)) },
  ];
  fixture.operator.refresh();
  await waitFor(() => heard.every(({ id }) => fixture.operator.drops.isApplied(id)));
};

const tables = async (): Promise<unknown[]> =>
  (await selectRows(fixture.sqlite, 'plant', `select name from sqlite_master where type = 'table'`)).map(
    ({ name }) => name,
  );

const readings = async (): Promise<unknown[]> =>
  (await selectRows(fixture.sqlite, 'plant', 'select reading from readings order by reading')).map(
    ({ reading }) => reading,
  );

test('a table is gone with its columns, the numbers stay, and the same file is new data', async () => {
  await open();
  const before = await fixture.put('{"reading":1,"old":"x"}');
  await hear({ own: 1 });
  expect(await tables()).not.toContain('readings');
  expect(await fixture.operator.store.sums.tables(true)).toEqual([]);
  expect(fixture.operator.store.holdings().get('own')).toEqual([[1, 1]]);
  expect(fixture.operator.status()).toMatchObject({ files: 1, rows: 0, duplicates: 1 });
  fixture.registry.tables.clear();
  const again = await fixture.put('{"reading":1,"old":"x"}');
  expect(again).toMatchObject({ duplicate: false, record: { file: 2, hash: before.record.hash } });
  expect(await readings()).toEqual([1]);
});

test('what is not named was not known to whoever dropped it: it stays, and queries find it', async () => {
  await open();
  await fixture.put(rowsText(0, 2));
  await fixture.operator.store.store([copyOf('peer', 1, rowsText(5, 2)), copyOf('peer', 2, rowsText(8, 1))]);
  fixture.registry.tables.clear();
  await hear({ own: 1, peer: 1 });
  expect(await readings()).toEqual([8]);
  expect(fixture.registry.isHeld('plant', 'readings')).toBe(true);
});

test('a file that it names comes without its rows, also from who has not heard of it, and makes the first database', async () => {
  await open();
  await hear({ peer: 1 });
  expect(await readdir(join(fixture.dir, 'dbms')).catch(() => [])).not.toContain('plant.sqlite');
  expect(fixture.operator.drops.isDropping('plant', () => 'readings')).toBe(false);
  expect(await fixture.operator.store.store([copyOf('peer', 1, rowsText(0, 2))])).toEqual(['duplicate']);
  expect(await tables()).not.toContain('readings');
  // As if it had been there.
  fixture = await fixture.restarted();
  fixture.operator.refresh();
  await waitFor(() => fixture.operator.drops.isApplied('drop-0'));
  expect(fixture.operator.status()).toMatchObject({ files: 1, rows: 0, duplicates: 1 });
});

test('many that are heard of at once share transactions, and after the first data none begins with them again', async () => {
  await open();
  const writes = vi.spyOn(fixture.sqlite, 'write');
  const calls = (): readonly (readonly unknown[])[] => writes.mock.calls;
  const batches = () => calls().flatMap(([, name, batch]) => (name === 'apply' ? [batch as Batch] : []));
  heard = Array.from({ length: 100 }, (_, at) => ({
    ...{ id: `drop-${at}`, dbms: 'plant', table: `t${at}`, files: new Map([['peer', at + 1]]) },
  }));
  fixture.operator.refresh();
  await waitFor(() => heard.every(({ id }) => fixture.operator.drops.isApplied(id)));
  expect(batches().length).toBeLessThan(10);
  await fixture.put(rowsText(0, 1));
  expect(batches().at(-1)?.heard).toHaveLength(100);
  await fixture.put(rowsText(5, 1));
  expect(batches().at(-1)?.heard).toEqual([]);
});

test('a file that came since with the same content, as a duplicate, has the rows from then on', async () => {
  await open();
  await fixture.put(rowsText(3, 2));
  const { store } = fixture.operator;
  const time = '2099-01-01T00:00:00.000000Z';
  expect(await store.store([copyOf('peer', 1, rowsText(3, 2), { time })])).toEqual(['duplicate']);
  await hear({ own: 1 });
  expect(await readings()).toEqual([3, 4]);
  expect(await store.records('peer', [[1, 1]], 1)).toMatchObject([{ status: 'stored', rows: 2 }]);
  expect(fixture.operator.status()).toMatchObject({ files: 2, rows: 2, duplicates: 1 });
});

test('rows that were acknowledged into the buffer survive, though no policy says their columns any more', async () => {
  await open();
  await fixture.put(rowsText(0, 2));
  await fixture.stream(rowsText(7, 2));
  fixture.registry.tables.clear();
  await hear({ own: 1 });
  await fixture.operator.flush();
  expect(await readings()).toEqual([7, 8]);
  expect(fixture.operator.status().failed).toBe(0);
});

test('own numbers go on behind those that it names: new data would be dropped with them', async () => {
  await open();
  await hear({ own: 10 });
  expect((await fixture.put(rowsText(0, 2))).record.file).toBe(11);
  expect(await readings()).toEqual([0, 1]);
});

test('no number is given twice where numbers are used up', async () => {
  await open();
  fixture.operator.store.numberFrom(Number.MAX_SAFE_INTEGER - 1);
  expect((await fixture.put(rowsText(0, 2))).record.file).toBe(Number.MAX_SAFE_INTEGER - 1);
  for (const at of [5, 8])
    await expect(fixture.put(rowsText(at, 2))).rejects.toMatchObject({ code: 'FILE_NUMBERS_USED_UP' });
  expect(await readings()).toEqual([0, 1]);
});

test('queries of the table are not answered until it is gone, those of others are', async () => {
  await open();
  await fixture.put(rowsText(0, 2));
  heard = [{ id: 'drop', dbms: 'plant', table: 'readings', files: new Map([['own', 1]]) }];
  const { drops } = fixture.operator;
  expect([drops.isDropping('plant', () => 'readings'), drops.isDropping('plant', () => 'others')]).toEqual([
    true,
    false,
  ]);
  await hear({});
  expect(drops.isDropping('plant', () => 'readings')).toBe(false);
});

test('is not applied again after a start, and is applied to a database that has not seen it', async () => {
  await open();
  await fixture.put(rowsText(0, 2));
  await hear({ own: 1 });
  fixture = await fixture.restarted();
  expect(fixture.operator.drops.isApplied('drop-0')).toBe(true);
  heard = heard.map((drop) => ({ ...drop, dbms: 'other' }));
  expect(fixture.operator.drops.isApplied('drop-0')).toBe(false);
});

const dropOf = (id: string, table: string, files: Readonly<Record<string, number>> = {}): TableDrop => ({
  id,
  dbms: 'plant',
  table,
  files: new Map(Object.entries(files)),
});
/** No operator takes data, and so no drop, for this database. */
const impossible: TableDrop = { ...dropOf('impossible', 'tsd_info'), dbms: 'almgm' };

test('a drop that cannot be applied holds no other up, and the failure names it', async () => {
  await open();
  await fixture.put(rowsText(0, 2));
  heard = [impossible, dropOf('drop', 'readings', { own: 1 })];
  fixture.operator.refresh();
  const { drops } = fixture.operator;
  await waitFor(() => drops.isApplied('drop'));
  expect(await tables()).not.toContain('readings');
  expect(drops.failure).toMatch(/^almgm\.tsd_info was dropped and is not gone yet: /);
  expect(drops.isApplied('impossible')).toBe(false);
});

test('a table that may not be declared again is dropped all the same, and declared when that is possible', async () => {
  await open();
  await fixture.put(rowsText(0, 2));
  await fixture.put(rowsText(5, 2));
  fixture.registry.tables.clear();
  const { registry } = fixture;
  const declare = registry.declare.bind(registry);
  registry.declare = () => Promise.reject(new Error('not authorised'));
  heard = [dropOf('drop', 'readings', { own: 1 }), dropOf('other', 'others')];
  fixture.operator.refresh();
  const { drops } = fixture.operator;
  await waitFor(() => drops.isApplied('drop') && drops.isApplied('other'));
  expect(await readings()).toEqual([5, 6]);
  await waitFor(() => drops.failure !== undefined);
  expect(drops.failure).toMatch(/^queries do not find what came to plant\.readings .*not authorised/);
  registry.declare = declare;
  fixture.operator.refresh();
  await waitFor(() => registry.isHeld('plant', 'readings'));
  await waitFor(() => drops.failure === undefined);
});

test('all drops begin before any goes on: the same data is new while one before it has not ended', async () => {
  await open();
  await fixture.put(rowsText(0, 2));
  await fixture.put(rowsText(5, 2), 'others');
  await fixture.put(rowsText(8, 2), 'others');
  const { registry } = fixture;
  registry.tables.delete('plant.others');
  const asked = Promise.withResolvers();
  const held = Promise.withResolvers();
  const declare = registry.declare.bind(registry);
  registry.declare = async (...args) => {
    if (args[1] === 'others') {
      asked.resolve(undefined);
      await held.promise;
    }
    return declare(...args);
  };
  heard = [dropOf('first', 'others', { own: 2 }), dropOf('second', 'readings', { own: 1 })];
  fixture.operator.refresh();
  await asked.promise;
  const again = await fixture.put(rowsText(0, 2)).finally(() => held.resolve(undefined));
  expect(again.duplicate).toBe(false);
  await waitFor(() => heard.every(({ id }) => fixture.operator.drops.isApplied(id)));
  expect(await readings()).toEqual([0, 1]);
});
