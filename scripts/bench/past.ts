/**
 * Questions about the past: `as of` at random frontiers and times, the log, conflicts. In this process, without disk.
 */
import { hash } from 'node:crypto';
import { inSlices, type Sliced } from '../../src/base/slices.ts';
import { canonicalJson } from '../../src/codec/canonical.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import type { Entry, EntryHeader } from '../../src/entry/entry.ts';
import { blameOf } from '../../src/policy/blame.ts';
import { changesBetween } from '../../src/policy/changes.ts';
import { closureOf, frontierOf } from '../../src/policy/closure.ts';
import { conflictsOf } from '../../src/policy/conflicts.ts';
import { createFold } from '../../src/policy/fold.ts';
import { versionsOf } from '../../src/policy/history.ts';
import { logOf } from '../../src/policy/log.ts';
import { EVERYTHING } from '../../src/policy/moment.ts';
import { type Chronicle, pastAt } from '../../src/policy/past.ts';
import { type Figure, quantile, report, timed } from './report.ts';

const AUTHORS = 50;
const ROUNDS = 15;
const START_MICROS = 1_767_225_600_000_000;
const EMPTY = new Uint8Array();

/** The same numbers in every run. */
let state = 1;
const below = (limit: number): number => {
  state = (state * 48_271) % 2_147_483_647;
  return state % limit;
};

/** What an entry does: of ten six insert a site, three update one, one ends one. */
const deedOf = (number: number, earlier: readonly Entry[]): Pick<EntryHeader, 'op' | 'id' | 'replaces'> => {
  const kind = number < 20 ? 0 : below(10);
  const seen = earlier[below(Math.max(1, number))];
  if (kind < 6 || seen === undefined) return { op: 'insert', id: `site-${number}`, replaces: null };
  return { op: kind < 9 ? 'update' : 'delete', id: seen.header.id, replaces: seen.hash };
};

const contentOf = (op: string, number: number): JsonObject => {
  if (op === 'insert') return { name: `site-${number}`, region: `region-${number % 50}`, note: 'x'.repeat(250) };
  return op === 'update' ? { region: `region-${below(50)}` } : {};
};

/** Unsigned: the fold takes what the ledger has accepted. Each names the heads of three other authors. */
const entriesOf = (count: number): readonly Entry[] => {
  const heads = new Map<number, Entry>();
  const entries: Entry[] = [];
  for (let number = 0; number < count; number += 1) {
    const author = number < AUTHORS ? number : below(AUTHORS);
    const before = heads.get(author);
    const deed = deedOf(number, entries);
    const content = contentOf(deed.op, number);
    const header: EntryHeader = {
      v: 1,
      net: 'f'.repeat(64),
      author: sha256Hex(`author ${author}`),
      seq: (before?.header.seq ?? 0) + 1,
      prev: before?.hash ?? null,
      parents: [7, 14, 21].flatMap((step) => heads.get((author + step) % AUTHORS)?.hash ?? []).sort(),
      time: START_MICROS + number * 1_000,
      cap: 'f'.repeat(64),
      type: 'site',
      ...deed,
      body: sha256Hex(canonicalJson(content)),
    };
    const raw = { header: EMPTY, signature: EMPTY, body: EMPTY };
    const entry = { raw, hash: sha256Hex(canonicalJson({ ...header })), header, content };
    entries.push(entry);
    heads.set(author, entry);
  }
  return entries;
};

/** One policy that is updated again and again. */
const longLife = (count: number): readonly Entry[] =>
  entriesOf(count).map((entry, number) => {
    const content = number === 0 ? { name: 'site-0', tags: ['a', 'b'] } : { count: number, place: { row: number % 7 } };
    return { ...entry, content, header: { ...entry.header, id: 'site-0', op: number === 0 ? 'insert' : 'update' } };
  });

/** Milliseconds of every slice of the work that is measured. */
let slices: number[] = [];

/** The same work, with a watch on each slice. */
const watched = function* <T>(work: Sliced<T>): Sliced<T> {
  for (;;) {
    const start = performance.now();
    const step = work.next();
    slices.push(performance.now() - start);
    if (step.done === true) return step.value;
    yield;
  }
};

const p50 = async (work: (round: number) => Sliced<unknown>): Promise<number> => {
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) samples.push(await timed(() => inSlices(watched(work(round)))));
  return quantile(samples, 0.5);
};

/**
 * The least that a replay can do: read each entry's content, keep the newest of each policy, hash it twice for the
 * tree.
 */
const rawLimit = (bodies: readonly (readonly [string, string])[]): void => {
  const newest = new Map<string, string>();
  for (const [id, body] of bodies) newest.set(id, JSON.stringify(JSON.parse(body)));
  for (const value of newest.values()) hash('sha256', hash('sha256', value, 'buffer'), 'hex');
};

/** History and blame of one policy with `count` versions. */
const measureLife = async (count: number): Promise<readonly Figure[]> => {
  slices = [];
  const fold = createFold();
  fold.add(longLife(count));
  const chronicle: Chronicle = { facts: () => fold.facts(), fact: (entry) => fold.fact(entry), receivedMs: () => 0 };
  const site = fold.get('site-0');
  if (site === undefined) throw new Error('the policy is not in force');
  const facts = fold.factsOf('site-0');
  const of = count.toLocaleString('en-US');
  const history = await p50(() => versionsOf('site-0', facts, fold, chronicle));
  const blame = await p50(() => blameOf(site, fold, chronicle));
  const figure = (work: string, ours: number, target = ''): Figure => ({ work, ours, unit: 'ms', target });
  return [
    figure(`history of a policy with ${of} versions, p50`, history),
    figure('blame', blame),
    figure('… the longest slice', quantile(slices, 1), '≤ 100 ms'),
  ];
};

const measure = async (count: number): Promise<readonly Figure[]> => {
  slices = [];
  const entries = entriesOf(count);
  const fold = createFold();
  for (let at = 0; at < count; at += 1_000) fold.add(entries.slice(at, at + 1_000));
  const received = new Map(entries.map((entry) => [entry.hash, entry.header.time / 1_000 + 5]));
  const chronicle: Chronicle = {
    facts: () => fold.facts(),
    fact: (entry) => fold.fact(entry),
    receivedMs: (entry) => received.get(entry),
  };
  const facts = chronicle.facts();

  const heads = Array.from({ length: ROUNDS }, () => entries[below(count)]?.hash ?? '');
  const limits: number[] = [];
  for (const head of heads) {
    const covered = await inSlices(closureOf(chronicle.fact, [head]));
    const bodies = covered.facts.map((fact) => [fact.id ?? '', JSON.stringify(fact.content)] as const);
    limits.push(await timed(() => rawLimit(bodies)));
  }
  const atFrontier = await p50((round) => pastAt(chronicle, { kind: 'frontier', heads: [heads[round] ?? ''] }));
  const atTime = await p50((round) =>
    pastAt(chronicle, { kind: 'time', micros: chronicle.fact(heads[round] ?? '')?.time ?? 0 }),
  );
  const present = await inSlices(pastAt(chronicle, EVERYTHING));
  const all = await p50(() => pastAt(chronicle, EVERYTHING));
  const conflicts = await p50(() => conflictsOf(present.book, present.forks));
  const before = await inSlices(pastAt(chronicle, { kind: 'frontier', heads: [heads[0] ?? ''] }));
  const diff = await p50(() => changesBetween(before.book, present.book));
  const frontier = await p50(() => frontierOf(facts));
  const filter = { authors: undefined, id: undefined, fromMicros: undefined, toMicros: undefined, before: undefined };
  const log = await p50(() => logOf(facts, { ...filter, type: 'site', limit: 100 }, ({ type }) => type ?? undefined));

  const of = count.toLocaleString('en-US');
  const figure = (work: string, ours: number, target = ''): Figure => ({ work, ours, unit: 'ms', target });
  return [
    {
      ...figure(`as of a random frontier of ${of} entries, p50`, atFrontier, count <= 10_000 ? '≤ 100 ms' : ''),
      limit: quantile(limits, 0.5),
      against: 'parse each content, keep the newest, hash it twice',
    },
    figure('… at a random time', atTime),
    figure('… of all of them', all),
    figure('conflicts, after that', conflicts),
    figure('diff of two, after that', diff),
    figure('get frontier', frontier),
    figure('log, newest 100 of a type', log),
    figure('slices of all these between two turns of the event loop, p99', quantile(slices, 0.99)),
    figure('… the longest, garbage collection and other processes included', quantile(slices, 1), '≤ 100 ms'),
  ];
};

const SIZES = process.env['SIZES']?.split(',').map(Number) ?? [10_000, 100_000];
const figures: Figure[] = [];
for (const size of SIZES) figures.push(...(await measure(size)));
figures.push(...(await measureLife(10_000)));
report('The past', figures);
