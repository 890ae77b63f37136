import { describe, expect, it } from 'vitest';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { makeEntry } from '../../../src/entry/make.ts';
import { judgeKnownLinks } from '../../../src/ledger/accept.ts';

const key = signingKeyFromSeed(Buffer.alloc(32, 1));
const prev = 'a'.repeat(64);

const third = makeEntry(key, {
  ...{ net: 'b'.repeat(64), seq: 3, prev, parents: [], time: 1_000, cap: 'b'.repeat(64) },
  ...{ op: 'insert', type: 'cluster', id: 'one', replaces: null, content: {}, salt: Buffer.alloc(16) },
});

describe('what is held before an entry must fit', () => {
  it.each([
    [1, 'LEDGER_PREV_MISMATCH'],
    [2, undefined],
    [3, 'LEDGER_PREV_MISMATCH'],
  ])('entry 3 after an entry %i of its author', (seq, code) => {
    const verdict = judgeKnownLinks(
      (hash) => (hash === prev ? { author: key.author, seq, time: 999 } : undefined),
      third,
    );
    expect(verdict !== undefined && 'code' in verdict ? verdict.code : undefined).toBe(code);
  });
});
