import { HoldfastError } from '../../src/base/errors.ts';
import { ENTRY_PARENTS_MAX } from '../../src/base/limits.ts';
import { atOnce } from '../../src/base/slices.ts';
import { canonicalJson } from '../../src/codec/canonical.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { compareEntries, type Entry } from '../../src/entry/entry.ts';
import { forksOf } from '../../src/policy/closure.ts';
import type { Fact } from '../../src/policy/facts.ts';
import { createFold, type LedgerFold } from '../../src/policy/fold.ts';
import { type SnapshotAct, snapshotContent } from '../../src/policy/snapshot/act.ts';
import { draftSnapshot } from '../../src/policy/snapshot/draft.ts';
import { settle, SettleMemory } from '../../src/policy/snapshot/settle.ts';
import { authorKey, entryOf, type EntrySketch } from './policy-entries.ts';
import type { SeededRandom } from './seeded-random.ts';

const IDS = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
const START = 1_600_000_000_000_000;

/** What a history's author has written, and all that it knows. */
interface Mind {
  readonly key: string;
  readonly log: Entry[];
  readonly known: Map<string, Entry>;
}

export interface SnapshotHistory {
  /** In the ledger's order. */
  readonly entries: readonly Entry[];
  /** Contents, as canonical JSON, that do not say what follows. */
  readonly lies: ReadonlySet<string>;
}

/** Who writes, and how an entry is made. */
export interface SnapshotWorld {
  readonly keys: readonly string[];
  make(sketch: EntrySketch & { readonly author: string }): Entry;
  /** How often somebody erases something. */
  readonly erases?: number;
}

/** Keys that read well, and no signatures. */
export const UNSIGNED: SnapshotWorld = { keys: ['a', 'b', 'c', 'd', 'e'].map(authorKey), make: entryOf };

/** Bodies that are missing though nobody erased them by right come again, as a node asks for them. */
export const giveMissing = (fold: LedgerFold, entries: readonly Entry[]): void => {
  const isMissing = ({ bodiless, erasure }: Fact): boolean => bodiless && erasure?.inForce !== true;
  fold.add(entries.filter(({ hash }) => fold.facts().some((fact) => fact.hash === hash && isMissing(fact))));
};

/** The book of some entries, by the rules, in one go. */
export const bookOf = (entries: readonly Entry[], memory = new SettleMemory()): LedgerFold => {
  const fold = createFold();
  fold.add(entries);
  for (const [author, { seq, pair }] of atOnce(forksOf(fold.facts()))) fold.voidAuthor(author, seq, pair[0]);
  giveMissing(fold, entries);
  atOnce(settle(fold, memory));
  return fold;
};

const site = (random: SeededRandom): JsonObject => ({ a: random.integer(0, 2), b: random.pick(['x', 'y']) });
const operator = (random: SeededRandom, key: string): JsonObject => ({
  cluster: random.pick(['p1', 'p2']),
  ip: random.pick(['10.0.0.1', '10.0.0.2']),
  port: random.pick<JsonObject[string]>([1, 2, '2']),
  ...(random.chance(0.5) ? { company: 'c', name: random.pick(['n1', 'n2']) } : {}),
  ...(random.chance(0.4) ? { member: random.pick([1, 2, 255]) } : {}),
  ...(random.chance(0.3) ? { peer: key } : {}),
});
const cluster = (random: SeededRandom): JsonObject => ({
  company: 'c',
  name: random.pick(['k1', 'k2']),
  ...(random.chance(0.4) ? { parent: 'p1', table: [{ dbms: 'd', name: random.pick(['t1', 't2']) }] } : {}),
});
const changes = (random: SeededRandom): JsonObject =>
  random.pick<JsonObject>([
    { a: random.integer(0, 2) },
    { b: random.pick([null, 'x', 'z']) },
    { port: random.integer(1, 3) },
    { member: random.pick([1, 3, null]) },
    { cluster: random.pick(['p1', 'p2']) },
    { name: random.pick(['n1', 'n2', 'k1']), status: random.pick([null, 'off']) },
    { table: [{ dbms: 'd', name: 't1' }] },
  ]);

const change = (random: SeededRandom, { key, known }: Mind): EntrySketch => {
  const id = random.pick(IDS);
  const op = random.pick(['insert', 'insert', 'update', 'update', 'update', 'delete']);
  if (op === 'insert') {
    const type = random.pick(['site', 'operator', 'operator', 'cluster', 'table']);
    const table = { dbms: 'd', name: random.pick(['t1', 't2']), create: 'CREATE TABLE t (a int)' };
    const made: Readonly<Record<string, JsonObject>> = {
      site: site(random),
      operator: operator(random, key),
      cluster: cluster(random),
    };
    const content = made[type] ?? table;
    return { op, id, type, content };
  }
  const seen = [...known.values()].filter(({ header }) => header.id === id).slice(-random.integer(0, 2));
  const named = [...new Set(seen.map(({ hash }) => hash))].sort().slice(0, ENTRY_PARENTS_MAX);
  const replaces = named.length === 0 ? null : named.length === 1 ? named[0]! : named;
  return { op, id, type: null, replaces, content: op === 'update' ? changes(random) : {} };
};

/** Erases something, most times of its own. */
const erase = (random: SeededRandom, { key, known }: Mind): EntrySketch => {
  const changing = [...known.values()].filter(({ header }) => ['insert', 'update'].includes(header.op));
  const own = changing.filter(({ header }) => header.author === key);
  if (changing.length === 0) return change(random, { key, known, log: [] });
  const { hash, content } = random.pick(own.length > 0 && random.chance(0.8) ? own : changing);
  const names = Object.keys(content).filter(() => random.chance(0.9));
  const removed = names.filter((name) => content[name] === null);
  const attributes = names.filter((name) => content[name] !== null);
  return { op: 'erase', content: { v: 1, entry: hash, attributes, removed, reason: 'r' } };
};

/** A snapshot of what another knows as well, one that somebody has signed already, or a lie. */
const snapshot = (random: SeededRandom, mind: Mind, other: Mind, lies: Set<string>): EntrySketch | undefined => {
  const [memory, fold] = [new SettleMemory(), bookOf([...mind.known.values()])];
  const pending = fold.snapshots.filed().filter(({ fact }) => typeof fold.effectOf(fact.hash) === 'object');
  if (pending.length > 0 && random.chance(0.7))
    return { op: 'snapshot', content: snapshotContent(random.pick(pending).act) };
  try {
    const isHeldByAll = ({ hash }: { readonly hash: string }): boolean => other.known.has(hash);
    const { act } = atOnce(draftSnapshot({ fold, memory, author: mind.key, isHeldByAll }));
    const lie = random.chance(0.1);
    const said: SnapshotAct = lie ? { ...act, [random.pick(['root', 'logs'])]: 'd'.repeat(64) } : act;
    const content = snapshotContent(said);
    if (lie) lies.add(canonicalJson(content));
    return { op: 'snapshot', content };
  } catch (caught) {
    if (caught instanceof HoldfastError) return undefined;
    throw caught;
  }
};

/**
 * Authors that hear of one another now and then and write at the same time; some are root keys and make snapshots,
 * alone or together, now and then with a lie; some contradict themselves, some are revoked.
 */
export const snapshotHistory = (random: SeededRandom, steps: number, world = UNSIGNED): SnapshotHistory => {
  const { keys } = world;
  const minds = keys.map((key): Mind => ({ key, log: [], known: new Map() }));
  const roots = keys.slice(0, random.pick([1, 1, 2, 3]));
  const lies = new Set<string>();
  const entries = new Map<string, Entry>();
  const write = (mind: Mind, sketch: EntrySketch, forks = false): Entry => {
    const [first] = entries.values();
    const before = mind.log.at(forks ? -2 : -1);
    const named = new Set([...mind.known.values()].flatMap(({ header }) => [header.prev, ...header.parents]));
    const tips = [...mind.known.values()].filter(({ hash, header }) => header.author !== mind.key && !named.has(hash));
    const times = [...mind.known.values()].map(({ header }) => header.time);
    const entry = world.make({
      ...{ author: mind.key, seq: (before?.header.seq ?? 0) + 1, prev: before?.hash ?? null },
      ...{
        time: Math.max(START, ...times) + random.integer(1, 4),
        net: first?.hash ?? '',
        cap: first?.hash ?? null,
      },
      parents: tips
        .map(({ hash }) => hash)
        .sort()
        .slice(0, 16),
      ...sketch,
    });
    mind.log.push(entry);
    mind.known.set(entry.hash, entry);
    entries.set(entry.hash, entry);
    return entry;
  };
  const genesis = write(minds[0]!, { op: 'genesis', content: { v: 1, name: 'n', admission: 'open', roots } });
  for (const mind of minds) mind.known.set(genesis.hash, genesis);
  for (let step = 0; step < steps; step += 1) {
    const [mind, other] = [random.pick(minds), random.pick(minds)];
    if (random.chance(0.7)) for (const [hash, entry] of other.known) mind.known.set(hash, entry);
    const isRoot = roots.includes(mind.key);
    const forks = mind.log.length > 2 && random.chance(isRoot ? 0.005 : 0.03);
    const made =
      mind.log.length > 0 && random.chance(isRoot ? 0.35 : 0.02) ? snapshot(random, mind, other, lies) : undefined;
    const revoked = random.pick(keys);
    const revoke = { op: 'revoke', content: { v: 1, grant: genesis.hash, key: revoked, from: random.integer(1, 6) } };
    const usual = random.chance(world.erases ?? 0) ? erase(random, mind) : change(random, mind);
    write(mind, made ?? (isRoot && random.chance(0.06) ? revoke : usual), forks);
  }
  return { entries: [...entries.values()].sort((a, b) => compareEntries(a.header, b.header)), lies };
};
