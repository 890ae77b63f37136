import { expect, test } from 'vitest';
import { SYNC_AUTHORS_MAX, SYNC_UNHEARD_AUTHORS_MAX } from '../../../../src/base/limits.ts';
import type { HaveMessage } from '../../../../src/ledger/sync/messages.ts';
import { PeerRecords } from '../../../../src/ledger/sync/peer-records.ts';
import { type Holdings, NOTHING, withNews } from '../../../../src/ledger/sync/state.ts';

const PEER = 'a'.repeat(64);
const authors = (from: number, count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => (from + at).toString(16).padStart(64, '0'));
const holding = (names: readonly string[], forked: readonly string[] = []): Holdings => ({
  ...{ ...NOTHING, network: 'f'.repeat(64), version: 'v' },
  heads: new Map(names.map((author) => [author, { seq: 3, hash: author }])),
  forks: new Map(forked.map((author) => [author, 2])),
});

test('of a peer that is away only so many authors are kept that nobody else has told of, and all that are known', () => {
  const records = new PeerRecords();
  const record = records.of(PEER);
  const known = authors(SYNC_AUTHORS_MAX, 2_000);
  record.holdings = holding(
    [...authors(0, 50_000), ...known.slice(0, 1_500)],
    [...authors(60_000, 9_000), ...known.slice(1_500)],
  );
  records.away(PEER, holding(known), () => false);
  const { heads, forks } = records.of(PEER).holdings;
  expect(heads.size + forks.size).toBe(2_000 + SYNC_UNHEARD_AUTHORS_MAX);
  for (const author of known) expect(heads.has(author) || forks.has(author)).toBe(true);
});

test('what an honest peer told stays as it is while it is away', () => {
  const records = new PeerRecords();
  const told = holding(authors(0, SYNC_UNHEARD_AUTHORS_MAX), authors(5, 3));
  records.of(PEER).holdings = told;
  records.away(PEER, NOTHING, () => false);
  expect(records.of(PEER).holdings).toBe(told);
});

test('of whose authors some were cut, nothing says what it lacks, whatever it tells until it is asked again', () => {
  const records = new PeerRecords();
  const told = { ...holding(authors(0, SYNC_UNHEARD_AUTHORS_MAX + 1)), isWhole: true };
  for (const [mine, isWhole] of [
    [NOTHING, false],
    [told, true],
  ] as const) {
    records.of(PEER).holdings = told;
    records.away(PEER, mine, () => false);
    const { holdings } = records.of(PEER);
    expect(holdings.isWhole).toBe(isWhole);
    const news = {
      kind: 'have' as const,
      net: 'f'.repeat(64),
      version: 'w',
      heads: [],
      forks: [],
    } satisfies HaveMessage;
    expect(withNews(holdings, news)).toMatchObject({ version: 'w', isWhole });
  }
});
