import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NetworkFixture, sensorRows } from '../support/network-fixture.ts';
import { waitFor } from '../support/wait.ts';

const DBMS = 'plant';
const TABLE = 'readings';
const COUNT = `select count(*) from ${TABLE}`;
const COMMITTED = `run client () sql ${DBMS} committed = true and format = json and stat = false "${COUNT}"`;

describe('committed = true, asked from a node that is no operator', () => {
  let network: NetworkFixture;

  beforeEach(async () => {
    network = await NetworkFixture.create();
    await network.start('op1', 'op2', 'query');
    await network.cluster('cluster1', 'op1', 'op2');
  }, 60_000);
  afterEach(() => network.close(), 30_000);

  const committedCount = async (): Promise<number> => {
    const { Query } = (await network.node('query').json(COMMITTED)) as { Query: [Record<string, unknown>] };
    return Number(Object.values(Query[0])[0]);
  };
  const localCount = (name: string): Promise<number> => network.localNumber(name, DBMS, COUNT);
  /** Whether op1 counts op2 as an active operator of the cluster. */
  const op2Active = async (): Promise<boolean> => /op2.*\+/.test(await network.node('op1').run('get distributor'));

  test('is what both hold, and never more while a silent operator counts as active', async () => {
    await network.node('op1').put(DBMS, TABLE, sensorRows(0, 100));
    await network.node('op2').put(DBMS, TABLE, sensorRows(100, 50));
    for (const name of ['op1', 'op2']) await waitFor(async () => (await localCount(name)) === 150);
    await waitFor(async () => (await committedCount()) === 150);

    // Who is silent stays active for op1 until the connection is known to be dead; from then on op1 alone is the
    // cluster.
    const whileActive: number[] = [];
    await waitFor(op2Active);
    network.node('op2').signal('SIGSTOP');
    try {
      await network.node('op1').put(DBMS, TABLE, sensorRows(150, 25));
      const count = await waitFor(
        async () => {
          const answer = await committedCount();
          if (!(await op2Active())) return answer > 150 && answer;
          whileActive.push(answer);
          return false;
        },
        { timeoutMs: 30_000 },
      );
      expect(count).toBe(175);
      expect(new Set(whileActive)).toEqual(new Set([150]));
    } finally {
      network.node('op2').signal('SIGCONT');
    }
    await waitFor(async () => (await localCount('op2')) === 175, { timeoutMs: 30_000 });
    await waitFor(async () => (await committedCount()) === 175);
  }, 120_000);

  test('without any operator that is up it fails and names the cluster', async () => {
    await network.node('op1').put(DBMS, TABLE, sensorRows(0, 10));
    await waitFor(async () => (await committedCount()) === 10);
    for (const name of ['op1', 'op2']) await network.kill(name);
    const id = network.clusters.get('cluster1') ?? '';
    await expect(network.node('query').run(COMMITTED)).rejects.toThrow(
      new RegExp(`nobody says what the cluster cluster1 \\(${id}\\) holds`),
    );
  }, 60_000);
});
