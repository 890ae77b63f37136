import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HoldfastError } from '../../../src/base/errors.ts';
import { encodeControl, QUERY_PROTOCOL, QUERY_PROTOCOL_BEFORE, tagged } from '../../../src/query/remote/messages.ts';
import { type LeftHere, leftOut } from '../../../src/query/left-out.ts';
import type { OwnOperator } from '../../../src/query/ports.ts';
import { queryStreams } from '../../../src/query/procedures.ts';
import { QueryWorld } from '../../support/query-world.ts';

const SUM = 'select count(*), sum(value) from readings';

/** a and b are of plant-1 and hold each other's files, c is of plant-2. A file has as many rows as it has devices. */
describe('the rows of an operator that was moved to another cluster', () => {
  let world: QueryWorld;
  beforeEach(async () => {
    world = await QueryWorld.create({ 'plant-1': ['a', 'b'], 'plant-2': ['c'] }, ['readings', 'other']);
    world.declare('plant-1', 'readings');
    world.declare('plant-2', 'readings');
    for (const name of ['a', 'b']) {
      await world.node(name).file('a', 1, [{ value: 1 }, { value: 2 }]);
      await world.node(name).file('b', 1, [{ value: 10 }]);
      await world.node(name).file('a', 2, [{ value: 4 }]);
      await world.node(name).file('b', 2, [{ value: 20 }, { value: 40 }]);
    }
    await world.node('c').file('c', 1, [{ value: 100 }]);
  });
  afterEach(() => world.close());

  const ask = (options: Parameters<QueryWorld['ask']>[1] = {}) => world.ask(SUM, { nodes: 'all', ...options });
  /** b is of plant-2 from now on; it and c have given each other what they have. */
  const moved = async (): Promise<void> => {
    world.move('b', 'plant-2');
    await world.node('b').file('c', 1, [{ value: 100 }]);
    await world.node('c').file('b', 1, [{ value: 10 }]);
    await world.node('c').file('b', 2, [{ value: 20 }, { value: 40 }]);
  };

  test('count once, whoever answers, whichever form the query has', async () => {
    await moved();
    for (let turn = 0; turn < 6; turn += 1) expect(await ask()).toMatchObject({ rows: [[7, 177]], behind: [] });
    expect((await world.ask('select count(*) from readings')).rows).toEqual([[7]]);
    expect((await world.ask('select max(value) from readings where value < 50')).rows).toEqual([[40]]);
    const { rows } = await world.ask('select value from readings where row_id > 0 order by value');
    expect(rows.flat()).toEqual([1, 2, 4, 10, 20, 40, 100]);
  });

  test('are asked for where they count, also of a cluster that has the table by no policy; of no other table', async () => {
    await moved();
    world.declare('plant-2', 'other');
    expect(await ask()).toMatchObject({ rows: [[7, 177]] });
    expect((await ask()).parts.map(({ cluster }) => cluster).sort()).toEqual(['plant-1', 'plant-2']);
    const other = await world.ask('select count(*) from other');
    expect([other.rows, other.parts.map(({ cluster }) => cluster)]).toEqual([[[0]], ['plant-2']]);
  });

  test('are missed while nobody of its new cluster has them: the reply says so', async () => {
    world.move('b', 'plant-2');
    await world.node('b').network.close();
    expect(await ask()).toMatchObject({
      rows: [[4, 107]],
      behind: [{ cluster: 'plant-2', operator: 'c', files: 2 }],
    });
  });

  test('are not left out in the answer of an operator of a former version, which is not counted then', async () => {
    await moved();
    await world.node('c').network.close();
    world.node('b').network.handle(QUERY_PROTOCOL_BEFORE, async (channel) => {
      for await (const frame of channel) {
        expect(JSON.parse(Buffer.from(frame).toString())).not.toHaveProperty('elsewhere');
        await channel.send(encodeControl({ kind: 'accepted', behind: 0 }));
        await channel.send(tagged(1, Buffer.from('[[8, 177.0]]')));
        await channel.send(
          encodeControl({ kind: 'end', rows: 1, held: [['a', [[1, 2]]], ['b', [[1, 2]]], ['c', [[1, 1]]]] }), // prettier-ignore
        );
      }
    });
    world.node('b').network.handle(QUERY_PROTOCOL, undefined as never);
    await expect(ask()).rejects.toThrow(/b: its version counts rows of operators of other clusters/);
    expect(await ask({ partial: true })).toMatchObject({ rows: [[3, 7]], missing: [{ cluster: 'plant-2' }] });
  });

  test('count where they belong for an asking node of a former version too', async () => {
    await moved();
    const [b, c] = [world.node('b'), world.node('c')];
    await c.network.dial({ address: b.network.address });
    const channel = await c.network.open(b.network.self, QUERY_PROTOCOL_BEFORE);
    const query = { dbms: 'sensors', sql: SUM, timeoutMs: 10_000, needs: [['a', [[3, 3]]]], behind: 'refuse' };
    await channel.send(Buffer.from(JSON.stringify(query)));
    const frames: string[] = [];
    for await (const frame of channel) {
      frames.push(Buffer.from(frame).toString());
      if (frames.length === 3) await channel.finish();
    }
    expect(frames[1]).toBe('\u0001[[4,170.0]]');
    expect(frames[2]).not.toContain('left');
  });

  test('that was deleted since count once', async () => {
    await moved();
    await world.node('b').network.close();
    world.move('b', undefined);
    for (let turn = 0; turn < 3; turn += 1) expect((await ask()).rows).toEqual([[7, 177]]);
  });

  test('count where they still are when the cluster that they were shown of is deleted', async () => {
    await moved();
    for (const name of ['b', 'c']) await world.node(name).file('b', 3, [{ value: 1_000 }]);
    world.move('b', undefined);
    expect(await ask()).toMatchObject({ rows: [[8, 1_177]] });
    world.deleteCluster('plant-2');
    expect(await ask()).toMatchObject({ rows: [[6, 77]], behind: [] });
  });

  test('count once in a committed query too', async () => {
    await moved();
    world.committed.set('plant-1', new Map([['a', [[1, 2]]], ['b', [[1, 2]]]])); // prettier-ignore
    world.committed.set('plant-2', new Map([['c', [[1, 1]]], ['b', [[1, 1]]]])); // prettier-ignore
    expect(await ask({ committed: true })).toMatchObject({ rows: [[5, 117]], behind: [] });
  });

  test('are in no answer where the first of them came after it was asked of whom there are any', async () => {
    const { sqlite, held } = world.node('a');
    const asked = { operating: () => ({ held: () => held }) as unknown as OwnOperator, sqlite };
    const answered = async ({ left, unseen }: LeftHere): Promise<string[]> => {
      const select = { dbms: 'sensors', sql: SUM, nowMicros: 0, timeoutMs: 60_000, left, unseen };
      const chunks: string[] = [];
      for await (const { bytes } of sqlite.stream(queryStreams, 'select', select))
        chunks.push(Buffer.from(bytes).toString());
      return chunks;
    };
    const [readings, other] = ['readings', 'other'].map((table) => ({ dbms: 'sensors', table }));
    const before = await leftOut(asked, readings!, ['b', 'c']);
    expect(await answered(before)).toEqual(['[[3,7.0]]']);
    expect(await answered(await leftOut(asked, other!, ['b']))).toEqual(['[[6,77.0]]']);
    await world.node('a').file('c', 1, [{ value: 100 }]);
    await expect(answered(before)).rejects.toMatchObject({ code: 'QUERY_OPERATOR_NOT_FILLED' });
  });

  test('and of all others of its cluster too: that this has none any more is said, with what helps', async () => {
    await moved();
    world.move('a', 'plant-2');
    await world.node('c').file('a', 1, [{ value: 1 }, { value: 2 }]);
    await world.node('c').file('a', 2, [{ value: 4 }]);
    const failure: unknown = await ask().catch((caught: unknown) => caught);
    expect(failure).toMatchObject({ code: 'QUERY_CLUSTER_UNAVAILABLE' });
    expect(String(failure)).toContain('it has no operator: none has joined it, or they were moved or deleted');
    expect((failure as HoldfastError).hint).toContain('blockchain delete policy where id = plant-1');
    world.deleteCluster('plant-1');
    await world.node('a').network.close();
    expect(await ask()).toMatchObject({ rows: [[7, 177]], behind: [] });
  });

  test('are not asked for of one that does not know yet of which cluster it is', async () => {
    await moved();
    world.node('b').believes = 'plant-1';
    await world.node('c').network.close();
    await expect(ask()).rejects.toThrow(/b: by the policies as they are there it is an operator of another cluster/);
  });
});
