import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import { applyBring, type BringResult } from '../../../src/policy/apply-bring.ts';
import { parseBring } from '../../../src/policy/bring.ts';
import { createFold } from '../../../src/policy/fold.ts';
import { documentOf, textOfValue } from '../../../src/policy/get-path.ts';
import { parseGet, type PolicySource, runGet } from '../../../src/policy/query.ts';
import { entryOf } from '../../support/policy-entries.ts';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const DAY_MICROS = 86_400_000_000;

const DOCUMENTS: readonly (readonly [string, string, number, JsonObject])[] = [
  [
    'c1',
    'cluster',
    60,
    {
      company: 'Lit San Leandro',
      name: 'lsl-cluster2',
      table: [
        { dbms: 'my_data', name: 'ping_sensor' },
        { dbms: 'other', name: 'cpu' },
      ],
    },
  ],
  [
    'k1',
    'cluster',
    50,
    { company: 'Lit San Leandro', name: 'lsl-cluster2', parent: 'c1', table: [{ dbms: 'my_data', name: 'cpu' }] },
  ],
  [
    'o1',
    'operator',
    40,
    {
      company: 'Lit San Leandro',
      name: 'operator1',
      ip: '24.23.250.144',
      local_ip: '10.0.0.78',
      port: 7848,
      cluster: 'c1',
      main: true,
      country: 'US',
      member: 145,
    },
  ],
  [
    'o2',
    'operator',
    20,
    {
      company: 'Other',
      name: 'operator2',
      ip: '24.23.250.144',
      port: 32148,
      cluster: 'c1',
      country: 'IL',
      member: 8,
      'local ip': '10.0.0.9',
    },
  ],
  [
    'q1',
    'query',
    10,
    { company: 'Lit San Leandro', name: 'query1', ip: '1.2.3.4', port: 32348, country: 'us', tags: ['a', 'b'] },
  ],
  ['t1', 'table', 5, { dbms: 'lsl_demo', name: 'ping_sensor', create: 'CREATE TABLE ping_sensor (value float)' }],
  ['t2', 'table', 4, { dbms: 'lsl_demo', name: 'cpu', create: 'CREATE TABLE cpu (value float)' }],
  ['s1', 'site', 3, { path: 'plant/north/boiler', tags: [] }],
  ['s2', 'site', 2, { path: 'plant/south', parent: 's1', weight: '9' }],
  ['s3', 'site', 1, { parent: 's2', weight: '10', note: 'port and starboard' }],
];

const fold = createFold();
const source: PolicySource = {
  book: fold,
  document: (state) => ({
    [state.type]: { ...(fold.shown(state.id) ?? {}), ledger: state.id === 'o2' ? 'local' : 'global' },
  }),
};

beforeAll(() => {
  fold.add(
    DOCUMENTS.map(([id, type, daysAgo, content]) =>
      entryOf({ id, type, content, time: NOW * 1_000 - daysAgo * DAY_MICROS }),
    ),
  );
});

const get = (text: string, ownIp?: string): BringResult => runGet(source, parseGet(text), { nowMs: NOW, ownIp });

const ids = (text: string): readonly string[] => {
  const result = get(text);
  if (result.kind !== 'policies') throw new Error(`not policies: ${result.kind}`);
  return result.policies.map((policy) => textOfValue((Object.values(policy)[0] as JsonObject)['id'] ?? ''));
};

const textOf = (text: string, ownIp?: string): string => {
  const result = get(text, ownIp);
  if (result.kind !== 'text') throw new Error(`not text: ${result.kind}`);
  return result.text;
};

const jsonOf = (text: string): unknown => {
  const result = get(text);
  if (result.kind !== 'json') throw new Error(`not json: ${result.kind}`);
  return result.value;
};

describe('the documented examples', () => {
  it('bring.first of an operator found by its address', () => {
    expect(textOf('operator where ip = 24.23.250.144 and port = 7848 bring.first [*][id]')).toBe('o1');
  });

  it('two types with an expression, addresses joined by a comma', () => {
    expect(
      textOf('(operator, query) where [country] == US or [country] == IL bring [*][ip]:[*][port] separator = ,'),
    ).toBe('24.23.250.144:7848,24.23.250.144:32148');
  });

  it('a type that is named again is looked through once', () => {
    expect(parseGet('(operator, query, operator,"query")').types).toEqual(['operator', 'query']);
  });

  it('a cluster by an entry of its table list: one entry must meet both conditions', () => {
    const where = 'cluster where table[dbms] = my_data and table[name]';
    expect(textOf(`${where} = ping_sensor bring [cluster][id] separator = ,`)).toBe('c1');
    expect(textOf(`${where} = cpu bring [cluster][id] separator = ,`)).toBe('k1');
  });

  it('unique tables with quoted names and a literal point', () => {
    expect(textOf(`table bring.unique ['table']['dbms'] "." ['table']['name'] separator = ,`)).toBe(
      'lsl_demo.ping_sensor,lsl_demo.cpu',
    );
  });

  it('addresses for run client, the local one where the caller sits at the same external ip', () => {
    expect(textOf('operator where company = Lit San Leandro bring.ip_port')).toBe('24.23.250.144:7848');
    expect(textOf('operator bring.ip_port', '24.23.250.144')).toBe('10.0.0.78:7848,10.0.0.9:32148');
  });

  it.each([
    ['operator bring.unique [*][cluster] separator=,', 'c1'],
    ['operator bring.count', '2'],
    ['operator where name=operator1 and port=7848 bring.first [operator][id]', 'o1'],
    ["operator bring [ip] : [port] separator = '\\n'", '24.23.250.144:7848\n24.23.250.144:32148'],
    ['operator bring [*][ip] : [*][port] separator = \\n', '24.23.250.144:7848\n24.23.250.144:32148'],
    ['query bring [] " " [*][name]', 'query query1'],
    ['operator bring.recent [*][name]', 'operator2'],
    ['operator bring.last [*][name]', 'operator2'],
    ['operator bring.min [*][port]', '7848'],
    ['operator bring.max [*][port]', '32148'],
    ['operator where dbms = none bring.count', '0'],
    ['(operator,query) bring.sort [*][port] " "', '7848 32148 32348 '],
    ['(operator,query) bring.unique.sort(0) [*][country] separator = ,', 'IL,US,us'],
    ['site where id = s1 bring [*][path(rfind(/))]', 'boiler'],
    ['site where id = s1 bring [*][path (prefix(5))] - [path (suffix(6))]', 'plant-boiler'],
    ['site where id = s1 bring [path (find(/))]', 'north/boiler'],
    ['site bring.null [*][path] separator = ,', 'plant/north/boiler,plant/south,'],
    ['site bring [*][path] separator = ,', 'plant/north/boiler,plant/south'],
    [
      '(operator, table) bring [ip]:[name] separator = ;',
      '24.23.250.144:operator1;24.23.250.144:operator2;ping_sensor;cpu',
    ],
    ['cluster where id = c1 bring [*][table][name]', 'ping_sensor,cpu'],
  ])('%s', (text, expected) => {
    expect(textOf(text)).toBe(expected);
  });

  it('json, list and count', () => {
    expect(jsonOf('operator bring.json [operator][ip] [*][port]')).toEqual([
      { ip: '24.23.250.144', port: 7848 },
      { ip: '24.23.250.144', port: 32148 },
    ]);
    expect(jsonOf('operator bring.list [*][name]')).toEqual(['operator1', 'operator2']);
    expect(jsonOf('operator bring.json.count')).toEqual([{ count: 2 }]);
    expect(jsonOf('operator where id = nobody bring.json [*][ip]')).toEqual([]);
    expect(jsonOf('cluster where id = c1 bring.json [*][table][name]')).toEqual([{ name: ['ping_sensor', 'cpu'] }]);
  });

  it('a table with capitalised headings, sorted by columns', () => {
    expect(get('(operator, query) bring.table.sort(1,0) [*][name] [*][country] [*][port]')).toEqual({
      kind: 'table',
      headings: ['Name', 'Country', 'Port'],
      rows: [
        ['operator2', 'IL', 32_148],
        ['operator1', 'US', 7_848],
        ['query1', 'us', 32_348],
      ],
    });
  });

  it('children and parents', () => {
    expect(ids('* where [id] = "s1" bring.children')).toEqual(['s2']);
    expect(ids('site where id = s3 bring.parents')).toEqual(['s2', 's1']);
    expect(textOf('cluster where id = c1 bring.children [*][id]')).toBe('k1');
  });
});

describe('where', () => {
  it.each<readonly [string, readonly string[]]>([
    ['operator', ['o1', 'o2']],
    ['(operator)', ['o1', 'o2']],
    ['*', DOCUMENTS.map(([id]) => id)],
    ['operator where company = "lit san leandro"', ['o1']],
    ["operator where company = 'Lit San Leandro'", ['o1']],
    ['operator where company = Lit San Leandro and name = OPERATOR1', ['o1']],
    ['operator where company == "lit san leandro"', []],
    ['operator where port = "7848"', ['o1']],
    ['operator where port = 07848', ['o1']],
    ['operator where main = true', ['o1']],
    ['operator where ledger = local', ['o2']],
    ['* where id = o2', ['o2']],
    ['* where id = (o2, o1)', ['o2', 'o1']],
    ['query where id = o2', []],
    ['query where tags with b', ['q1']],
    ['query where tags with (x, b)', ['q1']],
    ['query where tags with x', []],
    ['query where [tags] includes a', ['q1']],
    ['operator where local ip = 10.0.0.9', ['o2']],
    ['* where main is declared', ['o1']],
    ['operator where main not declared', ['o2']],
    ['operator where main is not declared', ['o2']],
    ['operator where [main] != true', ['o2']],
    // A bare key is the attribute: the open peer compared the word itself.
    ['operator where port > 32147', ['o2']],
    ['operator where name contains operator2', ['o2']],
    ['* where date >= 2027-01-01', []],
    ['* where date > -4d', ['s1', 's2', 's3']],
    ['* where [date] > -4d', ['s1', 's2', 's3']],
    ['* where [date] < now() - 45 days', ['c1', 'k1']],
    ['operator where date < "2026-10-20 00:00:00"', ['o1']],
    ['operator where [port] >= 7848 and [port] <= 7848', ['o1']],
    ['operator where [operator][name] startswith oper and [*][name] endwith 2', ['o2']],
    ['operator where [name] not contains 2', ['o1']],
    ['operator where not ([country] == US or [country] == IL)', []],
    ['operator where ([country] == US or [country] == IL) and [port] > 8000', ['o2']],
    ['(operator,query) where [country] == IL or [country] = US and [port] > 10000', ['o2', 'q1']],
    ['site where [id] childfrom s1', ['s2', 's3']],
    ['site where weight > 9', ['s3']],
    ['site where note = "port and starboard"', ['s3']],
    ['cluster where [table][name] == cpu', ['c1', 'k1']],
    ['cluster where [cluster][table][dbms] == my_data and [cluster][table][name] == cpu', ['k1']],
    ['cluster where parent not declared', ['c1']],
    ['nothing', []],
  ])('%s', (text, expected) => {
    expect(ids(text)).toEqual(expected);
  });

  it('looks an id up instead of searching', () => {
    let searched = 0;
    const watched: PolicySource = {
      ...source,
      book: {
        ...fold,
        get: (id: string) => fold.get(id),
        shown: (id: string) => fold.shown(id),
        ofType: () => ((searched += 1), []),
      },
    };
    const found = runGet(watched, parseGet('* where id = o1 and port = 7848'), { nowMs: NOW });
    expect(found).toMatchObject({ kind: 'policies', policies: [{ operator: { id: 'o1' } }] });
    expect(searched).toBe(0);
  });
});

describe('what is refused', () => {
  it.each([
    '',
    'where a = 1',
    'operator where',
    'operator where port',
    'operator where port =',
    'operator where port = 1 and',
    'operator where = 1',
    'operator where [port = 1',
    'operator where name = "x',
    'operator where (port = 1',
    'operator where port = (1, 2',
    'operator where port ~ 1',
    'operator bring',
    'operator bring.table',
    'operator bring.dict [*][ip]',
    'operator bring.sort(a) [ip]',
    'operator bring [ip',
    'operator bring [ip][]',
    'operator bring "x',
    'operator query',
    `operator where ${'('.repeat(5_000)}`,
    `operator where ${'not '.repeat(5_000)} a = 1`,
    'x'.repeat(300_000),
  ])('%#', (text) => {
    expect(() => parseGet(text)).toThrow(
      expect.objectContaining({ code: 'POLICY_GET_SYNTAX', hint: expect.any(String) as string }),
    );
  });

  it('hostile names find nothing', () => {
    expect(ids('* where [__proto__][constructor] = x')).toEqual([]);
    expect(textOf('operator bring.first [*][constructor] [toString]')).toBe('');
  });
});

describe('bring on plain objects and empty results', () => {
  it('reads what has no type', () => {
    const bring = parseBring('bring [a][b] , [c]');
    expect(applyBring([documentOf({ a: { b: 1 }, c: 'x' })], bring, { nowMs: NOW })).toEqual({
      kind: 'text',
      text: '1,x',
    });
  });

  it.each([
    ['nothing', { kind: 'policies', policies: [] }],
    ['nothing bring [*][id]', { kind: 'text', text: '' }],
    ['nothing bring.json [*][id]', { kind: 'json', value: [] }],
    ['nothing bring.table [*][id]', { kind: 'table', headings: ['Id'], rows: [] }],
  ])('%s gives an empty result of its kind', (text, expected) => {
    expect(get(text)).toEqual(expected);
  });
});
