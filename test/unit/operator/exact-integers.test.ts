import { afterEach, beforeEach, expect, test } from 'vitest';
import { reading } from '../../../src/operator/store/read-procedures.ts';
import { openOperator, type OperatorFixture } from '../../support/operator-fixture.ts';
import { allRows } from '../../support/table-rows.ts';

let fixture: OperatorFixture;
beforeEach(async () => {
  fixture = await openOperator();
});
afterEach(() => fixture.close());

test('integers of 64 bits are exact, also in the copy that is rebuilt from rows', async () => {
  const content = '{"n":9223372036854775807,"m":-9007199254740993}\n{"n":-9223372036854775808}\n';
  const { record } = await fixture.put(content);
  const rows = await allRows(fixture.sqlite, 'plant', 'readings');
  expect(rows.map(({ n }) => n)).toEqual([2n ** 63n - 1n, -(2n ** 63n)]);
  expect(record.columns.map(({ type }) => type)).toEqual(['int', 'int']);
  const [rebuilt] = await fixture.sqlite.read(reading, 'rebuild', [record]);
  expect(Buffer.from(rebuilt?.content ?? []).toString()).toBe(
    '{"n":"9223372036854775807","m":"-9007199254740993"}\n{"n":"-9223372036854775808"}\n',
  );
});
