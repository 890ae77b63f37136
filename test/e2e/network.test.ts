import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { insertPolicy } from '../../scripts/demo/network.ts';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { NetworkFixture, sensorRows } from '../support/network-fixture.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait.ts';

const DBMS = 'plant';
const TABLE = 'readings';
const BY_DEVICE = `select device, count(*), min(value), max(value), avg(value) from ${TABLE} group by device order by device`;

describe('two clusters of two operators and a query node', () => {
  let network: NetworkFixture;

  beforeAll(async () => {
    network = await NetworkFixture.create();
    await network.start('op1', 'op2', 'op3', 'op4', 'query');
    await network.cluster('cluster1', 'op1', 'op2');
    await network.cluster('cluster2', 'op3', 'op4');
    await network.node('op1').put(DBMS, TABLE, sensorRows(0, 1_000));
    await network.node('op3').put(DBMS, TABLE, sensorRows(1_000, 1_000));
    for (const name of ['op2', 'op4'])
      await waitFor(async () => (await network.localNumber(name, DBMS, `select count(*) from ${TABLE}`)) === 1_000);
    await network.settled();
  }, 120_000);
  afterAll(() => network.close(), 30_000);

  const byDevice = (): Promise<unknown> =>
    network.node('query').json(`run client () sql ${DBMS} format = json and stat = false "${BY_DEVICE}"`);

  test('the same answer from either operator of each cluster, whoever is killed', async () => {
    const expected = await byDevice();
    expect(expected).toMatchObject({ Query: { length: 4 } });
    for (const victim of ['op1', 'op4'] as const) {
      await network.kill(victim);
      expect(await byDevice()).toEqual(expected);
      await network.revive(victim);
    }
    await waitFor(() => network.equalData('op1'));
  }, 90_000);

  test('a cluster without an operator: an error that names it; with partial = true, what there is, and what is missing', async () => {
    await network.kill('op3');
    await network.kill('op4');
    const cluster = network.clusters.get('cluster2') ?? '';
    await expect(byDevice()).rejects.toThrow(cluster);
    const partial = await network
      .node('query')
      .run(`run client () sql ${DBMS} partial = true and format = json "select count(*) from ${TABLE}"`);
    expect(partial).toContain(cluster);
    expect(JSON.parse(partial)).toMatchObject({ Query: [{ 'count(*)': 1_000 }] });
    await network.revive('op3');
    await network.revive('op4');
    await waitFor(async () => (await network.queryNumber('query', DBMS, `select count(*) from ${TABLE}`)) === 2_000, {
      timeoutMs: 20_000,
    });
  }, 90_000);

  test('a late joiner that knows one address holds the same ledger, and writes to it', async () => {
    const late = await network.join('late', 'op4');
    await waitFor(async () => (await network.versions()).size === 1);
    const site = await insertPolicy(late, 'site', { name: 'late site' });
    await waitFor(async () =>
      (await network.node('op1').run(`blockchain get * where id = ${site.id}`)).includes('late site'),
    );
    await waitFor(async () => /"ledger": ?"global"/.test(await late.run(`blockchain get * where id = ${site.id}`)));
  }, 60_000);

  test('two nodes that insert the same table and cluster at once end with one of each', async () => {
    const policy = { company: 'Acme', name: 'shared' };
    const attempts = ['op1', 'op3'].map((name) =>
      insertPolicy(network.node(name), 'cluster', policy).catch(() => undefined),
    );
    await Promise.all(attempts);
    await network.settled();
    for (const node of network.nodes.values())
      expect((await node.run('blockchain get cluster where company = Acme bring.count')).trim()).toBe('1');
  }, 60_000);

  test('every entry can be checked with ordinary tools: one a line in the journal', async () => {
    const journal = join(network.node('query').options.dir, 'ledger', 'journal');
    const [file] = await readdir(journal);
    const [line] = (await readFile(join(journal, file ?? ''), 'utf8')).split('\n');
    const header = (line ?? '')
      .split('\t')
      .find((piece) => piece.startsWith('{"author"') || piece.includes('"op":"genesis"'));
    expect(JSON.parse(header ?? '')).toMatchObject({ v: 1, op: 'genesis', seq: 1 });
  });
});

describe('a network that is cut apart', () => {
  let network: NetworkFixture;
  const proxies = new Map<string, TcpProxy>();

  /** Nodes that reach one another only through paths that can be cut. */
  const startBehindProxies = async (...names: string[]): Promise<void> => {
    for (const name of names) {
      const [seed] = proxies.values();
      const args = seed === undefined ? ['--network', 'cut', '--admission', 'open'] : ['--seed', seed.address];
      const node = await NodeProcess.start({ dir: join(network.dir, name), name, args });
      network.nodes.set(name, node);
      proxies.set(name, await startTcpProxy(node.facts.listen));
    }
  };

  beforeEach(async () => {
    network = await NetworkFixture.create();
    proxies.clear();
  });
  afterEach(async () => {
    await network.close();
    for (const proxy of proxies.values()) await proxy.close();
  }, 30_000);

  test('each side goes on, and what either took in is on both after the cut', async () => {
    await startBehindProxies('op1', 'op2', 'query');
    await network.cluster('cluster1');
    for (const name of ['op1', 'op2'])
      await network.operator(name, 'cluster1', Number(proxies.get(name)?.address.split(':')[1]));
    await network.settled();
    await network.node('op1').put(DBMS, TABLE, sensorRows(0, 10));
    const count = `select count(*) from ${TABLE}`;
    await waitFor(async () => (await network.localNumber('op2', DBMS, count)) === 10);

    for (const proxy of proxies.values()) proxy.cut();
    await network.node('op1').put(DBMS, TABLE, sensorRows(10, 20));
    await network.node('op2').put(DBMS, TABLE, sensorRows(30, 30));
    await insertPolicy(network.node('op1'), 'site', { name: 'of op1' });
    await insertPolicy(network.node('op2'), 'site', { name: 'of op2' });
    expect(await network.localNumber('op1', DBMS, count)).toBe(30);
    expect(await network.localNumber('op2', DBMS, count)).toBe(40);
    expect((await network.versions()).size).toBeGreaterThan(1);

    for (const proxy of proxies.values()) proxy.heal();
    for (const name of ['op1', 'op2'])
      await waitFor(async () => (await network.localNumber(name, DBMS, count)) === 60, { timeoutMs: 30_000 });
    await network.settled();
    expect((await network.node('query').run('blockchain get site bring.count')).trim()).toBe('2');
    await waitFor(() => network.equalData('op1'));
  }, 120_000);
});
