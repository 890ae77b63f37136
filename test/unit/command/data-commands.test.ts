import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSession } from '../../../src/command/executor.ts';
import { CommandNodes, type CommandNode } from '../../support/command-node.ts';
import { printedIn } from '../../../src/base/errors.ts';
import { addOperatorNode, faultOf } from '../../support/operator-command-node.ts';

const nodes = new CommandNodes();
afterAll(() => nodes.close());

let node: CommandNode;
beforeAll(async () => {
  node = await addOperatorNode(nodes);
});

describe('databases', () => {
  it('connects, makes tables from their policies, and counts', async () => {
    await node.run('connect dbms sensors where type = sqlite');
    await node.run('create table ping_sensor where dbms = litsanleandro');
    expect(await node.json('get databases where format = json')).toMatchObject({
      sensors: { dbms_type: 'sqlite' },
      litsanleandro: {},
    });
    expect(await node.json('get tables where dbms = *')).toEqual({
      litsanleandro: { ping_sensor: { local: true, blockchain: true } },
    });
    expect(await node.json('get tables where dbms = sensors')).toEqual({});
    expect((await faultOf(node, 'get tables where dbms = nosuch')).code).toBe('COMMAND_DBMS_UNKNOWN');
    expect(await node.json('get columns where dbms="litsanleandro" and table="ping_sensor" and format=json')).toEqual({
      row_id: 'integer',
      insert_timestamp: 'timestamp',
      tsd_name: 'char(3)',
      tsd_id: 'int',
      device_name: 'varchar',
      value: 'float',
    });
    expect(await node.text('info table litsanleandro ping_sensor exists')).toBe('true');
    expect(await node.text('info table litsanleandro nosuch exists')).toBe('false');
    expect(await node.json('get rows count where dbms = litsanleandro')).toEqual([
      { 'DBMS Name': 'litsanleandro', 'Table Name': 'ping_sensor', 'Rows Count': 0 },
    ]);
    expect(await faultOf(node, 'drop table ping_sensor where dbms = litsanleandro')).toMatchObject({
      code: 'COMMAND_NOT_RUNNING',
    });
    expect(await node.run('create table tsd_info where dbms = almgm')).toMatchObject({ text: '' });
  });
});

describe('a table policy whose statement creates no table', () => {
  it('is refused where it is written; one that is there is a fault that names it, and no table is made from it', async () => {
    const insert = { table: { dbms: 'litsanleandro', name: 'garbage', create: 'DROP EVERYTHING' } };
    for (const create of [insert.table.create, 'CREATE TABLE garbage ()', 'CREATE TABLE garbage (tsd_id INT)'])
      expect(
        await faultOf(
          node,
          `blockchain insert where policy = ${JSON.stringify({ table: { ...insert.table, create } })}`,
        ),
      ).toMatchObject({
        code: 'POLICY_STRUCTURE',
        message: expect.stringContaining('table policy: create is not a statement that creates a table') as string,
        hint: expect.stringContaining('CREATE TABLE') as string,
      });
    const { id } = await node.context.policies.insert(insert);
    expect(
      await faultOf(node, `blockchain update where id = ${id} and policy = {"table": {"create": "x"}}`),
    ).toMatchObject({
      code: 'POLICY_STRUCTURE',
    });
    expect(JSON.stringify(await node.json('blockchain test'))).toContain(`table policy ${id} of litsanleandro.garbage`);
    const status = (await node.json('get status where format = json')) as { readonly faults: readonly object[] };
    expect(status.faults).toContainEqual(
      expect.objectContaining({
        code: 'TABLE_STATEMENT',
        cause: expect.stringContaining(`table policy ${id} of litsanleandro.garbage`) as string,
        nextStep: expect.stringContaining('blockchain update where id = ID') as string,
      }),
    );
    expect(await faultOf(node, 'create table garbage where dbms = litsanleandro')).toMatchObject({
      code: 'TOPOLOGY_CREATE_STATEMENT',
      hint: expect.stringContaining(`blockchain update where id = ${id}`) as string,
    });
    const create = 'CREATE TABLE garbage (value float)';
    await node.run(`blockchain update where id = ${id} and policy = {"table": {"create": "${create}"}}`);
    expect(JSON.stringify(await node.json('get status where format = json'))).not.toContain('TABLE_STATEMENT');
    await node.run('create table garbage where dbms = litsanleandro');
    await node.run('drop table garbage where dbms = litsanleandro');
  });
});

describe('what a hint or an older client names', () => {
  it('the form of a file name, message clients', async () => {
    for (const command of ['get json file struct', 'show json file structure'])
      expect(await node.text(command)).toBe('dbms.table.source.hash.instructions.member.row.YYMMDDHHMMSS.json{.gz}');
    expect(await node.text('get msg client')).toBe('No message client subscriptions');
  });

  it('ways to go on from what was typed', async () => {
    expect(await node.json('get completions "get tables where d"')).toEqual(['get tables where dbms = ']);
    expect(await node.json(`get completions 'sql x "'`)).toEqual([]);
  });
});

describe('queries', () => {
  it('asks the network with () and this node without', async () => {
    node.parts.queries.length = 0;
    await node.run(
      'run client () sql LitSanLeandro format=table and stat=false and include=(a, b.c) and nodes = all "select count(*) from ping_sensor"',
    );
    await node.run('sql litsanleandro max_time = 5 and committed = true select a from t ORDER BY a, b');
    await node.run('run client (24.23.250.144:7858, subset = true, timeout = 7) sql litsanleandro "select 1"');
    expect(node.parts.queries).toMatchObject([
      {
        local: false,
        request: {
          dbms: 'litsanleandro',
          sql: 'select count(*) from ping_sensor',
          options: { nodes: 'all', partial: false, include: ['a', 'b.c'] },
        },
      },
      {
        local: true,
        request: { sql: 'select a from t ORDER BY a, b', options: { committed: true, timeoutMs: 5_000 } },
      },
      { local: false, request: { operators: [expect.any(String)], options: { partial: true, timeoutMs: 7_000 } } },
    ]);
  });

  it('gives the documented JSON, and the bare list', async () => {
    node.parts.result = {
      job: 3,
      columns: [{ name: 'count(*)', type: null }],
      rows: [[5]],
      runMs: 10,
      parts: [],
      release: () => {},
      behind: [],
      missing: [],
    };
    expect(
      JSON.parse(await node.text('run client () sql litsanleandro "select count(*) from ping_sensor"')),
    ).toMatchObject({ Query: [{ 'count(*)': 5 }], Statistics: [{ Count: 1 }] });
    expect(
      JSON.parse(
        await node.text(
          'run client () sql litsanleandro format = json:list and stat = false "select count(*) from ping_sensor"',
        ),
      ),
    ).toEqual([{ 'count(*)': 5 }]);
    expect(
      await node.json('run client () sql litsanleandro format = table "select count(*) from ping_sensor"'),
    ).toMatchObject({ Query: [{ 'count(*)': 5 }] });
  });

  it('has its titles once for a program, above each 25 rows for a person and in a variable', async () => {
    const rows = Array.from({ length: 60 }, (_, at) => [at]);
    const about = { job: 4, columns: [{ name: 'a', type: null }], runMs: 1, parts: [], behind: [], missing: [] };
    node.parts.result = { ...about, rows, release: () => {} };
    const select = 'run client () sql litsanleandro format = table "select a from t"';
    const session = createSession();
    const titles = async (text: string, titlesOnce: boolean): Promise<number> => {
      const shown = await node.executor.execute({ text, format: undefined, titlesOnce, session });
      return shown.text.split('\n').filter((line) => line === 'a').length;
    };
    expect([await titles(select, true), await titles(select, false)]).toEqual([1, 3]);
    await titles(`rows = ${select}`, true);
    expect(await titles('!rows', true)).toBe(3);
  });

  it('gives its room back when it was read, or nobody reads on, and fills no variable with more than that holds', async () => {
    let released = 0;
    const rows = Array.from({ length: 100_000 }, (_, at) => [`${at} ${'x'.repeat(50)}`]);
    const about = { job: 4, columns: [{ name: 'a', type: null }], runMs: 1, parts: [], behind: [], missing: [] };
    node.parts.result = { ...about, rows, release: () => (released += 1) };
    const select = 'sql litsanleandro "select a from t"';
    const pieces = (await node.run(select)).pieces?.()[Symbol.iterator]();
    pieces?.next();
    expect(released).toBe(0);
    pieces?.return?.();
    expect(released).toBe(1);
    expect(await node.json(select)).toMatchObject({ Statistics: [{ Count: 100_000 }] });
    expect(released).toBe(2);
    expect((await faultOf(node, `long = ${select}`)).code).toBe('COMMAND_VALUE_OVERSIZE');
    expect((await faultOf(node, `long[] = ${select}`)).code).toBe('COMMAND_VALUE_OVERSIZE');
    expect(released).toBe(4);
  });

  it('A.11 status of a query', async () => {
    node.parts.jobs = [];
    expect(await node.text('query explain')).toBe('No queries since the node started');
    node.parts.jobs = [
      {
        job: 1,
        sql: 'select count(*) from ping_sensor',
        dbms: 'd',
        table: 't',
        status: 'Completed',
        startedMs: 0,
        runMs: 10,
        rows: 3,
        error: undefined,
        parts: [
          {
            cluster: 'c',
            operator: 'o',
            address: '10.0.0.78:7848',
            status: 'Completed',
            rows: 1,
            blocks: 1,
            behind: 0,
            runMs: 9,
            error: undefined,
          },
        ],
        remoteSql: 'select a',
        mergeSql: 'select b',
      },
    ];
    expect((await node.text('query status')).split('\n').slice(2)).toEqual([
      '----|--|----------|--------|--------------|---|---------|------|----|--------------------------------|',
      "0001| 1|['stdout']|00:00:00|All           |---|Completed|     1|   3|select count(*) from ping_sensor|",
      '    |  |          |00:00:00|10.0.0.78:7848|  0|Completed|     1|   1|                                |',
    ]);
    expect(await node.text('query explain')).toContain('Remote Query  : select a');
    expect(await node.text('query destination 1')).toContain('10.0.0.78:7848');
  });
});

describe('scripts and variables', () => {
  const script = async (name: string, content: string): Promise<string> => {
    const { scripts } = node.context.facts.directories;
    await mkdir(scripts, { recursive: true });
    await writeFile(join(scripts, name), content);
    return name;
  };

  it('over REST: scripts of the directory and the start script, variables that are meant for it', async () => {
    const rest = createSession({ isolated: true, caller: 'rest' });
    const environment = { HOME: '/home/user', NODE_TYPE: 'operator', HOLDFAST_X: 'x' };
    Object.assign(node.context, { environment: (name: string) => new Map(Object.entries(environment)).get(name) });
    const { directories, script: start = '' } = node.context.facts;
    await script('own.al', 'echo own');
    await writeFile(start, 'echo start\nprocess own.al');
    await writeFile(join(directories.root, 'other.al'), 'echo other');
    expect((await node.run('process own.al', rest)).text).toBe('own');
    expect((await node.run(`process ${directories.scripts}/own.al`, rest)).text).toBe('own');
    expect((await node.run(`process ${start}`, rest)).text).toBe('start\nown');
    await script('outside.al', 'process ../other.al');
    for (const text of ['/etc/passwd', '../other.al', '..', '.', `${directories.root}/other.al`, 'outside.al'])
      await expect(node.run(`process ${text}`, rest)).rejects.toMatchObject({
        code: 'COMMAND_SCRIPT_REFUSED',
        hint: expect.stringMatching(/^copy it there, then: process .*--script/) as string,
      });
    expect(await node.text('process ../other.al')).toBe('other');
    await expect(node.run('get env var HOME', rest)).rejects.toMatchObject({
      code: 'COMMAND_ENVIRONMENT_REFUSED',
      hint: expect.stringContaining('NODE_TYPE') as string,
    });
    await expect(node.run('get env var $SECRET', rest)).rejects.toMatchObject({ code: 'COMMAND_ENVIRONMENT_REFUSED' });
    expect((await node.run('echo $HOME $NODE_TYPE $HOLDFAST_X', rest)).text).toBe('$HOME operator x');
    expect((await node.run('get env var NODE_TYPE', rest)).text).toBe('operator');
    expect(await node.text('get env var HOME')).toBe('/home/user');
  });

  it('runs lines, blocks and conditions', async () => {
    await script('inner.al', 'greeting = "good day"\n');
    await script(
      'a.al',
      '# start\nprocess inner.al\n<where_to = {"city":\n "Split"}>\nif !greeting == "good day" then echo !greeting in !where_to[city]\nwait 10 for !greeting\nend script\necho never\n',
    );
    expect(await node.text('process a.al')).toBe('good day in Split');
  });

  it('stops at the first error, naming script and line, unless told to ignore them', async () => {
    await script('bad.al', 'echo one\nget nosuch\necho two\n');
    const { message, data, code } = await faultOf(node, 'process bad.al');
    expect({ code, line: data['line'] }).toEqual({ code: 'COMMAND_UNKNOWN', line: 2 });
    expect(message).toBe("line 2 of bad.al: unknown command 'get'");
    await script('secret.al', `process bad.al\n`);
    expect((await faultOf(node, 'process secret.al')).message).toBe(
      "line 1 of secret.al: line 2 of bad.al: unknown command 'get'",
    );
    await script('outer.al', `echo zero\nprocess bad.al\n`);
    expect(printedIn(await faultOf(node, 'process outer.al'))).toEqual(['zero', 'one']);
    await script('long.al', `\n${'p'.repeat(1_000)} password\n`);
    expect((await faultOf(node, 'process long.al')).message).toBe(
      `line 2 of long.al: unknown command '${'p'.repeat(40)}'`,
    );
    await script('big.al', '#'.repeat(1_048_577));
    expect((await faultOf(node, 'process big.al')).code).toBe('COMMAND_SCRIPT_OVERSIZE');
    await script('ignore.al', 'on error ignore\necho one\nget nosuch\necho two\n');
    expect(await node.text('process ignore.al')).toBe('one\ntwo');
  });

  it('says what misleads before it runs anything, although errors are to be ignored', async () => {
    await script('lost.al', 'on error ignore\nx = 1\ngoto nowhere\n');
    expect((await faultOf(node, 'process lost.al')).message).toBe(
      "line 3 of lost.al: there is no label 'nowhere' in this script",
    );
    expect(await node.text('!x')).toBe('');
  });

  it('follows labels and choices', async () => {
    await script(
      'flow.al',
      'on error goto failed\nif !absent then\ndo echo there\nelse call absent\nget nosuch\necho never\n:absent:\necho absent\nreturn\n:failed:\necho failed\n',
    );
    expect(await node.text('process flow.al')).toBe('absent\nfailed');
    expect((await faultOf(node, 'goto failed')).code).toBe('COMMAND_SCRIPT_ONLY');
  });

  it('a script that goes round and round lets others work, and ends when it is told to', async () => {
    await script('round.al', ':again:\nx = 1\non error ignore\ngoto again\n');
    const stop = new AbortController();
    setImmediate(() => stop.abort(new Error('stopping')));
    const running = node.executor.execute({
      text: 'process round.al',
      format: undefined,
      session: node.session,
      signal: stop.signal,
    });
    await expect(running).rejects.toThrow('stopping');
    expect((await faultOf(node, 'process round.al')).code).toBe('COMMAND_SCRIPT_STEPS');
  });

  it('does not follow a script into itself for ever', async () => {
    await script('loop.al', 'process loop.al\n');
    expect((await faultOf(node, 'process loop.al')).code).toBe('COMMAND_DEPTH');
    for (const path of ['/dev/zero', '/'])
      expect(await faultOf(node, `process ${path}`)).toMatchObject({ code: 'COMMAND_SCRIPT_MISSING' });
  });

  it('keeps what callers assign apart, and gives it to the node', async () => {
    const [a, b] = [createSession({ isolated: true }), createSession({ isolated: true })];
    await node.run('mine = a', a);
    await node.run('mine = b', b);
    expect([(await node.run('!mine', a)).text, (await node.run('!mine', b)).text, await node.text('!mine')]).toEqual([
      'a',
      'b',
      'b',
    ]);
    await node.run('mine = ""', a);
    expect((await node.run('!mine', a)).text).toBe('');
  });

  it('stops a wait that is aborted', async () => {
    const abort = new AbortController();
    const waiting = node.executor.execute({
      text: 'wait 60',
      format: undefined,
      session: createSession(),
      signal: abort.signal,
    });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
