import { afterEach, expect, test } from 'vitest';
import type { TableDrop } from '../../../src/topology/topology.ts';
import { rowsText } from '../../conformance/file-store.ts';
import { openOperator, type OperatorFixture } from '../../support/operator-fixture.ts';
import { selectRows } from '../../support/table-rows.ts';
import { waitFor } from '../../support/wait.ts';

const dropOf = (id: string, own: number): TableDrop => ({
  ...{ id, dbms: 'plant', table: 'readings' },
  files: new Map([['own', own]]),
});

let fixture: OperatorFixture;
let drops: readonly TableDrop[] = [];
const atOnce = (): Promise<void> => Promise.resolve();
let heard = atOnce;
afterEach(async () => {
  drops = [];
  heard = atOnce;
  await fixture.close();
});

const open = async (): Promise<void> => {
  fixture = await openOperator({ ports: { drops: () => drops, heard: () => heard() } });
};

/** What a person finds who asks when all is done. */
const settled = async (): Promise<unknown[]> => {
  fixture.operator.refresh();
  await waitFor(() => drops.every(({ id }) => fixture.operator.drops.isApplied(id)));
  return (await selectRows(fixture.sqlite, 'plant', 'select reading from readings order by reading')).map(
    ({ reading }) => reading,
  );
};

test('the same data is new from the moment that a drop is heard of, though it has not begun: nothing acknowledged goes with it', async () => {
  await open();
  await fixture.put(rowsText(0, 2));
  drops = [dropOf('drop', 1)];
  expect(await fixture.put(rowsText(0, 2))).toMatchObject({ duplicate: false, record: { file: 2 } });
  expect(await settled()).toEqual([0, 1]);
});

test('a drop that has not begun keeps new data off the numbers that it names', async () => {
  await open();
  drops = [dropOf('drop', 10)];
  expect((await fixture.put(rowsText(0, 2))).record.file).toBe(11);
  expect(await settled()).toEqual([0, 1]);
});

test('data waits until the policies say what others may know this node has heard of', async () => {
  await open();
  await fixture.put(rowsText(0, 2));
  const asked = Promise.withResolvers<undefined>();
  const read = Promise.withResolvers<undefined>();
  heard = async () => {
    asked.resolve(undefined);
    await read.promise;
  };
  const again = fixture.put(rowsText(0, 2));
  await asked.promise;
  drops = [dropOf('drop', 1)];
  read.resolve(undefined);
  expect((await again).duplicate).toBe(false);
  expect(await settled()).toEqual([0, 1]);
});
