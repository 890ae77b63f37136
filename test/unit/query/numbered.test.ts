import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { writing } from '../../../src/operator/store/write-procedures.ts';
import { procedures as query } from '../../../src/query/procedures.ts';
import { whereNumbered } from '../../../src/query/numbered.ts';
import { column } from '../../../src/query/sql/ast.ts';
import { ReadDirectory, WriteDirectory } from '../../../src/sqlite/databases.ts';
import type { ProcedureModule, WriteDatabases } from '../../../src/sqlite/sqlite.ts';
import { rowsText } from '../../conformance/file-store.ts';
import { openFileStore } from '../../support/file-store-fixture.ts';
import { QueryWorld, request } from '../../support/query-world.ts';

const NEW = new Map([['own', 9]]);
const OLD = new Map([['own', 7]]);
const NOT_NUMBERED = expect.objectContaining({ code: 'QUERY_OPERATOR_NOT_FILLED' }) as Error;

const openNumbered = async () => {
  const store = await openFileStore();
  await store.put(rowsText(1, 3));
  const options = { dir: join(store.dir, 'dbms'), clock: systemClock, durable: false };
  const reader = new ReadDirectory(options);
  const writer = new WriteDirectory(options);
  onTestFinished(async () => {
    reader.close();
    writer.close();
    await store.close();
  });
  const ask = (where: string, members?: ReadonlyMap<string, number>): unknown => {
    const sql = `select count(*) from readings where ${where}`;
    const chunks = query.select(reader, { dbms: 'plant', sql, nowMicros: 0, timeoutMs: 10_000, members });
    return JSON.parse(Buffer.from(chunks.next().value?.bytes ?? []).toString()) as unknown;
  };
  return { reader, ask, step: () => writing.procedures.renumber(writer, NEW) };
};

test('rows are chosen by member numbers only while all of them carry those that the policies say', async () => {
  const { ask, step } = await openNumbered();
  const byOld = `reading > 0 and (tsd_name = '7' and tsd_id between 1 and 1)`;
  const byNew = `reading > 0 and (tsd_name = '9' and tsd_id between 1 and 1)`;
  expect(ask(byOld, OLD)).toEqual([[3]]);
  // The policies have changed, and it has not begun yet.
  expect(() => ask(byNew, NEW)).toThrow(NOT_NUMBERED);
  step();
  expect(() => ask(byNew, NEW)).toThrow(NOT_NUMBERED);
  expect(() => ask(byOld, OLD)).toThrow(NOT_NUMBERED);
  // What does not look at numbers is answered, and so is whoever asks the databases of the node itself.
  expect(ask('reading > 0', NEW)).toEqual([[3]]);
  expect(ask(byOld)).toEqual([[3]]);
  while (step()) continue;
  expect(ask(byNew, NEW)).toEqual([[3]]);
});

test('rows that are renumbered while they are read are read as they were', async () => {
  const { reader, step } = await openNumbered();
  const connection = reader.read('plant');
  const read = function* (): Generator<unknown, undefined, undefined> {
    while (step()) continue;
    yield connection.get('select distinct tsd_name from readings')?.[0];
    return undefined;
  };
  expect([...whereNumbered(connection, column('tsd_name'), OLD, read)]).toEqual(['7']);
  expect(connection.get('select distinct tsd_name from readings')?.[0]).toBe('9');
});

const procedures = {
  number: (databases: WriteDatabases, origin: string, member: number): void =>
    databases.write('sensors').exec(
      `create table if not exists holdfast_origins (origin text primary key, member integer not null);
       insert or replace into holdfast_origins values ('${origin}', ${member})`,
    ),
};
const numbering: ProcedureModule<typeof procedures> = { module: import.meta.url, procedures };

test('committed = true: an operator whose rows do not carry the numbers of now is passed over', async () => {
  const world = await QueryWorld.create({ east: ['e1', 'e2'] });
  onTestFinished(() => world.close());
  for (const name of ['e1', 'e2']) {
    world.node(name).held = new Map([['e2', [[1, 1]]]]);
    await world.node(name).rows([{ member: name === 'e1' ? 5 : 2, file: 1 }]);
    await world.node(name).sqlite.write(numbering, 'number', 'e2', name === 'e1' ? 5 : 2);
  }
  world.committed.set('east', new Map([['e2', [[1, 1]]]]));
  const count = async (committed: boolean): Promise<unknown> =>
    (await world.ask('select count(*) from readings', { committed })).rows;
  expect(await count(true)).toEqual([[1]]);
  // So is the one that runs where it is asked.
  await world.node('e1').network.dial({ address: world.node('e2').network.address });
  const own = await world.node('e1').service.network(request('select count(*) from readings', { committed: true }));
  expect([...own.rows]).toEqual([[1]]);
  await world.node('e2').sqlite.write(numbering, 'number', 'e2', 5);
  await expect(count(true)).rejects.toMatchObject({ code: 'QUERY_CLUSTER_UNAVAILABLE' });
  expect(await count(false)).toEqual([[1]]);
});
