import { beforeEach, expect, test, vi } from 'vitest';
import { createSession, type CommandOutput } from '../../../src/command/executor.ts';
import type { PeerReplication, Scrubbing, ScrubStatus } from '../../../src/replication/replication.ts';
import { type CommandNode, type CommandNodes, commandNodes } from '../../support/command-node.ts';

let nodes: CommandNodes;
let node: CommandNode;
beforeEach(async () => {
  nodes = commandNodes();
  node = await nodes.add({ address: '172.105.60.50:32148', name: 'op1' });
  await node.run('blockchain insert where policy = {"cluster": {"company": "c", "name": "k"}}');
  await node.run('cid = blockchain get cluster bring.first [*][id]');
  await node.run(
    'blockchain insert where policy = {"operator": {"company": "c", "name": "op1", "ip": "172.105.60.50", "port": 32148, "cluster": !cid}}',
  );
  for (const command of ['run operator', 'run data distributor', 'run data consumer']) await node.run(command);
});

const running = () => {
  const { operator } = node.parts;
  if (operator === undefined) throw new Error('no operator runs');
  return operator;
};

/** A user who may reach these tables of the database `plant`. */
const guest = async (tables: readonly string[], at = () => node): Promise<(line: string) => Promise<CommandOutput>> => {
  const enable = ['get', 'test', 'run client', 'query status', 'blockchain query metadata'];
  const value = { name: `of ${tables.join(' ')}`, enable, databases: ['plant'], tables };
  const { json } = await node.run(`blockchain insert where policy = ${JSON.stringify({ permissions: value })}`);
  const { id } = (json as { readonly permissions: { readonly id: string } }).permissions;
  const person = { by: 'user', name: 'ann', admin: false, permissions: id } as const;
  return (line) => at().run(line, createSession({ isolated: true, caller: 'rest', person }));
};
/** A peer whose last error, and a scrub whose deeds, are of several tables. */
const failing: PeerReplication = {
  ...{ operator: 'o2', name: 'op2', member: 2, connected: true, filesBehind: 0, filesAhead: 0, lagMs: 0, sent: 0 },
  ...{
    filesAway: 0,
    filesLeaving: 0,
    filesArriving: 0,
    received: 0,
    lastExchange: undefined,
    lastError: 'a row of plant.wages: oops',
    lacking: new Map(),
  },
};
const deed = (table: string): ScrubStatus['deeds'][number] => ({
  ...{ operator: 'o', origin: 'o', file: 1, table, did: 'rows', from: 'o2', why: `${table}: a digest`, time: '' },
  ...{ rows: 1, changed: 1, changes: [{ row: 1, change: 'changed', was: `"${table}"`, now: '' }] },
});
const scrubbing: Scrubbing = {
  status: () => ({
    ...{ looked: 1, files: 2, rows: 3, passes: 1, lastPass: undefined, found: 2, mended: 2 },
    deeds: [deed('plant.wages'), deed('plant.sensors')],
    strays: ['wages', 'sensors'].map((table) => ({ dbms: 'plant', table, rows: [1], count: 1 })),
    lastError: 'plant.wages is damaged',
  }),
  runNow: () => {},
  repairAll: () => Promise.reject(new Error('nothing is mended here')),
};
const shown = ({ text, json }: CommandOutput): string => `${text}${JSON.stringify(json)}`;

test('faults and counts of an operator show what lies in tables that the caller may reach', async () => {
  const operator = running();
  const about = { dbms: 'plant', line: 1, time: new Date(node.context.clock.wallMs()).toISOString() };
  operator.failed = ['wages', 'sensors', 'refused'].map((table) => ({
    ...{ ...about, table, path: `/e/plant.${table}.json`, refused: table === 'refused' },
    ...{ code: table === 'wages' ? 'INGEST_JSON' : 'INGEST_VALUE', text: `"of_${table}":oops` },
  }));
  const threshold = { seconds: 60, bytes: 10, writeImmediate: false };
  const counts = { filePuts: 1, fileRows: 1, streamingPuts: 0, streamingRows: 0, rows: 0, bytes: 0, secondsLeft: 0 };
  operator.buffered = ['wages', 'sensors'].map((table) => ({
    ...{ dbms: 'plant', table, threshold, ...counts, secondsSinceFlush: undefined },
  }));
  const status = operator.status();
  vi.spyOn(operator, 'status').mockImplementation(() => ({
    ...status,
    ...{ failed: 2, lastFailure: operator.failed[0], setAside: ['/d/wages.dbms.1'], leftInWatch: ['plant.wages.csv'] },
    watchFailure: 'plant.wages.json cannot be read',
  }));
  node.parts.peers = [failing];
  node.parts.scrubber = scrubbing;
  vi.spyOn(operator.store, 'damages').mockImplementation(() => [
    { origin: 'o', file: 3, dbms: 'plant', table: 'wages', text: 'a row of wages differs' },
  ]);
  const lines = [
    ...['get status', 'get processes', 'get consumer', 'get distributor', 'get operator', 'get operator summary'],
    ...['get operator error', 'get operator inserts', 'get operator where format = json', 'get scrub'],
  ];
  const ann = await guest(['sensors']);
  for (const line of lines) {
    expect(shown(await ann(line)), line).not.toContain('wages');
    expect(shown(await node.run(line)), line).toContain('wages');
  }
  // What was refused is listed, but no fault: its sender was told.
  expect((await node.run('get operator error')).text).toContain('plant.refused.json');
  const fault =
    'Fault FILES_FAILED: 2 files of the last day lie in the error directory, newest of a table out of your reach: INGEST_JSON';
  expect((await ann('get status')).text).toContain(fault);
  for (const line of ['get operator error', 'get operator inserts', 'get scrub'])
    expect((await ann(line)).text).toContain('sensors');
  expect((await ann('get operator')).text).toMatch(/Left In Watch Dir +\| *1\|/);
  expect(JSON.stringify((await ann('get operator')).json)).toContain('of_sensors');
});

const twoTables = async (): Promise<void> => {
  for (const table of ['wages', 'sensors']) {
    const create = `CREATE TABLE ${table} (a int)`;
    await node.run(
      `blockchain insert where policy = {"table": {"dbms": "plant", "name": "${table}", "create": "${create}"}}`,
    );
    await node.run(
      `blockchain insert where policy = {"cluster": {"company": "c", "name": "k", "parent": !cid, "table": [{"dbms": "plant", "name": "${table}"}]}}`,
    );
    await node.run(`create table ${table} where dbms = plant`);
  }
};

test('lists of tables show what the caller may reach; a table out of reach that is named is refused', async () => {
  await twoTables();
  const ann = await guest(['sensors']);
  const lists = ['get data nodes', 'get virtual tables', 'get virtual tables info', 'get rows count', 'get tables'];
  for (const list of lists) {
    const ofAll = list === 'get tables' ? `${list} where dbms = *` : list;
    for (const line of [ofAll, `${list} where dbms = plant`]) {
      expect(shown(await ann(line)), line).not.toContain('wages');
      expect(shown(await ann(line)), line).toContain('sensors');
      expect(shown(await node.run(line)), line).toContain('wages');
    }
    if (list === 'get tables') continue;
    await ann(`${list} where dbms = plant and table = sensors`);
    const named = ann(`${list} where dbms = plant and table = wages`);
    await expect(named, list).rejects.toMatchObject({ code: 'ACCESS_REFUSED' });
  }
  const cluster = await ann('get cluster info');
  expect(shown(cluster)).not.toContain('wages');
  expect(shown(cluster)).toContain('sensors');
  expect(shown(await node.run('get cluster info'))).toContain('wages');
});

test('what another node lists is for who may reach all of it: that node leaves out nothing', async () => {
  await twoTables();
  const other = await nodes.add();
  const ann = await guest(['*', '-plant.wages'], () => other);
  await other.policies.caughtUp();
  const lists = [
    ...['get tables where dbms = *', 'get tables where dbms = plant', 'get data nodes', 'get virtual tables'],
    ...['get virtual tables info', 'get rows count', 'get rows count where dbms = plant', 'blockchain query metadata'],
    ...['get cluster info', 'get tsd details', 'get tsd summary', 'get tsd errors', 'get tsd sums', 'get streaming'],
    ...['get operator', 'get operator inserts', 'get scrub', 'get consumer', 'get distributor', 'query status all'],
    ...['test cluster data', 'test network clusters'],
  ];
  for (const { network } of [node, other])
    for (const line of lists)
      await expect(ann(`run client (${network.address}) ${line}`), line).rejects.toMatchObject({
        code: 'ACCESS_REFUSED',
        message: /leave out what it would reach/,
      });
  for (const line of ['get status', 'get processes', 'get synchronizer']) {
    await ann(`run client (${other.network.address}) ${line}`);
    await expect(ann(`run client (${node.network.address}) ${line}`), line).rejects.toMatchObject({
      code: 'ACCESS_REFUSED',
      message: /for who may reach all tables/,
    });
  }
  await ann(`run client (${node.network.address}) get rows count where dbms = plant and table = sensors`);
  const whole = await guest(['*'], () => other);
  await other.policies.caughtUp();
  for (const line of ['get tables where dbms = plant', 'get data nodes where dbms = plant'])
    expect(shown(await whole(`run client (${node.network.address}) ${line}`)), line).toContain('wages');
});

test('the comparison of all clusters counts files of tables that the caller may reach', async () => {
  for (const table of ['wages', 'sensors'])
    running().store.put({ dbms: 'plant', table, content: '{"a":1}\n', time: '2026-11-01T10:00:00.000000Z' });
  const ann = await guest(['sensors']);
  expect((await ann('test network clusters')).json).toMatchObject([{ node: 'op1', files: 1 }]);
  expect((await node.run('test network clusters')).json).toMatchObject([{ node: 'op1', files: 2 }]);
});

test('the comparison of a cluster shows tables that the caller may reach, and mends for who may reach all', async () => {
  for (const table of ['wages', 'sensors'])
    running().store.put({ dbms: 'plant', table, content: '{"a":1}\n', time: '2026-11-01T10:00:00.000000Z' });
  vi.spyOn(running().store.sums, 'tables').mockResolvedValue(
    ['wages', 'sensors'].map((table) => ({ dbms: 'plant', table, strays: 2 })),
  );
  const ann = await guest(['sensors']);
  const compared = await ann('test cluster data');
  expect(shown(compared)).not.toContain('wages');
  expect(compared.json).toMatchObject({ tables: { 'plant.sensors': { equal: false } } });
  expect(compared.text).toContain('2 rows of no file in plant.sensors');
  expect(await node.text('test cluster data')).toContain('2 rows of no file in plant.wages');
  const repair = 'test cluster data where repair = true';
  await expect(ann(repair)).rejects.toMatchObject({ code: 'ACCESS_REFUSED' });
  await ann('test cluster data where repair = false');
  // A link or an image of any page can make a browser send GET.
  expect([repair, 'test cluster data'].map((line) => node.executor.methodOf(line))).toEqual(['POST', 'GET']);
  // Past the door: nothing scrubs here.
  await expect(node.run(repair)).rejects.toMatchObject({ code: 'COMMAND_NOT_RUNNING' });
});
