import { describe, expect, test } from 'vitest';
import { hasCode } from '../../../src/base/errors.ts';
import type { JsonValue } from '../../../src/codec/json.ts';
import { parseEntry, signatureHolds } from '../../../src/entry/check.ts';
import { compareEntries } from '../../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { type EntryDraft, makeEntry } from '../../../src/entry/make.ts';

const key = signingKeyFromSeed(new Uint8Array(32).fill(7));
const hash = 'ab'.repeat(32);
const draft: EntryDraft = {
  net: hash,
  seq: 2,
  prev: hash,
  parents: [],
  time: 1_617_388_306_802_694,
  cap: hash,
  op: 'insert',
  type: 'table',
  id: 'x',
  replaces: null,
  content: { table: { name: 't' } },
  salt: new Uint8Array(16),
};
const deep = (levels: number): JsonValue => (levels === 0 ? 1 : [deep(levels - 1)]);
const failure = (change: Partial<EntryDraft>): unknown => {
  try {
    makeEntry(key, { ...draft, ...change });
    return undefined;
  } catch (caught) {
    return caught;
  }
};

describe('makeEntry', () => {
  test('makes what parseEntry reads', () => {
    const made = makeEntry(key, {
      ...draft,
      parents: ['f'.repeat(64), 'a'.repeat(64)],
      replaces: [hash, 'a'.repeat(64)],
    });
    expect(parseEntry(made.raw)).toEqual(made);
    expect(made.header.parents).toEqual(['a'.repeat(64), 'f'.repeat(64)]);
    expect(signatureHolds(made)).toBe(true);
  });

  test('the same draft gives the same bytes, another salt another body and hash', () => {
    const first = makeEntry(key, draft);
    expect(makeEntry(key, draft)).toEqual(first);
    const salted = makeEntry(key, { ...draft, salt: new Uint8Array(16).fill(1) });
    expect(salted.content).toEqual(first.content);
    expect(salted.header.body).not.toBe(first.header.body);
  });

  test('content belongs to the entry: who changes theirs later does not change it', () => {
    const content = { table: { name: 't' } };
    const made = makeEntry(key, { ...draft, content });
    content.table.name = 'other';
    expect(made.content).toEqual({ table: { name: 't' } });
  });

  test.each<[string, Partial<EntryDraft>, string]>([
    ['a body that is too large', { content: { text: 'x'.repeat(65_536) } }, 'ENTRY_BODY_OVERSIZE'],
    ['content that is nested too deep', { content: { a: deep(40) } }, 'ENTRY_TOO_DEEP'],
    ['content nested so deep that recursion would fail', { content: { a: deep(3_000) } }, 'ENTRY_TOO_DEEP'],
    ['a lone surrogate', { content: { a: '\ud800' } }, 'CODEC_NOT_CANONICAL'],
    ['a number that JSON has not', { content: { a: Number.NaN } }, 'CODEC_NOT_CANONICAL'],
    ['an id with a newline', { id: 'a\nb' }, 'ENTRY_SCHEMA'],
    ['an id that is too long', { id: 'x'.repeat(257) }, 'ENTRY_SCHEMA'],
    ['an op of another form', { op: 'Insert!' }, 'ENTRY_SCHEMA'],
    [
      'genesis content without a name',
      { op: 'genesis', net: '', seq: 1, prev: null, cap: null, type: null, id: null, content: { v: 1 } },
      'ENTRY_SCHEMA',
    ],
  ])('refuses %s', (_, change, code) => {
    expect(failure(change)).toSatisfy((error) => hasCode(error, code));
  });
});

test('the order is by time, then author, then seq', () => {
  const header = makeEntry(key, draft).header;
  const later = { ...header, time: header.time + 1, seq: 1 };
  const other = { ...header, author: 'f'.repeat(64), seq: 1 };
  const next = { ...header, seq: 3 };
  expect([later, other, next, header].sort(compareEntries)).toEqual([header, next, other, later]);
});
