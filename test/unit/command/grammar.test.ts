import { describe, expect, it, vi } from 'vitest';
import { HoldfastError } from '../../../src/base/errors.ts';
import { atOnce } from '../../../src/base/slices.ts';
import type { JsonValue } from '../../../src/codec/json.ts';
import { perLine } from '../../../src/command/grammar/budget.ts';
import { meets, parseCondition } from '../../../src/command/grammar/condition.ts';
import { parseDate, parseSize, parseSpan, typedSpan } from '../../../src/command/grammar/dates.ts';
import { tokenize } from '../../../src/command/grammar/lexer.ts';
import { parseLine } from '../../../src/command/grammar/line.ts';
import { readPairs } from '../../../src/command/grammar/pairs.ts';
import { splitScript } from '../../../src/command/grammar/script.ts';
import { closest, editDistance } from '../../../src/command/grammar/suggest.ts';
import {
  expandReferences,
  literalOf,
  resolveReference,
  valueOfRun,
  type Lookup,
} from '../../../src/command/grammar/values.ts';

const VARIABLES: Readonly<Record<string, JsonValue>> = {
  ip: '10.0.0.1',
  port: '7848',
  name: 'Water Plant',
  list: ['a', 'b', 'c'],
  policy: { cluster: { name: 'c1' } },
  tables: [{ dbms: 'a' }, { dbms: 'b' }],
  answer: '[{"n": 1},\n {"n": 2}]',
  replies: [{ 'node name': 'a' }, { err_code: 15, err_text: 'x' }, 'b'],
  off: 'false',
};
const lookup: Lookup = {
  variable: (name) => VARIABLES[name],
  environment: (name) => (name === 'HOME' ? '/root' : undefined),
  index: (name) => (name === 'list' ? 2 : 0),
};

const texts = (line: string): readonly string[] => tokenize(line).map(({ text }) => text);

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (caught) {
    return caught instanceof HoldfastError ? caught.code : `not ours: ${String(caught)}`;
  }
  return 'no error';
};

describe('tokens', () => {
  it.each<readonly [string, readonly string[]]>([
    ['get   status', ['get', 'status']],
    [`a = "x y" and b='z "w"'`, ['a', '=', 'x y', 'and', 'b', '=', 'z "w"']],
    ["echo it's fine", ['echo', "it's", 'fine']],
    ['format=json', ['format', '=', 'json']],
    ['get status # a comment "', ['get', 'status']],
    ['x#y', ['x#y']],
    [`policy = {'a': "}", 'b': [1]}`, ['policy', '=', `{'a': "}", 'b': [1]}`]],
    ['(a, (b c)) d', ['a, (b c)', 'd']],
    ['port >= 3 and x != 4', ['port', '>=', '3', 'and', 'x', '!=', '4']],
    ['[*][ip]:[*][port]', ['[*]', '[ip]', ':', '[*]', '[port]']],
    ['"a \\" b"', ['a " b']],
  ])('%s', (line, expected) => expect(texts(line)).toEqual(expected));

  it.each(['a "b', 'a (b', 'a {b: [}', 'x \0 y'])('refuses %j with the place', (line) => {
    expect(codeOf(() => tokenize(line))).toBe('COMMAND_SYNTAX');
  });

  it('refuses what is too long', () => {
    expect(codeOf(() => tokenize('x'.repeat(300_000)))).toBe('COMMAND_OVERSIZE');
    expect(codeOf(() => tokenize(', '.repeat(30_000)))).toBe('COMMAND_OVERSIZE');
  });
});

describe('JSON as users write it', () => {
  it.each<readonly [string, JsonValue]>([
    [`{'a' : "b", "c": 'd'}`, { a: 'b', c: 'd' }],
    ['{"ip": !ip, "port": !port.int, "n": !nosuch}', { ip: '10.0.0.1', port: 7848, n: '!nosuch' }],
    ['{"item": !list[+], "first": [!list[0], !list[0:1]]}', { item: 'c', first: ['a', ['a']] }],
    ['[!policy.cluster[name], !tables[0].dbms]', ['c1', 'a']],
    [`{"script": ["run tcp server where port = !port"]}`, { script: ['run tcp server where port = !port'] }],
    ['[true, False, None, -1.5e2]', [true, false, null, -150]],
    ['{"home": $HOME, "p": !policy}', { home: '/root', p: { cluster: { name: 'c1' } } }],
    ['{"a": "\\u00e9 \\n"}', { a: 'é \n' }],
  ])('%s', (text, expected) => expect(literalOf(text, lookup)).toEqual(expected));

  it('keeps hostile names as data', () => {
    const value = literalOf('{"__proto__": {"x": 1}}', lookup);
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it.each([
    '{"a": 1,}',
    '{"a" 1}',
    '{a: 1}',
    '{"a": 01}',
    '{"a": 1, "a": 2}',
    '{"a": }',
    '[1 2]',
    '{"a": "\\u12"}',
    '['.repeat(40) + ']'.repeat(40),
    '{"a": 1e999}',
  ])('refuses %s', (text) => expect(codeOf(() => literalOf(text, lookup))).toBe('COMMAND_JSON'));

  it.each(['12345678901234567890', '-9007199254740993', '{"t": {"n": [1, 9007199254740993]}}', `1${'0'.repeat(30)}`])(
    'refuses the integer in %s, which a number would change',
    (text) => expect(codeOf(() => literalOf(text, lookup))).toBe('COMMAND_JSON_INTEGER'),
  );

  it.each([
    '9007199254740991',
    '-9007199254740991',
    '1e20',
    '100000000000000000000',
    '0.1234567890123456789',
    '6.02e23',
  ])('takes %s', (text) => expect(literalOf(text, lookup)).toBe(Number(text)));

  it('leaves the digits of a variable that no number holds', () => {
    const big: Lookup = { variable: () => '12345678901234567890', environment: () => undefined };
    expect(literalOf('{"n": !big.int}', big)).toEqual({ n: '12345678901234567890' });
  });
});

describe('variables', () => {
  it.each<readonly [string, JsonValue | undefined]>([
    ['!ip', '10.0.0.1'],
    ['!!ip', '10.0.0.1'],
    ['!port.int', 7848],
    ['!port.float', 7848],
    ['!off.bool', false],
    ['!policy.str', '{"cluster":{"name":"c1"}}'],
    ['!name.name', 'water_plant'],
    ['!list[1]', 'b'],
    ['!list[0:2]', ['a', 'b']],
    ['!name[0:5]', 'Water'],
    ['!list.len', 3],
    ['!tables.dbms[1]', 'b'],
    ['!tables.dbms', ['a', 'b']],
    ['!tables[0].dbms', 'a'],
    ['!answer[1].n', 2],
    ['!answer.len', 2],
    ['!answer[0:8]', [{ n: 1 }, { n: 2 }]],
    ['!replies.len', 3],
    ['!replies.replies', 2],
    ['!replies.diff', 1],
    ['!name.diff', undefined],
    ['!list[+]', 'c'],
    ['!tables.dbms[+]', 'a'],
    ['!policy[cluster][name]', 'c1'],
    ['!policy.cluster.name', 'c1'],
    ['!nosuch', undefined],
    ['$HOME', '/root'],
    ['$NOSUCH', undefined],
    ['!policy[constructor]', undefined],
  ])('%s', (reference, expected) => expect(resolveReference(reference, lookup)).toEqual(expected));

  it('reads the JSON of a variable once, however often and in whatever order a line asks for it', () => {
    const texts = ['a', 'b', 'c'].map((name) => `[{"name": "${name}", "of": ${performance.now()}}]`);
    const held: Lookup = { variable: (name) => texts[Number(name.slice(1))], environment: () => undefined };
    const parse = vi.spyOn(JSON, 'parse');
    const line = tokenize('!v0[0].name !v1[0].name !v2[0].name '.repeat(50));
    expect(valueOfRun(line, held)).toBe('a b c '.repeat(50).trim());
    expect(parse).toHaveBeenCalledTimes(3);
    parse.mockRestore();
  });

  it('bounds what the references of a line look through, most of all where digits must be kept', () => {
    const names = (count: number) => Array.from({ length: count }, (_, at) => `!v${at}[0]`).join(' ');
    const oversize = (first: string, count: number): string =>
      codeOf(() =>
        valueOfRun(tokenize(names(count)), perLine({ ...lookup, variable: (name) => textFor(first, name) })),
      );
    const textFor = (first: string, name: string) => `[${first}, "${name}${'x'.repeat(2_097_152)}"]`;
    expect(oversize('1', 16)).toBe('COMMAND_REFERENCES');
    expect(oversize('1', 8)).toBe('no error');
    expect(oversize('12345678901234567890', 8)).toBe('COMMAND_REFERENCES');
  });

  it('joins what stands together', () => {
    expect(valueOfRun(tokenize('!ip:!port'), lookup)).toBe('10.0.0.1:7848');
    expect(valueOfRun(tokenize('Lit   San Leandro'), lookup)).toBe('Lit San Leandro');
  });

  it('expands references outside of strings, and leaves those for the other node', () => {
    const expand = (text: string, remoteToo = false): string =>
      expandReferences(text, tokenize(text), lookup, remoteToo);
    expect(expand('operator where ip = !ip and name = !name and x = "!ip" and y = !!ip and z = !nosuch')).toBe(
      'operator where ip = 10.0.0.1 and name = "Water Plant" and x = "!ip" and y = !!ip and z = !nosuch',
    );
    expect(expand('x = !!ip', true)).toBe('x = 10.0.0.1');
    expect(expand('insert where policy = {"item": !list[+], "in": !tables[1].dbms}')).toBe(
      'insert where policy = {"item": "c", "in": "b"}',
    );
    expect(expand('insert where policy = {"ip": !ip, "t": "!ip"}')).toBe(
      'insert where policy = {"ip": "10.0.0.1", "t": "!ip"}',
    );
  });
});

describe('options', () => {
  const pairs = (text: string): readonly (readonly [string, string])[] =>
    readPairs(tokenize(text)).map(({ key, value }) => [key, value.map(({ raw }) => raw).join(' ')]);

  it('reads keys of several words and values up to the next and', () => {
    expect(pairs('local ip = 10.0.0.78 and table[dbms]=x AND time = 30 seconds')).toEqual([
      ['local ip', '10.0.0.78'],
      ['table[dbms]', 'x'],
      ['time', '30 seconds'],
    ]);
  });

  it.each(['a', 'a =', '= b', 'a = b and', 'a = b and and c = d', 'and a = b', '(x) = y'])('refuses %s', (text) => {
    expect(codeOf(() => pairs(text))).toBe('COMMAND_SYNTAX');
  });
});

describe('dates', () => {
  const NOW = Date.UTC(2024, 2, 31, 12, 0, 0);
  const iso = (text: string): string => new Date(parseDate(text, NOW)).toISOString();

  it.each([
    ['-30d', '2024-03-01T12:00:00.000Z'],
    ['+1h', '2024-03-31T13:00:00.000Z'],
    ['-4t', '2024-03-31T11:56:00.000Z'],
    ['-1m', '2024-02-29T12:00:00.000Z'],
    ['+1y', '2025-03-31T12:00:00.000Z'],
    ['-2w', '2024-03-17T12:00:00.000Z'],
    ['-10s', '2024-03-31T11:59:50.000Z'],
    ['-30 days', '2024-03-01T12:00:00.000Z'],
    ['now()', '2024-03-31T12:00:00.000Z'],
    ['NOW() - 1hour', '2024-03-31T11:00:00.000Z'],
    ['now() - 3 days', '2024-03-28T12:00:00.000Z'],
    ['2024-01-31T10:20:30.123456Z', '2024-01-31T10:20:30.123Z'],
    ['240131102030', '2024-01-31T10:20:30.000Z'],
  ])('%s', (text, expected) => expect(iso(text)).toBe(expected));

  it('takes dates without a zone as local time', () => {
    expect(parseDate('2024-01-31', NOW)).toBe(new Date(2024, 0, 31).getTime());
    expect(parseDate('24-01-31 10:20:30', NOW)).toBe(new Date(2024, 0, 31, 10, 20, 30).getTime());
    expect(parseDate('2024-01-31 10:20:30.5', NOW)).toBe(new Date(2024, 0, 31, 10, 20, 30, 500).getTime());
  });

  it('keeps microseconds', () => expect(parseDate('2024-01-31T00:00:00.000250Z', 0) % 1).toBeCloseTo(0.25, 3));

  it.each(['', 'tomorrow', '2024-02-30', '2024-13-01', '-30x', '30d', '2024-01-31 25:00:00', '-d', '+999999y'])(
    'refuses %s',
    (text) => {
      expect(codeOf(() => parseDate(text, NOW))).toBe('COMMAND_DATE');
    },
  );

  it('reads spans and sizes', () => {
    expect([parseSpan('30 seconds'), parseSpan('1 hour'), parseSpan('5'), parseSpan('500ms')]).toEqual([
      30_000, 3_600_000, 5_000, 500,
    ]);
    expect([parseSize('10KB'), parseSize('2 MB'), parseSize('1 GB'), parseSize('7')]).toEqual([
      10_240, 2_097_152, 1_073_741_824, 7,
    ]);
    expect([86_400_000, 172_800_000, 5_400_000, 20_000, 500, 0].map(typedSpan)).toEqual(
      '1 day,2 days,90 minutes,20 seconds,500 ms,0 ms'.split(','),
    );
    expect(codeOf(() => parseSpan('soon'))).toBe('COMMAND_SPAN');
    expect(codeOf(() => parseSize('10XB'))).toBe('COMMAND_SIZE');
  });
});

describe('conditions', () => {
  const holds = (text: string): boolean => meets(parseCondition(tokenize(text)), lookup);

  it.each<readonly [string, boolean]>([
    ['!ip', true],
    ['!nosuch', false],
    ['not !nosuch', true],
    ['!off', false],
    ['!ip == 10.0.0.1', true],
    ['!port > 900', true],
    ['!ip != 10.0.0.1 or !port <= 7848', true],
    ['(!ip == 1 or !ip) and not !off', true],
    ['!name contains Plant', true],
    ['!list contains b', true],
    ['!ip = "10.0.0.1"', true],
  ])('%s', (text, expected) => expect(holds(text)).toBe(expected));

  it.each(['', 'and', '!a ==', '== 3', '!a !b', '!a or', 'not', '('.repeat(30) + '!a' + ')'.repeat(30)])(
    'refuses %j',
    (text) => {
      expect(codeOf(() => holds(text))).toBe('COMMAND_SYNTAX');
    },
  );
});

describe('lines', () => {
  it('tells assignments from commands that look like one', () => {
    expect(parseLine('x = get status')).toEqual({
      kind: 'assign',
      name: 'x',
      collect: 'value',
      right: 'get status',
      here: false,
    });
    expect(parseLine('set x = ""')).toMatchObject({ kind: 'assign', name: 'x', right: '""' });
    expect(parseLine('x[] = run client () get status')).toMatchObject({ kind: 'assign', collect: 'list' });
    expect(parseLine('x{} = run client () get status')).toMatchObject({ kind: 'assign', collect: 'object' });
    expect(parseLine('<new_policy={"a": 1}>')).toMatchObject({ kind: 'assign', name: 'new_policy', right: '{"a": 1}' });
    expect(parseLine('set consumer mode = suspend')).toMatchObject({ kind: 'command' });
    expect(parseLine('set policy new [a][b] = 3')).toMatchObject({ kind: 'command' });
    expect(parseLine('get data nodes where dbms = x')).toMatchObject({ kind: 'command' });
  });

  it('reads destinations in every form', () => {
    const client = (line: string): unknown => parseLine(line);
    expect(client('run client () sql x "select 1"')).toEqual({
      kind: 'client',
      destination: '',
      command: 'sql x "select 1"',
    });
    expect(client('run client 10.0.0.1:7848 get status')).toMatchObject({
      destination: '10.0.0.1:7848',
      command: 'get status',
    });
    expect(client('run client 10.0.0.1 7848 get status')).toMatchObject({
      destination: '10.0.0.1 7848',
      command: 'get status',
    });
    expect(client('run client (10.0.0.1:1, 10.0.0.2:2)')).toMatchObject({
      destination: '10.0.0.1:1, 10.0.0.2:2',
      command: '',
    });
    expect(client('run client !dest get status')).toMatchObject({ destination: '!dest', command: 'get status' });
    expect(client('run client (blockchain get operator where company = X bring.ip_port) get processes')).toMatchObject({
      destination: 'blockchain get operator where company = X bring.ip_port',
      command: 'get processes',
    });
  });

  it('reads the rest', () => {
    expect(parseLine('  # only a comment')).toEqual({ kind: 'empty' });
    expect(parseLine('!x')).toEqual({ kind: 'variable', reference: '!x', json: false });
    expect(parseLine('get !x.int')).toEqual({ kind: 'variable', reference: '!x.int', json: false });
    for (const line of ['get !x where format = json', 'get !x format=json'])
      expect(parseLine(line)).toEqual({ kind: 'variable', reference: '!x', json: true });
    for (const line of ['!x where format = json', 'get !x where format', 'get !x where sort = json'])
      expect(parseLine(line)).toMatchObject({ kind: 'command' });
    expect(parseLine('if not !x then x = 3')).toMatchObject({ kind: 'if', then: 'x = 3' });
    expect(parseLine('if !x then echo one else echo two')).toMatchObject({ then: 'echo one', otherwise: 'echo two' });
    expect(parseLine("if !x then echo 'one else two'")).toMatchObject({ then: "echo 'one else two'", otherwise: '' });
    expect(codeOf(() => parseLine('if !x then echo something else'))).toBe('COMMAND_SYNTAX');
    expect(parseLine('on error ignore')).toEqual({ kind: 'on-error', rule: { mode: 'ignore' } });
    expect(parseLine('on error goto no-policy')).toMatchObject({ rule: { mode: 'goto', label: 'no-policy' } });
    expect(parseLine('. get status')).toMatchObject({ kind: 'command', here: true });
    expect(parseLine('. x = get status')).toMatchObject({ kind: 'assign', here: true });
    expect(parseLine('.get status')).toMatchObject({ kind: 'command', here: true, text: 'get status' });
  });

  it.each(['<get status', 'if !x get status', 'if !x then', 'run client', 'on error panic'])('refuses %s', (line) => {
    expect(codeOf(() => parseLine(line))).toBe('COMMAND_SYNTAX');
  });
});

describe('scripts', () => {
  it('cuts lines and blocks', () => {
    const script =
      '# first\r\nget status\n\n<run operator where policy = x and\n    threads = 3>\n  echo done # well\n';
    expect(atOnce(splitScript(script))).toEqual([
      { text: 'get status', line: 2 },
      { text: '<run operator where policy = x and\n    threads = 3>', line: 4 },
      { text: 'echo done # well', line: 6 },
    ]);
  });

  it('refuses a block without an end, and what is too long', () => {
    expect(codeOf(() => atOnce(splitScript('a\n<b\nc')))).toBe('COMMAND_SCRIPT_BLOCK');
    expect(codeOf(() => atOnce(splitScript('x'.repeat(2_000_000))))).toBe('COMMAND_SCRIPT_OVERSIZE');
  });
});

describe('suggestions', () => {
  it('counts insertions, deletions, changes and swaps', () => {
    expect(editDistance('databses', 'databases', 3)).toBe(1);
    expect(editDistance('polciy', 'policy', 3)).toBe(1);
    expect(editDistance('abc', 'xyz', 2)).toBeGreaterThan(2);
    expect(editDistance('', 'abcdef', 2)).toBe(3);
  });

  it('offers the closest first, nothing where nothing is close', () => {
    expect(closest('polcy', ['policy', 'local', 'master'])).toEqual(['policy']);
    expect(closest('zzz', ['policy', 'local'])).toEqual([]);
  });
});
