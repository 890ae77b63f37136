import { afterEach, beforeEach, expect, test } from 'vitest';
import { REST_LINES_MAX } from '../../../src/base/limits.ts';
import { type RestNode, startRestNode } from '../../support/rest-node.ts';

let node: RestNode;
beforeEach(async () => {
  node = await startRestNode();
});
afterEach(() => node.close());

const post = (body: string, signal?: AbortSignal) =>
  fetch(node.url, {
    ...{ method: 'POST', headers: { 'User-Agent': 'AnyLog/1.23', command: 'get status' }, body },
    ...(signal === undefined ? {} : { signal }),
  });

test('lines before the command let others have their turn, each of them', async () => {
  const seen = new Set<number>();
  let over = false;
  const look = (): void => {
    seen.add(node.executed.length);
    if (!over) setImmediate(look);
  };
  look();
  expect((await post('x = 1\n'.repeat(REST_LINES_MAX))).status).toBe(200);
  over = true;
  expect(node.executed).toHaveLength(REST_LINES_MAX + 1);
  expect(seen.size).toBeGreaterThan(REST_LINES_MAX / 2);
});

test('more of them than may be are refused, and none runs', async () => {
  const response = await post('x = 1\n'.repeat(REST_LINES_MAX + 1));
  expect(response.status).toBe(413);
  expect(await response.json()).toMatchObject({ code: 'REST_LINES', err_code: 110 });
  expect((await post('x=1\n'.repeat(200_000))).status).toBe(413);
  expect(node.executed).toEqual([]);
  expect((await post(`# no command\n\n${'\n'.repeat(5_000)}x = 1`)).status).toBe(200);
});

test('they end with the client', async () => {
  const leave = new AbortController();
  const asked = post('wait\n'.repeat(10), leave.signal).catch(() => 'left');
  const leaving = (): void => {
    if (node.executed.length === 0) setImmediate(leaving);
    else leave.abort();
  };
  leaving();
  expect(await asked).toBe('left');
  await node.close();
  expect(node.executed).toHaveLength(1);
});
