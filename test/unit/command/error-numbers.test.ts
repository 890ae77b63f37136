import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERROR_MEANINGS, errorNumber, hasOwnNumber } from '../../../src/command/error-numbers.ts';

const SRC = new URL('../../../src/', import.meta.url).pathname;

const sources = (): readonly (readonly [string, string])[] =>
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => [path, readFileSync(join(SRC, path), 'utf8')]);

/** Codes that `src` makes errors of, each with a file that does. */
const codesIn = (text: string): readonly string[] =>
  [...text.matchAll(/\bfault\(\s*'([A-Z][A-Z0-9_]+)'/g)].map(([, code = '']) => code);

describe('error numbers', () => {
  it('finds the codes of a source, over lines too', () => {
    expect(codesIn("throw fault('A_B', x); throw fault(\n  'C_D',\n y); asFault('no')")).toEqual(['A_B', 'C_D']);
  });

  it('has a decision for every code: add new ones to src/command/error-numbers.ts', () => {
    const missing = sources().flatMap(([path, text]) =>
      codesIn(text)
        .filter((code) => !hasOwnNumber(code))
        .map((code) => `${code} (${path})`),
    );
    expect([...new Set(missing)]).toEqual([]);
  });

  it('gives only numbers that `get error` explains, never 0', () => {
    for (const [, text] of sources())
      for (const code of codesIn(text)) {
        expect(errorNumber(code)).toBeGreaterThan(0);
        expect(ERROR_MEANINGS).toHaveProperty(String(errorNumber(code)));
      }
  });

  it('falls back by floor, and to process failure', () => {
    expect(errorNumber('NETWORK_SOMETHING_NEW')).toBe(15);
    expect(errorNumber('POLICY_SOMETHING_NEW')).toBe(87);
    // The same as in the names of failed files.
    expect(['INGEST_ROW_JSON', 'INGEST_EMPTY', 'INGEST_ROW_VALUE', 'INGEST_DUPLICATE'].map(errorNumber)).toEqual([
      6, 120, 3, 86,
    ]);
    expect(errorNumber('constructor')).toBe(3);
    expect(errorNumber('')).toBe(3);
  });
});
