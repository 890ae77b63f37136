import { expect, test } from 'vitest';
import { writing } from '../../../src/operator/store/write-procedures.ts';
import { rowsText } from '../../conformance/file-store.ts';
import { openOperator } from '../../support/operator-fixture.ts';
import { allRows } from '../../support/table-rows.ts';

test('a flush makes a file of what one can hold, at least of the first rows, and leaves the rest in the buffer', async () => {
  const fixture = await openOperator({ updateTsdInfo: false });
  for (const from of [0, 2, 4]) await fixture.stream(rowsText(from, 2));
  const bytes = Buffer.byteLength(`${rowsText(0, 2)}\n`);
  const columns = fixture.registry.tables.get('plant.readings')!;
  const about = { dbms: 'plant', table: 'readings', columns, time: '2026-01-01T00:00:00.000000Z' };
  const flush = async (bytesMax: number): Promise<number> => {
    const batch = { origin: 'own', members: new Map<string, number>(), ownFrom: 1, heard: [] };
    const jobs = [{ kind: 'flush', ...about, bytesMax }] as const;
    const { results } = await fixture.sqlite.write(writing, 'apply', { ...batch, jobs });
    const [result] = results;
    return result?.kind === 'stored' ? result.record.rows : 0;
  };
  expect([await flush(1), await flush(3 * bytes), await flush(3 * bytes)]).toEqual([2, 4, 0]);
  const rows = await allRows(fixture.sqlite, 'plant', 'readings');
  expect(rows.map(({ reading }) => reading)).toEqual([0, 1, 2, 3, 4, 5]);
  await fixture.close();
});
