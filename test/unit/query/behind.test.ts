import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { QUERY_CATCH_UP_MS, QUERY_SHOWN_KEEP_MS } from '../../../src/base/limits.ts';
import type { Holdings } from '../../../src/operator/file-record.ts';
import { asFault } from '../../../src/base/errors.ts';
import { dropsNeeded, readyToAnswer, Shown } from '../../../src/query/behind.ts';
import { formatResult, resultValue } from '../../../src/query/format.ts';
import type { QueryResult } from '../../../src/query/query.ts';
import { encodeControl, QUERY_PROTOCOL } from '../../../src/query/remote/messages.ts';
import { QueryWorld, request } from '../../support/query-world.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';
import { waitFor } from '../../support/wait.ts';

const upTo = (file: number): Holdings => new Map([['e2', [[1, file]]]]);
const COUNT = 'select count(*) from readings';
const ROW = { device: 'd1', value: 1 };
const countOf = ({ rows }: Pick<QueryResult, 'rows'>): unknown => [...rows][0]?.[0];
const statusOf = ({ parts }: QueryResult, of: string) => parts.filter(({ operator }) => operator === of).at(-1)?.status;

describe('an operator that lacks files', () => {
  let world: QueryWorld;
  /** e2 has taken a second file; e1, the main one, holds the first alone. */
  beforeEach(async () => {
    world = await QueryWorld.create({ east: ['e1', 'e2'] });
    await world.node('e1').rows([ROW]);
    await world.node('e2').rows([ROW, ROW]);
    world.node('e1').held = upTo(1);
    world.node('e2').held = upTo(2);
  });
  afterEach(() => world.close());

  test('does not answer while another one has them', async () => {
    world.node('e1').told = upTo(2);
    const result = await world.ask(COUNT);
    expect(countOf(result)).toBe(2);
    expect([statusOf(result, 'e1'), statusOf(result, 'e2')]).toEqual(['Behind', 'Completed']);
    expect(result.behind).toEqual([]);
    await world.node('e1').network.dial({ address: world.node('e2').network.address });
    expect(countOf(await world.node('e1').service.network(request(COUNT)))).toBe(2);
  });

  test('answers where nobody has them, and the reply says so in every layout', async () => {
    world.node('e1').told = upTo(2);
    await world.node('e2').network.close();
    const result = await world.ask(COUNT);
    expect(countOf(result)).toBe(1);
    expect(result.behind).toEqual([{ cluster: 'east', operator: 'e1', files: 1 }]);
    expect(world.asker.jobs()[0]?.parts.at(-1)).toMatchObject({ operator: 'e1', status: 'Completed', behind: 1 });
    for (const format of ['json', 'json:list', 'json:output', 'table'] as const) {
      expect(formatResult(result, { format, stat: false })).toContain('"Behind":[{"cluster":"east"');
      expect(formatResult(result, { format, stat: true })).toContain('"Files Lacking": 1');
    }
    expect(resultValue(result, { format: 'json:list', stat: true })).toMatchObject({
      Behind: result.behind,
      Statistics: [{ 'Files Lacking': 1 }],
    });
  });

  test('of several the one that lacks the fewest answers', async () => {
    world.node('e1').told = upTo(9);
    world.node('e2').told = upTo(9);
    expect((await world.ask(COUNT)).behind).toEqual([{ cluster: 'east', operator: 'e2', files: 7 }]);
  });

  test('rows that were shown do not go away again when another operator is asked', async () => {
    let before = 0;
    for (let turn = 0; turn < 8; turn += 1) {
      const count = Number(countOf(await world.ask(COUNT, { nodes: 'all' })));
      expect(count).toBeGreaterThanOrEqual(before);
      before = count;
    }
    expect(before).toBe(2);
    await world.node('e2').network.close();
    expect(await world.ask(COUNT)).toMatchObject({ rows: [[1]], behind: [{ operator: 'e1', files: 1 }] });
  });

  test('a committed query is answered by one that holds what is committed', async () => {
    world.committed.set('east', new Map([['e2', [[1, 2]]]]));
    const result = await world.ask(COUNT, { committed: true });
    expect([statusOf(result, 'e1'), statusOf(result, 'e2')]).toEqual(['Behind', 'Completed']);
  });

  test('one believed down is not waited for: who is up and behind comes first', async () => {
    world.node('e1').told = upTo(2);
    world.down.add('e2');
    expect(await world.ask(COUNT)).toMatchObject({ rows: [[1]], parts: [{ operator: 'e1' }, { operator: 'e1' }] });
  });

  test('one that is at work and lacks nothing is given time', async () => {
    world.node('e1').told = upTo(2);
    world.node('e2').network.handle(QUERY_PROTOCOL, async (channel) => {
      await channel[Symbol.asyncIterator]().next();
      await waitFor(() => world.asker.jobs()[0]?.parts.some(({ status }) => status === 'Behind') === true);
      await channel.send(encodeControl({ kind: 'accepted', behind: 0 }));
      await channel.send(encodeControl({ kind: 'end', rows: 0, held: [] }));
    });
    const result = await world.ask('select device from readings', { nodes: 'all' }, { operators: ['e2', 'e1'] });
    expect(result.behind).toEqual([]);
  });
});

const READINGS = ['plant', () => 'readings'] as const;

describe('what may answer', () => {
  const own = (held: () => Holdings, lacking: () => number) => ({
    clock: createVirtualClock(0),
    operating: () => ({
      ...{ operator: 'e1', cluster: 'east', filled: true, heard: true, held },
      drops: { isApplied: () => false, isDropping: () => false },
      shortfall: () => ({ lacking: lacking(), overdue: lacking() }),
    }),
  });

  test('waits a moment for what is needed and is on its way', async () => {
    let held = upTo(1);
    const ports = own(() => held, () => (held.get('e2')?.[0]?.[1] === 2 ? 0 : 1)); // prettier-ignore
    const ready = readyToAnswer(ports, { needs: upTo(2), behind: 'answer' }, ...READINGS);
    await ports.clock.advance(50);
    held = upTo(2);
    await ports.clock.advance(20);
    expect(await ready).toBe(0);
  });

  test('waits until it has heard what its peers hold, and lacks what they told', async () => {
    const ports = own(() => upTo(1), () => 3); // prettier-ignore
    let heard = false;
    let said: string | undefined;
    const { clock, operating } = ports;
    const ready = readyToAnswer(
      { clock, operating: () => ({ ...operating(), heard }) },
      { needs: new Map(), behind: 'refuse' },
      ...READINGS,
    ).catch((caught: unknown) => (said = asFault(caught).code));
    await clock.advance(500);
    expect(said).toBeUndefined();
    heard = true;
    await clock.advance(20);
    await ready;
    expect(said).toBe('QUERY_OPERATOR_BEHIND');
  });

  test('no longer than its bound, and not at all for what nobody was shown', async () => {
    const ports = own(() => upTo(1), () => 3); // prettier-ignore
    expect(await readyToAnswer(ports, { needs: new Map(), behind: 'answer' }, ...READINGS)).toBe(3);
    const ready = readyToAnswer(ports, { needs: upTo(2), behind: 'answer' }, ...READINGS);
    await ports.clock.advance(QUERY_CATCH_UP_MS + 10);
    expect(await ready).toBe(3);
  });
});

describe('a table that was dropped', () => {
  const operator = (isApplied: boolean, isDropping: boolean) => ({
    clock: createVirtualClock(0),
    operating: () => ({
      ...{ operator: 'e1', cluster: 'east', filled: true, heard: true, held: () => new Map() },
      drops: { isApplied: () => isApplied, isDropping: () => isDropping },
      shortfall: (needed: Holdings) => ({ lacking: needed.size, overdue: needed.size }),
    }),
  });
  const dropsOf = () => [
    { id: 'd1', dbms: 'plant', table: 'readings', files: new Map([['e1', 1]]) },
    { id: 'd2', dbms: 'plant', table: 'others', files: new Map([['e1', 2]]) },
  ];
  const needs = dropsNeeded({ dropsOf }, 'east', { dbms: 'plant', table: 'readings' });
  const codeOf = (ready: Promise<unknown>): Promise<unknown> =>
    ready.then(
      (lacking) => lacking,
      (caught: unknown) => asFault(caught).code,
    );

  test('is answered by who has applied what the asking node has heard of, others are behind', async () => {
    expect([...needs.keys()]).toEqual(['d1']);
    const question = { needs, behind: 'refuse' } as const;
    expect(await codeOf(readyToAnswer(operator(true, false), question, ...READINGS))).toBe(0);
    expect(await codeOf(readyToAnswer(operator(false, false), question, ...READINGS))).toBe('QUERY_OPERATOR_BEHIND');
  });

  test('is behind without an earlier drop by who knew more, not without one that later ones say too', () => {
    const drops = [{ e1: 5 }, { e1: 3, e2: 9 }, ...Array.from({ length: 20 }, (_, at) => ({ e1: 10 + at }))];
    const named = drops.map((files, at) => ({
      ...{ id: `d${at}`, dbms: 'plant', table: 'readings' },
      files: new Map(Object.entries(files)),
    }));
    const needed = dropsNeeded({ dropsOf: () => named }, 'east', { dbms: 'plant', table: 'readings' });
    expect([...needed.keys()]).toEqual(['d21', 'd1']);
  });

  test('is not answered by who has heard of it and has rows of it still', async () => {
    const question = { needs: new Map(), behind: 'answer' } as const;
    const ready = readyToAnswer(operator(false, true), question, ...READINGS);
    expect(await codeOf(ready)).toBe('QUERY_OPERATOR_NOT_FILLED');
  });
});

test('who looks through a database does not answer from that one, but from others', async () => {
  const operating = (dbms?: string) => ({
    ...{ operator: 'e1', cluster: 'east', filled: dbms !== 'plant', heard: true, held: () => new Map() },
    drops: { isApplied: () => true, isDropping: () => false },
    shortfall: () => ({ lacking: 0, overdue: 0 }),
  });
  const ports = { clock: createVirtualClock(0), operating };
  const question = { needs: new Map(), behind: 'refuse' } as const;
  await expect(readyToAnswer(ports, question, 'plant', () => 'readings')).rejects.toMatchObject({
    code: 'QUERY_OPERATOR_NOT_FILLED',
  });
  expect(await readyToAnswer(ports, question, 'other', () => 'readings')).toBe(0);
});

describe('what was shown', () => {
  test('only grows, and what nobody has held for long is forgotten', () => {
    const shown = new Shown();
    shown.note('east', upTo(5), 0);
    shown.note('east', new Map([['e1', [[1, 1]]]]), 10);
    expect([...shown.of('east').keys()].sort()).toEqual(['e1', 'e2']);
    shown.note('east', upTo(6), QUERY_SHOWN_KEEP_MS);
    expect([...shown.of('east').keys()].sort()).toEqual(['e1', 'e2']);
    shown.note('east', upTo(4), 20 + QUERY_SHOWN_KEEP_MS);
    expect(shown.of('east')).toEqual(upTo(4));
    expect(shown.of('west').size).toBe(0);
  });
});
