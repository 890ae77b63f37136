import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HoldfastError } from '../../src/base/errors.ts';
import { canonicalJson, parseCanonical } from '../../src/codec/canonical.ts';
import { isJsonObject, type JsonValue } from '../../src/codec/json.ts';
import { parseEntry, signatureHolds } from '../../src/entry/check.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import { type EntryDraft, makeEntry } from '../../src/entry/make.ts';
import { policyDate } from '../../src/entry/time.ts';

const numRuns = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 200);
const key = signingKeyFromSeed(new Uint8Array(32).fill(9));
const HEX_DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
const hex = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...HEX_DIGITS), minLength: length, maxLength: length });
const json = fc.jsonValue({ maxDepth: 6 }) as fc.Arbitrary<JsonValue>;

const drafts: fc.Arbitrary<EntryDraft> = fc.record({
  net: hex(64),
  seq: fc.integer({ min: 2, max: Number.MAX_SAFE_INTEGER }),
  prev: hex(64),
  parents: fc.uniqueArray(hex(64), { maxLength: 16 }),
  time: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  cap: hex(64),
  op: fc.constantFrom('insert', 'update', 'delete', 'later-op'),
  type: fc.constantFrom('table', 'cluster', null),
  id: fc.option(fc.stringMatching(/^[a-z0-9 é電]{1,40}$/)),
  replaces: fc.oneof(fc.constant(null), hex(64), fc.uniqueArray(hex(64), { minLength: 2, maxLength: 4 })),
  content: fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 12 }), json, { maxKeys: 6 }),
  salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
});

describe('entries', () => {
  test('whatever is made is read again as it was, and its signature holds', () => {
    fc.assert(
      fc.property(drafts, (draft) => {
        const made = makeEntry(key, draft);
        const read = parseEntry(made.raw);
        expect(read).toEqual(made);
        expect(signatureHolds(read)).toBe(true);
      }),
      { numRuns },
    );
  });

  test('one changed byte anywhere is noticed', () => {
    fc.assert(
      fc.property(drafts, fc.nat(), fc.integer({ min: 1, max: 255 }), (draft, place, change) => {
        const { raw } = makeEntry(key, draft);
        const pieces = [raw.header, raw.signature, raw.body].map((piece) => Uint8Array.from(piece));
        let at = place % pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
        const piece = pieces.find(({ byteLength }) => {
          if (at < byteLength) return true;
          at -= byteLength;
          return false;
        });
        piece![at]! ^= change;
        let accepted = false;
        try {
          accepted = signatureHolds(parseEntry({ header: pieces[0]!, signature: pieces[1]!, body: pieces[2]! }));
        } catch (caught) {
          expect(caught).toBeInstanceOf(HoldfastError);
        }
        expect(accepted).toBe(false);
      }),
      { numRuns },
    );
  });

  test('rubbish is refused with a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (header, body) => {
        expect(() => parseEntry({ header, signature: new Uint8Array(64), body })).toThrow(HoldfastError);
      }),
      { numRuns },
    );
  });
});

describe('canonical JSON', () => {
  test('is what the canonicalize package writes, in whatever order the names are', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalJson(value)).toBe(canonicalize(value));
        const sorted = JSON.parse(canonicalJson(value)) as JsonValue;
        expect(canonicalJson(sorted)).toBe(canonicalize(sorted));
      }),
      { numRuns },
    );
  });

  test('is accepted in exactly this form', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(parseCanonical(Buffer.from(text)))).toBe(text);
        const plain = JSON.stringify(value);
        const isCanonical = plain === text;
        const read = (): JsonValue => parseCanonical(Buffer.from(plain));
        if (isCanonical) expect(read).not.toThrow();
        else expect(read).toThrow(expect.objectContaining({ code: 'CODEC_NOT_CANONICAL' }));
      }),
      { numRuns },
    );
  });

  test.each(['"\\ud800"', '{"\\ud800":1}', '["\\udfff"]', '{"a":"\\uD800"}'])(
    'a lone surrogate is refused: %s',
    (text) => {
      expect(() => parseCanonical(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'CODEC_NOT_CANONICAL' }));
    },
  );

  test('text that only looks like an escaped surrogate is kept', () => {
    const text = JSON.stringify({ a: '\\ud800' });
    expect(parseCanonical(Buffer.from(text))).toEqual({ a: '\\ud800' });
  });

  test('names that are numbers are ordered as text', () => {
    expect(canonicalJson({ 9: 1, 10: 2 })).toBe('{"10":2,"9":1}');
    expect(isJsonObject(parseCanonical(Buffer.from('{"10":2,"9":1}')))).toBe(true);
    expect(() => parseCanonical(Buffer.from('{"9":1,"10":2}'))).toThrow();
  });
});

test('policy dates of all times name their microsecond', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (timeMicros) => {
      const [, millis = '', micros = ''] = /^(.{23})(\d{3})Z$/.exec(policyDate(timeMicros)) ?? [];
      expect(Date.parse(`${millis}Z`) * 1_000 + Number(micros)).toBe(timeMicros);
    }),
    { numRuns },
  );
});
