import { expect, onTestFinished, test } from 'vitest';
import type { Column } from '../../../src/topology/topology.ts';
import { openOperator, type OperatorFixture } from '../../support/operator-fixture.ts';
import { allRows } from '../../support/table-rows.ts';

const withTable = async (columns: readonly Column[]): Promise<OperatorFixture> => {
  const fixture = await openOperator();
  onTestFinished(() => fixture.close());
  fixture.registry.tables.set('plant.readings', columns);
  return fixture;
};

test.each(['Öl', 'Температура', 'ÅNGSTRÖM', 'Plain'])(
  'the column %s of a policy takes file after file',
  async (name) => {
    const fixture = await withTable([{ name, type: 'int' }]);
    await fixture.put(JSON.stringify({ [name]: 1 }));
    await fixture.put(JSON.stringify({ [name]: 2 }));
    expect((await allRows(fixture.sqlite, 'plant', 'readings')).map((row) => row[name])).toEqual([1, 2]);
    expect(fixture.operator.store.holdings().get('own')).toEqual([[1, 2]]);
  },
);

test('a column without a type keeps texts', async () => {
  const fixture = await withTable([{ name: 'reading', type: '' }]);
  await fixture.put('{"reading":"007"}');
  expect((await allRows(fixture.sqlite, 'plant', 'readings')).map(({ reading }) => reading)).toEqual(['007']);
});
