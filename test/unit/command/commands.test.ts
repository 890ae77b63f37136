import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSession } from '../../../src/command/executor.ts';
import { errorNumber } from '../../../src/command/error-numbers.ts';
import { CommandNodes, type CommandNode } from '../../support/command-node.ts';
import { addOperatorNode, faultOf } from '../../support/operator-command-node.ts';

const nodes = new CommandNodes();
afterAll(() => nodes.close());

let node: CommandNode;
let cluster: string;
beforeAll(async () => {
  node = await addOperatorNode(nodes);
  cluster = await node.text('get !cid');
});

describe('policies', () => {
  it('publishes as every client does: assignments, then the insert', async () => {
    const session = createSession({ isolated: true });
    await node.run(`<new_policy={'site' : {'name': 'water', "city": "Split"}}>`, session);
    expect(
      (await node.run('blockchain insert where policy=!new_policy and local=true and master=!ledger_conn', session))
        .text,
    ).toBe('');
    expect(await node.json('blockchain get site where city = Split')).toMatchObject([
      { site: { name: 'water', city: 'Split' } },
    ]);
  });

  it('builds a policy step by step, as the GUI does', async () => {
    for (const step of [
      'new_policy = ""',
      'set policy new_policy [plant] = {}',
      'set policy new_policy [plant][name] = "North 1"',
      'set policy new_policy [plant][port] = 32148',
      'set policy new_policy [plant][tags] = []',
      'set policy new_policy [plant][tags] + a and [plant][tags] = b',
      'set policy new_policy [plant][gone] = 1 and [plant][gone] = ""',
    ])
      expect(await node.text(step)).toBe('');
    expect(JSON.parse(await node.text('get !new_policy'))).toEqual({
      plant: { name: 'North 1', port: 32148, tags: ['a', 'b'] },
    });
    expect(await node.text('get !cid where format = json')).toBe(JSON.stringify(cluster));
  });

  it('updates, shows the life of a policy, and ends it', async () => {
    await node.run('blockchain insert where policy = {"pump": {"name": "p1", "state": "on"}}');
    await node.run('pid = blockchain get pump bring [*][id]');
    await node.run('blockchain update where id = !pid and policy = {"pump": {"state": "off"}}');
    await node.run('blockchain update to ledger !pid {"pump": {"name": "p1", "speed": 3}}');
    expect(await node.json('blockchain get pump')).toMatchObject([{ pump: { name: 'p1', speed: 3 } }]);
    expect(JSON.stringify(await node.json('blockchain get pump'))).not.toContain('state');
    expect(errorNumber((await faultOf(node, 'blockchain update to ledger !pid {"pump": {"id": "other"}}')).code)).toBe(
      247,
    );
    expect((await faultOf(node, 'blockchain update where id = !pid and policy = {"port": 1}')).hint).toBe(
      'name the type: {"pump": {"port": 1}}',
    );
    await node.run('blockchain delete policy where id = !pid and master = !ledger_conn');
    expect(await node.text('blockchain get pump')).toBe('[]');
    const text = await node.text('blockchain history where id = !pid');
    expect(text).toContain('state: "on" to "off"');
    expect(text).toContain('state removed');
    const versions = (await node.json('blockchain history where id = !pid')) as readonly {
      op: string;
      authorName: string;
    }[];
    expect(versions.map(({ op }) => op)).toEqual(['insert', 'update', 'update', 'delete']);
    expect(versions.every(({ authorName }) => authorName === 'op1')).toBe(true);
  });

  it('text that is assigned stays text, unless its words are those of a command, also of one that is not there', async () => {
    const session = createSession({ isolated: true });
    for (const text of ['stream', 'file', 'python', 'monitor', 'system test', 'task done']) {
      await node.run(`kind = ${text}`, session);
      expect((await node.run('get !kind', session)).text).toBe(text);
    }
    expect((await faultOf(node, 'kind = get echo queue')).code).toBe('COMMAND_UNSUPPORTED');
  });

  it('ends several, and says which were not there', async () => {
    for (const name of ['a', 'b']) await node.run(`blockchain insert where policy = {"valve": {"name": "${name}"}}`);
    await node.run('blockchain drop policy where id = blockchain get valve where name = a bring [*][id] separator = ,');
    await node.run('vid = blockchain get valve bring [*][id]');
    const { code, data } = await faultOf(node, 'blockchain drop policy where id = (!vid, nosuch)');
    expect({ number: errorNumber(code), data }).toEqual({ number: 107, data: { left: ['nosuch'] } });
  });

  it('leaves a variable undefined where nothing was found', async () => {
    await node.run('x = 3');
    await node.run('x = blockchain get nosuchtype bring [*][id]');
    expect(await node.text('if not !x then echo undefined')).toBe('undefined');
    await node.run('y = 3');
    await node.run('y = blockchain get nosuchtype');
    expect(await node.text('get !y')).toBe('');
  });

  it('prepares without writing', async () => {
    const before = node.ledger.size;
    await node.run('p = {"cluster": {"name": "c9", "company": "x"}}');
    await node.run('blockchain prepare policy !p');
    const prepared = JSON.parse(await node.text('!p')) as { cluster: { id: string; date: string } };
    expect(prepared.cluster.id).toMatch(/^[0-9a-f]{32}$/);
    expect(prepared.cluster.date).toMatch(/^\d{4}-.*Z$/);
    expect(await node.text('blockchain get id {"cluster": {"name": "c9", "company": "x"}}')).toBe(prepared.cluster.id);
    expect(await node.text('blockchain test id !cid')).toBe('true');
    expect(node.ledger.size).toBe(before);
  });

  it('waits, and gives true or false to a variable', async () => {
    await node.run('is_there = blockchain wait where id = !cid');
    expect(await node.text('!is_there')).toBe('true');
    await node.run('is_there = blockchain wait where id = nosuch and timeout = 0');
    expect(await node.text('!is_there')).toBe('false');
    // Options of the command that is waited for are no options of the wait.
    await node.run('seen = blockchain wait where command = blockchain get site where id = nosuch and timeout = 0');
    expect(await node.text('!seen')).toBe('false');
    const waiting = node.text('blockchain wait where command = "blockchain get latecomer"');
    await node.run('blockchain insert where policy = {"latecomer": {"name": "x"}}');
    expect(await waiting).toBe('true');
  });

  it('tests the ledger and the clusters', async () => {
    expect(await node.text('blockchain test')).toMatch(/^Blockchain file structure: OK/);
    expect(await node.text('blockchain test cluster')).toBe('Blockchain cluster policies status: OK');
  });

  it('audits the ledger, and the policies that follow from it', async () => {
    const text = await node.text('blockchain audit');
    expect(text).toMatch(/^Ledger +\|sound/m);
    expect(text).toMatch(/^Policies in force +\|follow from the entries/m);
    const entries = node.ledger.size;
    expect(await node.json('ledger audit where format = json')).toMatchObject({
      sound: true,
      faults: 0,
      policiesFollow: true,
      version: node.ledger.version,
      checked: { entries, authors: 1, signatures: entries },
    });
  });

  it('creates policies of keys and values', async () => {
    await node.run(
      'new = create policy operator with defaults where name = op9 and company = "My Co" and cluster = !cid and main = true',
    );
    expect(JSON.parse(await node.text('!new'))).toEqual({
      operator: {
        ip: '24.23.250.144',
        internal_ip: '24.23.250.144',
        port: 32148,
        rest_port: 32149,
        name: 'op9',
        company: 'My Co',
        cluster,
        main: true,
      },
    });
    expect(await node.text('from !new bring [*][name]')).toBe('op9');
    expect(await node.text('get policies diff {"a": {"x": 1}} {"a": {"x": 2}}')).toContain('|1    |2     |');
  });
});

describe('what the network is', () => {
  it('A.1 query metadata', async () => {
    await node.run('blockchain get cluster');
    expect(await node.text('blockchain query metadata')).toBe(
      [
        '|-- Company --|     |-- DBMS  --|     |------ Table -----|     |------------- Cluster ID and Name------------|    |---- Operator IP, Port, Member ID, Status -----|',
        '',
        `Lit San Leandro ==> litsanleandro ==> ping_sensor          ==> ${cluster} (lsl-cluster2) ==> 24.23.250.144:7858         [0008  remote not_responding]`,
        `                                                                                                               ==> 24.23.250.144:7848         [0206  local  active]`,
      ].join('\n'),
    );
  });

  it('A.2 cluster info', async () => {
    expect(await node.text('get cluster info')).toBe(`Cluster ID : ${cluster}
Cluster Name : lsl-cluster2
Member ID  : 206
Participating Operators:
      IP            Port Member Status         
      -------------|----|------|--------------|
      24.23.250.144|7858|   008|not_responding|
      24.23.250.144|7848|   206|active        |
Tables Supported:
      Company         DBMS          Table       
      ---------------|-------------|-----------|
      Lit San Leandro|litsanleandro|ping_sensor|`);
  });

  it('A.3 data nodes: repeats blank, all there when sorted, types in JSON', async () => {
    const lines = (await node.text('get data nodes')).split('\n');
    expect(lines[4]).toMatch(/^ {15}\| {13}\| {11}\| {32}\|/);
    expect((await node.text('get data nodes where sort = (1,5)')).split('\n')[4]).toMatch(/^Lit San Leandro\|/);
    expect(
      await node.json(
        'get data nodes where format=json and dbms="litsanleandro" and table="ping_sensor" and company="Lit San Leandro"',
      ),
    ).toMatchObject([
      {
        'Node Name': 'op2',
        'Member ID': 8,
        'External IP/Port': '24.23.250.144:7858',
        Main: false,
        'Node Status': 'not_responding',
      },
      { 'Node Name': 'op1', Main: true, 'Node Status': 'active' },
    ]);
  });

  it('A.4 test network, with the error in JSON', async () => {
    expect((await node.text('test network')).split('\n').slice(1)).toEqual([
      'Address            Node Type Node Name Status ',
      '------------------|---------|---------|------|',
      '24.23.250.144:7848|operator |op1      |   +  |',
      '24.23.250.144:7858|operator |op2      |      |',
      'op2: cannot reach 24.23.250.144:7858: nobody listens there',
    ]);
    expect(await node.json('test network')).toMatchObject([
      { status: '+' },
      { status: '', error: 'cannot reach 24.23.250.144:7858: nobody listens there' },
    ]);
  });

  it('asks for a table by its dotted name', async () => {
    await node.run('connect dbms plant');
    await node.run(
      'blockchain insert where policy = {"table": {"dbms": "plant", "name": "temperature", "create": "CREATE TABLE IF NOT EXISTS temperature (value FLOAT);"}}',
    );
    await node.run('create table temperature where dbms = plant');
    const dotted = await node.text('test network table plant.temperature');
    expect(dotted).toContain('Pass');
    expect(await node.text('test network table temperature where dbms = plant')).toBe(dotted);
    expect(await node.json('test network table nosuch.temperature')).toMatchObject([
      { 'Node Name': 'op1', Status: '   +', 'Table Test': 'Table not declared' },
      { 'Node Name': 'op2', Status: '' },
    ]);
    const roots = await node.json('blockchain get root policies include table');
    for (const command of ['include table format = json', 'include table where format = json'])
      expect(await node.json(`blockchain get root policies ${command}`)).toEqual(roots);
    expect(await node.json('blockchain get root policies format = json')).toEqual(
      await node.json('blockchain get root policies'),
    );
    for (const command of ['test network table', 'test network table plant', 'test network table plant.'])
      await expect(node.run(command)).rejects.toMatchObject({
        code: 'COMMAND_OPTION_MISSING',
        hint: expect.stringContaining('DBMS.TABLE') as string,
      });
  });

  it('the metadata version is one line of 32 hex digits', async () =>
    expect(await node.text('get metadata version')).toMatch(/^[0-9a-f]{32}$/));
});

describe('the node', () => {
  it('says its status in the forms that clients need', async () => {
    const text = await node.text('get status');
    expect(text).toContain('running');
    expect(text).not.toMatch(/not/i);
    const running = { operator: false, distributor: false, consumer: false };
    const history = { complete: true, archived: 0, snapshot: null };
    // It has an operator policy, and nobody started its operator.
    const faults = [expect.objectContaining({ code: 'OPERATOR_OFF' })];
    const [status] = text.split('\n');
    const json = { Status: status, status, history, time: expect.any(Number) as number, running, faults };
    expect(await node.json('get status format = json')).toEqual(json);
    expect(JSON.parse((await node.run('get status where format=json')).text)).toEqual(json);
    expect(await node.json('get status where format = json and include = !!node_name')).toMatchObject({
      node_name: 'node-1',
    });
  });

  it('has the documented first words and shapes', async () => {
    expect((await node.text('get version')).split(' ')[0]).toBe('AnyLog');
    expect(await node.text('get hostname')).toBe('machine');
    expect(await node.json('get processes where format=json')).toMatchObject({
      TCP: { Status: 'Running' },
      Operator: { Status: 'Not declared' },
    });
    expect(await node.json('get connections')).toMatchObject({
      TCP: { external: '24.23.250.144:7848' },
      REST: { bind: '127.0.0.1:32149' },
    });
    expect(await node.text('run tcp server where external_ip = 1.2.3.4')).toContain(
      'runs already on 24.23.250.144:7848',
    );
    expect(await node.text('get error 113')).toBe('needed policy is not available');
  });

  it('keeps its environment from other nodes', async () => {
    expect(await node.text('get env var HOME')).toBe('/root');
    expect(await node.text('get env var HOLDFAST_NOWHERE')).toBe('HOLDFAST_NOWHERE is not set');
    for (const line of ['get env var', 'x = get env VAR '])
      await expect(node.run(line)).rejects.toMatchObject({ code: 'COMMAND_STRUCTURE', data: {} });
    expect(await node.text('get env var var')).toBe('var is not set');
    // What is not there leaves a variable undefined, as before.
    await node.run('nowhere = get env var HOLDFAST_NOWHERE');
    expect(await node.text('!nowhere')).toBe(await node.text('!never_said'));
    expect((await node.run('echo $HOME', createSession({ isolated: true, caller: 'peer' }))).text).toBe('$HOME');
  });

  it('stops when told to', async () => {
    await node.run('exit node');
    expect(node.parts.exits).toBe(1);
  });

  it('explains every command, and finds it by its first words', async () => {
    expect(await node.text('help blockchain insert')).toMatch(
      /Usage:[\s\S]*policy = \[json\][\s\S]*Examples:[\s\S]*REST: POST/,
    );
    expect(await node.text('help run client')).toMatch(
      /Usage:\s+run client \(DESTINATION\) COMMAND[\s\S]*Examples:\s+run client \(10/,
    );
    expect(await node.text('help get tsd')).toContain('get tsd summary');
    expect(await node.text('help create invite')).toContain('for example 1 day (default 1 day)');
    expect(await node.text('help blockchain wait')).toContain('(default 20 seconds)');
    expect(await node.text('help if')).toContain('Usage:\n    if CONDITION then COMMAND {else COMMAND}, or');
    for (const [words, found] of [
      ['prune', 'Usage:\n    blockchain prune'],
      ['backup', 'run backup'],
      ['ledger snapshot', 'Usage:\n    blockchain snapshot'],
      ['certificate', 'id '],
      ['schedule', 'not in this version'],
    ] as const)
      expect(await node.text(`help ${words}`)).toContain(found);
    expect((await faultOf(node, 'help prnue')).hint).toBe('Maybe: blockchain prune');
    expect(errorNumber((await faultOf(node, 'help blokchain insert')).code)).toBe(1);
    expect(((await node.json('get commands')) as unknown[]).length).toBeGreaterThan(80);
  });
});
