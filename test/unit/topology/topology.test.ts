import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import { createFold, type LedgerFold } from '../../../src/policy/fold.ts';
import { columnsOf, createStatement } from '../../../src/topology/create-statement.ts';
import { deriveTopology, followTopology } from '../../../src/topology/derive.ts';
import { dataNodeRows } from '../../../src/topology/rows.ts';
import { authorKey, entryOf } from '../../support/policy-entries.ts';

const COMPANY = 'Lit San Leandro';
const bookOf = (...policies: readonly (readonly [string, string, JsonObject])[]): LedgerFold => {
  const fold = createFold();
  fold.add(policies.map(([id, type, content]) => entryOf({ id, type, content })));
  return fold;
};

const cluster = (name: string, more: JsonObject = {}): JsonObject => ({ company: COMPANY, name, ...more });
const operator = (clusterId: string, port: number, more: JsonObject = {}): JsonObject => ({
  cluster: clusterId,
  ip: '24.23.250.144',
  port,
  ...more,
});

/** The network of the HA document: tables in the policy and tables that came with data. */
const network = (): LedgerFold =>
  bookOf(
    ['c1', 'cluster', cluster('lsl-1', { table: [{ dbms: 'lsl', name: 'ping_sensor', status: 'active' }] })],
    ['c2', 'cluster', cluster('lsl-2')],
    ['k1', 'cluster', cluster('lsl-1', { parent: 'c1', table: [{ dbms: 'lsl', name: 'cpu' }] })],
    ['k2', 'cluster', cluster('lsl-2', { parent: 'c2', table: [{ dbms: 'lsl', name: 'ping_sensor' }] })],
    ['k3', 'cluster', cluster('lsl-1', { parent: 'c1', table: [{ dbms: 'lsl', name: 'ping_sensor' }] })],
    [
      'o1',
      'operator',
      operator('c1', 7848, {
        local_ip: '10.0.0.78',
        rest_port: 7849,
        member: 145,
        main: true,
        name: 'op1',
        company: COMPANY,
        peer: authorKey('a'),
      }),
    ],
    ['o2', 'operator', operator('c1', 7858, { member: 8 })],
    ['o3', 'operator', operator('nowhere', 7868, { member: 8 })],
    ['q1', 'query', { company: COMPANY, name: 'q', ip: '1.2.3.4', port: 1, rest_port: '2' }],
    [
      't1',
      'table',
      { dbms: 'LSL', name: 'ping_sensor', create: 'CREATE TABLE ping_sensor (timestamp timestamp, value float)' },
    ],
    ['t2', 'table', { dbms: 'lsl', name: 'cpu', create: 'broken' }],
  );

describe('deriveTopology', () => {
  const topology = deriveTopology(network());

  it('joins the table list of a cluster with those of its children, each table once', () => {
    expect([...topology.clusters.keys()]).toEqual(['c1', 'c2']);
    expect(topology.clusters.get('c1')?.tables).toEqual([
      { dbms: 'lsl', table: 'cpu', status: 'active', policy: 'k1' },
      { dbms: 'lsl', table: 'ping_sensor', status: 'active', policy: 'c1' },
    ]);
  });

  it('sorts operators by member number and keeps one whose cluster is unknown out of every cluster', () => {
    expect(topology.clusters.get('c1')?.operators.map(({ member }) => member)).toEqual([8, 145]);
    expect(topology.operators.get('o3')?.cluster).toBe('nowhere');
    expect(topology.clusters.get('c2')?.operators).toEqual([]);
  });

  it('counts an operator that names a child cluster to the cluster that the child adds to', () => {
    const { operators, clusters } = deriveTopology(
      bookOf(
        ['root', 'cluster', cluster('one')],
        ['child', 'cluster', cluster('one', { parent: 'root', table: [{ dbms: 'd', name: 't' }] })],
        ['o1', 'operator', operator('child', 1, { member: 1 })],
      ),
    );
    expect(operators.get('o1')?.cluster).toBe('root');
    expect(clusters.get('root')?.operators).toEqual([operators.get('o1')]);
  });

  it('knows an operator by its key and with every address that the policy names', () => {
    expect(topology.operatorByPeer(authorKey('a'))).toEqual({
      id: 'o1',
      name: 'op1',
      company: COMPANY,
      cluster: 'c1',
      member: 145,
      ip: '24.23.250.144',
      port: 7848,
      localIp: '10.0.0.78',
      restPort: 7849,
      main: true,
      peer: authorKey('a'),
    });
    expect(topology.operators.get('o2')).toMatchObject({ name: '24.23.250.144:7858', main: false, peer: undefined });
  });

  it('finds every cluster of a table, whatever the case', () => {
    expect(topology.clustersOf('LSL', 'Ping_Sensor').map(({ id }) => id)).toEqual(['c1', 'c2']);
    expect(topology.clustersOf('lsl', 'unknown')).toEqual([]);
  });

  it('reads columns from the statement; one that cannot be read declares none', () => {
    expect(topology.table('lsl', 'ping_sensor')?.columns).toEqual([
      { name: 'timestamp', type: 'timestamp' },
      { name: 'value', type: 'float' },
    ]);
    expect(topology.table('lsl', 'cpu')?.columns).toEqual([]);
    expect(topology.table('lsl', 'ping_sensor')?.unread).toBeUndefined();
    expect(topology.table('lsl', 'cpu')?.unread).toMatchObject({
      code: 'TOPOLOGY_CREATE_STATEMENT',
      message: expect.stringMatching(/^the table policy t2 of lsl\.cpu .*CREATE TABLE/) as string,
      hint: expect.stringContaining('blockchain update where id = t2') as string,
    });
  });

  it('takes a statement without columns of its own for one that cannot be read', () => {
    const none = 'CREATE TABLE cpu (row_id SERIAL PRIMARY KEY, tsd_id INT)';
    const { unread } = deriveTopology(bookOf(['t3', 'table', { dbms: 'a', name: 'b', create: none }])).table('a', 'b')!;
    expect(unread?.message).toMatch(/t3 of a\.b .*names no columns/);
    expect(topology.table('lsl', 'nothing')).toBeUndefined();
    expect(topology.tables()).toHaveLength(2);
  });

  it('lists every node that can be dialled', () => {
    expect(topology.nodes.map(({ id, type }) => `${type} ${id}`).sort()).toEqual([
      'operator o1',
      'operator o2',
      'operator o3',
      'query q1',
    ]);
    expect(topology.nodes.find(({ id }) => id === 'q1')).toMatchObject({ restPort: 2, ip: '1.2.3.4', port: 1 });
  });

  it('survives parents in a circle and parents of parents', () => {
    const circle = deriveTopology(
      bookOf(
        ['a', 'cluster', cluster('a', { parent: 'b', table: [{ dbms: 'd', name: 't' }] })],
        ['b', 'cluster', cluster('a', { parent: 'a', table: [{ dbms: 'd', name: 'u' }] })],
        ['p', 'cluster', cluster('p')],
        ['q', 'cluster', cluster('p', { parent: 'p', table: [] })],
        ['r', 'cluster', cluster('p', { parent: 'q', table: [{ dbms: 'd', name: 'v' }] })],
      ),
    );
    expect(circle.clusters.get('p')?.tables.map(({ policy }) => policy)).toEqual(['r']);
    expect(circle.clustersOf('d', 't')).toHaveLength(1);
  });

  it('gives the rows of get data nodes and of query metadata', () => {
    const rows = dataNodeRows(topology).map(
      ({ dbms, table, cluster: { name }, operator: at }) => `${dbms}.${table} ${name} ${at?.id ?? '-'}`,
    );
    expect(rows).toEqual([
      'lsl.cpu lsl-1 o2',
      'lsl.cpu lsl-1 o1',
      'lsl.ping_sensor lsl-1 o2',
      'lsl.ping_sensor lsl-1 o1',
      'lsl.ping_sensor lsl-2 -',
    ]);
    expect(dataNodeRows(topology, { dbms: 'LSL', table: 'cpu', company: COMPANY })).toHaveLength(2);
    expect(dataNodeRows(topology, { company: 'other' })).toEqual([]);
    expect(dataNodeRows(deriveTopology(bookOf(['c', 'cluster', cluster('c')])))).toMatchObject([
      { dbms: '', table: '' },
    ]);
  });

  it('is derived again only after a change', () => {
    const book = network();
    const current = followTopology(book);
    const before = current();
    expect(current()).toBe(before);
    book.add([entryOf({ id: 'c9', type: 'cluster', content: cluster('new') })]);
    expect(current().clusters.get('c9')?.name).toBe('new');
  });
});

describe('CREATE TABLE', () => {
  it.each<readonly [string, string, readonly string[]]>([
    ['as this network writes it', createStatement('d', 't', [{ name: 'a', type: 'int' }]), ['a int']],
    [
      'as the open peer writes it',
      `CREATE TABLE IF NOT EXISTS ping_sensor(
        row_id SERIAL PRIMARY KEY,  insert_timestamp TIMESTAMP NOT NULL DEFAULT NOW(),
        tsd_name CHAR(3),  tsd_id INT,
        device_name character varying(20) NOT NULL DEFAULT 'a,b)',  timestamp timestamp without time zone not null default now(),
        value decimal(10, 2), webid uuid );
        CREATE INDEX ping_sensor_timestamp_index ON ping_sensor(timestamp);`,
      [
        'device_name character varying(20)',
        'timestamp timestamp without time zone',
        'value decimal(10,2)',
        'webid uuid',
      ],
    ],
    [
      'quoted names of every kind',
      'create table "d"."t" ("select" int, `b``c` text, [d e] float, "f""g" bool)',
      ['select int', 'b`c text', 'd e float', 'f"g bool'],
    ],
    [
      'constraints',
      'CREATE TABLE t (a int PRIMARY KEY, b int, PRIMARY KEY (a, b), CONSTRAINT x UNIQUE (a), "primary" int, CHECK (a > 0 AND b <> 2))',
      ['a int', 'b int', 'primary int'],
    ],
    ['comments', 'CREATE TABLE t ( -- x, y int\n a int, /* b int, */ c text)', ['a int', 'c text']],
    ['a column without a type', 'CREATE TABLE t (a, b int)', ['a', 'b int']],
    ['non-ASCII names', 'CREATE TABLE t (größe float)', ['größe float']],
    ['a cast in a default', "CREATE TABLE t (a varchar DEFAULT 'x'::varchar, b int)", ['a varchar', 'b int']],
  ])('%s', (_, statement, expected) => {
    expect(columnsOf(statement).map(({ name, type }) => `${name} ${type}`.trim())).toEqual(expected);
  });

  it.each([
    '',
    'DROP TABLE t',
    'CREATE TABLE t',
    'CREATE TABLE (a int)',
    'CREATE TABLE t (a int',
    'CREATE TABLE t (a int, A text)',
    'CREATE TABLE t (a int,, b int)',
    "CREATE TABLE t ('a' int)",
    'CREATE TABLE t ("a int)',
    'CREATE TABLE t (a int > 1)',
    `CREATE TABLE t (${Array.from({ length: 1_001 }, (_, n) => `c${n} int`).join(',')})`,
    `CREATE TABLE t (a ${'('.repeat(60_000)})`,
  ])('refuses %#', (statement) => {
    expect(() => columnsOf(statement)).toThrow(expect.objectContaining({ code: 'TOPOLOGY_CREATE_STATEMENT' }));
  });

  it('gives back the columns of every statement that it writes', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((text) => !text.includes('\u0000'));
    const type = fc.constantFrom(
      'int',
      'float',
      'varchar',
      'char(7)',
      'timestamp without time zone',
      'decimal(10,2)',
      'uuid',
      'bool',
      '',
    );
    const columns = fc.uniqueArray(fc.record({ name, type }), {
      selector: (column) => column.name.toLowerCase(),
      maxLength: 12,
    });
    const added = ['row_id', 'insert_timestamp', 'tsd_name', 'tsd_id'];
    fc.assert(
      fc.property(name, columns, (table, list) => {
        const own = list.filter((column) => !added.includes(column.name.toLowerCase()));
        expect(columnsOf(createStatement('d', table, own))).toEqual(own);
      }),
      { numRuns: 200 },
    );
  });

  it('refuses to write a type that could end the column', () => {
    expect(() => createStatement('d', 't', [{ name: 'a', type: 'int); DROP TABLE t; --' }])).toThrow(
      expect.objectContaining({ code: 'TOPOLOGY_CREATE_STATEMENT' }),
    );
  });
});
