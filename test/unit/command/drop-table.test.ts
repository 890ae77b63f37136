import { afterAll, beforeAll, expect, test } from 'vitest';
import { localTables } from '../../../src/command/local-tables.ts';
import { writing } from '../../../src/operator/store/write-procedures.ts';
import { CommandNodes, type CommandNode } from '../../support/command-node.ts';
import { COMPANY, addOperatorNode, faultOf } from '../../support/operator-command-node.ts';

const TABLE = 'dbms = litsanleandro';
const nodes = new CommandNodes();
let node: CommandNode;
let own: string;

const insert = (policy: object): Promise<unknown> =>
  node.run(`blockchain insert where policy = ${JSON.stringify(policy)} and local = true`);
const tableIds = (): Promise<string> => node.text('blockchain get table where name = ping_sensor bring [*][id]');
const drops = (): Promise<unknown> => node.json('blockchain get drop');

beforeAll(async () => {
  node = await addOperatorNode(nodes);
  own = await node.text('blockchain get cluster where name = lsl-cluster2 bring.first [*][id]');
  const operator = await node.text('blockchain get operator where name = op1 bring [*][id]');
  await node.run(`run operator where policy = ${operator}`);
});
afterAll(() => nodes.close());

test('a table that another cluster has keeps its columns; the reply says which and how it is dropped there', async () => {
  const table = [{ dbms: 'litsanleandro', name: 'ping_sensor' }];
  await insert({ cluster: { company: COMPANY, name: 'other', table } });
  const other = await node.text('blockchain get cluster where name = other bring [*][id]');
  node.parts.operator!.store.put({ content: '{"value":1}', time: '2026-11-23T10:00:00.000000Z' });
  const reply = await node.text(`drop table ping_sensor where ${TABLE}`);
  expect(reply).toContain(`dropped on all operators of the cluster lsl-cluster2 (${own})`);
  expect(reply).toContain('not heard of it yet, and dropping it when they do: op2');
  expect(reply).toMatch(new RegExp(`hold it still.*other \\(${other}\\)`));
  expect(node.parts.operator!.flushed).toEqual([['litsanleandro', 'ping_sensor']]);
  expect(
    node.context
      .topology()
      .clustersOf('litsanleandro', 'ping_sensor')
      .map(({ id }) => id),
  ).toEqual([other]);
  expect(await tableIds()).not.toBe('');
  const [operator] = node.parts.operator!.store.holdings().keys();
  expect(await drops()).toMatchObject([
    {
      drop: { company: COMPANY, cluster: own, dbms: 'litsanleandro', table: 'ping_sensor', files: { [operator!]: 1 } },
    },
  ]);
});

test('the last cluster that has it ends the table policy, so that new data may have other columns', async () => {
  await node.run(`drop table ping_sensor where ${TABLE} and cluster = other`);
  expect(await tableIds()).toBe('');
  expect(node.context.topology().clustersOf('litsanleandro', 'ping_sensor')).toEqual([]);
  expect(await node.json('blockchain get cluster where name = other')).toMatchObject([{ cluster: { table: [] } }]);
});

test('a drop is not written by hand: numbers that nobody came to would drop what comes later, for good', async () => {
  const by = { company: COMPANY, cluster: own, dbms: 'litsanleandro', table: 'other', files: { nobody: 7 } };
  expect(await faultOf(node, `blockchain insert where policy = ${JSON.stringify({ drop: by })}`)).toMatchObject({
    code: 'POLICY_STRUCTURE',
    hint: 'give the command: drop table TABLE where dbms = DBMS',
  });
});

test('what was dropped cannot be undone', async () => {
  const [{ drop }] = (await drops()) as [{ drop: { id: string } }];
  expect((await faultOf(node, `blockchain delete policy where id = ${drop.id}`)).code).toBe('POLICY_IN_USE');
  const update = `blockchain update where id = ${drop.id} and policy = {"drop": {"table": "x"}}`;
  expect((await faultOf(node, update)).code).toBe('POLICY_IN_USE');
});

test('a table of no cluster is this node’s; of one that is elsewhere the hint says where', async () => {
  await insert({ cluster: { company: COMPANY, name: 'third', table: [{ dbms: 'sensors', name: 'far' }] } });
  const third = await node.text('blockchain get cluster where name = third bring [*][id]');
  expect(await faultOf(node, 'drop table far where dbms = sensors')).toMatchObject({
    code: 'COMMAND_TABLE_UNKNOWN',
    hint: `to drop it where it is: drop table far where dbms = sensors and cluster = ${third}`,
  });
  expect((await faultOf(node, 'drop table far where dbms = sensors and cluster = nowhere')).code).toBe(
    'POLICY_CLUSTER_UNKNOWN',
  );
  expect(await faultOf(node, 'drop table nothing where dbms = sensors')).toMatchObject({
    code: 'COMMAND_TABLE_UNKNOWN',
    hint: expect.stringMatching(/^there is no database sensors either/) as string,
  });
});

test('the reply says where the own operator has not done it yet, and why', async () => {
  await insert({
    cluster: { company: COMPANY, parent: own, name: 'lsl-cluster2', table: [{ dbms: 'litsanleandro', name: 'stuck' }] },
  });
  const operator = node.parts.operator!;
  const { drops: whole } = operator;
  Object.assign(operator, { drops: { ...whole, isApplied: () => false, failure: 'no room' } });
  const reply = await node
    .text(`drop table stuck where ${TABLE}`)
    .finally(() => Object.assign(operator, { drops: whole }));
  expect(reply).toMatch(/stuck is being dropped .*\nnot done here yet: no room/);
});

test.each(['', ' and cluster = other'])('given again it says who dropped it, and when%s', async (cluster) => {
  const [count, again] = [(await drops()) as unknown[], `drop table ping_sensor where ${TABLE}${cluster}`];
  const reply = await node.text(again);
  const [at = ''] = (cluster === '' ? [`lsl-cluster2 (${own})`] : /other \([^)]+\)/.exec(reply)) ?? [];
  expect(reply).toContain(`ping_sensor was dropped already on all operators of the cluster ${at}, by `);
  expect(reply).toMatch(/, by \S.* on 20\d\d-\d\d-\d\dT/);
  expect(await drops()).toHaveLength(count.length);
});

test('what goes here is not taken from those who are to have its rows', async () => {
  const operator = node.parts.operator!;
  const { drops: whole } = operator;
  await node.context.sqlite.write(writing, 'createTable', 'litsanleandro', 'ping_sensor', [
    { name: 'value', type: 'int' },
  ]);
  Object.assign(operator, { drops: { ...whole, isApplied: () => false } });
  const reply = await node
    .text(`drop table ping_sensor where ${TABLE}`)
    .finally(() => Object.assign(operator, { drops: whole }));
  expect(reply).toContain('was dropped already');
  expect(await localTables(node.context, 'litsanleandro')).toContain('ping_sensor');
  // One of no cluster that was made since is this node's.
  await node.run(`drop table ping_sensor where ${TABLE}`);
  expect(await localTables(node.context, 'litsanleandro')).not.toContain('ping_sensor');
});

test('names no files of an operator that was moved to another cluster: they count there, and come back with it', async () => {
  const table = [{ dbms: 'litsanleandro', name: 'shared' }];
  await insert({ cluster: { company: COMPANY, parent: own, name: 'lsl-cluster2', table } });
  const [op1, op2, other] = [
    await node.text('blockchain get operator where name = op1 bring [*][id]'),
    await node.text('blockchain get operator where name = op2 bring [*][id]'),
    await node.text('blockchain get cluster where name = other bring [*][id]'),
  ];
  await node.run(`blockchain update where id = ${op2} and policy = {"operator": {"cluster": "${other}"}}`);
  const known = [op1, op2, 'whose policy is gone'].map((origin) => [origin, [[1, 3]]] as const);
  Object.assign(node.context, { knownFiles: async () => new Map(known) });
  await node.run(`drop table shared where ${TABLE}`);
  const [{ drop }] = (await node.json('blockchain get drop where table = shared')) as [{ drop: { files: object } }];
  expect(drop.files).toEqual({ [op1]: 3, 'whose policy is gone': 3 });
});
