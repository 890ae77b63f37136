import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  formatVectors,
  invalidVectors,
  parseVectors,
  validVectors,
  vectorFile,
} from '../../../scripts/vectors/entry.ts';
import { asFault } from '../../../src/base/errors.ts';
import { parseEntry, signatureHolds, signatureHoldsInBackground } from '../../../src/entry/check.ts';
import type { RawEntry } from '../../../src/entry/entry.ts';

const read = (name: 'valid' | 'invalid'): string => readFileSync(vectorFile(name), 'utf8');

/** The hash of an entry that holds in every respect, or the code with which it is refused. */
const resultOf = (raw: RawEntry): string => {
  try {
    const entry = parseEntry(raw);
    return signatureHolds(entry) ? entry.hash : 'ENTRY_SIGNATURE_BAD';
  } catch (caught) {
    return asFault(caught).code;
  }
};

describe('entry vectors, format 1', () => {
  test.each(parseVectors(read('valid')))('accepts $reason', ({ result, raw }) => {
    expect(resultOf(raw)).toBe(result);
  });

  test.each(parseVectors(read('invalid')))('refuses $reason: $result', ({ result, raw }) => {
    expect(resultOf(raw)).toBe(result);
  });

  test('the thread pool comes to the same verdict on each signature', async () => {
    for (const { raw } of [...parseVectors(read('valid')), ...parseVectors(read('invalid')).slice(-4)]) {
      const entry = parseEntry(raw);
      expect(await signatureHoldsInBackground(entry)).toBe(signatureHolds(entry));
    }
  });

  test('are made again byte for byte', () => {
    expect(read('valid')).toBe(formatVectors(validVectors()));
    expect(read('invalid')).toBe(formatVectors(invalidVectors()));
  });

  test('cover every rule that SPEC.md names for the pieces alone', () => {
    const spec = readFileSync(new URL('../../../src/entry/SPEC.md', import.meta.url), 'utf8');
    const codes = new Set([...spec.matchAll(/`(ENTRY_[A-Z_]+)`/g)].map(([, code]) => code));
    const covered = new Set(parseVectors(read('invalid')).map(({ result }) => result));
    expect([...codes].sort()).toEqual([...covered].sort());
  });
});
