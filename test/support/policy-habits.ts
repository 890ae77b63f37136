import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import type { Entry } from '../../src/entry/entry.ts';
import type { PolicyHabits } from './authority-histories.ts';
import type { EntrySketch } from './policy-entries.ts';
import type { SeededRandom } from './seeded-random.ts';

const IDS = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'p8', 'p9', '\u{1f600}', '\uff5e'];

/** Some of the attributes, each with one of its values. */
const some = (random: SeededRandom, from: Readonly<Record<string, readonly JsonValue[]>>, chance: number): JsonObject =>
  Object.fromEntries(
    Object.entries(from)
      .filter(() => random.chance(chance))
      .map(([name, values]) => [name, random.pick(values)]),
  );

const nodeAttributes = (author: string, entries: readonly Entry[]) => ({
  ip: ['10.0.0.1', '10.0.0.2'],
  port: [1, 2, 3, 4, '2', '00003', 65_536],
  company: ['ab', 'abc', 'x'],
  name: ['n1', 'n2', 'n3'],
  rest_port: [1, '7'],
  main: [true, 'true', 'false', false, 'no'],
  peer: [author, author, author, entries.at(-1)?.header.author ?? author],
  cluster: IDS.slice(0, 3),
  member: [1, 1, 2, '2', 3, 255, 255, 0],
});
const tables: readonly JsonValue[] = [
  [{ dbms: 'd', name: 't1' }],
  [
    { dbms: 'D', name: 'T1', status: 'down' },
    { dbms: 'd', name: 't2' },
  ],
  [
    { dbms: 'd', name: 't1' },
    { dbms: 'd', name: 'T1' },
  ],
  [],
];
const CLUSTER = {
  company: ['ab', 'abc', 'x'],
  name: ['c1', 'c2'],
  parent: IDS.slice(0, 2),
  table: tables,
  status: ['s'],
};
const TABLE = {
  dbms: ['d', 'D', 'd.e'],
  name: ['t1', 'T1', '\u00c5ngstr\u00f6m', '\u03a3\u03a3', '-x'],
  create: ['CREATE'],
};
const CONFIG = { name: ['a', 'b', ''], script: [['x'], [1]] };
const MEMBER = {
  type: ['root', 'node', 'certificate', 'user', 'king'],
  name: ['m', 'm', ''],
  public_key: ['a', 'a', 'b', 'A'].map((digit) => digit.repeat(64)),
  company: ['ab', 'abc', 'x'],
};
const PERMISSIONS = {
  name: ['p', ''],
  enable: [['*'], ['get', ''], 'get', []],
  roles: [['admin'], ['member', 'member'], ['king'], []],
  grants: [true, 'false', 1],
  company: ['ab', 7],
};
const ASSIGNMENT = {
  permissions: ['p1', ''],
  members: [[], ['a'.repeat(64)], ['A'.repeat(64)], 'a'.repeat(64)],
  cluster: ['p1', null],
};
const DROP = {
  company: ['ab', 'abc', 7],
  cluster: ['p1', 'p2', ''],
  dbms: ['d', 'D', 'almgm', 'x y'],
  table: ['t', 'T', 'sqlite_t', 'Holdfast_t'],
  files: [
    {},
    { p1: 1 },
    { p1: 2 ** 48, p2: 3 },
    { p1: 2 ** 48 + 1 },
    { p1: 0 },
    { p1: 1.5 },
    { p1: true },
    { '': 1 },
    [],
  ],
};
const FREE = {
  company: ['ab', 'x', 7],
  a: [1, 1.5, -1e-7, 1e21, 9_007_199_254_740_991, null, true, 'x\u0000', '\u2028"\\\n'],
  b: [{ x: 1 }, [1, { y: null }], {}, []],
  date: ['2020', 3],
  id: ['other'],
  ledger: ['global'],
};
const KINDS = [
  'operator',
  'operator',
  'query',
  'cluster',
  'table',
  'config',
  'drop',
  'member',
  'permissions',
  'assignment',
  'anmp',
  'site',
  'pump',
  '__proto__',
];

const attributesOf = (type: string, author: string, entries: readonly Entry[]) => {
  switch (type) {
    case 'operator':
    case 'query':
      return nodeAttributes(author, entries);
    case 'cluster':
      return CLUSTER;
    case 'table':
      return TABLE;
    case 'drop':
      return DROP;
    case 'config':
      return CONFIG;
    case 'member':
      return MEMBER;
    case 'permissions':
      return PERMISSIONS;
    case 'assignment':
      return ASSIGNMENT;
    case 'anmp':
      return { p1: [{ note: 'n' }, 'x'], date: ['d'] };
    default:
      return FREE;
  }
};

const insert = (random: SeededRandom, author: string, entries: readonly Entry[]): EntrySketch => {
  const type = random.pick(KINDS);
  const content = some(random, attributesOf(type, author, entries), 0.96);
  return { op: 'insert', type, id: random.pick(IDS), content };
};

/** A node's own policy, in good order: what a holder of few rights may write. */
const insertOwn = (random: SeededRandom, author: string, entries: readonly Entry[]): EntrySketch => {
  const type = random.pick(['operator', 'operator', 'query']);
  const place = { company: random.pick(['ab', 'abc']), cluster: random.pick(['p1', 'p1', 'p2']) };
  const peer = random.chance(0.8) ? { peer: author } : {};
  const at = { name: `n${entries.length}`, ip: '10.0.0.9', port: entries.length };
  return { op: 'insert', type, id: `own${entries.length}`, content: { ...place, ...at, ...peer } };
};

/** What arises from data on an operator. */
const insertArising = (random: SeededRandom, entries: readonly Entry[]): EntrySketch => {
  const name = `t${entries.length}`;
  const parent = random.chance(0.7) ? { parent: random.pick(['p1', 'p2']) } : {};
  return random.chance(0.5)
    ? { op: 'insert', type: 'table', id: name, content: { dbms: 'd', name, create: 'CREATE' } }
    : { op: 'insert', type: 'cluster', id: name, content: { company: 'ab', name, ...parent } };
};

/** The key that a policy names as its node's, as its entries say last. */
const peerOf = (id: string, entries: readonly Entry[]): JsonValue =>
  entries.findLast(({ header, content }) => header.id === id && typeof content['peer'] === 'string')?.content['peer'] ??
  null;

const change = (random: SeededRandom, author: string, entries: readonly Entry[]): EntrySketch => {
  const inserts = entries.filter(({ header }) => header.op === 'insert' && header.id !== null);
  const own = inserts.filter(({ header }) => header.id?.startsWith('own') === true);
  const isMoving = own.length > 0 && random.chance(0.3);
  const seen = isMoving ? own : inserts;
  const { id, type } = (seen.length === 0 ? entries[0]! : random.pick(seen)).header;
  const named = random.chance(0.3) ? { type: random.chance(0.8) ? type : 'site' } : {};
  const versions = entries.filter(({ header }) => header.id === id).map(({ hash }) => hash);
  const replaced = versions.filter(() => random.chance(0.4)).sort();
  const replaces = replaced.length < 2 ? (replaced[0] ?? null) : replaced.slice(0, 16);
  const of = { id: id ?? random.pick(IDS), ...named, replaces };
  if (random.chance(0.2)) return { op: 'delete', ...of, content: {} };
  if (isMoving && random.chance(0.6)) return { op: 'update', ...of, content: { peer: author } };
  const takeOver = random.chance(0.2) ? { peer: author, replaces: peerOf(of.id, entries) } : {};
  const changes = some(random, attributesOf(type ?? 'site', author, entries), 0.3);
  const removed = Object.fromEntries(
    Object.keys(changes).flatMap((name) => (random.chance(0.15) ? [[name, null]] : [])),
  );
  return { op: 'update', ...of, content: { ...changes, ...removed, ...takeOver } };
};

/** Authors that insert, change and end policies of all kinds, well-formed and not, theirs and others'. */
export const POLICY_HABITS: PolicyHabits = {
  roles: [['operator'], ['operator'], ['operator'], ['member'], ['member'], ['operator', 'member']],
  scopes: [
    {},
    { types: ['operator', 'query', 'table'] },
    { types: ['operator', 'query', 'site'] },
    { types: ['operator', 'cluster', 'table'], cluster: 'p1' },
    { cluster: 'p1' },
    { company: 'ab' },
    { company: 'ab', types: ['operator', 'cluster', 'table', 'site'] },
  ],
  own: insertOwn,
  arising: insertArising,
  sketch: (random, author, entries) => {
    if (random.chance(0.03)) return { op: 'later-op', content: {} };
    if (random.chance(0.2)) return insertOwn(random, author, entries);
    if (random.chance(0.1)) return insertArising(random, entries);
    return random.chance(0.45) ? insert(random, author, entries) : change(random, author, entries);
  },
};
