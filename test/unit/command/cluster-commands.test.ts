import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorNumber } from '../../../src/command/error-numbers.ts';
import { createSession } from '../../../src/command/executor.ts';
import type { PeerReplication } from '../../../src/replication/replication.ts';
import { CommandNodes, type CommandNode } from '../../support/command-node.ts';
import { faultOf } from '../../support/operator-command-node.ts';

const nodes = new CommandNodes();
afterAll(() => nodes.close());

let first: CommandNode;
let second: CommandNode;

/** Two operators of one cluster, each with the policy that it inserted itself, so that each is known by its key. */
beforeAll(async () => {
  first = await nodes.add({ address: '172.105.60.50:32148', name: 'op1' });
  second = await nodes.add({ address: '172.233.107.121:32148', name: 'op2' });
  await first.run('blockchain insert where policy = {"cluster": {"company": "c", "name": "k"}}');
  await nodes.settled();
  for (const [node, name, member, ip] of [
    [first, 'op1', 84, '172.105.60.50'],
    [second, 'op2', 103, '172.233.107.121'],
  ] as const) {
    await node.run('cid = blockchain get cluster bring.first [*][id]');
    await node.run(
      `blockchain insert where policy = {"operator": {"company": "c", "name": "${name}", "ip": "${ip}", "port": 32148, "cluster": !cid, "member": ${member}}}`,
    );
    await nodes.settled();
  }
});

const NEVER: PeerReplication = {
  operator: 'o',
  name: 'op2',
  member: 103,
  connected: false,
  filesBehind: 3,
  lagMs: 7_000,
  filesAhead: 1,
  filesAway: 0,
  filesLeaving: 0,
  filesArriving: 0,
  lacking: new Map(),
  sent: 7,
  received: 2,
  lastExchange: undefined,
  lastError: 'database cos is not there',
};

describe('run operator', () => {
  it('finds its own policy, and takes every documented option', async () => {
    await first.run(
      '<run operator where craete_table = true and update_tsd_info = true and archive = true and compress_json = true and\n distributor = true and master_node = !ledger_conn and threads = 3 and limit_tables = (A.b, c.D) and error_dir = /tmp/e>',
    );
    expect(first.parts.operator?.status().options).toMatchObject({
      policy: first.context.topology().operatorByPeer(first.network.self)?.id,
      createTable: true,
      archive: true,
      distributor: true,
      threads: 3,
      limitTables: ['a.b', 'c.d'],
      errDir: '/tmp/e',
    });
    expect(errorNumber((await faultOf(first, 'run operator')).code)).toBe(136);
  });

  it('refuses the policy of another node', async () => {
    const other = second.context.topology().operatorByPeer(second.network.self)?.id ?? '';
    await first.run('exit operator');
    expect((await faultOf(first, `run operator where policy = ${other}`)).code).toBe('COMMAND_POLICY_OF_OTHER');
    await first.run('run operator');
  });

  it('writes the key of the node into a policy that someone else inserted', async () => {
    const third = await nodes.add({ address: '10.0.0.3:1', name: 'op3' });
    await first.run(
      'blockchain insert where policy = {"operator": {"company": "c", "name": "op3", "ip": "10.9.9.9", "port": 1, "cluster": !cid, "member": 5}}',
    );
    await nodes.settled();
    await third.run('pid = blockchain get operator where name = op3 bring [*][id]');
    await third.run('run operator where policy = !pid');
    expect(third.context.topology().operatorByPeer(third.network.self)?.name).toBe('op3');
    await third.run('blockchain delete policy where id = !pid');
    await nodes.settled();
  });
});

describe('test cluster', () => {
  it('A.6 setup names the members that do not replicate', async () => {
    await first.run('run data distributor');
    await first.run('run data consumer where start_date = -30d and mode = active');
    const lines = (await first.text('test cluster setup')).split('\n');
    expect(lines.slice(3)).toEqual([
      'Operator      |Running: distributor flag disabled                        |',
      'Distributor   |Running                                                   |',
      'Consumer      |Running                                                   |',
      'Operator Name |op1                                                       |',
      'Member ID     |                                                        84|',
      expect.stringMatching(/^Cluster ID {4}\|[0-9a-f]{32} +\|$/),
      'almgm.tsd_info|Defined                                                   |',
      'Peer op2      |Operator disabled, Distributor disabled, Consumer disabled|',
    ]);
    for (const command of ['run operator', 'run data distributor', 'run data consumer']) await second.run(command);
    expect(await first.json('test cluster setup')).toMatchObject({ Distributor: 'Running', Peers: {} });
  });

  it('A.7 data: files, rows and content of each member, by table and day; what differs is named', async () => {
    first.parts.operator?.store.put({
      dbms: 'cos',
      table: 'wp_analog',
      content: '{"a":1}\n{"a":2}\n',
      time: '2026-11-20T10:00:00.000000Z',
    });
    const [counts, differences] = (await first.text('test cluster data')).split('\n\nDifferences\n');
    expect(counts).toBe(`
TSD Summary on all nodes in the cluster (files/rows)

Table         Node_84              Node_103               
              172.105.60.50:32148  172.233.107.121:32148  
-------------|--------------------|----------------------|
cos.wp_analog|1/2                 |                     0|`);
    expect(differences?.split('\n').at(-1)).toMatch(
      /^cos\.wp_analog\|2026-11-20\|op1 +\| +1\|2 rows, [0-9a-f]{6}:[0-9a-f]{12}\|lacks it\| +\|$/,
    );
    expect(await first.json('test cluster data')).toMatchObject({
      equal: false,
      tables: { 'cos.wp_analog': { equal: false } },
      differences: [{ table: 'cos.wp_analog', bucket: '2026-11-20', file: 1 }],
    });
    expect(await first.text('test network clusters')).toMatch(
      /^k +\|op1 +\| +84\|172\.105\.60\.50:32148 +\|OK +\| +1\|Complete +\|\nk +\|op2 .*\|OK +\| +0\|lacks 1 file: cos\.wp_analog\|$/m,
    );
    const copy = await first.parts.operator?.store.read(first.parts.operator.store.origin, 1);
    if (copy !== undefined) await second.parts.operator?.store.store([copy]);
    expect(await first.text('test cluster data')).toContain(
      'cos.wp_analog|1/2                 |1/2                   |',
    );
    expect(await first.json('test cluster data where start_date = 2026-11-20 and end_date = 2026-11-22')).toMatchObject(
      { equal: true },
    );
    expect(await first.json('test cluster data where end_date = 2026-11-01')).toMatchObject({ tables: {} });
  });

  it('all clusters of the network: setup, and who lacks files of its cluster', async () => {
    expect(await first.json('test network clusters')).toMatchObject([
      { cluster: 'k', node: 'op1', member: 84, setup: 'OK', files: 1, data: 'Complete' },
      { cluster: 'k', node: 'op2', member: 103, setup: 'OK', files: 1, data: 'Complete' },
    ]);
  });

  it('A.8 databases', async () => {
    await first.run('connect dbms cos where type = sqlite');
    expect(await first.json('test cluster databases')).toEqual({ cos: { '84': true, '103': false } });
    expect((await first.text('test cluster databases')).split('\n').at(-1)).toBe(
      'cos |    +               |                      |',
    );
  });

  it('says so on a node without a cluster', async () => {
    const lonely = new CommandNodes();
    const node = await lonely.add();
    expect(errorNumber((await faultOf(node, 'test cluster data')).code)).toBe(214);
    expect((await faultOf(node, 'get cluster info')).message).toMatch(/^Cluster data is/);
    await lonely.close();
  });
});

describe('records of files', () => {
  it('A.9 lists, details and summary', async () => {
    expect(await first.text('get tsd list')).toBe('tsd_info');
    expect(await second.text('time file tables')).toBe('tsd_info\ntsd_84');
    const details = (await second.text('get tsd details where table = tsd_84')).split('\n');
    expect(details.slice(1, 3)).toEqual([
      'Info on TSD Table: tsd_84',
      'ID DBMS Table     Source Hash                             Instructions Date                Rows Status 1 Status 2 ',
    ]);
    expect(details[4]).toMatch(
      /^ 1\|cos \|wp_analog\|0 {5}\|[0-9a-f]{32}\|0 {11}\|2026-11-20 10:00:00\| {3}2\|0 {7}\|0 {7}\|$/,
    );
    expect(await second.json('get tsd details where table = * and format = json')).toMatchObject({
      tsd_info: [],
      tsd_84: [{ file_id: '1', dbms_name: 'cos', rows: '2' }],
    });
    expect(await second.json('get tsd summary where table = *')).toEqual({ 'cos.wp_analog': { files: 1, rows: 2 } });
    expect(await first.text('get tsd summary')).toContain(
      'cos |wp_analog|2026-11-20 10:00:00|      1|2026-11-20 10:00:00|    1|          1|           1|       1|       1|         2|',
    );
  });

  it('finds by hash and date, newest first, at most so many', async () => {
    const store = first.parts.operator?.store;
    for (let day = 21; day <= 23; day += 1)
      store?.put({
        dbms: 'cos',
        table: 'wp_analog',
        content: `{"a":${day}}\n`,
        time: `2026-11-${day}T10:00:00.000000Z`,
      });
    const files = async (where: string): Promise<readonly string[]> => {
      const json = (await first.json(`get tsd details where ${where}`)) as Readonly<
        Record<string, readonly { file_id: string }[]>
      >;
      return (json['tsd_info'] ?? []).map(({ file_id: id }) => id);
    };
    expect(await files('limit = 2')).toEqual(['4', '3']);
    expect(await files('limit = 0')).toEqual(['4', '3', '2', '1']);
    expect(await files('start_date = 2026-11-21T10:00:00Z and end_date = 2026-11-23T10:00:00Z')).toEqual(['3', '2']);
    const hash = store?.all()[1]?.hash ?? '';
    expect(await files(`hash = ${hash.toUpperCase()}`)).toEqual(['2']);
    expect(errorNumber((await faultOf(first, 'get tsd details where table = tsd_99')).code)).toBe(117);
  });

  it('shows up to which file every member holds the files of every other', async () => {
    expect(await first.json('get tsd sync status')).toEqual([
      { table: 'tsd_84', consensus: 1, members: { '84': 4, '103': 1 } },
      { table: 'tsd_103', consensus: 0, members: { '84': 0, '103': 0 } },
    ]);
    expect(await first.text('get ha cluster status where table = tsd_84')).toContain('Status by member 84');
  });

  it('lists files that failed with line and reason', async () => {
    expect(await first.text('get tsd errors')).toBe('No file failed');
    if (first.parts.operator !== undefined)
      first.parts.operator.failed = [
        {
          path: '/data/error/cos.t.json',
          refused: false,
          dbms: 'cos',
          table: 't',
          code: 'INGEST_JSON',
          text: 'not JSON',
          line: 3,
          time: '2026-11-23T10:00:00.000000Z',
        },
      ];
    expect((await first.text('get tsd error details table = *')).split('\n').at(-1)).toBe(
      '/data/error/cos.t.json|cos.t|   3|not JSON|2026-11-23 10:00:00|',
    );
    expect(await first.text('get operator')).toContain('/data/error/cos.t.json: not JSON');
    const parts = ['summary', 'config', 'inserts', 'error'];
    const [summary, config, inserts, error] = await Promise.all(
      parts.map((part) => first.text(`get operator ${part}`)),
    );
    expect(summary).toMatch(/Failed Files/);
    expect(summary).not.toMatch(/Watch Dir\s*\|\//);
    expect(config).toMatch(/Threads/);
    expect(config).not.toMatch(/Failed Files/);
    expect(inserts).toMatch(/Streaming Calls/);
    expect(error).toMatch(/not JSON/);
    await expect(first.run('get operator nosuch')).rejects.toMatchObject({ code: 'COMMAND_VALUE' });
  });

  it('lists of all tables those that the caller may reach', async () => {
    const archive = join(first.parts.operator?.status().options.archiveDir ?? '', '26', '11', '25');
    await mkdir(archive, { recursive: true });
    for (const table of ['wp_analog', 'secret'])
      await writeFile(join(archive, `cos.${table}.0.${'0'.repeat(32)}.0.84.1.261125100000.json.gz`), '');
    const store = first.parts.operator?.store;
    for (const table of ['wp_analog', 'secret'])
      store?.put({ dbms: 'cos', table, content: `{"b":"${table}"}\n`, time: '2026-11-25T10:00:00.000000Z' });
    const job = { status: 'Completed', startedMs: 0, runMs: 1, rows: 1, error: undefined, parts: [] } as const;
    first.parts.jobs = ['secret', 'wp_analog'].map((table, at) => ({
      ...{ ...job, job: at, dbms: 'cos', table, sql: `select ${table}`, remoteSql: '', mergeSql: '' },
    }));
    const lines = [
      ...['get tsd details', 'get tsd summary', 'get tsd errors', 'query status all', 'query explain all'],
      ...[
        'query destination all',
        'get archived files 2026-11-25',
        'get streaming',
        'get tsd sums where bucket = file',
      ],
    ];
    const value = { name: 'some', enable: ['get', 'query'], databases: ['cos'], tables: ['wp_analog'] };
    const { json } = await first.run(`blockchain insert where policy = ${JSON.stringify({ permissions: value })}`);
    const permissions = (json as { permissions: { id: string } }).permissions.id;
    const person = { by: 'user', name: 'ann', admin: false, permissions } as const;
    for (const line of lines) {
      const session = createSession({ isolated: true, caller: 'rest', person });
      const { text, json: list } = await first.run(line, session);
      expect(text + JSON.stringify(list), line).not.toContain('secret');
    }
    expect((await first.text('get tsd details')).includes('secret')).toBe(true);
    expect((await first.text('query status all')).includes('secret')).toBe(true);
    expect((await first.text('get archived files 2026-11-25')).split('\n')).toHaveLength(2);
  });

  it('lists the archive of a day, and of no other place', async () => {
    const archive = join(first.parts.operator?.status().options.archiveDir ?? '', '26', '11', '20');
    await mkdir(archive, { recursive: true });
    await writeFile(join(archive, 'b.json.gz'), '');
    expect(await first.text('get archived files 2026-11-20')).toBe(join(archive, 'b.json.gz'));
    expect(await first.json('get archived files 26/11/19')).toEqual([]);
  });
});

describe('distributor and consumer', () => {
  it('show the last error with each peer', async () => {
    first.parts.peers = [NEVER];
    for (const command of ['get distributor', 'get consumer']) {
      expect(await first.text(command)).toContain('database cos is not there');
      expect(await first.json(command)).toMatchObject({
        running: true,
        peers: [{ name: 'op2', filesBehind: 3, rowsAhead: null, lastError: 'database cos is not there' }],
      });
    }
    expect(await first.json('get processes')).toMatchObject({
      Distributor: { Status: 'Running', Details: 'op2: database cos is not there' },
    });
    // It is away, and lacked nothing when it went.
    first.parts.peers = [{ ...NEVER, filesBehind: 0, filesAhead: 0, lagMs: 0 }];
    expect(await first.text('get distributor')).toContain('unknown');
    expect(await first.json('get distributor')).toMatchObject({
      peers: [{ filesBehind: null, rowsAhead: null, lagMs: null }],
    });
    first.parts.peers = [];
    expect(await first.text('get consumer')).toContain('No peer Operators supporting the cluster');
  });

  it('are suspended and resumed', async () => {
    await first.run('set consumer mode = suspend');
    expect(first.parts.consumer?.mode).toBe('suspend');
    expect(await first.json('get consumer')).toMatchObject({ mode: 'suspend', filled: true });
    await first.run('set consumer mode = active');
    expect(first.parts.consumer?.mode).toBe('active');
    for (const part of ['distributor', 'consumer'])
      expect(errorNumber((await faultOf(first, `run data ${part}`)).code)).toBe(136);
  });
});

describe('rows on their way', () => {
  it('sets thresholds in documented units, and flushes', async () => {
    await first.run(
      'set buffer threshold where dbms_name = cos and table_name = wp_analog and time = 1 minute and volume = 10KB and write_immediate = false',
    );
    await first.run('flush buffers where dbms = cos');
    expect(first.parts.operator?.thresholds).toEqual([
      [{ seconds: 60, bytes: 10_240, writeImmediate: false }, 'cos', 'wp_analog'],
    ]);
    expect(first.parts.operator?.flushed).toEqual([['cos', undefined]]);
  });

  it('A.10 streaming', async () => {
    const threshold = { seconds: 60, bytes: 10_240, writeImmediate: false };
    if (first.parts.operator !== undefined)
      first.parts.operator.buffered = [
        {
          dbms: 'cos',
          table: 't',
          rows: 5,
          bytes: 1_024,
          threshold,
          secondsLeft: 30.2,
          secondsSinceFlush: 3_725,
          filePuts: 1,
          fileRows: 10,
          streamingPuts: 2,
          streamingRows: 5,
        },
      ];
    expect(await first.json('get streaming where format = json')).toMatchObject([
      {
        table: 'cos.t',
        'File Put': 1,
        'File Rows': 10,
        'Streaming Put': 2,
        'Streaming Cached': 5,
        'Threshold Volume': 10,
        '% Buffer Fill': 10,
        'Time Left': 30,
        'Last Process': '01:02:05',
      },
    ]);
    expect(await first.json('get processes')).toMatchObject({
      Streamer: { Details: 'Default streaming thresholds are 60 seconds and 10,240 bytes' },
    });
  });

  it('puts files and streams; the same file again is a success', async () => {
    const put = { dbms: 'cos', table: 'p', source: '0', instructions: '0', content: Buffer.from('{"a":1}\n') };
    const { hash } = await first.executor.put({ ...put, mode: 'file' });
    expect(hash).toMatch(/^[0-9a-f]{32}$/);
    expect(await first.executor.put({ ...put, mode: 'file' })).toEqual({ hash });
    expect(await first.executor.put({ ...put, mode: 'streaming' })).toEqual({ hash: '0' });
    await first.run('exit operator');
    await expect(first.executor.put({ ...put, mode: 'file' })).rejects.toMatchObject({ code: 'COMMAND_NO_OPERATOR' });
  });
});
