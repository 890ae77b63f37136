import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../../src/base/errors.ts';
import { complete } from '../../../src/command/completion.ts';
import { absentCommands } from '../../../src/command/commands/absent.ts';
import { allCommands } from '../../../src/command/commands/all.ts';
import { tokenize } from '../../../src/command/grammar/lexer.ts';
import { parseLine } from '../../../src/command/grammar/line.ts';
import { Registry } from '../../../src/command/registry.ts';

const absent = absentCommands();
const registry = new Registry(allCommands(), absent);

/** Its lines are taken apart by the grammar. */
const clientCommand = registry.commands.find(({ patterns }) => patterns[0]?.lead.join(' ') === 'run client');

/** The documented words of the command that a line is; follows assignments, destinations and conditions. */
const commandOf = (line: string): string => {
  const statement = parseLine(line);
  if (statement.kind === 'client') return commandOf(statement.command);
  if (statement.kind === 'assign') return commandOf(statement.right);
  if (statement.kind !== 'command') return statement.kind;
  return registry.get(statement.tokens).command.patterns[0]?.text ?? '';
};

const faultOf = (line: string): HoldfastError => {
  try {
    registry.get(tokenize(line));
  } catch (caught) {
    if (caught instanceof HoldfastError) return caught;
    throw caught;
  }
  throw new Error(`${line} was accepted`);
};

describe('documented examples are commands', () => {
  it.each([
    [
      'blockchain get operator where ip = !ip and port = !anylog_server_port bring.first [*][id]',
      'blockchain get <query...>',
    ],
    [
      'blockchain get (operator, query) where [country] == US or [country] == IL bring [*][ip]:[*][port] separator = ,',
      'blockchain get <query...>',
    ],
    [
      'blockchain get cluster where table[dbms] = my_data and table[name] = ping_sensor bring [cluster][id] separator = ,',
      'blockchain get <query...>',
    ],
    [
      `blockchain get table bring.unique ['table']['dbms'] "." ['table']['name'] separator = ,`,
      'blockchain get <query...>',
    ],
    ['get tsd details where table = * and start_date = -3d and end_date = -2d and format = json', 'get tsd details'],
    ['run client (blockchain get operator where company = X bring.ip_port) get processes', 'get processes'],
    [
      'run client () sql lsl_demo format=table and stat=false and extend=(+node_name, @ip) "select count(*) from ping_sensor where timestamp >= now() - 3 days;"',
      'sql <statement...>',
    ],
    [
      '<run operator where policy = !operator_policy_id and create_table = true and\n    update_tsd_info = true and archive_json = true and distributor = true and master_node = !ledger_conn and threads = 3>',
      'run operator',
    ],
    [
      'run operator where create_table = true and update_tsd_info = true and archive = true and distributor = true',
      'run operator',
    ],
    ['run data distributor', 'run data distributor'],
    ['run data consumer where start_date = -30d', 'run data consumer'],
    ['blockchain query metadata', 'blockchain query metadata'],
    ['get cluster info', 'get cluster info'],
    ['sql db format=table and stat=false SELECT a FROM t ORDER min_ts, id DESC', 'sql <statement...>'],
  ])('%s', (line, expected) => expect(commandOf(line)).toBe(expected));

  it.each(
    registry.commands
      .filter((command) => command !== clientCommand)
      .flatMap(({ examples, patterns }) => examples.map((example) => [example, patterns[0]?.text ?? ''] as const)),
  )('the example %s of its own help', (example, expected) => expect(commandOf(example)).toBe(expected));

  it.each(clientCommand?.examples ?? [])('%s is for other nodes, with a command that they know', (example) => {
    expect(parseLine(example).kind).toBe('client');
    expect(commandOf(example)).not.toBe('');
  });

  it('has run client in the table, to be found by help and completion', () => {
    expect(clientCommand?.usage).toBe('run client (DESTINATION) COMMAND');
    expect(complete(registry, 'run cl', tokenize('run cl'))).toEqual(['run client ']);
  });

  it.each([
    ['ledger ins', ['ledger insert ']],
    ['seed', ['seed from ']],
    ['get tsd info ', ['get tsd info where ']],
    ['get cluster info', ['get cluster info ']],
    ['get data nodes wh', ['get data nodes where ']],
    ['get data nodes where FORM', ['get data nodes where format = ']],
    ['run operator where policy = !p and CREATE_TABLE = t', ['run operator where policy = !p and CREATE_TABLE = true']],
    ['run operator where archive = f', ['run operator where archive = false']],
    ['blockchain get oper', ['blockchain get operator ']],
    ['blockchain get operator ', []],
    ['help get upt', ['help get uptime ']],
  ])('%s is completed', (typed, lines) => expect(complete(registry, typed, tokenize(typed))).toEqual(lines));
});

describe('every documented spelling is accepted', () => {
  it.each([
    ['get tsd error', 'get tsd errors'],
    ['get tsd error details table = tsd_123', 'get tsd errors'],
    ['get ha cluster status', 'get tsd sync status'],
    ['get tsd info', 'get tsd sync status'],
    ['test network metadata', 'test network metadata version'],
    ['get metadata info', 'get metadata version'],
    ['time file tables', 'get tsd list'],
    ['time file get where table = *', 'get tsd details'],
    ['time file summary', 'get tsd summary'],
    ['time file errors', 'get tsd errors'],
    ['blockchain wait for !p', 'blockchain wait for <policy>'],
    ['is_there = blockchain wait where policy = !p', 'blockchain wait'],
    ['drop policy where id = x', 'blockchain drop policy'],
    [
      'blockchain drop policy where id = blockchain get table where dbms = a and name = b bring [*][id] separator = ,',
      'blockchain drop policy where id = blockchain <get...>',
    ],
    ['seed from 10.0.0.1:32048', 'blockchain seed from <address>'],
    ['blockchain commit to ethereum !policy', 'blockchain add <policy>'],
    ['test cluster', 'test cluster setup'],
    ['GET STATUS', 'get status'],
    ['get status format = json', 'get status'],
    ['get operator format=json', 'get operator'],
    ['get operator stat format = json', 'get operator'],
    ['get operator summary where format = json', 'get operator'],
    ['test network with operator', 'test network'],
    ['test network operator', 'test network'],
    ['test network 10.0.0.1:7848', 'test network'],
    ['ledger query metadata', 'blockchain query metadata'],
    ['ledger history where id = x', 'blockchain history'],
    ['LEDGER insert where policy = {"a": {}}', 'blockchain insert'],
    ['get processes where format=json', 'get processes'],
    ['get archived files 2026-11-23', 'get archived files <date?>'],
  ])('%s', (line, expected) => expect(commandOf(line)).toBe(expected));
});

describe('what is no command', () => {
  it.each([
    ['get databses', 'get databases'],
    ['blockchain inser where policy = !p', 'blockchain insert'],
    ['get cluster inf', 'get cluster info'],
    ['tset network', 'test network'],
    ['blokchain query metadata', 'blockchain query metadata'],
    ['blockchain delete where id = 5', 'blockchain delete policy'],
    ['blockchain delete', 'blockchain delete policy'],
    ['backup', 'run backup'],
    ['BACKUP /tmp/x', 'run backup'],
    ['synchronizer', 'get synchronizer'],
  ])('%s: Maybe: %s', (line, expected) => {
    const { code, hint } = faultOf(line);
    expect(code).toBe('COMMAND_UNKNOWN');
    expect(hint).toMatch(/^Maybe: /);
    expect(hint).toContain(expected);
  });

  it('a ; at the end and quotes of a word processor are named', () => {
    expect(faultOf('get status;').hint).toMatch(/^a command has no ; at its end\. Maybe: get status/);
    expect(() => tokenize('blockchain get operator where name = “a b”')).toThrow(
      "a typographic quote does not quote (at character 38, near '“')",
    );
    expect(tokenize('"“a” b’s"').map(({ text }) => text)).toEqual(['“a” b’s']);
    expect(tokenize('it’s').map(({ text }) => text)).toEqual(['it’s']);
  });

  it('points to help where nothing is close', () =>
    expect(faultOf('zzzz yyyy')).toMatchObject({ code: 'COMMAND_UNKNOWN', hint: 'see all commands: help' }));

  it.each(['get node', 'get time', 'blockchain delete assignment where id = x'])(
    '%s, which clients send, is refused softly',
    (line) => {
      expect(faultOf(line).code).toBe('COMMAND_UNSUPPORTED');
    },
  );

  it.each(absent.map(({ pattern, instead }) => [pattern.text, instead] as const))(
    '%s is documented and not there: %s',
    (line, instead) => {
      for (const typed of [line, `${line} x`, `${line.toUpperCase()} where name = x`])
        expect(faultOf(typed)).toMatchObject({ code: 'COMMAND_UNSUPPORTED', hint: instead });
    },
  );

  it('what is not there hides nothing that is', () => {
    for (const { patterns, examples } of registry.commands)
      for (const line of [...examples, ...patterns.map(({ lead }) => lead.join(' '))])
        expect(registry.absentIn(tokenize(line))).toBeUndefined();
  });

  it('what to use instead is a command of the table', () => {
    const leads = registry.commands.flatMap(({ patterns }) => patterns.map(({ lead }) => lead.join(' ')));
    const named = absent.flatMap(
      ({ instead }) => instead.match(/\b(?:get|blockchain|run|test|id) [a-z]+(?: [a-z]+)?/g) ?? [],
    );
    const isThere = (words: string): boolean => leads.some((lead) => `${words} `.startsWith(`${lead} `));
    expect([...new Set(named)].filter((words) => !isThere(words))).toEqual([]);
  });

  it('says what is too much, and the usage', () => {
    expect(faultOf('get processes now please')).toMatchObject({
      code: 'COMMAND_STRUCTURE',
      message: "unexpected 'now' (at character 15)",
      hint: 'usage: get processes',
    });
    expect(faultOf('connect dbms')).toMatchObject({
      code: 'COMMAND_STRUCTURE',
      message: 'the command is not complete',
    });
  });

  it('never takes an option for a value', () =>
    expect(faultOf('create table where dbms = x').code).toBe('COMMAND_STRUCTURE'));
});

describe('the table itself', () => {
  it('has no words twice, and an explanation and an example for each', () => {
    const patterns = registry.commands.flatMap(({ patterns: all }) => all.map(({ text }) => text));
    expect(patterns.filter((text, index) => patterns.indexOf(text) !== index)).toEqual([]);
    for (const { explanation, examples } of registry.commands) {
      expect(explanation).not.toBe('');
      expect(examples.length).toBeGreaterThan(0);
    }
  });

  it('knows the REST verb of every documented family', () => {
    const verb = (line: string): string => registry.methodOf(tokenize(line));
    expect(
      [
        'get status',
        'help',
        'blockchain get *',
        'blockchain read *',
        'blockchain query metadata',
        'query status',
        'test network',
        'time file get',
      ].map(verb),
    ).toEqual(Array.from({ length: 8 }, () => 'GET'));
    expect(
      [
        'blockchain insert where policy = !p',
        'set consumer mode = active',
        'run operator',
        'exit node',
        'process x',
        'create table t where dbms = d',
        'connect dbms x',
        'flush buffers',
        'run blockchain sync',
      ].map(verb),
    ).toEqual(Array.from({ length: 9 }, () => 'POST'));
    expect(['sql x "select 1"', 'print x', 'wait 1', 'no such thing'].map(verb)).toEqual(
      Array.from({ length: 4 }, () => 'any'),
    );
  });

  it('lets nothing that changes a node be run by every other', () => {
    for (const { method, remote, usage } of registry.commands)
      if (method === 'POST') expect({ usage, remote }).not.toMatchObject({ remote: 'always' });
  });
});

describe('completion', () => {
  const after = (prefix: string): readonly string[] => complete(registry, prefix, tokenize(prefix));

  it('goes on with words, then options, then their values', () => {
    expect(after('get data')).toEqual(['get data nodes ', 'get data distribution ', 'get databases ']);
    expect(after('GET  Cluster')).toEqual(['get cluster info ']);
    expect(after('run operator where arch')).toEqual([
      'run operator where archive_json = ',
      'run operator where archive_sql = ',
      'run operator where archive_dir = ',
    ]);
    expect(after('run operator where archive_json = t')).toEqual(['run operator where archive_json = true']);
    expect(after('get data nodes where format = ')).toEqual([
      'get data nodes where format = table',
      'get data nodes where format = json',
    ]);
    expect(after('zzz')).toEqual([]);
  });

  it('is bounded', () => expect(after('').length).toBe(50));
});
