import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../../src/base/clock.ts';
import {
  REST_BODY_BYTES_MAX,
  REST_COMMAND_BODY_BYTES_MAX,
  REST_HEADER_BYTES_MAX,
  REST_LINGER_MS,
  REST_RUNNING_FEW,
  REST_RUNNING_KEPT,
  REST_RUNNING_MAX,
  REST_ROWS_OF_ONE_MAX,
  REST_RUNNING_OF_ONE_MAX,
  REST_RUNNING_SPARE,
  REST_STALL_MS,
} from '../../../src/base/limits.ts';
import { BodyBudget } from '../../../src/rest/body.ts';
import { rawRequest, startRestNode, type RestNode } from '../../support/rest-node.ts';
import { waitFor } from '../../support/wait.ts';

/** REST's own waits end after a tenth of their time. */
const hurried: Clock = { ...systemClock, after: (ms, task) => systemClock.after(ms / 10, task) };

let node: RestNode;
beforeEach(async () => {
  node = await startRestNode({ clock: hurried });
});
afterEach(async () => {
  // Whatever came before: the node still answers.
  const response = await fetch(node.url, { headers: { 'User-Agent': 'AnyLog/1.23', command: 'get status' } });
  expect(await response.text()).toBe('answer to get status');
  await node.close();
});

interface Parsed {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The first reply, checked to be whole. */
const parseReply = (received: string): Parsed => {
  const [head = '', rest = ''] = received.split(/\r\n\r\n([\s\S]*)/);
  expect(head).toMatch(/^HTTP\/1\.1 \d{3} /);
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
  const body = rest.slice(0, length);
  expect(body).toHaveLength(length);
  return { status: Number(head.slice(9, 12)), body: JSON.parse(body) as Record<string, unknown> };
};

const expectRefused = (received: string, status: number): void => {
  const parsed = parseReply(received);
  expect(parsed).toMatchObject({ status, body: { node: 'node-1', err_code: expect.any(Number) as number } });
  expect(parsed.body['err_text']).toMatch(/\w/);
};

const PUT = 'PUT / HTTP/1.1\r\nHost: 127.0.0.1\r\ndbms: edge\r\ntable: t\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: AnyLog/1.23\r\n';
const CLOSE = 'Connection: close\r\n';

describe('malformed requests are answered', () => {
  test.each([
    ['rubbish', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS', 400],
    ['no request line', '\r\n\r\n:\r\n\r\n', 400],
    ['an unknown method', 'VIEW / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 501],
    ['CONNECT', 'CONNECT example.org:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 501],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['two lengths', `${PUT}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400],
    ['length and chunks', `${PUT}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`, 400],
    ['a negative length', `${PUT}Content-Length: -2\r\n\r\n{}`, 400],
    ['a chunk without a size', `${PUT}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}`, 400],
    ['a header with NUL', `${PUT}x: a\0b\r\n\r\n`, 400],
    ['headers too long', `${PUT}command: ${'x'.repeat(REST_HEADER_BYTES_MAX)}\r\n\r\n`, 431],
    ['a wrong percent sign', `GET /?User-Agent=AnyLog?command=%zz HTTP/1.1\r\nHost: 127.0.0.1\r\n${CLOSE}\r\n`, 400],
    ['no Host', `GET / HTTP/1.1\r\n${CLOSE}User-Agent: AnyLog/1.23\r\ncommand: get status\r\n\r\n`, 400],
    ['PUT without any header', `PUT / HTTP/1.1\r\nHost: 127.0.0.1\r\n${CLOSE}\r\n`, 400],
    ['a Content-Type that is none', `${PUT}Content-Type: \x01;;\r\n${CLOSE}Content-Length: 0\r\n\r\n`, 400],
    ['a body that is not UTF-8', `${POST}${CLOSE}command: body\r\nContent-Length: 2\r\n\r\n\xff\xfe`, 415],
  ])('%s', async (_, bytes, status) => {
    expectRefused(await rawRequest(node.port, Buffer.from(bytes, 'latin1')), status);
    expect(node.executed).toEqual([]);
  });

  test('names that are members of every object are just names', async () => {
    const body = '{"__proto__": {"command": "exit node"}, "constructor": 1, "command": "get status"}';
    const received = await rawRequest(node.port, `${POST}${CLOSE}Content-Length: ${body.length}\r\n\r\n${body}`);
    expect(received).toContain('answer to get status');
    expect(node.executed.map(({ text }) => text)).toEqual(['get status']);
  });
});

describe('missing PUT headers are told before the body comes', () => {
  test.each([
    ['dbms: edge\r\n', 28],
    ['table: t\r\n', 83],
  ])('%j', async (headers, number) => {
    const start = `PUT / HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}Content-Length: 1000000\r\n\r\n`;
    const received = await rawRequest(node.port, start);
    expect(parseReply(received)).toMatchObject({ status: 400, body: { err_code: number } });
  });
});

describe('bodies are bounded', () => {
  test('an announced length over the bound is refused at once', async () => {
    expectRefused(await rawRequest(node.port, `${PUT}Content-Length: ${REST_BODY_BYTES_MAX + 1}\r\n\r\nabc`), 413);
  });

  test('a command body that turns out too long is refused, and the client that still sends sees it', async () => {
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const bytes = `${POST}command: body\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(REST_COMMAND_BODY_BYTES_MAX / 0x10000 + 3)}`;
    const answer = await rawRequest(node.port, bytes);
    expectRefused(answer, 413);
    expect(answer).toContain('a POST brings commands');
  });

  test('a gzip bomb is refused without being unpacked whole', async () => {
    const packed = new Uint8Array(gzipSync(Buffer.alloc(REST_BODY_BYTES_MAX + 1)));
    expect(packed.byteLength).toBeLessThan(1_000_000);
    const response = await fetch(node.url, { method: 'PUT', headers: { dbms: 'edge', table: 't' }, body: packed });
    expect(response.status).toBe(413);
    const command = await fetch(node.url, {
      method: 'POST',
      headers: { 'User-Agent': 'AnyLog/1.23', command: 'body', 'Content-Encoding': 'gzip' },
      body: new Uint8Array(gzipSync(Buffer.alloc(REST_COMMAND_BODY_BYTES_MAX + 1))),
    });
    expect(command.status).toBe(413);
    expect(node.puts).toEqual([]);
  });

  test('more commands at a time than are worked on: the next is told to come again', async () => {
    const leave = new AbortController();
    const ask = (command: string, signal?: AbortSignal) =>
      fetch(node.url, { method: 'POST', headers: { 'User-Agent': 'AnyLog/1.23', command }, signal: signal ?? null });
    const waiting = Array.from({ length: REST_RUNNING_MAX }, () => ask('wait', leave.signal).catch(() => undefined));
    await waitFor(() => node.executed.length === REST_RUNNING_MAX);
    expect((await ask('get status')).status).toBe(503);
    leave.abort();
    await Promise.all(waiting);
    await waitFor(async () => (await ask('get status')).status === 200);
  });

  const ofUsers = async () => {
    await node.close();
    node = await startRestNode({
      access: {
        admit: async (authorization) => ({ by: 'user', name: authorization ?? '', admin: authorization === undefined }),
      },
    });
    return (name: string, command: string, method = 'POST') =>
      fetch(node.url, {
        method,
        headers: { 'User-Agent': 'AnyLog/1.23', Authorization: name, command, dbms: 'edge', table: command },
        ...(method === 'PUT' ? { body: '{}' } : {}),
      });
  };

  test('the rows of one user leave places for those of others, and for commands', async () => {
    const ask = await ofUsers();
    const bobs = Array.from({ length: REST_ROWS_OF_ONE_MAX }, () => ask('bob', 'slow', 'PUT'));
    await waitFor(() => node.puts.length === REST_ROWS_OF_ONE_MAX);
    expect((await ask('bob', 'edge', 'PUT')).status).toBe(503);
    expect((await ask('bob', 'get status')).status).toBe(200);
    expect((await ask('carl', 'edge', 'PUT')).status).toBe(200);
    node.release();
    expect((await Promise.all(bobs)).every(({ status }) => status === 200)).toBe(true);
    expect((await ask('bob', 'edge', 'PUT')).status).toBe(200);
  });

  test('one user takes its share of them, two leave some to others, and all users leave some to admins', async () => {
    const ask = await ofUsers();
    const others = REST_RUNNING_MAX - REST_RUNNING_KEPT - REST_RUNNING_SPARE - REST_RUNNING_OF_ONE_MAX;
    const anns = Array.from({ length: REST_RUNNING_OF_ONE_MAX }, () => ask('ann', 'hang'));
    await waitFor(() => node.executed.length === REST_RUNNING_OF_ONE_MAX);
    expect((await ask('ann', 'get status')).status).toBe(503);
    expect((await ask('ann', 'edge', 'PUT')).status).toBe(200);
    expect((await ask('bob', 'get status')).status).toBe(200);
    const rows = Array.from({ length: others }, () => ask('bob', 'slow', 'PUT'));
    await waitFor(() => node.puts.length === others + 1);
    expect((await ask('bob', 'edge', 'PUT')).status).toBe(503);
    expect((await ask('carl', 'get status')).status).toBe(200);
    const few = Array.from({ length: REST_RUNNING_SPARE }, (_, at) => `user ${Math.floor(at / REST_RUNNING_FEW)}`);
    const last = few.map((name) => ask(name, 'hang'));
    await waitFor(() => node.executed.filter(({ text }) => text === 'hang').length === anns.length + few.length);
    for (const [name, method] of [
      ['carl', 'POST'],
      ['bob', 'PUT'],
    ] as const)
      expect((await ask(name, 'get status', method)).status).toBe(503);
    const admin = await fetch(node.url, { headers: { 'User-Agent': 'AnyLog/1.23', command: 'get status' } });
    expect(admin.status).toBe(200);
    node.release();
    const answers = await Promise.all([...anns, ...rows, ...last]);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect((await ask('ann', 'get status')).status).toBe(200);
  });
});

describe('work that goes on after its client has left', () => {
  const ask = (command: string, signal?: AbortSignal) =>
    fetch(node.url, { method: 'POST', headers: { 'User-Agent': 'AnyLog/1.23', command }, signal: signal ?? null });

  test('still counts as running', async () => {
    const leave = new AbortController();
    const left = Array.from({ length: REST_RUNNING_MAX }, () => ask('hang', leave.signal).catch(() => undefined));
    await waitFor(() => node.executed.length === REST_RUNNING_MAX);
    leave.abort();
    await Promise.all(left);
    expect((await ask('get status')).status).toBe(503);
    node.release();
    await waitFor(async () => (await ask('get status')).status === 200);
  });

  test('keeps the room that its body takes', async () => {
    await node.close();
    node = await startRestNode({ bodies: new BodyBudget(1_000_000) });
    const body = 'x'.repeat(400_000);
    const send = (signal?: AbortSignal) =>
      fetch(node.url, { method: 'PUT', headers: { dbms: 'edge', table: 'slow' }, body, signal: signal ?? null });
    const leave = new AbortController();
    const left = [1, 2].map(() => send(leave.signal).catch(() => undefined));
    await waitFor(() => node.puts.length === 2);
    leave.abort();
    await Promise.all(left);
    expect((await send()).status).toBe(503);
    node.release();
    await waitFor(async () => (await send()).status === 200);
  });
});

describe('slow clients', () => {
  test('a body that stops coming is answered with 408 and cut off', async () => {
    const startMs = performance.now();
    expectRefused(await rawRequest(node.port, `${PUT}Content-Length: 1000\r\n\r\n{"a":`), 408);
    expect(performance.now() - startMs).toBeLessThan((REST_STALL_MS + REST_LINGER_MS) / 2);
    expect(node.puts).toEqual([]);
  });

  test('headers that do not come to an end are answered with 408', async () => {
    const startMs = performance.now();
    expectRefused(await rawRequest(node.port, 'GET / HTTP/1.1\r\nHost: 127.0'), 408);
    expect(performance.now() - startMs).toBeLessThan(15_000);
  });

  test('a client that leaves within its body leaves nothing behind', async () => {
    const socket = connect(node.port, '127.0.0.1');
    socket.write(`${PUT}Content-Length: 1000\r\n\r\n{"a":`);
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.destroy();
    await waitFor(() => socket.closed);
    expect(node.puts).toEqual([]);
  });
});

describe('pages of other sites', () => {
  const asking = (headers: string): string =>
    `GET /?User-Agent=AnyLog/1.23?command=get%20status HTTP/1.1\r\n${headers}${CLOSE}\r\n`;

  test.each([
    ['Host: attacker.example\r\n', 403],
    ['Host: attacker.example:32149\r\n', 403],
    ['Host: 127.0.0.1.attacker.example\r\n', 403],
    ['Host: localhost@attacker.example\r\n', 403],
    ['Host: 127.0.0.1\r\nOrigin: http://attacker.example\r\n', 403],
    ['Host: 127.0.0.1\r\nOrigin: http://127.0.0.1:8080\r\n', 403],
    ['Host: 127.0.0.1\r\nOrigin: null\r\n', 403],
    ['Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n', 403],
  ])('%j is refused', async (headers, status) => {
    expectRefused(await rawRequest(node.port, asking(headers)), status);
    expect(node.executed).toEqual([]);
  });

  test.each([
    'Host: 127.0.0.1:32149\r\n',
    'Host: localhost:32149\r\n',
    'Host: LOCALHOST\r\n',
    'Host: [::1]:32149\r\n',
    'Host: 10.1.2.3:32149\r\n',
    'Host: 127.0.0.1:32149\r\nOrigin: http://127.0.0.1:32149\r\n',
    'Host: 127.0.0.1:32149\r\nSec-Fetch-Site: same-origin\r\n',
    'Host: 127.0.0.1:32149\r\nSec-Fetch-Site: none\r\n',
  ])('%j is served', async (headers) => {
    expect(await rawRequest(node.port, asking(headers))).toContain('answer to get status');
  });

  test('a preflight is refused as well, so that the browser never sends the request', async () => {
    const bytes = `OPTIONS / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://attacker.example\r\nAccess-Control-Request-Method: PUT\r\n${CLOSE}\r\n`;
    const received = await rawRequest(node.port, bytes);
    expectRefused(received, 403);
    expect(received).not.toMatch(/access-control-allow/i);
  });
});
