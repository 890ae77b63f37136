import fc from 'fast-check';
import type { JsonObject } from '../../src/codec/json.ts';
import { compareEntries, type Entry } from '../../src/entry/entry.ts';
import { createFold } from '../../src/policy/fold.ts';
import type { Chronicle } from '../../src/policy/past.ts';
import { authorKey, entryOf } from './policy-entries.ts';

const HISTORY_AUTHORS = ['a', 'b', 'c', 'd'].map(authorKey);
export const HISTORY_IDS = ['p1', 'p2', 'p3', 'p4', 'p5'];

const site = fc.record(
  {
    a: fc.integer({ max: 3, min: 0 }),
    b: fc.constantFrom<JsonObject>({ x: 1, y: ['u', 'v'] }, { x: 2, y: ['u'] }, {}),
  },
  { requiredKeys: ['a'] },
);
const operator = fc.record(
  {
    cluster: fc.constantFrom('p1', 'p2'),
    ip: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    port: fc.integer({ min: 1, max: 2 }),
    company: fc.constant('c'),
    name: fc.constantFrom('n1', 'n2'),
    member: fc.constantFrom(1, 2),
    peer: fc.constantFrom(...HISTORY_AUTHORS),
  },
  { requiredKeys: ['cluster', 'ip', 'port'] },
);
const table = fc.record({
  dbms: fc.constant('d'),
  name: fc.constantFrom('t1', 't2'),
  create: fc.constant('CREATE TABLE t (a int)'),
});
const policy = fc.oneof(
  fc.tuple(fc.constant('site'), site),
  fc.tuple(fc.constant('site'), site),
  fc.tuple(fc.constant('operator'), operator),
  fc.tuple(fc.constant('table'), table),
);
const changes = fc.oneof(
  site,
  fc.record({ a: fc.constantFrom(1, null), b: fc.constantFrom<JsonObject | null>({ x: 1, y: ['v'] }, null) }),
  fc.record({ port: fc.constantFrom(1, 2), member: fc.constantFrom(1, 3) }, { requiredKeys: [] }),
  fc.record({ cluster: fc.constantFrom('p1', 'p2'), name: fc.constantFrom('n1', 't2') }, { requiredKeys: [] }),
);

const step = fc.record({
  author: fc.integer({ min: 0, max: 3 }),
  /** From whom the author has first taken what it lacked; the author itself: from nobody. */
  heard: fc.integer({ min: 0, max: 3 }),
  op: fc.constantFrom('insert', 'insert', 'update', 'update', 'update', 'delete', 'grant'),
  id: fc.constantFrom(...HISTORY_IDS),
  policy,
  changes,
  later: fc.integer({ min: 1, max: 4 }),
  /** 0: signs a number a second time. */
  honest: fc.integer({ min: 0, max: 24 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** An author's entries so far, and all that it knows. */
interface Mind {
  readonly log: Entry[];
  readonly known: Map<string, Entry>;
}

export interface LinkedHistory {
  /** In the ledger's order. */
  readonly entries: readonly Entry[];
  /** What each author knew after each of its steps. */
  readonly views: readonly (readonly Entry[])[];
}

const tipsOf = (known: ReadonlyMap<string, Entry>, author: string): readonly string[] => {
  const named = new Set([...known.values()].flatMap(({ header }) => [header.prev, ...header.parents]));
  return [...known.values()]
    .filter(({ hash, header }) => header.author !== author && !named.has(hash))
    .map(({ hash }) => hash)
    .sort()
    .slice(0, 16);
};

/** What an author replaces: the version that it sees, and all of them where they are in conflict. */
const seenVersion = (known: readonly Entry[], id: string): string | readonly string[] | null => {
  const fold = createFold();
  fold.add(known);
  const state = fold.get(id);
  if (state === undefined) return null;
  return state.conflict.length > 1 ? [...state.conflict].sort() : state.entry;
};

const act = (mind: Mind, author: string, { op, id, policy: [type, value], changes: change, later, honest }: Step) => {
  const forks = honest === 0 && mind.log.length > 1;
  const before = forks ? mind.log.at(-2) : mind.log.at(-1);
  const known = [...mind.known.values()];
  const parents = tipsOf(mind.known, author);
  const latest = Math.max(0, ...known.map(({ header }) => header.time - 1_600_000_000_000_000));
  return entryOf({
    author,
    seq: (before?.header.seq ?? 0) + 1,
    prev: before?.hash ?? null,
    parents,
    time: 1_600_000_000_000_000 + latest + later,
    op,
    id,
    type: op === 'insert' ? type : null,
    replaces: op === 'update' || op === 'delete' ? seenVersion(known, id) : null,
    content: op === 'insert' ? value : op === 'update' ? change : {},
  });
};

const historyOf = (steps: readonly Step[]): LinkedHistory => {
  const minds = HISTORY_AUTHORS.map((): Mind => ({ log: [], known: new Map() }));
  const entries = new Map<string, Entry>();
  const views: (readonly Entry[])[] = [];
  for (const each of steps) {
    const [mind, other] = [minds[each.author]!, minds[each.heard]!];
    for (const [hash, entry] of other.known) mind.known.set(hash, entry);
    const entry = act(mind, HISTORY_AUTHORS[each.author]!, each);
    mind.log.push(entry);
    mind.known.set(entry.hash, entry);
    entries.set(entry.hash, entry);
    views.push([...mind.known.values()]);
  }
  return { entries: [...entries.values()].sort((a, b) => compareEntries(a.header, b.header)), views };
};

/**
 * Histories of authors that hear of one another now and then, write at the same time, and now and then contradict
 * themselves.
 */
export const linkedHistory = (maxLength = 24): fc.Arbitrary<LinkedHistory> =>
  fc.array(step, { minLength: 1, maxLength }).map(historyOf);

/** A node that holds these entries, in this order of arrival, one millisecond apart. */
export const chronicleOf = (entries: readonly Entry[], firstMs = 0): Chronicle => {
  const fold = createFold();
  fold.add(entries);
  const received = new Map(entries.map(({ hash }, at) => [hash, firstMs + at]));
  return { facts: () => fold.facts(), fact: (hash) => fold.fact(hash), receivedMs: (hash) => received.get(hash) };
};
