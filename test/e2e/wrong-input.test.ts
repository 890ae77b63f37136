import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CommandRefused } from '../../scripts/demo/node-process.ts';
import { FILE_BYTES_MAX } from '../../src/base/limits.ts';
import { NetworkFixture, sensorRows } from '../support/network-fixture.ts';
import { waitFor } from '../support/wait.ts';

const DBMS = 'plant';
const TABLE = 'readings';
const ROWS = 20;

interface ErrorBody {
  readonly err_code: number;
  readonly err_text: string;
}

/** One real operator that takes everything a user or a stranger can get wrong, and goes on. */
describe('wrong input to a running operator', () => {
  let network: NetworkFixture;

  beforeAll(async () => {
    network = await NetworkFixture.create();
    await network.start('op1');
    await network.cluster('cluster1', 'op1');
    await network.node('op1').put(DBMS, TABLE, sensorRows(0, ROWS));
  }, 60_000);
  afterAll(() => network.close(), 30_000);

  afterEach(async () => {
    expect(network.node('op1').running).toBe(true);
    expect(await network.localNumber('op1', DBMS, `select count(*) from ${TABLE}`)).toBe(ROWS);
  });

  const refusal = async (attempt: Promise<unknown>): Promise<ErrorBody> => {
    const caught = await attempt.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(caught instanceof CommandRefused)) throw new Error('it was not refused', { cause: caught });
    expect(caught.status).toBeGreaterThanOrEqual(400);
    expect(caught.status).toBeLessThan(500);
    return JSON.parse(caught.body) as ErrorBody;
  };
  const run = (command: string): Promise<string> => network.node('op1').run(command);

  test.each([
    ['nonsense', [1, 141]],
    ['get nonsense', [1, 141]],
    ['blockchain insert where polcy = {"a": {}}', [2]],
    ['blockchain insert where policy = {"a": {', [2, 6]],
    ['blockchain insert where policy = {"a": 1}', [87, 6]],
    ['blockchain insert where policy = {"a": {}, "b": {}}', [87]],
    ['blockchain insert where policy = {"__proto__": {"name": "x"}}', [87, 216]],
    [
      'blockchain insert where policy = {"cluster": {"company": "Lit San Leandro", "name": "cluster1"}}',
      [70, 149, 180, 215],
    ],
    [
      'blockchain insert where policy = {"operator": {"company": "x", "name": "y", "ip": "1.2.3.4", "port": 1, "cluster": "00000000000000000000000000000000"}}',
      [222],
    ],
    ['blockchain delete policy where id = 00000000000000000000000000000000', [113]],
    ['run operator where policy = 00000000000000000000000000000000', [113, 136]],
    ['run data distributor', [136]],
    [`get columns where dbms = ${DBMS} and table = nowhere`, [45, 132]],
    ['connect dbms "../../x" where type = sqlite', [2, 175, 104]],
    [`blockchain insert where policy = {"a": {"x": "${'y'.repeat(100_000)}"}}`, [87, 2, 69]],
    [`blockchain insert where policy = {"a": ${'{"x":'.repeat(60)}1${'}'.repeat(60)}}`, [87, 2, 6]],
  ])('%s is refused with its number', async (command, numbers) => {
    const { err_code: code, err_text: text } = await refusal(run(command));
    expect(numbers, text).toContain(code);
    expect(text.length).toBeGreaterThan(5);
  });

  test.each([
    `ATTACH DATABASE '/tmp/holdfast-attached.db' AS x`,
    `PRAGMA writable_schema = 1`,
    `VACUUM INTO '/tmp/holdfast-vacuumed.db'`,
    `select 1; drop table ${TABLE}`,
    `delete from ${TABLE}`,
    `select * from ${TABLE} union select * from sqlite_master`,
    `select load_extension('x')`,
    `select writefile('/tmp/holdfast-written', 'x') from ${TABLE}`,
    `with recursive t(x) as (select 1 union all select x + 1 from t) select count(*) from t`,
    `select ${'('.repeat(500)}1${')'.repeat(500)} from ${TABLE}`,
    `select count(*) from "${TABLE}\u0000x"`,
  ])('SQL that is not a plain select is refused: %s', async (sql) => {
    for (const where of [`sql ${DBMS}`, `run client () sql ${DBMS}`]) {
      const { err_text: text } = await refusal(run(`${where} format = json "${sql.replaceAll('"', "'")}"`));
      expect(text.length).toBeGreaterThan(5);
    }
    for (const path of ['attached.db', 'vacuumed.db', 'written'])
      expect(existsSync(`/tmp/holdfast-${path}`)).toBe(false);
  });

  test.each([
    ['../evil', TABLE],
    [DBMS, '../../evil'],
    [DBMS, 'a"b; drop table readings'],
    [DBMS, '__proto__ x'],
    [DBMS, 'holdfast_files'],
    ['', TABLE],
    [DBMS, ''],
  ])('rows for database %j and table %j are refused', async (dbms, table) => {
    await refusal(network.node('op1').put(dbms, table, sensorRows(0, 1)));
    expect(existsSync(join(network.dir, 'evil'))).toBe(false);
  });

  test.each([
    ['half a file', sensorRows(1_000, 10).slice(0, -15)],
    ['rows that are no objects', '1\n2\n3'],
    ['text that is no number', '{"timestamp": "2026-01-01", "device": "d", "reading": "not a number", "value": 1}'],
    ['nothing', ''],
    ['binary', randomBytes(5_000)],
  ])('%s by REST is refused with the reason', async (_, content) => {
    const { err_text: text } = await refusal(network.node('op1').put(DBMS, TABLE, content));
    expect(text.length).toBeGreaterThan(5);
  });

  test('bad files in the watch directory end in the error directory, each with its reason, and hold up no other', async () => {
    const bomb = gzipSync(Buffer.alloc(FILE_BYTES_MAX + 1_048_576, 0x20));
    const bad: readonly (readonly [string, string | Uint8Array])[] = [
      [`${DBMS}.${TABLE}.half.json`, sensorRows(2_000, 10).slice(0, -15)],
      [`${DBMS}.${TABLE}.bomb.json.gz`, bomb],
      [`${DBMS}.${TABLE}.nogzip.json.gz`, 'this is no gzip'],
      ['one.json', sensorRows(2_100, 1)],
      [`${DBMS}.${TABLE}.0.0.mapped.json`, sensorRows(2_300, 1)],
      [`${DBMS}.${TABLE}.foreign.0.0.77.5.260101000000.json`, sensorRows(2_400, 1)],
      [`${DBMS}.${TABLE}.empty.json`, ''],
      [`${DBMS}.__proto__ "x".name.json`, sensorRows(2_200, 1)],
    ];
    for (const [name, content] of bad) await network.drop('op1', name, content);
    await network.drop('op1', `${DBMS}.other.0.0.0.json`, sensorRows(0, 3));
    await waitFor(async () => (await network.localNumber('op1', DBMS, 'select count(*) from other')) === 3);
    // A file that was taken up is in neither directory until it has been judged: the error directory tells.
    const data = join(network.node('op1').options.dir, 'data');
    const parts = ['half', 'bomb', 'nogzip', 'one', 'empty', 'name', 'mapped', 'foreign'];
    let missing: readonly string[] = parts;
    await waitFor(
      async () => {
        const errors = (await readdir(join(data, 'error'))).join(' ');
        missing = parts.filter((part) => !errors.includes(part));
        return missing.length === 0;
      },
      { timeoutMs: 20_000, what: () => `failed files in the error directory; missing: ${missing.join(', ')}` },
    );
    expect((await readdir(join(data, 'watch'))).filter((name) => !name.startsWith('.'))).toEqual([]);
    expect(await run('get tsd errors')).toContain('half');
  }, 60_000);

  test('the same content twice is one: a client may repeat what it got no answer to', async () => {
    const first = await network.node('op1').put(DBMS, TABLE, sensorRows(0, ROWS));
    expect(await network.node('op1').put(DBMS, TABLE, sensorRows(0, ROWS))).toBe(first);
  });

  test('garbage and silence at the port of the network', async () => {
    const { listen } = network.node('op1').facts;
    const [host = '', port = ''] = listen.split(':');
    for (const bytes of [randomBytes(100_000), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(0)]) {
      const socket = connect(Number(port), host);
      socket.on('error', () => {}); // being hung up on is what is expected
      socket.write(bytes);
      await waitFor(() => socket.bytesWritten >= bytes.byteLength || socket.destroyed);
      socket.destroy();
    }
    expect(await run('get status')).toContain('running');
  });
});
