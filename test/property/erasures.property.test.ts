import { expect, test } from 'vitest';
import { atOnce } from '../../src/base/slices.ts';
import { compareEntries, type Entry, withoutBody } from '../../src/entry/entry.ts';
import { frontierOf } from '../../src/policy/closure.ts';
import { decideErase } from '../../src/policy/erase.ts';
import { createFold, type LedgerFold } from '../../src/policy/fold.ts';
import { type Chronicle, pastAt } from '../../src/policy/past.ts';
import { stateRoot } from '../../src/policy/state-root.ts';
import { hostileHistory } from '../support/authority-histories.ts';
import { authorKey, entryOf } from '../support/policy-entries.ts';
import { createSeededRandom, type SeededRandom } from '../support/seeded-random.ts';
import { stateHash } from '../support/state-hash.ts';

const RUNS = Number(process.env['HOLDFAST_ERASURE_RUNS'] ?? 4_000);
const FIRST_SEED = Number(process.env['HOLDFAST_SEED'] ?? Math.floor(Math.random() * 1e9));
const NAMES = ['company', 'a', 'b', 'name'];

/**
 * A hostile history with updates, clusters that clash, and erase entries by anybody about anything, some of them with
 * lies.
 */
const historyOf = (random: SeededRandom): readonly Entry[] => {
  const entries = [...hostileHistory(random, random.integer(3, 14))];
  const net = entries[0]!.hash;
  const links = entries.filter(({ header }) => ['grant', 'join', 'rotate'].includes(header.op));
  let time = Math.max(...entries.map((entry) => entry.header.time));
  for (let step = random.integer(2, 12); step > 0; step -= 1) {
    const link = links.length > 0 && random.chance(0.5) ? random.pick(links) : undefined;
    const key = link?.content['key'];
    const holder = typeof key === 'string' && link?.header.op !== 'join' ? key : (link ?? entries[0]!).header.author;
    const target = random.pick(entries);
    const author = random.chance(0.3) ? target.header.author : random.chance(0.1) ? authorKey('d') : holder;
    const seq = Math.max(0, ...entries.filter(({ header }) => header.author === author).map((e) => e.header.seq)) + 1;
    time += random.integer(0, 2);
    const sketch = { net, cap: link?.hash ?? net, author, seq, time };
    const [named, removed] = [NAMES.filter(() => random.chance(0.4)), NAMES.filter(() => random.chance(0.2))];
    const dice = random.fraction();
    const made =
      dice < 0.4
        ? { op: 'erase', content: { v: 1, entry: target.hash, attributes: named, removed, reason: 'r' } }
        : dice < 0.6
          ? { op: 'insert', type: 'cluster', id: `c${step % 3}`, content: { company: 'ab', name: `k${step % 2}` } }
          : { op: 'update', id: target.header.id ?? 'c1', content: { [random.pick(NAMES)]: `v${step}` } };
    entries.push(entryOf({ ...sketch, ...made }));
  }
  return entries;
};

const viewOf = (fold: LedgerFold, entries: readonly Entry[]): unknown => ({
  hash: stateHash(fold),
  root: atOnce(stateRoot(fold)),
  policies: fold.ofType(),
  voids: fold.voids(),
  effects: entries.map(({ hash }) => fold.effectOf(hash)),
  erased: entries.map(({ hash }) => fold.fact(hash)?.erasure),
  contents: entries.map(({ hash }) => fold.fact(hash)?.content),
});

/** Entries whose body a node misses though it is not erased by right. */
const missing = (fold: LedgerFold, entries: readonly Entry[]): readonly Entry[] =>
  entries.filter(({ hash }) => fold.fact(hash)?.bodiless === true && fold.fact(hash)?.erasure?.inForce !== true);

/**
 * What a node comes to: in any order, some entries without their body first, which comes later where nobody erased it
 * by right.
 */
const arrive = (
  random: SeededRandom,
  [genesis, ...others]: readonly Entry[],
  cuts: readonly (readonly [string, number])[],
): LedgerFold => {
  const fold = createFold();
  fold.add([genesis!]);
  const targets = new Set(others.map(({ content }) => content['entry']));
  const shuffled = random.shuffled(others);
  for (let at = 0; at < shuffled.length;) {
    const size = random.integer(1, 5);
    fold.add(
      shuffled.slice(at, at + size).map((entry) => {
        const mayLack = targets.has(entry.hash) && ['insert', 'update'].includes(entry.header.op);
        return mayLack && random.chance(0.5) ? withoutBody(entry) : entry;
      }),
    );
    at += size;
    for (const [author, seq] of cuts) if (random.chance(0.2)) fold.voidAuthor(author, seq, 'proof');
    fold.ofType();
    if (random.chance(0.3)) fold.add(missing(fold, others));
  }
  for (const [author, seq] of cuts) fold.voidAuthor(author, seq, 'proof');
  fold.add(missing(fold, others));
  return fold;
};

test(`${RUNS} hostile histories with erasures: whoever has which body, and in whatever order, the same state`, () => {
  let erased = 0;
  for (let run = 0; run < RUNS; run += 1) {
    const seed = FIRST_SEED + run;
    const random = createSeededRandom(seed);
    const entries = historyOf(random);
    const cuts = random.chance(0.2) ? ([[random.pick(entries).header.author, random.integer(2, 5)]] as const) : [];
    const reference = createFold();
    for (const [author, seq] of cuts) reference.voidAuthor(author, seq, 'proof');
    const inOrder = [...entries].sort((a, b) => compareEntries(a.header, b.header));
    for (const entry of inOrder) reference.add([entry]);
    reference.add(missing(reference, entries));
    erased += entries.filter(({ hash }) => reference.fact(hash)?.erasure !== undefined).length;
    const where = `HOLDFAST_SEED=${seed} HOLDFAST_ERASURE_RUNS=1`;
    for (const fold of [arrive(random, entries, cuts), arrive(random, entries, cuts)]) {
      expect(missing(fold, entries), where).toEqual([]);
      expect(viewOf(fold, entries), where).toEqual(viewOf(reference, entries));
    }
  }
  expect(erased).toBeGreaterThan(RUNS / 10);
}, 300_000);

const chronicleOf = (fold: LedgerFold): Chronicle => ({
  facts: () => fold.facts(),
  fact: (hash) => fold.fact(hash),
  receivedMs: () => 0,
});

/** Free policies of one root key: values that differ, so that each update gives what it names. */
const plainHistory = (random: SeededRandom): Entry[] => {
  const author = authorKey('a');
  const content = { v: 1, name: 'n', admission: 'invite', roots: [author] };
  const entries = [entryOf({ op: 'genesis', net: '', cap: null, author, seq: 1, time: 1, content })];
  const [{ hash: net }] = entries as [Entry];
  for (let seq = 2; seq < random.integer(3, 14); seq += 1) {
    const id = `p${random.integer(1, 3)}`;
    const values = Object.fromEntries(
      NAMES.filter(() => random.chance(0.5)).map((name, at) => [name, seq * 10 + at] as const),
    );
    const [op, type] = random.chance(0.4) ? ['insert', 'site'] : [random.chance(0.9) ? 'update' : 'delete', null];
    const changes = random.chance(0.3) ? { ...values, [random.pick(NAMES)]: null } : values;
    const said = op === 'insert' ? values : op === 'update' ? changes : {};
    entries.push(
      entryOf({
        net,
        cap: net,
        author,
        seq,
        time: seq,
        prev: entries.at(-1)!.hash,
        op: op,
        id,
        type: type!,
        content: said,
      }),
    );
  }
  return entries;
};

test(`the root of a moment is the same before and after erasures, with the bodies and without (${RUNS} histories)`, () => {
  for (let run = 0; run < RUNS; run += 1) {
    const seed = FIRST_SEED + run;
    const random = createSeededRandom(seed);
    const entries = plainHistory(random);
    const before = createFold();
    before.add(entries);
    const heads = atOnce(frontierOf(before.facts()));
    const then = atOnce(pastAt(chronicleOf(before), { kind: 'frontier', heads }));
    const effects = entries.map(({ hash }) => before.effectOf(hash));
    const erasures: Entry[] = [];
    const [net, author] = [entries[0]!.hash, entries[0]!.header.author];
    for (const { hash, header } of entries) {
      if (!['insert', 'update'].includes(header.op) || random.chance(0.5)) continue;
      const { content } = decideErase(before, author, { entry: hash, reason: 'r' }).proposal;
      const seq = entries.length + erasures.length + 1;
      const prev = (erasures.at(-1) ?? entries.at(-1))!.hash;
      erasures.push(entryOf({ net, cap: net, author, seq, time: seq, prev, op: 'erase', content }));
    }
    const [whole, bare] = [createFold(), createFold()];
    whole.add([...entries, ...erasures]);
    const gone = new Set(erasures.map(({ content }) => content['entry']));
    bare.add([...erasures, ...entries.map((entry) => (gone.has(entry.hash) ? withoutBody(entry) : entry))]);
    for (const fold of [whole, bare]) {
      const now = atOnce(pastAt(chronicleOf(fold), { kind: 'frontier', heads }));
      expect(now.root, `HOLDFAST_SEED=${seed} HOLDFAST_ERASURE_RUNS=1`).toBe(then.root);
      expect(atOnce(stateRoot(fold))).toBe(then.root);
      expect(entries.map(({ hash }) => fold.effectOf(hash))).toEqual(effects);
      for (const { value } of fold.ofType())
        for (const { content, hash } of entries)
          if (gone.has(hash))
            for (const said of Object.values(content)) expect(Object.values(value)).not.toContain(said ?? NaN);
    }
  }
}, 300_000);
