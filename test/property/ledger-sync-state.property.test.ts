import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SYNC_BACKOFF_MAX_MS } from '../../src/base/limits.ts';
import type { HaveMessage, SyncMessage } from '../../src/ledger/sync/messages.ts';
import {
  answerEntriesMax,
  backoffMs,
  type Head,
  type Holdings,
  lacking,
  nextWant,
  NOTHING,
  received,
  type Round,
  ROUND_START,
  wanting,
  withNews,
} from '../../src/ledger/sync/state.ts';

const runs = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 200);
const AUTHORS = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64));
const NET = 'f'.repeat(64);
const VERSION = '0'.repeat(32);

const places = fc.uniqueArray(fc.tuple(fc.constantFrom(...AUTHORS), fc.integer({ min: 1, max: 12 })), {
  selector: ([author]) => author,
});
/** Every author has one log here, so that an entry's hash follows from its place. */
const hashOf = (author: string, seq: number): string => `${author} ${seq}`;
const headOf = (author: string, seq: number): [string, Head] => [author, { seq, hash: hashOf(author, seq) }];
const toldHeads = (pairs: readonly (readonly [string, number])[]): [string, number, string][] =>
  pairs.map(([author, seq]) => [author, seq, hashOf(author, seq)]);

const holdings: fc.Arbitrary<Holdings> = fc.record({ logs: places, forks: places }).map(({ logs, forks }) => {
  const forked = new Map(forks);
  // A log never reaches a fork that its node knows.
  const counting = logs
    .map(([author, seq]): [string, number] => [author, Math.min(seq, (forked.get(author) ?? 99) - 1)])
    .filter(([, seq]) => seq > 0);
  const heads = new Map(counting.map(([author, seq]) => headOf(author, seq)));
  return { network: NET, version: VERSION, heads, forks: forked };
});

const NOTHING_LACKING = { ranges: [], proofs: [], rivals: [], entries: 0 };

/** What a ledger becomes once everything that was lacking has come. */
const fill = (mine: Holdings, theirs: Holdings): Holdings => {
  const { ranges, proofs } = lacking(mine, theirs);
  const forks = new Map(mine.forks);
  for (const author of proofs) forks.set(author, theirs.forks.get(author) ?? 0);
  const seqs = new Map([...mine.heads].map(([author, { seq }]) => [author, seq]));
  for (const [author, , to] of ranges) seqs.set(author, to);
  const heads = new Map<string, Head>();
  for (const [author, seq] of seqs) {
    const counting = Math.min(seq, (forks.get(author) ?? 99) - 1);
    if (counting > 0) heads.set(...headOf(author, counting));
  }
  return { ...mine, heads, forks };
};

const sorted = ({ heads, forks }: Holdings): string =>
  JSON.stringify([[...heads].map(([author, { seq }]) => [author, seq]).sort(), [...forks].sort()]);

describe('what one node lacks of another', () => {
  test('L1 nothing is lacking of oneself; what is lacking, once it came, leaves nothing lacking', () => {
    fc.assert(
      fc.property(holdings, holdings, (mine, theirs) => {
        expect(lacking(mine, mine)).toEqual(NOTHING_LACKING);
        expect(lacking(fill(mine, theirs), theirs)).toEqual(NOTHING_LACKING);
      }),
      { numRuns: runs },
    );
  });

  test('L1 two that fill up from each other end equal, however many in whatever order', () => {
    fc.assert(
      fc.property(fc.array(holdings, { minLength: 2, maxLength: 5 }), fc.infiniteStream(fc.nat()), (start, picks) => {
        const nodes = [...start];
        const exchange = (at: number, from: number): void => {
          const [mine, theirs] = [nodes[at], nodes[from]];
          if (mine !== undefined && theirs !== undefined) nodes[at] = fill(mine, theirs);
        };
        for (let round = 0; round < 10; round += 1)
          exchange((picks.next().value ?? 0) % nodes.length, (picks.next().value ?? 0) % nodes.length);
        for (let round = 0; round < 2; round += 1)
          for (let at = 0; at < nodes.length; at += 1)
            for (let from = 0; from < nodes.length; from += 1) exchange(at, from);
        expect(new Set(nodes.map(sorted)).size).toBe(1);
      }),
      { numRuns: runs },
    );
  });

  test('L1 a range is never empty, never below what is held, never into what is void', () => {
    fc.assert(
      fc.property(holdings, holdings, (mine, theirs) => {
        const { ranges, entries } = lacking(mine, theirs);
        for (const [author, from, to] of ranges) {
          expect(from).toBe((mine.heads.get(author)?.seq ?? 0) + 1);
          expect(to).toBeGreaterThanOrEqual(from);
          expect(to).toBeLessThan(mine.forks.get(author) ?? 99);
        }
        expect(entries).toBe(ranges.reduce((sum, [, from, to]) => sum + to - from + 1, 0));
      }),
      { numRuns: runs },
    );
  });

  test('L1 two logs of equal length that differ: the other entry is asked for by its hash', () => {
    const holding = (hash: string): Holdings => ({
      ...NOTHING,
      network: NET,
      heads: new Map([['a', { seq: 3, hash }]]),
    });
    const [mine, theirs] = [holding('x'), holding('y')];
    expect(lacking(mine, theirs)).toEqual({ ...NOTHING_LACKING, rivals: ['y'] });
    expect(nextWant(mine, theirs, [])?.hashes).toEqual(['y']);
    expect(lacking({ ...mine, heads: new Map(), forks: new Map([['a', 1]]) }, theirs)).toEqual(NOTHING_LACKING);
  });

  test('news never lower a clock nor raise a fork, and come to the same in any order', () => {
    fc.assert(
      fc.property(holdings, fc.array(fc.tuple(places, places), { maxLength: 4 }), (known, all) => {
        const news = all.map(([logs, forks]): HaveMessage => ({
          kind: 'have',
          net: NET,
          version: VERSION,
          heads: toldHeads(logs),
          forks,
        }));
        const there = news.reduce(withNews, known);
        expect(sorted([...news].reverse().reduce(withNews, known))).toEqual(sorted(there));
        for (const [author, { seq }] of known.heads) expect(there.heads.get(author)?.seq).toBeGreaterThanOrEqual(seq);
        for (const [author, seq] of known.forks) expect(there.forks.get(author)).toBeLessThanOrEqual(seq);
      }),
      { numRuns: runs },
    );
  });
});

describe('what is asked for', () => {
  test('L8 a node without a network asks for the genesis entry alone', () => {
    expect(nextWant(NOTHING, { ...NOTHING, network: NET, heads: new Map([headOf('a', 3)]) }, ['x'])).toEqual({
      kind: 'want',
      ranges: [],
      proofs: [],
      hashes: [NET],
    });
    expect(nextWant(NOTHING, NOTHING, [])).toBeUndefined();
  });

  test('nothing lacking and nothing missed: nothing is asked', () => {
    const mine = { ...NOTHING, network: NET, heads: new Map([headOf('a', 3)]) };
    expect(nextWant(mine, mine, [])).toBeUndefined();
    expect(nextWant(mine, mine, ['x'])?.hashes).toEqual(['x']);
  });

  test('pauses grow to their bound', () => {
    expect(backoffMs(0)).toBe(0);
    for (let failures = 1; failures < 40; failures += 1) {
      expect(backoffMs(failures + 1)).toBeGreaterThanOrEqual(backoffMs(failures));
      expect(backoffMs(failures)).toBeLessThanOrEqual(SYNC_BACKOFF_MAX_MS);
    }
  });
});

const entry = { header: new Uint8Array(), signature: new Uint8Array(64), body: new Uint8Array() };
const message: fc.Arbitrary<SyncMessage> = fc.oneof(
  fc.boolean().map((same): SyncMessage => ({ kind: 'is', net: NET, version: VERSION, same })),
  fc
    .tuple(places, places, fc.boolean())
    .map(([logs, forks, more]): SyncMessage => ({ kind: 'clock', heads: toldHeads(logs), forks, more })),
  fc
    .integer({ min: 1, max: 5 })
    .map((count): SyncMessage => ({ kind: 'entries', entries: Array.from({ length: count }, () => entry) })),
  fc.constantFrom<SyncMessage[]>(
    { kind: 'end' },
    { kind: 'ask', net: NET, version: VERSION },
    { kind: 'want', ranges: [], proofs: [], hashes: [] },
    { kind: 'have', net: NET, version: VERSION, heads: [], forks: [] },
  ),
);

describe('an exchange, step by step', () => {
  test('L5 L6 whatever the peer sends: the next step or LEDGER_SYNC_UNEXPECTED, and never more entries than asked for', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
        let round: Round = ROUND_START;
        let entries = 0;
        const want = {
          kind: 'want' as const,
          ranges: [['a', 1, 6]] as [string, number, number][],
          proofs: [],
          hashes: [],
        };
        for (const each of messages) {
          if (round.phase === 'told') {
            round = wanting(round, want);
            entries = 0;
          }
          try {
            round = received(round, each);
          } catch (caught) {
            expect((caught as { code: string }).code).toBe('LEDGER_SYNC_UNEXPECTED');
            return;
          }
          if (each.kind === 'entries') entries += each.entries.length;
          expect(entries).toBeLessThanOrEqual(answerEntriesMax(want));
        }
      }),
      { numRuns: runs * 2 },
    );
  });

  test('the way of an honest exchange', () => {
    let round = received(ROUND_START, { kind: 'is', net: NET, version: VERSION, same: false });
    round = received(round, { kind: 'clock', heads: toldHeads([['a', 2]]), forks: [], more: true });
    round = received(round, { kind: 'clock', heads: toldHeads([['b', 1]]), forks: [['a', 3]], more: false });
    expect(round.phase).toBe('told');
    expect(round.theirs).toEqual({
      network: NET,
      version: VERSION,
      heads: new Map([headOf('a', 2), headOf('b', 1)]),
      forks: new Map([['a', 3]]),
    });
    round = wanting(round, { kind: 'want', ranges: [['a', 1, 2]], proofs: [], hashes: [] });
    round = received(round, { kind: 'entries', entries: [entry, entry] });
    expect(() => received(round, { kind: 'entries', entries: [entry] })).toThrow(/more entries/);
    expect(received(round, { kind: 'end' }).phase).toBe('told');
    expect(received(ROUND_START, { kind: 'is', net: NET, version: VERSION, same: true }).phase).toBe('same');
  });
});
