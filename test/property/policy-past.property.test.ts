import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../src/base/slices.ts';
import { canonicalJson } from '../../src/codec/canonical.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import type { Entry } from '../../src/entry/entry.ts';
import { blameOf } from '../../src/policy/blame.ts';
import { changesBetween } from '../../src/policy/changes.ts';
import { closureOf, forksOf, frontierOf } from '../../src/policy/closure.ts';
import { conflictsOf } from '../../src/policy/conflicts.ts';
import { createFold, type LedgerFold } from '../../src/policy/fold.ts';
import { versionsOf } from '../../src/policy/history.ts';
import { logOf } from '../../src/policy/log.ts';
import { EVERYTHING, frontierText, readFrontier, type Moment } from '../../src/policy/moment.ts';
import { type Chronicle, pastAt } from '../../src/policy/past.ts';
import { chronicleOf, HISTORY_IDS, type LinkedHistory, linkedHistory } from '../support/linked-history.ts';
import { stateHash } from '../support/state-hash.ts';

const numRuns = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 300);

const bookOf = (entries: readonly Entry[]): LedgerFold => {
  const fold = createFold();
  fold.add(entries);
  for (const [author, { seq, pair }] of atOnce(forksOf(fold.facts()))) fold.voidAuthor(author, seq, pair[0]);
  return fold;
};

const frontier = (chronicle: Chronicle): Moment => {
  const heads = atOnce(frontierOf(chronicle.facts()));
  return readFrontier(frontierText(heads))!;
};

const viewOf = (chronicle: Chronicle, moment: Moment) => {
  const { book, root, entries, forks } = atOnce(pastAt(chronicle, moment));
  return {
    hash: stateHash(book),
    policies: book.ofType(),
    shown: HISTORY_IDS.map((id) => book.shown(id)),
    voids: book.voids(),
    conflicts: atOnce(conflictsOf(book, forks)),
    root,
    entries,
    forks: [...forks].sort(),
  };
};

/** The root as SPEC 3 has it, written down once more: recursive, from the versions that history tells. */
const sha256 = (...parts: readonly Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
const rootOf = (leaves: readonly Buffer[]): Buffer => {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return sha256(Buffer.of(0), leaves[0]!);
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(Buffer.of(1), rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
};
const lastChange = (book: LedgerFold, chronicle: Chronicle, id: string) => {
  const versions = atOnce(versionsOf(id, book.factsOf(id), book, chronicle)).filter(
    ({ effect }) => typeof effect === 'string',
  );
  const life = versions.slice(versions.findLastIndex(({ op }) => op === 'insert'));
  const origin = new Map<string, string>();
  for (const { changes, entry } of life)
    for (const { attribute, after } of changes) {
      if (after === undefined) origin.delete(attribute);
      else origin.set(attribute, entry);
    }
  return { insert: life[0]!.entry, origin };
};
const referenceRoot = (book: LedgerFold, chronicle: Chronicle): string =>
  rootOf(
    [...book.ofType()]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ id, type, value }) => {
        const { insert, origin } = lastChange(book, chronicle, id);
        const member = type === 'operator' ? (value['member'] ?? null) : null;
        return Buffer.from(canonicalJson({ attributes: Object.fromEntries(origin), id, insert, member, type }));
      }),
  ).toString('hex');

const shuffled = (entries: readonly Entry[]): fc.Arbitrary<readonly Entry[]> =>
  fc.shuffledSubarray([...entries], { minLength: entries.length });

/** A history, a moment that one of its authors knew, and two orders of arrival. */
const scenario = linkedHistory().chain((history) =>
  fc.record({
    history: fc.constant(history),
    view: fc.constantFrom(...history.views),
    arrival: shuffled(history.entries),
    again: shuffled(history.entries),
  }),
);

describe('as of', () => {
  it('the present frontier is the present', () => {
    fc.assert(
      fc.property(scenario, ({ arrival }) => {
        const chronicle = chronicleOf(arrival);
        const past = viewOf(chronicle, frontier(chronicle));
        const present = bookOf(arrival);
        expect(past.hash).toBe(stateHash(present));
        expect(past.policies).toEqual(present.ofType());
        expect(past.root).toBe(referenceRoot(present, chronicle));
        expect(viewOf(chronicle, EVERYTHING)).toMatchObject({ hash: past.hash, root: past.root });
      }),
      { numRuns },
    );
  });

  it('a frontier is what its author knew, whatever a node holds beside it, in whatever order that came', () => {
    fc.assert(
      fc.property(scenario, ({ view, arrival, again }) => {
        const then = chronicleOf(view);
        const moment = frontier(then);
        const expected = viewOf(then, moment);
        expect(expected.hash).toBe(stateHash(bookOf(view)));
        expect(viewOf(chronicleOf(arrival), moment)).toEqual(expected);
        expect(viewOf(chronicleOf(again), moment)).toEqual(expected);
      }),
      { numRuns },
    );
  });

  it('the hash of an entry is everything that it builds on', () => {
    fc.assert(
      fc.property(scenario, fc.nat(), ({ history, arrival, again }, pick) => {
        const { hash } = history.entries[pick % history.entries.length]!;
        const moment = readFrontier(hash.toUpperCase())!;
        const expected = viewOf(chronicleOf(arrival), moment);
        expect(viewOf(chronicleOf(again), moment)).toEqual(expected);
        const closure = atOnce(closureOf(chronicleOf(again).fact, [hash]));
        const alone = new Set(closure.facts.map((fact) => fact.hash));
        const rest = chronicleOf(history.entries.filter((entry) => alone.has(entry.hash)));
        expect(alone.has(hash)).toBe(true);
        expect(rest.facts().length).toBe(alone.size);
        if (closure.forks.size === 0) expect(viewOf(rest, moment)).toEqual(expected);
      }),
      { numRuns },
    );
  });

  it('a frontier of which an entry is missing is refused, and the entry is named', () => {
    fc.assert(
      fc.property(scenario, fc.nat(), ({ history, view }, pick) => {
        const moment = frontier(chronicleOf(view));
        const without = history.entries.filter((_, at) => at !== pick % history.entries.length);
        const left = history.entries[pick % history.entries.length]!;
        const needed = atOnce(pastAt(chronicleOf(history.entries), moment)).book.facts();
        if (!needed.some(({ hash }) => hash === left.hash)) return;
        const ask = (): unknown => atOnce(pastAt(chronicleOf(without), moment));
        expect(ask).toThrow(expect.objectContaining({ code: 'POLICY_FRONTIER_UNKNOWN' }) as Error);
        expect(ask).toThrow(left.hash);
      }),
      { numRuns },
    );
  });

  it('a time takes what was stated up to it, and counts what came here after it', () => {
    fc.assert(
      fc.property(scenario, fc.integer({ min: 0, max: 60 }), ({ arrival, history }, after) => {
        const micros = 1_600_000_000_000_000 + after;
        const stated = history.entries.filter(({ header }) => header.time <= micros);
        const chronicle = chronicleOf(arrival, 1_600_000_000_000 - 5);
        const { book, late, entries } = atOnce(pastAt(chronicle, { kind: 'time', micros }));
        const expected = createFold();
        for (const [author, { seq, pair }] of atOnce(forksOf(chronicle.facts())))
          expected.voidAuthor(author, seq, pair[0]);
        expected.add(stated);
        expect(stateHash(book)).toBe(stateHash(expected));
        expect(entries).toBe(stated.length);
        expect(late).toBe(stated.filter(({ hash }) => (chronicle.receivedMs(hash) ?? 0) * 1_000 > micros).length);
      }),
      { numRuns },
    );
  });
});

const applied = (
  from: LedgerFold,
  to: ReturnType<typeof changesBetween> extends Generator<undefined, infer T> ? T : never,
) => {
  const policies = new Map<string, readonly [string, JsonObject]>();
  for (const { id, type, value } of from.ofType()) policies.set(id, [type, value]);
  for (const { id } of to.removed) policies.delete(id);
  for (const { id, type, value } of to.added) policies.set(id, [type, value]);
  for (const { id, type, changes } of to.changed) {
    const value = new Map(Object.entries(policies.get(id)![1]));
    for (const { attribute, after } of changes) {
      if (after === undefined) value.delete(attribute);
      else value.set(attribute, after);
    }
    policies.set(id, [type, Object.fromEntries(value)]);
  }
  return [...policies].sort();
};

describe('diff', () => {
  it('of A and B applied to A gives B', () => {
    fc.assert(
      fc.property(scenario, fc.nat(), ({ history, arrival }, pick) => {
        const other = history.views[pick % history.views.length]!;
        const chronicle = chronicleOf(arrival);
        const a = atOnce(pastAt(chronicle, frontier(chronicleOf(other)))).book;
        const b = atOnce(pastAt(chronicle, frontier(chronicle))).book;
        for (const [from, to] of [
          [a, b],
          [b, a],
          [a, a],
        ] as const) {
          const changes = atOnce(changesBetween(from, to));
          expect(applied(from, changes)).toEqual(
            to
              .ofType()
              .map(({ id, type, value }) => [id, [type, value]])
              .sort(),
          );
          if (from === to) expect(changes).toEqual({ added: [], removed: [], changed: [] });
        }
      }),
      { numRuns },
    );
  });
});

const valueAt = (value: JsonValue, path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((at, name) => (at as Readonly<Record<string, unknown>>)[name], value);

describe('blame and history', () => {
  it('agree on the entry that gave each attribute its value', () => {
    fc.assert(
      fc.property(scenario, ({ arrival }) => {
        const book = bookOf(arrival);
        const chronicle = chronicleOf(arrival);
        for (const state of book.ofType()) {
          const { origin, insert } = lastChange(book, chronicle, state.id);
          const lines = atOnce(blameOf(state, book, chronicle));
          for (const { path, value } of lines) expect(valueAt(state.value, path)).toEqual(value);
          const order = book.factsOf(state.id).map(({ hash }) => hash);
          for (const attribute of Object.keys(state.value)) {
            const own = lines.filter(({ path }) => path[0] === attribute).map(({ entry }) => order.indexOf(entry));
            if (attribute === 'member' && state.type === 'operator') continue;
            const last = order.indexOf(origin.get(attribute) ?? insert);
            // The newest value below an attribute is as old as the attribute, unless the change took values away.
            expect(Math.max(...own)).toBeLessThanOrEqual(last);
            if (own.length === 1 && lines.some(({ path }) => path.length === 1 && path[0] === attribute))
              expect(own[0]).toBe(last);
          }
        }
      }),
      { numRuns },
    );
  });
});

describe('log', () => {
  it('page by page is everything, newest first, each once', () => {
    fc.assert(
      fc.property(scenario, fc.integer({ min: 1, max: 5 }), ({ history, arrival }, limit) => {
        const facts = chronicleOf(arrival).facts();
        const none = { authors: undefined, type: undefined, id: undefined, fromMicros: undefined, toMicros: undefined };
        const read: string[] = [];
        let before = undefined as (typeof facts)[number] | undefined;
        for (;;) {
          const page = atOnce(logOf(facts, { ...none, before, limit }, ({ type }) => type ?? undefined));
          expect(page.facts.length).toBeLessThanOrEqual(limit);
          read.push(...page.facts.map(({ hash }) => hash));
          before = page.facts.at(-1);
          if (!page.more) break;
        }
        expect(read).toEqual(history.entries.map(({ hash }) => hash).reverse());
      }),
      { numRuns },
    );
  });
});

/** So that the properties are not about nothing. */
describe('the histories', () => {
  it('hold conflicts, lost claims, equivocations, deletes', () => {
    const rules = new Set<string>();
    const histories: readonly LinkedHistory[] = fc.sample(linkedHistory(), { numRuns: 300, seed: 7 });
    for (const { entries } of histories) {
      const book = bookOf(entries);
      for (const { rule } of atOnce(conflictsOf(book, atOnce(forksOf(book.facts()))))) rules.add(rule);
    }
    expect([...rules].sort()).toEqual(
      expect.arrayContaining(['concurrent-update', 'constraint', 'deleted', 'equivocation', 'id-taken']),
    );
  });
});
