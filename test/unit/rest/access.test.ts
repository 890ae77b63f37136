import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import type { Person } from '../../../src/command/access/access.ts';
import { rawRequest, startRestNode, type RestNode } from '../../support/rest-node.ts';

const AGENT = { 'User-Agent': 'AnyLog/1.23' };
const ANN: Person = { by: 'user', name: 'ann', admin: false };

let node: RestNode;
let asked: (readonly [string | undefined, string])[];
beforeEach(async () => {
  asked = [];
  node = await startRestNode({
    access: {
      async admit(authorization, from) {
        asked.push([authorization, from]);
        if (authorization === 'busy') throw fault('ACCESS_BUSY', 'too many');
        if (authorization === 'tries') throw fault('ACCESS_TRIES', 'too many');
        if (authorization !== 'key') throw fault('ACCESS_DENIED', 'who are you?', { hint: 'say it' });
        return ANN;
      },
    },
  });
});
afterEach(() => node.close());

describe('who does not say who it is', () => {
  test.each([
    ['GET', {}],
    ['GET', { command: 'get status' }],
    ['GET', { 'User-Agent': 'Grafana/11' }],
    ['GET', { 'User-Agent': 'monitor' }],
    ['POST', { command: 'get status' }],
    ['POST', { command: 'body', Authorization: 'other' }],
    ['PUT', { dbms: 'a', table: 'b' }],
    ['DELETE', {}],
  ])('%s %j gets 401, and nothing runs', async (method, headers) => {
    const body = method === 'POST' || method === 'PUT' ? 'x'.repeat(1_000_000) : null;
    const response = await fetch(node.url, { method, headers: { ...AGENT, ...headers }, body });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer .*Basic realm=/);
    const expected = {
      method,
      node: 'node-1',
      err_code: 97,
      err_text: 'who are you?',
      code: 'ACCESS_DENIED',
      hint: 'say it',
    };
    expect(await response.json()).toEqual(expected);
    expect([node.executed, node.puts]).toEqual([[], []]);
  });

  test('sees whether the node is there, and no more', async () => {
    for (const path of ['health', 'api/status']) expect((await fetch(node.url + path)).status).toBe(200);
    expect((await fetch(`${node.url}health?command=get%20status`, { headers: AGENT })).status).toBe(401);
    expect((await fetch(`${node.url}health`, { method: 'POST', headers: AGENT, body: 'get status' })).status).toBe(401);
    expect((await fetch(node.url, { method: 'OPTIONS' })).status).toBe(204);
    expect(node.executed).toEqual([]);
  });

  test('a page of another site is refused before it is asked who it is', async () => {
    const answer = await rawRequest(node.port, 'GET / HTTP/1.1\r\nHost: evil.example\r\nAuthorization: key\r\n\r\n', {
      end: true,
    });
    expect(answer).toMatch(/^HTTP\/1.1 403 /);
    expect(asked).toEqual([]);
  });
});

test('who says it is passed on with its commands', async () => {
  const headers = { ...AGENT, Authorization: 'key' };
  expect((await fetch(node.url, { headers: { ...headers, command: 'get status' } })).status).toBe(200);
  expect((await fetch(node.url, { method: 'POST', headers, body: 'get a' })).status).toBe(200);
  expect(
    (await fetch(node.url, { method: 'PUT', headers: { ...headers, dbms: 'a', table: 'b' }, body: '{}' })).status,
  ).toBe(200);
  expect(asked).toEqual(Array.from({ length: 3 }, () => ['key', '127.0.0.1']));
  expect(node.executed.map(({ session }) => session.person)).toEqual([ANN, ANN]);
  expect(node.puts).toHaveLength(1);
  expect(node.putters).toEqual([ANN]);
});

test.each([
  ['tries', 429],
  ['busy', 503],
])('%s is told with %i', async (authorization, status) => {
  expect((await fetch(node.url, { headers: { ...AGENT, Authorization: authorization } })).status).toBe(status);
});
