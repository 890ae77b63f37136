import { afterEach, beforeEach, expect, test } from 'vitest';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contentHash } from '../../../src/operator/file-order.ts';
import { RowMapper } from '../../../src/operator/mapping.ts';
import { sha256Hex } from '../../../src/codec/hash.ts';
import type { SqlValue } from '../../../src/sqlite/sqlite.ts';
import { openOperator, type OperatorFixture } from '../../support/operator-fixture.ts';
import { allRows } from '../../support/table-rows.ts';
import { waitFor } from '../../support/wait.ts';

let fixture: OperatorFixture;
beforeEach(async () => {
  fixture = await openOperator();
});
afterEach(() => fixture.close());

const CLASH = '{"a b":1}\n{"a b":2,"A_B":3,"x":null}';

test.each([false, true])('attributes of a row that are one column lose no value; table there: %s', async (known) => {
  if (known) await fixture.put('{"a_b":7}');
  for (const send of [() => fixture.put(CLASH), () => fixture.stream(CLASH)])
    await expect(send()).rejects.toMatchObject({
      code: 'INGEST_ROW_COLUMN_TWICE',
      message: 'line 2: the attributes "a b" and "A_B" are one column, a_b, and a row has one value in it',
      data: { line: 2 },
    });
  expect([...fixture.registry.tables.keys()]).toEqual(known ? ['plant.readings'] : []);
  const [kept = ''] = (await readdir(fixture.options.errDir)).filter((name) => name.includes('err_'));
  expect(await readFile(join(fixture.options.errDir, kept), 'utf8')).toBe(CLASH);
  expect(fixture.operator.failing().files).toBe(1);
});

test('a file of the watch directory goes to the error directory, whole', async () => {
  await fixture.drop('plant.readings.json', CLASH);
  await waitFor(() => fixture.operator.status().failed === 1);
  expect(fixture.operator.failures(1)[0]?.text).toMatch(/"a b" and "A_B" are one column, a_b/);
});

test('rows that name the column differently, or once with a value, are taken', async () => {
  await fixture.put('{"a b":1}\n{"A_B":2,"a b":null}\n{"a_b":null,"a b":3}');
  expect((await allRows(fixture.sqlite, 'plant', 'readings')).map((row) => row['a_b'])).toEqual([1, 2, 3]);
});

test('a copy of what another version has stored is taken as it was, and the value that went is counted', async () => {
  const columns = [{ name: 'a_b', type: 'int' }];
  const content = Buffer.from(CLASH);
  const about = { dbms: 'plant', table: 'readings', source: '0', instructions: '0', columns, rows: 2 };
  const digests = { hash: contentHash('plant', 'readings', content), digest: sha256Hex(content) };
  const record = {
    origin: 'peer',
    file: 1,
    ...about,
    ...digests,
    time: '2026-01-01T00:00:00.000000Z',
    status: 'stored',
  } as const;
  await fixture.operator.store.store([{ record, content, rebuilt: false }]);
  expect((await allRows(fixture.sqlite, 'plant', 'readings')).map((row) => row['a_b'])).toEqual([1, 3]);
  expect(fixture.operator.status().leftOut).toBe(2);
});

test('the mapping of stored data takes the last value', () => {
  const mapper = new RowMapper([{ name: 'a_b', type: 'int' }]);
  const into: SqlValue[] = [];
  mapper.map({ 'a b': 1, a_b: 2, A_B: 3 }, 1, '', into);
  expect([into, mapper.leftOut]).toEqual([[3], 2]);
});
