import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Channel } from '../../../src/network/network.ts';
import { encodeControl, QUERY_PROTOCOL, tagged } from '../../../src/query/remote/messages.ts';
import { framesOf } from '../../../src/query/remote/state.ts';
import { QueryWorld, request, type SensorRow } from '../../support/query-world.ts';

const EAST: readonly Partial<SensorRow>[] = [
  { device: 'd1', value: 1 },
  { device: 'd2', value: 2.5 },
  { device: 'd1', value: null },
];
const WEST: readonly Partial<SensorRow>[] = [
  { device: 'd1', value: 4 },
  { device: 'd3', value: 0.5, member: 2 },
];
const BY_DEVICE =
  'select device, count(*), min(value), max(value), avg(value) from readings group by device order by 1';
const ANSWER = [
  ['d1', 3, 1, 4, 2.5],
  ['d2', 1, 2.5, 2.5, 2.5],
  ['d3', 1, 0.5, 0.5, 0.5],
];

/** Serves the query protocol of an operator by hand. */
const misbehave = (world: QueryWorld, operator: string, serve: (channel: Channel) => Promise<void>): void =>
  world.node(operator).network.handle(QUERY_PROTOCOL, async (channel) => {
    await channel[Symbol.asyncIterator]().next();
    await serve(channel);
  });

const ACCEPTED = encodeControl({ kind: 'accepted', behind: 0 });
const never = (): Promise<void> => new Promise(() => {});

describe('a network query', () => {
  let world: QueryWorld;
  beforeEach(async () => {
    world = await QueryWorld.create({ east: ['e1', 'e2'], west: ['w1', 'w2'] });
    for (const name of ['e1', 'e2']) await world.node(name).rows(EAST);
    for (const name of ['w1', 'w2']) await world.node(name).rows(WEST);
  });
  afterEach(() => world.close());

  test('sums and extremes of integers are exact over clusters; a sum beyond 64 bits is an error that says what to do', async () => {
    const all = await world.ask('select count(*) from readings');
    const count = BigInt(Number(all.rows[0]?.[0]));
    const { rows, parts } = await world.ask(
      'select sum(9007199254740993), min(-9007199254740993), max(9223372036854775807) from readings',
    );
    expect(parts.length).toBeGreaterThan(1);
    expect(rows).toEqual([[count * 9007199254740993n, -9007199254740993n, 9223372036854775807n]]);
    await expect(world.ask('select sum(9223372036854775807) from readings')).rejects.toMatchObject({
      code: 'SQLITE_STATEMENT',
      hint: expect.stringContaining('sum(COLUMN * 1.0)') as string,
    });
  });

  test('an operator asks first whether the node that asks may read the table, and its refusal is the answer', async () => {
    await world.ask('select count(*) from READINGS');
    expect(new Set(world.checked)).toEqual(new Set(['f sensors.readings']));
    world.forbidden.add('readings');
    await expect(world.ask('select count(*) from readings')).rejects.toMatchObject({ code: 'ACCESS_REFUSED' });
  });

  const answeredBy = (result: { parts: readonly { operator: string; status: string }[] }): readonly string[] =>
    result.parts
      .filter(({ status }) => status === 'Completed')
      .map(({ operator }) => operator)
      .sort();

  test('each cluster answers once, by its main operator', async () => {
    const result = await world.ask(BY_DEVICE);
    expect(result.rows).toEqual(ANSWER);
    expect(result.columns.map(({ name }) => name)).toEqual([
      'device',
      'count(*)',
      'min(value)',
      'max(value)',
      'avg(value)',
    ]);
    expect(answeredBy(result)).toEqual(['e1', 'w1']);
    expect(result.missing).toEqual([]);
  });

  test('rows of all clusters come back with all columns', async () => {
    const { rows, columns } = await world.ask('SELECT * FROM readings ORDER BY value DESC NULLS LAST LIMIT 2;');
    expect(columns.map(({ name }) => name)).toEqual([
      ...['insert_timestamp', 'tsd_name', 'tsd_id', 'device', 'timestamp', 'value'],
    ]);
    expect(rows.map((row) => row.slice(3))).toEqual([
      ['d1', '2026-01-01 00:00:00.000000', 4],
      ['d2', '2026-01-01 00:00:00.000000', 2.5],
    ]);
  });

  test("row_id, which is each operator's own, is in `*` of a local query, and of a network query only by name", async () => {
    const { service } = world.node('e1');
    const titles = ({ columns }: { readonly columns: readonly { readonly name: string }[] }) =>
      columns.map(({ name }) => name);
    expect(titles(await service.local(request('select * from readings')))).toContain('row_id');
    expect(titles(await world.ask('select * from readings'))).not.toContain('row_id');
    expect((await world.ask('select row_id from readings order by 1 limit 1')).rows).toEqual([[1]]);
  });

  test('nodes = all takes operators in turn', async () => {
    const first = answeredBy(await world.ask(BY_DEVICE, { nodes: 'all' }));
    const second = answeredBy(await world.ask(BY_DEVICE, { nodes: 'all' }));
    expect([...first, ...second].sort()).toEqual(['e1', 'e2', 'w1', 'w2']);
  });

  test('an operator that is believed down is asked last', async () => {
    world.down.add('e1');
    expect(answeredBy(await world.ask(BY_DEVICE))).toEqual(['e2', 'w1']);
    world.down.add('e2');
    expect(answeredBy(await world.ask(BY_DEVICE))).toEqual(['e1', 'w1']);
  });

  test('an operator that is gone is replaced', async () => {
    await world.node('e1').network.close();
    const result = await world.ask(BY_DEVICE);
    expect(result.rows).toEqual(ANSWER);
    expect(result.parts.find(({ operator }) => operator === 'e1')?.status).toBe('Error');
  });

  test('Q1: rows of an operator that fails in the middle do not count', async () => {
    misbehave(world, 'e1', async (channel) => {
      await channel.send(encodeControl({ kind: 'accepted', behind: 0 }));
      for (const frame of framesOf(Buffer.from('[["d9",5,1.0,1.0,5.0,5]]'))) await channel.send(frame);
      throw new Error('the process was killed');
    });
    expect((await world.ask(BY_DEVICE)).rows).toEqual(ANSWER);
    expect((await world.ask('select device from readings order by 1')).rows).toHaveLength(5);
  });

  test.each([
    ['ends without the end', [encodeControl({ kind: 'accepted', behind: 0 })]],
    [
      'ends in the middle of a chunk',
      [ACCEPTED, tagged(0, Buffer.from('[')), encodeControl({ kind: 'end', rows: 0, held: [] })],
    ],
    ['accepts twice', [ACCEPTED, ACCEPTED]],
    [
      'sends rows that are not JSON',
      [encodeControl({ kind: 'accepted', behind: 0 }), ...framesOf(Buffer.from('[["d9",'))],
    ],
    [
      'sends rows of another width',
      [encodeControl({ kind: 'accepted', behind: 0 }), ...framesOf(Buffer.from('[["d9"]]'))],
    ],
    [
      'sends objects as cells',
      [encodeControl({ kind: 'accepted', behind: 0 }), ...framesOf(Buffer.from('[[{},1,1,1,1,1]]'))],
    ],
    [
      'counts wrongly',
      [encodeControl({ kind: 'accepted', behind: 0 }), encodeControl({ kind: 'end', rows: 3, held: [] })],
    ],
    ['sends rows unasked', framesOf(Buffer.from('[]'))],
    ['sends a frame of unknown kind', [Uint8Array.of(9, 9)]],
    ['sends an empty frame', [new Uint8Array()]],
    ['sends a control frame that is not JSON', [Uint8Array.of(2, 123)]],
    [
      'says that it is not filled',
      [encodeControl({ kind: 'error', code: 'QUERY_OPERATOR_NOT_FILLED', text: 'not yet' })],
    ],
  ])('Q1, Q2, Q3, Q6: an operator that %s is replaced', async (_, frames) => {
    misbehave(world, 'e1', async (channel) => {
      for (const frame of frames) await channel.send(frame);
    });
    expect((await world.ask(BY_DEVICE)).rows).toEqual(ANSWER);
  });

  test('the next operator is asked beside one that is silent, and the answer is not doubled', async () => {
    misbehave(world, 'e1', never);
    const result = await world.ask(BY_DEVICE);
    expect(result.rows).toEqual(ANSWER);
    expect(result.parts.filter(({ operator }) => operator.startsWith('e')).map(({ status }) => status)).toEqual([
      'Replaced',
      'Completed',
    ]);
  });

  test('Q5: an operator that is not filled is passed over, also by itself', async () => {
    world.node('e1').filled = false;
    expect(answeredBy(await world.ask(BY_DEVICE))).toEqual(['e2', 'w1']);
    world.node('e2').filled = false;
    await expect(world.ask(BY_DEVICE)).rejects.toMatchObject({
      code: 'QUERY_CLUSTER_UNAVAILABLE',
      data: { cluster: 'east' },
    });
  });

  test('an operator asks itself without the network', async () => {
    const { network, service } = world.node('e1');
    await network.dial({ address: world.node('w1').network.address });
    await network.disconnect('f'.padEnd(64, '0'));
    const result = await service.network(request(BY_DEVICE));
    expect([...result.rows]).toEqual(ANSWER);
    expect(answeredBy(result)).toEqual(['e1', 'w1']);
  });

  test('a cluster without an operator fails the query, or is named as missing', async () => {
    for (const name of ['w1', 'w2']) await world.node(name).network.close();
    await expect(world.ask(BY_DEVICE)).rejects.toMatchObject({
      code: 'QUERY_CLUSTER_UNAVAILABLE',
      message: expect.stringMatching(/: w\d: not connected; w\d: not connected$/) as string,
      data: { cluster: 'west' },
    });
    const partial = await world.ask(BY_DEVICE, { partial: true });
    expect(partial.rows).toEqual([
      ['d1', 2, 1, 1, 1],
      ['d2', 1, 2.5, 2.5, 2.5],
    ]);
    expect(partial.missing).toEqual([{ cluster: 'west', reason: expect.stringContaining('w1') as string }]);
    for (const name of ['e1', 'e2']) await world.node(name).network.close();
    const nothing = await world.ask('select count(*), max(value) from readings', { partial: true });
    expect(nothing.rows).toEqual([[0, null]]);
    expect(nothing.missing.map(({ cluster }) => cluster).sort()).toEqual(['east', 'west']);
  });

  test('named operators stand for their clusters, each cluster once', async () => {
    const one = await world.ask('select count(*) from readings', {}, { operators: ['e2'] });
    expect(one.rows).toEqual([[3]]);
    expect(answeredBy(one)).toEqual(['e2']);
    const both = await world.ask('select count(*) from readings', {}, { operators: ['e2', 'e1', 'w2'] });
    expect(both.rows).toEqual([[5]]);
    await expect(world.ask('select 1 from readings', {}, { operators: ['x9'] })).rejects.toMatchObject({
      code: 'QUERY_NO_OPERATOR',
    });
  });

  test('committed = true leaves out what not all operators hold', async () => {
    await world.node('e1').rows([{ device: 'fresh', member: 1, file: 2 }]);
    world.committed.set('east', new Map([['e1', [[1, 1]]]]));
    world.committed.set('west', new Map([['w2', [[1, 1], [3, 3]]]])); // prettier-ignore
    const { rows } = await world.ask('select device, count(*) from readings group by 1 order by 1', {
      committed: true,
    });
    expect(rows).toEqual([
      ['d1', 2],
      ['d2', 1],
      ['d3', 1],
    ]);
  });

  test('committed = true: files whose origin has no policy any more are left out, and the answer says how many', async () => {
    const committed = new Map([['e1', [[1, 1]]], ['gone', [[1, 2], [5, 5]]]] as const); // prettier-ignore
    for (const name of ['e1', 'e2']) world.node(name).held = committed;
    world.committed.set('east', committed);
    const { behind } = await world.ask('select count(*) from readings', { committed: true });
    expect(behind.map(({ cluster, files }) => [cluster, files])).toEqual([['east', 3]]);
  });

  test('committed = true: a cluster of which nobody knows what is committed is an error, or missing', async () => {
    world.committed.set('west', new Map([['w2', [[1, 1], [3, 3]]]])); // prettier-ignore
    world.committedUnknown.add('east');
    const sql = 'select count(*) from readings';
    await expect(world.ask(sql, { committed: true })).rejects.toMatchObject({ code: 'REPLICATION_COMMITTED_UNKNOWN' });
    expect((await world.ask(sql, { committed: true, partial: true })).missing).toEqual([
      { cluster: 'east', reason: 'nobody says of east' },
    ]);
  });

  test('period: a cluster that was missing where the newest row was looked for is told of the whole answer', async () => {
    world.committed.set('east', new Map([['e1', [[1, 1]]]]));
    world.committed.set('west', new Map([['w2', [[1, 1], [3, 3]]]])); // prettier-ignore
    vi.spyOn(world.committedUnknown, 'has').mockReturnValueOnce(true);
    const sql = 'select count(*) from readings where period(day, 1, now(), timestamp)';
    const { missing } = await world.ask(sql, { committed: true, partial: true });
    expect(missing).toHaveLength(1);
  });

  test('a query ends when its time is up, wherever it hangs', async () => {
    for (const name of ['e1', 'e2']) misbehave(world, name, never);
    await expect(world.ask(BY_DEVICE, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'QUERY_TIMEOUT' });
    expect(world.asker.jobs()[0]).toMatchObject({ status: 'Error', table: 'readings' });
  });

  test('a caller can take a query back', async () => {
    for (const name of ['e1', 'e2']) misbehave(world, name, never);
    const caller = new AbortController();
    const asked = world.ask(BY_DEVICE, {}, { signal: caller.signal });
    caller.abort(new Error('the client went away'));
    await expect(asked).rejects.toThrow('the client went away');
  });

  test('an error of the SQL is not tried on every operator', async () => {
    await world.node('w1').rows([{ device: 'big', value: 1 }]);
    await expect(world.ask('select nothing from readings')).rejects.toMatchObject({ code: 'SQL_NO_COLUMN' });
    await expect(world.ask('select sum(9223372036854775807) from readings')).rejects.toMatchObject({
      code: 'SQLITE_STATEMENT',
    });
    await expect(world.ask('select 1 from elsewhere')).rejects.toMatchObject({ code: 'QUERY_TABLE_UNKNOWN' });
  });

  test('a table whose policy names no columns is an error, and no empty answer', async () => {
    await world.node('w1').rows([{ device: 'big', value: 1 }]);
    world.spoilPolicy('readings');
    for (const sql of ['select count(*) from readings', 'select * from readings', BY_DEVICE])
      await expect(world.ask(sql)).rejects.toMatchObject({ code: 'TOPOLOGY_CREATE_STATEMENT' });
  });

  test('jobs tell what was sent, to whom, and how it ended', async () => {
    await world.ask(BY_DEVICE);
    const [job] = world.asker.jobs();
    expect(job).toMatchObject({ job: 1, status: 'Completed', rows: 3, dbms: 'sensors', table: 'readings' });
    expect(job?.remoteSql).toContain('GROUP BY "device"');
    expect(job?.mergeSql).toContain('FROM "partial"');
    expect(job?.parts).toHaveLength(2);
    expect(job?.parts[0]).toMatchObject({ status: 'Completed', blocks: 1, error: undefined });
  });
});

describe('tables', () => {
  let world: QueryWorld;
  beforeEach(async () => {
    world = await QueryWorld.create({ east: ['e1'] }, ['readings', 'more', 'unborn']);
    await world.node('e1').rows(EAST);
    await world.node('e1').rows(WEST, 'more');
  });
  afterEach(() => world.close());

  test('included tables count in', async () => {
    const { rows } = await world.ask('select count(*), sum(value) from readings', {
      include: ['more', 'sensors.unborn'],
    });
    expect(rows).toEqual([[5, 8]]);
  });

  test('Q4: a table that has no data yet at its operator is empty', async () => {
    expect((await world.ask('select count(*), max(value) from unborn')).rows).toEqual([[0, null]]);
    expect((await world.ask('select * from unborn')).rows).toEqual([]);
  });

  test('names are found in any case', async () => {
    expect((await world.ask('SELECT Count(DEVICE) FROM Readings WHERE Readings.Value > 0')).rows).toEqual([[2]]);
  });

  test('a local query reads the local databases alone', async () => {
    const { service } = world.node('e1');
    expect([...(await service.local(request('select count(*) from readings'))).rows]).toEqual([[3]]);
    await expect(service.local(request('select 1 from unborn'))).rejects.toMatchObject({ code: 'SQL_NO_TABLE' });
    await expect(service.local(request('select 1 from sqlite_schema'))).rejects.toMatchObject({ code: 'SQL_NO_TABLE' });
    await expect(service.local(request('select 1 from pragma_database_list'))).rejects.toMatchObject({
      code: 'SQL_NO_TABLE',
    });
    await expect(service.local({ ...request('select 1 from t'), dbms: 'nowhere' })).rejects.toMatchObject({
      code: 'SQLITE_NO_DATABASE',
    });
  });

  test('integers beyond 2^53 and quotes arrive as they are', async () => {
    await world.node('e1').rows([{ device: `a "b" 'c' \\ é😀\n`, value: null }]);
    const { rows } = await world.ask(
      `select device, 9007199254740993, -9223372036854775808, 0.1 from readings where device like 'a %'`,
    );
    expect(rows).toEqual([[`a "b" 'c' \\ é😀\n`, 9007199254740993n, -9223372036854775808n, 0.1]]);
  });

  test('period takes the last stretch of time with data', async () => {
    const at = (minute: number): Partial<SensorRow> => ({
      device: 'p',
      timestamp: `2026-02-01 00:0${minute}:00.000000`,
      value: minute,
    });
    await world.node('e1').rows([at(1), at(2), at(3), at(4)]);
    const { rows } = await world.ask(
      `select count(*), min(value) from readings where period(minute, 2, '2026-02-01T00:03:30Z', timestamp, and device = 'p') and value > 0`,
    );
    expect(rows).toEqual([[2, 2]]);
    expect(
      (await world.ask(`select count(*) from readings where period(day, 1, '2001-01-01', timestamp)`)).rows,
    ).toEqual([[0]]);
  });

  test('increments groups by stretches of time', async () => {
    const at = (minute: number): Partial<SensorRow> => ({
      timestamp: `2026-02-01 00:0${minute}:30.000000`,
      value: minute,
    });
    await world.node('e1').rows([at(1), at(2), at(3), at(4)]);
    const { rows } = await world.ask(
      `select increments(minute, 2, timestamp), max(timestamp), avg(value) from readings where timestamp > '2026-02-01'`,
    );
    expect(rows).toEqual([
      ['2026-02-01 00:01:30.000000', 1],
      ['2026-02-01 00:03:30.000000', 2.5],
      ['2026-02-01 00:04:30.000000', 4],
    ]);
  });
});
