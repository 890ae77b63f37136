import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import type { BringResult } from '../../../src/policy/apply-bring.ts';
import { createFold } from '../../../src/policy/fold.ts';
import { parseGet, type PolicySource, runGet } from '../../../src/policy/query.ts';
import { entryOf } from '../../support/policy-entries.ts';

const DOCUMENTS: readonly (readonly [string, string, JsonObject])[] = [
  ['b1', 'bucket', { name: 'first', operator: 'op1', port: 1, tags: ['x', 'y'] }],
  ['b2', 'bucket', { name: 'second', operator: 'op2' }],
  ['b3', 'bucket', { name: 'third', operator: 'nobody' }],
  ['o1', 'machine', { name: 'op1', ip: '24.5.219.50', port: 7848, tag: 'y', site: 'n2' }],
  ['o2', 'machine', { name: 'op2', ip: '24.5.219.51', port: 7849, tag: 'y' }],
  ['o3', 'machine', { name: 'op2', ip: '24.5.219.52', port: '7849' }],
  ['n1', 'uns', { name: 'enterprise' }],
  ['n2', 'uns', { name: 'sensors', parent: 'n1' }],
  ['n3', 'uns', { name: 'pump', parent: 'n2', object_id: 'o1' }],
  ['n4', 'uns', { name: 'spare', parent: 'n1', object_id: 'o1', machine: 'taken' }],
  ['n5', 'uns', { name: 'lost', parent: 'n1', object_id: 'gone' }],
  ['r1', 'ring', { name: 'one', object_id: 'r2' }],
  ['r2', 'ring', { name: 'two', object_id: 'r1' }],
  ['r3', 'loop', { name: 'three', parent: 'r4' }],
  ['r4', 'loop', { name: 'four', parent: 'r3' }],
];

const sourceOf = (documents: typeof DOCUMENTS): PolicySource => {
  const fold = createFold();
  fold.add(documents.map(([id, type, content]) => entryOf({ id, type, content })));
  return { book: fold, document: (state) => ({ [state.type]: { ...fold.shown(state.id) } }) };
};

let source: PolicySource;
beforeAll(() => {
  source = sourceOf(DOCUMENTS);
});

const get = (text: string): BringResult => runGet(source, parseGet(text), { nowMs: 0 });
const policies = (text: string): readonly JsonObject[] => {
  const result = get(text);
  if (result.kind !== 'policies') throw new Error(result.kind);
  return result.policies;
};
const text = (line: string): string => {
  const result = get(line);
  if (result.kind !== 'text') throw new Error(result.kind);
  return result.text;
};
const json = (line: string): unknown => {
  const result = get(line);
  if (result.kind !== 'json') throw new Error(result.kind);
  return result.value;
};

const BY_NAME = '(blockchain get machine where name = [bucket][operator])';

describe('join', () => {
  it('gives each pair side by side and leaves out what has no partner', () => {
    const rows = policies(`bucket join ${BY_NAME}`);
    expect(rows.map((row) => Object.keys(row))).toEqual([
      ['bucket', 'machine'],
      ['bucket', 'machine'],
      ['bucket', 'machine'],
    ]);
    expect(rows[0]).toMatchObject({ bucket: { id: 'b1', name: 'first' }, machine: { id: 'o1', name: 'op1' } });
    expect(text(`bucket join ${BY_NAME} bring [machine][id] separator = ,`)).toBe('o1,o2,o3');
  });

  it('lays out a table of both', () => {
    expect(get(`bucket where name = first join ${BY_NAME} bring.table [bucket][name] [machine][ip]`)).toEqual({
      kind: 'table',
      headings: ['Name', 'Ip'],
      rows: [['first', '24.5.219.50']],
    });
  });

  it('names columns that end in the same name by their whole path', () => {
    const names = `bucket where name = first join ${BY_NAME} bring.json [bucket][name] [machine][name] [machine][ip]`;
    expect(json(names)).toEqual([{ 'bucket.name': 'first', 'machine.name': 'op1', ip: '24.5.219.50' }]);
  });

  it('a path without a type looks into both; date, id and parent are those of the first; an address may be of either', () => {
    expect(json(`bucket where name = first join ${BY_NAME} bring.json [*][name] [ip]`)).toEqual([
      { name: ['first', 'op1'], ip: '24.5.219.50' },
    ]);
    expect(text(`bucket join ${BY_NAME} bring.first [bucket][id]`)).toBe('b1');
    expect(text(`bucket where name = first join ${BY_NAME} bring.ip_port`)).toBe('24.5.219.50:7848');
    expect(text(`bucket where name = first join ${BY_NAME} bring [] [name]`)).toBe('bucketfirst,op1');
  });

  it('two of one type: the second gets a number', () => {
    const [row] = policies('uns where name = sensors join (ledger get uns where id = [uns][parent])');
    expect(row).toMatchObject({ uns: { name: 'sensors' }, uns_2: { name: 'enterprise' } });
  });

  it('looks ids up, takes several types, quoted types of the left, lists, numbers, or and not', () => {
    expect(text('uns where object_id = o1 join (blockchain get * where id = [object_id]) bring [uns][name]')).toBe(
      'pumpspare',
    );
    const tagged = 'bucket where name = first join (blockchain get machine where tag = [tags])';
    expect(text(`${tagged} bring.list.count [machine][id]`)).toBe('2');
    const ports = 'machine where id = o2 join(blockchain read machine where port = [machine][port])';
    expect(text(`${ports} bring [machine_2][id] separator = ,`)).toBe('o2,o3');
    const others = 'machine where id = o2 join (blockchain get machine where [port] == [port] and not [id] = [id])';
    expect(text(`${others} bring [machine_2][id]`)).toBe('o3');
    expect(policies('machine join (blockchain get uns where [name] == [no][such])')).toEqual([]);
    expect(text('machine where id = o1 join (blockchain get (ring, loop)) bring.count')).toBe('4');
  });
});

describe('merge', () => {
  it('adds what the partner has; the own attributes win; without a partner it stays', () => {
    const rows = policies(`bucket merge ${BY_NAME}`);
    expect(rows.map(({ bucket }) => bucket)).toMatchObject([
      { id: 'b1', name: 'first', ip: '24.5.219.50', port: 1 },
      { id: 'b2', name: 'second', ip: '24.5.219.51', port: 7849 },
      { id: 'b2', name: 'second', ip: '24.5.219.52', port: '7849' },
      { id: 'b3', name: 'third' },
    ]);
    expect(rows.every((row) => Object.keys(row).length === 1)).toBe(true);
    expect(rows[3]?.['bucket']).not.toHaveProperty('ip');
    expect(json(`bucket where name = first merge ${BY_NAME} bring.json [bucket][name] [bucket][ip]`)).toEqual([
      { name: 'first', ip: '24.5.219.50' },
    ]);
  });
});

describe('bring.paths and bring.extend', () => {
  it('paths: names from the root, for a policy that others stand for those places', () => {
    expect(json('uns where name = sensors bring.paths.json [*][paths]')).toEqual([{ paths: ['enterprise/sensors'] }]);
    expect(policies('machine where name = op1 bring.paths')[0]).toMatchObject({
      machine: { id: 'o1', paths: ['enterprise/sensors/pump', 'enterprise/spare'] },
    });
    expect(policies('machine where id = o2 bring.paths')[0]).toMatchObject({ machine: { paths: ['op2'] } });
  });

  it('ends where policies name each other', () => {
    expect(policies('ring where id = r1 bring.paths')).toHaveLength(1);
    expect(json('loop where id = r3 bring.paths.json [paths]')).toEqual([{ paths: ['three/four/three'] }]);
  });

  it('extend: the policy that object_id names, under its type', () => {
    const rows = policies('uns where object_id is declared bring.extend');
    expect(rows).toMatchObject([
      { uns: { name: 'pump', machine: { id: 'o1', ip: '24.5.219.50' } } },
      { uns: { name: 'spare', machine: 'taken', machine_2: { id: 'o1' } } },
      { uns: { name: 'lost' } },
    ]);
    expect(text('uns where name = pump bring.extend [uns][machine][ip]')).toBe('24.5.219.50');
  });

  it('of a join they are those of the first', () => {
    expect(text(`uns where name = pump join (blockchain get machine where id = [object_id]) bring.paths [paths]`)).toBe(
      '["enterprise/sensors/pump"]',
    );
  });
});

describe('what is refused', () => {
  it.each([
    'a join ()',
    'a join (b)',
    'a join (blockchain get)',
    'a join (blockchain get b',
    'a join (blockchain get b) where x = 1',
    'a join (blockchain get b bring [c])',
    'a join (blockchain get b merge (blockchain get c))',
    'a join (blockchain get b) join (blockchain get c)',
    'a merge (blockchain insert where policy = {})',
    'a join (blockchain get b where)',
  ])('%s', (line) => {
    expect(() => parseGet(line)).toThrow(expect.objectContaining({ code: 'POLICY_GET_SYNTAX' }));
  });

  it('too many results, too many pairs', () => {
    const many = Array.from({ length: 1_100 }, (_, at): (typeof DOCUMENTS)[number] => [`x${at}`, 'x', { n: at % 7 }]);
    const large = sourceOf(many);
    const run = (line: string): BringResult => runGet(large, parseGet(line), { nowMs: 0 });
    const tooLarge = expect.objectContaining({
      code: 'POLICY_JOIN_TOO_LARGE',
      hint: expect.any(String) as string,
    }) as Error;
    expect(() => run('x join (blockchain get x)')).toThrow(tooLarge);
    expect(() => run('x join (blockchain get x where n = 9)')).toThrow(tooLarge);
    expect(run('x join (blockchain get x where id = [id]) bring.count')).toEqual({ kind: 'text', text: '1100' });
  });
});
