import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import type { Entry } from '../../src/entry/entry.ts';
import { authorKey, entryOf } from './policy-entries.ts';
import type { SeededRandom } from './seeded-random.ts';

const AUTHORS = ['a', 'b'].map(authorKey);
const CLUSTERS = ['A', 'B', 'C'];
const TYPES = new Map([...CLUSTERS.map((id) => [id, 'cluster'] as const), ['O', 'operator'], ['P', 'operator']]);

/** What an update of a policy may say that an erasure has left without normal form. */
const ODD: Readonly<Record<string, readonly JsonValue[]>> = {
  peer: [5, 'x', null, ...AUTHORS],
  member: [2.5, 0, 7, 256, '7', null],
  cluster: [...CLUSTERS, 5, null],
  ip: ['h', 'h\u00001', 1, 1.5, null],
  port: [80.5, 80, '80', 'h\u0000', 1e20, null],
  company: ['c', 7, null],
  name: ['n', 'A', null],
  parent: ['A', null],
  table: [[{ name: 't' }], [{ dbms: 'd', name: 't' }, { dbms: 1, name: 't' }, 't'], 'd', null],
};
const ATTRIBUTES = Object.keys(ODD);

const wellFormed = (random: SeededRandom, id: string, author: string): JsonObject =>
  TYPES.get(id) === 'cluster'
    ? { company: 'c', name: id, ...(random.chance(0.5) ? { parent: 'A', table: [{ dbms: 'd', name: 't' }] } : {}) }
    : {
        ip: 'h',
        port: random.integer(80, 81),
        cluster: random.pick(CLUSTERS),
        member: random.integer(6, 8),
        peer: author,
      };

/**
 * Policies of two nodes of which inserts and updates are erased, and which go on with whatever values: unsigned, in the
 * ledger's order.
 */
export const partialLives = (random: SeededRandom, steps: number): readonly Entry[] => {
  const entries: Entry[] = [];
  const last = new Map<string, Entry>();
  const write = (author: string, op: string, content: JsonObject, id: string | null): void => {
    const before = last.get(author);
    const log = {
      author,
      seq: (before?.header.seq ?? 0) + 1,
      prev: before?.hash ?? null,
      time: 1_000 + entries.length,
    };
    const entry = entryOf({ ...log, op, content, id, type: id === null ? null : (TYPES.get(id) ?? null) });
    last.set(author, entry);
    entries.push(entry);
  };
  for (const id of TYPES.keys()) {
    const author = random.pick(AUTHORS);
    write(author, 'insert', wellFormed(random, id, author), id);
  }
  for (let step = 0; step < steps; step += 1) {
    const [author, id] = [random.pick(AUTHORS), random.pick([...TYPES.keys()])];
    const own = entries.filter(({ header }) => header.author === author && header.id !== null);
    const target = random.pick(own.length === 0 ? entries : own);
    const odd = (name: string): readonly [string, JsonValue] => [name, random.pick(ODD[name] ?? [null])];
    const changes = Object.fromEntries(ATTRIBUTES.filter(() => random.chance(0.25)).map(odd));
    const attributes = Object.keys(target.content);
    if (random.chance(0.3))
      write(author, 'erase', { v: 1, entry: target.hash, attributes, removed: [], reason: 'r' }, null);
    else if (random.chance(0.1)) write(author, 'delete', {}, id);
    else if (random.chance(0.2)) write(author, 'insert', wellFormed(random, id, author), id);
    else write(author, 'update', random.chance(0.5) ? changes : wellFormed(random, id, author), id);
  }
  return entries;
};
