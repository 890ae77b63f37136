import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { NetworkFixture, sensorRows } from '../support/network-fixture.ts';
import { waitFor } from '../support/wait.ts';

const DBMS = 'plant';
const TABLE = 'readings';
const COUNT = `select count(*) from ${TABLE}`;

const localCount = (network: NetworkFixture, node: string, table: string, what = 'count(*)'): Promise<number> =>
  network.localNumber(node, DBMS, `select ${what} from ${table}`);

/** Two operators of one cluster, and a node that asks them. */
const startCluster = async (): Promise<NetworkFixture> => {
  const network = await NetworkFixture.create();
  await network.start('op1', 'op2', 'query');
  await network.cluster('cluster1', 'op1', 'op2');
  return network;
};

// They leave both operators running, and have a table each.
describe('promises of replication, on real processes: one network for all', () => {
  let network: NetworkFixture;
  beforeAll(async () => {
    network = await startCluster();
  });
  afterAll(() => network.close());

  test('1: what was acknowledged survives kill -9, file and streaming mode', async () => {
    const table = 'killed';
    await network.node('op1').put(DBMS, table, sensorRows(0, 500));
    for (let batch = 0; batch < 5; batch += 1)
      await network.node('op1').put(DBMS, table, sensorRows(500 + batch * 10, 10), 'streaming');
    await network.kill('op1');
    await network.revive('op1');
    await network.node('op1').run('flush buffers');
    await waitFor(async () => (await localCount(network, 'op1', table)) === 550);
    expect(await localCount(network, 'op1', table, 'count(distinct reading)')).toBe(550);
  }, 60_000);

  test('2: killed in turn while data flows, both operators end with every row exactly once', async () => {
    const table = 'in_turn';
    let sent = 0;
    const send = async (name: string): Promise<void> => {
      await network.node(name).put(DBMS, table, sensorRows(sent, 100));
      sent += 100;
    };
    for (const [victim, survivor] of [
      ['op1', 'op2'],
      ['op2', 'op1'],
    ] as const) {
      await send(victim);
      await network.kill(victim);
      for (let file = 0; file < 5; file += 1) await send(survivor);
      await network.revive(victim);
      await send(victim);
    }
    for (const name of ['op1', 'op2']) {
      await waitFor(async () => (await localCount(network, name, table)) === sent, { timeoutMs: 30_000 });
      expect(await localCount(network, name, table, 'count(distinct reading)')).toBe(sent);
    }
    await waitFor(() => network.equalData('op1'));
  }, 120_000);

  test('4: the same file given to both operators ends as one', async () => {
    const table = 'given_twice';
    await Promise.all(['op1', 'op2'].map((name) => network.node(name).put(DBMS, table, sensorRows(0, 100))));
    await waitFor(() => network.equalData('op1'), { timeoutMs: 20_000 });
    for (const name of ['op1', 'op2']) expect(await localCount(network, name, table)).toBe(100);
    expect(await network.queryNumber('query', DBMS, `select count(*) from ${table}`)).toBe(100);
  }, 60_000);

  test('7: a file that fails is never half in, is explained, and holds up no other', async () => {
    const table = 'broken';
    const op1 = network.node('op1');
    const bad = `${sensorRows(0, 50)}\n{"timestamp": broken\n${sensorRows(50, 50)}`;
    await expect(op1.put(DBMS, table, bad)).rejects.toThrow(/line 51/i);
    await op1.put(DBMS, table, sensorRows(100, 10));
    await network.drop('op1', `${DBMS}.${table}.0.0.0.json`, bad);
    await waitFor(async () => (await op1.run('get tsd errors')).includes(`${DBMS}.${table}`));
    expect(await op1.run('get operator')).toMatch(/51/);
    expect(await localCount(network, 'op1', table)).toBe(10);
  }, 60_000);

  test('the archive holds what was accepted', async () => {
    const table = 'archived';
    await network.node('op1').put(DBMS, table, sensorRows(0, 10));
    const listed = await waitFor(async () => {
      const text = await network.node('op1').run('get archived files');
      return text.includes(`${DBMS}.${table}`) ? text : undefined;
    });
    expect(listed).toMatch(/\.json\.gz/);
  }, 60_000);
});

describe('promises of replication, on real processes: a network for each', () => {
  let network: NetworkFixture;
  beforeEach(async () => {
    network = await startCluster();
  });
  afterEach(() => network.close());

  test('8: an operator that lacks a file leaves the answer to one that has it, and says so when it is alone', async () => {
    const ask = async (): Promise<{ readonly count: number; readonly behind: unknown }> => {
      const query = `run client () sql ${DBMS} nodes = all and format = json "${COUNT}"`;
      const reply = (await network.node('query').json(query)) as { Query: [Record<string, unknown>]; Behind?: unknown };
      return { count: Number(Object.values(reply.Query[0])[0]), behind: reply.Behind };
    };
    await network.node('op1').put(DBMS, TABLE, sensorRows(0, 10));
    await waitFor(async () => (await localCount(network, 'op2', TABLE)) === 10);
    await network.node('op1').run('exit distributor');
    await network.node('op2').run('exit consumer');
    await network.node('op1').put(DBMS, TABLE, sensorRows(10, 10));
    await waitFor(async () => (await ask()).count === 20);
    for (let turn = 0; turn < 6; turn += 1) expect(await ask()).toEqual({ count: 20, behind: undefined });
    await network.kill('op1');
    const alone = {
      count: 10,
      behind: [{ cluster: network.clusters.get('cluster1'), operator: expect.any(String) as string, files: 1 }],
    };
    expect(await ask()).toEqual(alone);
  }, 60_000);

  test('3: an origin that dies for good after reaching one peer has given its files to all', async () => {
    await network.node('op1').put(DBMS, TABLE, sensorRows(0, 200));
    await waitFor(async () => (await localCount(network, 'op2', TABLE)) === 200);
    await network.kill('op1');
    await network.join('op3', 'op2');
    await network.operator('op3', 'cluster1');
    await waitFor(async () => (await localCount(network, 'op3', TABLE)) === 200, { timeoutMs: 30_000 });
  }, 90_000);

  test('5: a new operator fills up while data flows, and answers only then', async () => {
    for (let file = 0; file < 20; file += 1) await network.node('op1').put(DBMS, TABLE, sensorRows(file * 500, 500));
    await network.join('op3', 'op1');
    await network.operator('op3', 'cluster1');
    let sent = 10_000;
    for (let round = 0; round < 10; round += 1) {
      await network.node('op2').put(DBMS, TABLE, sensorRows(sent, 50));
      sent += 50;
      expect(await network.queryNumber('query', DBMS, COUNT)).toBeGreaterThanOrEqual(10_000);
    }
    await waitFor(async () => (await localCount(network, 'op3', TABLE)) === sent, { timeoutMs: 30_000 });
    await waitFor(() => network.equalData('op3'));
  }, 120_000);

  test('6: an operator whose disk was lost takes its own files back before it numbers new ones', async () => {
    for (let file = 0; file < 5; file += 1) await network.node('op1').put(DBMS, TABLE, sensorRows(file * 10, 10));
    await waitFor(async () => (await localCount(network, 'op2', TABLE)) === 50);
    await network.loseDisk('op1');
    await network.revive('op1');
    await network.node('op1').put(DBMS, TABLE, sensorRows(50, 10));
    for (const name of ['op1', 'op2'])
      await waitFor(async () => (await localCount(network, name, TABLE)) === 60, { timeoutMs: 30_000 });
    await waitFor(() => network.equalData('op2'));
  }, 90_000);
});
