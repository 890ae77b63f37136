import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NetworkFixture, sensorRows } from '../support/network-fixture.ts';
import { waitFor } from '../support/wait.ts';

const DBMS = 'plant';
const TABLE = 'readings';
const OPERATORS = ['op1', 'op2', 'op3'] as const;

interface Answer {
  readonly rows: number;
  readonly distinct: number;
  /** Nothing that is known to exist is lacking. */
  readonly whole: boolean;
}

describe('an operator that is moved to another cluster', () => {
  let network: NetworkFixture;
  let sent = 0;

  beforeEach(async () => {
    network = await NetworkFixture.create();
    await network.start(...OPERATORS, 'query');
    await network.cluster('plant-1', 'op1', 'op2');
    await network.cluster('plant-2', 'op3');
    sent = 0;
  }, 90_000);
  afterEach(() => network.close(), 30_000);

  const put = async (name: string, rows: number): Promise<void> => {
    const from = sent;
    sent += rows;
    await network.node(name).put(DBMS, TABLE, sensorRows(from, rows));
  };

  /** Undefined where a cluster has nobody at this moment who may answer: that is no answer. */
  const ask = async (): Promise<Answer | undefined> => {
    const sql = `select count(*), count(distinct reading) from ${TABLE}`;
    const command = `run client () sql ${DBMS} nodes = all and format = json "${sql}"`;
    try {
      const reply = (await network.node('query').json(command)) as {
        readonly Query: readonly Readonly<Record<string, unknown>>[];
        readonly Behind?: unknown;
      };
      const [rows = 0, distinct = 0] = Object.values(reply.Query[0] ?? {}).map(Number);
      return { rows, distinct, whole: reply.Behind === undefined };
    } catch {
      return undefined;
    }
  };

  const move = async (name: string, cluster: string): Promise<void> => {
    const id = (await network.node(name).run(`blockchain get operator where name = ${name} bring [*][id]`)).trim();
    const policy = JSON.stringify({ operator: { cluster: network.clusters.get(cluster) } });
    await network.node(name).run(`blockchain update where id = ${id} and policy = ${policy}`);
  };

  /** Moves it while data flows and queries are asked: none shows a row twice, or without a word fewer than were shown before. */
  const moveUnderLoad = async (cluster: string): Promise<void> => {
    let isMoved = false;
    const writing = async (): Promise<void> => {
      do for (const name of OPERATORS) await put(name, 10);
      while (!isMoved);
    };
    const answers: Answer[] = [];
    const asking = async (): Promise<void> => {
      let shown = 0;
      while (!isMoved) {
        const answer = await ask();
        if (answer === undefined) continue;
        answers.push(answer);
        expect(answer.rows).toBe(answer.distinct);
        expect(answer.rows).toBeLessThanOrEqual(sent);
        if (!answer.whole) continue;
        expect(answer.rows).toBeGreaterThanOrEqual(shown);
        shown = answer.rows;
      }
    };
    const moving = async (): Promise<void> => {
      try {
        await waitFor(() => answers.length > 2);
        await move('op2', cluster);
        const before = sent;
        await waitFor(() => answers.some(({ rows, whole }) => whole && rows >= before), { timeoutMs: 60_000 });
      } finally {
        isMoved = true;
      }
    };
    await Promise.all([writing(), asking(), moving()]);
    await settled();
  };

  /** Whoever answers for a cluster, everything is there once. */
  const settled = async (): Promise<void> => {
    const all = { rows: sent, distinct: sent, whole: true };
    const isSettled = async (): Promise<boolean> => JSON.stringify(await ask()) === JSON.stringify(all);
    await waitFor(isSettled, { timeoutMs: 60_000 });
    for (const name of ['op1', 'op3']) await waitFor(() => network.equalData(name), { timeoutMs: 30_000 });
    for (let turn = 0; turn < 6; turn += 1) expect(await ask()).toEqual(all);
  };

  test('takes its rows with it, and back: no answer shows a row twice, and none goes missing', async () => {
    for (let file = 0; file < 4; file += 1) for (const name of OPERATORS) await put(name, 25);
    await settled();
    await moveUnderLoad('plant-2');
    // Its new peer has all of it, and its former one, which has it too, does not count it.
    await network.kill('op2');
    expect(await ask()).toEqual({ rows: sent, distinct: sent, whole: true });
    await network.revive('op2');
    await moveUnderLoad('plant-1');
    await network.kill('op2');
    expect(await ask()).toEqual({ rows: sent, distinct: sent, whole: true });
  }, 240_000);

  test('and goes down at once is missed: its new cluster does not answer without its rows as if that were all', async () => {
    for (const name of OPERATORS) await put(name, 25);
    await settled();
    // It has not met its new peer when it goes.
    await network.kill('op3');
    await move('op2', 'plant-2');
    await network.settled();
    await network.kill('op2');
    await network.revive('op3');
    await network.settled();
    // A query node that has asked nothing yet hears of the rows from who still holds them.
    await network.node('query').stop('SIGKILL');
    network.nodes.set('query', await network.node('query').restart(['--seed', network.node('op1').facts.listen]));
    await waitFor(async () => (await ask()) !== undefined, { timeoutMs: 60_000 });
    expect(await ask()).toEqual({ rows: sent - 25, distinct: sent - 25, whole: false });
    await network.revive('op2');
    await settled();
  }, 180_000);
});
