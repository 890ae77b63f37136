import { afterEach, beforeEach, expect, test } from 'vitest';
import { sleep, systemClock } from '../../src/base/clock.ts';
import { NetworkFixture } from '../support/network-fixture.ts';
import { waitFor } from '../support/wait.ts';

const DBMS = 'plant';
const TABLE = 'readings';
const OPERATORS = ['op1', 'op2', 'op3'];

let network: NetworkFixture;
beforeEach(async () => {
  network = await NetworkFixture.create();
  await network.start(...OPERATORS, 'query');
  await network.cluster('cluster1', ...OPERATORS);
}, 60_000);
afterEach(() => network.close(), 30_000);

/** What the query node answers, whoever is asked in turn. */
const asked = async (): Promise<{ readonly rows: unknown; readonly behind: unknown }> => {
  const sql = `run client () sql ${DBMS} nodes = all and format = json "select v from ${TABLE} order by v"`;
  const { Query: rows, Behind: behind } = (await network.node('query').json(sql)) as Record<string, unknown>;
  return { rows, behind };
};

const localRows = async (name: string): Promise<unknown> => {
  const reply = await network.node(name).json(`sql ${DBMS} format = json "select v from ${TABLE} order by v"`);
  return (reply as Record<string, unknown>)['Query'];
};

const columns = (name: string): Promise<string> =>
  network.node(name).run(`get columns where dbms = ${DBMS} and table = ${TABLE}`);

test('a table that was dropped while an operator was away is gone there too: each answers the same, also who joins later', async () => {
  const again = '{"v":7}';
  await network.node('op1').put(DBMS, TABLE, again);
  await network.node('op2').put(DBMS, TABLE, '{"v":1}\n{"v":2}');
  for (const name of OPERATORS)
    await waitFor(async () => (await network.localNumber(name, DBMS, `select count(*) from ${TABLE}`)) === 3);
  await network.kill('op3');

  const reply = await network.node('op1').run(`drop table ${TABLE} where dbms = ${DBMS}`);
  expect(reply).toMatch(
    /plant\.readings is dropped on all operators of the cluster [\s\S]*not heard of it yet[^\n]*op3/,
  );
  await waitFor(() =>
    asked().then(
      () => false,
      (caught: unknown) => String(caught).includes('there is no table policy'),
    ),
  );

  // The same data again, and text where numbers were.
  await network.node('op2').put(DBMS, TABLE, '{"v":"abc"}');
  await network.node('op1').put(DBMS, TABLE, again);
  const rows = [{ v: '7' }, { v: 'abc' }];
  await waitFor(async () => JSON.stringify((await asked()).rows) === JSON.stringify(rows));
  const revived = network.revive('op3');
  const isBack = (): Promise<boolean> =>
    Promise.race([revived.then(() => true), sleep(systemClock, 10).then(() => false)]);
  while (!(await isBack())) expect(await asked()).toEqual({ rows, behind: undefined });

  for (const name of OPERATORS)
    await waitFor(async () => JSON.stringify(await localRows(name)) === JSON.stringify(rows));
  await waitFor(() => network.equalData('op3'));
  for (const name of OPERATORS) expect(await columns(name)).toBe(await columns('op1'));
  for (let turn = 0; turn < 6; turn += 1) expect(await asked()).toEqual({ rows, behind: undefined });

  await network.join('op4', 'op1');
  await network.operator('op4', 'cluster1');
  await waitFor(async () => JSON.stringify(await localRows('op4')) === JSON.stringify(rows));
  expect(await columns('op4')).toBe(await columns('op1'));
}, 180_000);
