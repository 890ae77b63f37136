import { createServer, type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../support/wait.ts';
import { startRestNode, type RestNode } from '../../support/rest-node.ts';

const AGENT = { 'User-Agent': 'AnyLog/1.23' };

let node: RestNode;
beforeEach(async () => {
  node = await startRestNode();
});
afterEach(() => node.close());

const get = (headers: Record<string, string>, path = '') => fetch(node.url + path, { headers });
const post = (headers: Record<string, string>, body = '') => fetch(node.url, { method: 'POST', headers, body });
const put = (headers: Record<string, string>, body: string | Uint8Array<ArrayBuffer> = '{}') =>
  fetch(node.url, { method: 'PUT', headers, body });
const commands = (): readonly string[] => node.executed.map(({ text }) => text);

const expectError = async (response: Response, status: number, number: number, method = 'GET'): Promise<void> => {
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(response.headers.get('content-length')).not.toBeNull();
  const body = (await response.json()) as Record<string, unknown>;
  expect(body).toMatchObject({ method, node: 'node-1', err_code: number });
  expect(body['err_text']).toMatch(/\w/);
};

describe('commands by GET', () => {
  test('in headers, whatever their case; the reply has a length', async () => {
    const response = await get({ 'USER-AGENT': 'anylog/1.23', CoMMand: 'get status' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(response.headers.get('content-length')).toBe('20');
    expect(await response.text()).toBe('answer to get status');
  });

  test('what is to be known about an answer is said in a header: the body stays what it is', async () => {
    const response = await get({ ...AGENT, command: 'noted' });
    expect(response.headers.get('holdfast-note')).toBe('ENTRY_BODY_MISSING: what 1 of?the entries say');
    expect(await response.text()).toBe('[]');
    expect((await get({ ...AGENT, command: 'get status' })).headers.has('holdfast-note')).toBe(false);
  });

  test('AnyLog-Agent goes over User-Agent', async () => {
    const response = await get({ 'User-Agent': 'Mozilla/5.0', 'AnyLog-Agent': 'AnyLog/1.23', command: 'get status' });
    expect(await response.text()).toBe('answer to get status');
  });

  test.each([
    '?User-Agent=AnyLog/1.23?command=get%20status?destination=10.0.0.1:32148',
    '?user-agent=AnyLog/1.23&command=get+status&destination=10.0.0.1:32148',
  ])('in the URL: %s', async (path) => {
    await get({}, path);
    expect(commands()).toEqual(['run client (10.0.0.1:32148) get status']);
  });

  test('a question mark within a value is part of it', async () => {
    await get(AGENT, '?command=sql%20edge%20%22select%20*%20where%20a%20=%20?%20x%22');
    expect(commands()).toEqual(['sql edge "select * where a = ? x"']);
  });

  test('a command in UTF-8 arrives as it was typed', async () => {
    const utf8 = Buffer.from('get status where name = Zürich 漢').toString('latin1');
    await get({ ...AGENT, command: utf8 });
    expect(commands()).toEqual(['get status where name = Zürich 漢']);
  });

  test.each([
    [{ destination: 'local' }, 'get status'],
    [{ destination: 'network' }, 'run client () get status'],
    [
      { destination: 'network', subset: 'true', timeout: '30' },
      'run client (subset = true, timeout = 30 seconds) get status',
    ],
    [{ destination: 'a:1,b:2', timeout: '2 minutes' }, 'run client (a:1,b:2, timeout = 2 minutes) get status'],
    [
      { destination: 'blockchain get operator bring.ip_port' },
      'run client (blockchain get operator bring.ip_port) get status',
    ],
    [{ assignment: 'state' }, 'state = get status'],
  ])('%j', async (headers, command) => {
    expect((await get({ ...AGENT, command: 'get status', ...headers })).status).toBe(200);
    expect(commands()).toEqual([command]);
  });

  test('curl without a command gets the status; a client without one is told', async () => {
    await get({ 'User-Agent': 'curl/8.5' });
    expect(commands()).toEqual(['get status']);
    await expectError(await get(AGENT), 400, 110);
  });

  test('an agent that is no client and says no command gets an empty 200: it looks whether anybody is there', async () => {
    const response = await get({ 'User-Agent': 'monitor/1' });
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(await (await get({ 'User-Agent': 'Grafana/11' })).text()).toBe('OK');
    expect(commands()).toEqual([]);
  });

  test('what Grafana asks beyond that is said to be unsupported', async () => {
    const response = await fetch(`${node.url}/query`, {
      method: 'POST',
      headers: { 'User-Agent': 'Grafana/11' },
      body: '[]',
    });
    expect(await response.json()).toMatchObject({
      err_code: 163,
      err_text: expect.stringContaining('not supported') as string,
      hint: expect.stringContaining('json:list') as string,
    });
  });

  test('whoever says a command means it, whatever the agent', async () => {
    expect((await get({ 'User-Agent': 'node', command: 'get status' })).status).toBe(200);
    expect(commands()).toEqual(['get status']);
  });

  test('a command that changes something wants POST', async () => {
    await expectError(await get({ ...AGENT, command: 'set x = 1' }), 400, 156);
    await expectError(await get({ ...AGENT, command: 'exit node', destination: 'local' }), 400, 156);
    expect(commands()).toEqual([]);
  });

  test('JSON is answered as JSON, and asked for by Accept', async () => {
    const response = await get({ ...AGENT, command: 'get status', Accept: 'application/json' });
    expect(response.headers.get('content-type')).toBe('text/json; charset=utf-8');
    expect(await response.json()).toEqual({ answer: true });
    await get({ ...AGENT, command: 'get status' });
    expect(node.executed.map(({ format }) => format)).toEqual(['json', undefined]);
  });

  test('a shell says with each command where it goes', async () => {
    await get({
      ...AGENT,
      command: 'get status',
      standing: Buffer.from('operator where name = Zürich').toString('latin1'),
    });
    await get({ ...AGENT, command: 'get status', standing: '' });
    expect(node.executed.map(({ text, session }) => [text, session.destination])).toEqual([
      ['get status', 'operator where name = Zürich'],
      ['get status', undefined],
    ]);
  });

  test('a program says that it wants the titles of a long table once', async () => {
    await get({ ...AGENT, command: 'get a', titles: 'Once' });
    await get({ ...AGENT, command: 'get b' });
    expect(node.executed.map(({ titlesOnce }) => titlesOnce)).toEqual([true, false]);
  });

  test('each request has a session of its own', async () => {
    await get({ ...AGENT, command: 'get a' });
    await get({ ...AGENT, command: 'get b' });
    const [first, second] = node.executed.map(({ session }) => session);
    expect(first?.caller).toBe('rest');
    expect(first?.scope).toBeDefined();
    expect(second?.scope).not.toBe(first?.scope);
  });

  test('health and status pages; nothing elsewhere', async () => {
    expect(await (await get({}, 'health')).json()).toMatchObject({ status: 'healthy', service: 'holdfast' });
    expect(await (await get({}, 'api/status')).json()).toEqual({ status: 'ok' });
    await expectError(await get({}, 'elsewhere'), 404, 110);
    await expectError(await get({}, '%zz/%00'), 404, 110);
  });
});

describe('commands by POST', () => {
  test('a read by POST is answered too', async () => {
    expect(await (await post({ ...AGENT, command: 'get status' })).text()).toBe('answer to get status');
  });

  test('JSON body with the command (form 1)', async () => {
    const body = { command: 'get status', Destination: 'network', 'AnyLog-Agent': 'AnyLog/1.23' };
    expect((await post({ 'User-Agent': 'python-requests' }, JSON.stringify(body))).status).toBe(200);
    expect(commands()).toEqual(['run client () get status']);
  });

  test('JSON body with SQL (form 2), whatever quotes it holds', async () => {
    const ask = (sql: string) => post({ ...AGENT, destination: 'x:1' }, JSON.stringify({ dbms: 'edge', sql }));
    await ask("select 'a  b'\nfrom t");
    await ask('select "a" from t');
    expect(commands()).toEqual([
      `run client () sql edge format = json "select 'a  b'\nfrom t "`,
      'run client () sql edge format = json `select "a" from t `',
    ]);
    await expectError(await post(AGENT, JSON.stringify({ dbms: 'a) exit node', sql: 'x' })), 400, 6, 'POST');
  });

  test('assignments in the body run before the command of the header, in one session (form 3)', async () => {
    const body = 'a = 1\n<new_policy={"operator":\n {"name": "x"}}>\n';
    const headers = { ...AGENT, command: 'blockchain insert where policy=!new_policy' };
    const response = await post(headers, body);
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(commands()).toEqual(['a = 1', '<new_policy={"operator":\n {"name": "x"}}>', headers.command]);
    expect(new Set(node.executed.map(({ session }) => session)).size).toBe(1);
  });

  test('command: body, and a plain body without a command', async () => {
    await post({ ...AGENT, command: 'body' }, 'get status\n');
    await post(AGENT, '{"x": 1}').then((response) => expectError(response, 400, 110, 'POST'));
    await post({ 'User-Agent': 'curl/8.5' }, 'get version');
    expect(commands()).toEqual(['get status', 'get version']);
  });

  test('data for a topic without a mapping', async () => {
    await expectError(await post({ ...AGENT, command: 'data', topic: 'x' }, '{}'), 400, 167, 'POST');
  });

  test('an agent that is no client and says no command is told', async () => {
    await expectError(await post({ 'User-Agent': 'monitor/1' }), 400, 163, 'POST');
    expect(commands()).toEqual([]);
  });

  test.each([
    ['{"command": ', 400, 6],
    ['{"command": 5}', 400, 6],
    ['', 400, 110],
    [`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`, 400, 110],
  ])('body %#', async (body, status, number) => {
    await expectError(await post(AGENT, body), status, number, 'POST');
  });

  test('a refusal keeps number, text and hint; what nobody foresaw is 500', async () => {
    const response = await post({ ...AGENT, command: 'refuse' });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      method: 'POST',
      node: 'node-1',
      err_code: 113,
      err_text: 'there is no such policy',
      code: 'POLICY_UNKNOWN',
      hint: 'look again',
    });
    expect(await (await post({ ...AGENT, command: 'refuse half way' })).json()).toMatchObject({ printed: ['one'] });
    await expectError(await post({ ...AGENT, command: 'crash' }), 500, 3, 'POST');
  });

  test('a command that heeds its time-out and one that does not are both ended by 504', async () => {
    for (const command of ['wait', 'hang']) {
      await expectError(await post({ ...AGENT, command, timeout: '1' }), 504, 26, 'POST');
    }
    await expectError(await post({ ...AGENT, command: 'wait', timeout: 'soon' }), 400, 110, 'POST');
    await expectError(await post({ ...AGENT, command: 'wait', timeout: '99999999' }), 400, 110, 'POST');
  });

  test('a client that leaves ends its command', async () => {
    const leave = new AbortController();
    const asked = fetch(node.url, { method: 'POST', headers: { ...AGENT, command: 'wait' }, signal: leave.signal });
    await waitFor(() => node.executed.length === 1);
    leave.abort();
    await expect(asked).rejects.toThrow();
    await waitFor(() => node.executed[0]?.signal?.aborted);
  });
});

describe('rows by PUT', () => {
  const HEADERS = { type: 'json', dbms: 'edge', table: 'mote_reading', 'Content-Type': 'text/plain' };

  test('file and streaming mode, with the documented answer', async () => {
    const response = await put({ ...HEADERS, source: 'mote_1' }, '{"a": 1}\n{"a": 2}');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      'AnyLog.status': 'Success',
      'AnyLog.hash': '0123456789abcdef0123456789abcdef',
    });
    const streamed = await put({ ...HEADERS, mode: 'streaming' }, '[]');
    expect(await streamed.text()).toBe('{"AnyLog.status":"Success", "AnyLog.hash": "0" }');
    expect(node.puts.map(({ content, ...rest }) => ({ ...rest, content: Buffer.from(content).toString() }))).toEqual([
      {
        dbms: 'edge',
        table: 'mote_reading',
        mode: 'file',
        source: 'mote_1',
        instructions: '0',
        content: '{"a": 1}\n{"a": 2}',
      },
      { dbms: 'edge', table: 'mote_reading', mode: 'streaming', source: '0', instructions: '0', content: '[]' },
    ]);
  });

  test('packed with gzip, named so or seen by its first bytes', async () => {
    const packed = new Uint8Array(gzipSync('{"a": 1}'));
    await put({ ...HEADERS, 'Content-Encoding': 'gzip' }, packed);
    await put(HEADERS, packed);
    expect(node.puts.map(({ content }) => Buffer.from(content).toString())).toEqual(['{"a": 1}', '{"a": 1}']);
  });

  test.each([
    [{ dbms: '' }, 400, 83],
    [{ table: '' }, 400, 28],
    [{ mode: 'nosuch' }, 400, 175],
    [{ type: 'sql' }, 400, 161],
    [{ table: 'bad' }, 400, 3],
    [{ 'Content-Encoding': 'br' }, 415, 161],
    [{ 'Content-Encoding': 'gzip' }, 415, 161],
  ])('%j', async (headers, status, number) => {
    const given = Object.fromEntries(Object.entries({ ...HEADERS, ...headers }).filter(([, value]) => value !== ''));
    await expectError(await put(given, 'rows'), status, number, 'PUT');
  });
});

test('a request that is refused is told what to send instead', async () => {
  const refused = [
    post(AGENT, '{"command": '),
    post(AGENT, '{"command": 5}'),
    post(AGENT, '{"dbms": "a b", "sql": "select 1"}'),
    post({ ...AGENT, command: 'get x', assignment: 'a b' }),
    fetch(`${node.url}/nowhere`),
    ...[{ mode: 'nosuch' }, { type: 'sql' }, { 'Content-Encoding': 'br' }, { 'Content-Encoding': 'gzip' }].map(
      (header) => put({ dbms: 'plant', table: 't', ...header }, 'rows'),
    ),
  ];
  for (const response of await Promise.all(refused)) {
    const refusal: unknown = await response.json();
    expect(refusal).toMatchObject({
      code: expect.stringMatching(/^REST_/) as string,
      hint: expect.any(String) as string,
    });
  }
});

describe('what is not served', () => {
  test.each(['DELETE', 'PATCH', 'PROPFIND'])('%s is 501', async (method) => {
    await expectError(await fetch(node.url, { method }), 501, 156, method);
  });

  test('HEAD is 501 without a body', async () => {
    const response = await fetch(node.url, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([501, '']);
  });

  test('OPTIONS says what is', async () => {
    const own = await fetch(node.url, { method: 'OPTIONS', headers: { Origin: node.url.slice(0, -1) } });
    expect(own.status).toBe(204);
    expect(own.headers.get('allow')).toBe('GET, POST, PUT, OPTIONS');
    expect(own.headers.get('access-control-allow-origin')).toBe(node.url.slice(0, -1));
  });
});

test('a taken port and a foreign address: named, with what to do', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await waitFor(() => server.listening);
  const { port } = server.address() as AddressInfo;
  await expect(startRestNode({ port })).rejects.toMatchObject({
    code: 'REST_PORT_TAKEN',
    message: expect.stringContaining(`127.0.0.1:${port}`) as string,
    hint: expect.stringContaining('--rest') as string,
  });
  server.close();
  await expect(startRestNode({ host: '203.0.113.1' })).rejects.toMatchObject({ code: 'REST_ADDRESS' });
});

test('stopping ends what would hang for ever, with an answer', async () => {
  const other = await startRestNode();
  const asked = fetch(other.url, { method: 'POST', headers: { ...AGENT, command: 'hang' } });
  await waitFor(() => other.executed.length === 1);
  await other.close();
  expect((await asked).status).toBe(503);
});
