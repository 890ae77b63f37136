import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalBytes, parseCanonical } from '../../src/codec/canonical.ts';
import type { JsonValue } from '../../src/codec/json.ts';
import { plainHeader } from '../../src/entry/plain-header.ts';
import { headerSchema } from '../../src/entry/schema.ts';

const numRuns = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 300);
const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
const plain = {
  author: hash,
  body: hash,
  cap: hash,
  id: fc.option(fc.stringMatching(/^[ !#-[\]-~]{1,40}$/)),
  net: hash,
  op: fc.constantFrom('insert', 'update', 'later-op'),
  parents: fc.uniqueArray(hash, { maxLength: 16 }).map((hashes) => hashes.sort()),
  prev: hash,
  replaces: fc.option(hash),
  seq: fc.integer({ min: 2, max: Number.MAX_SAFE_INTEGER }),
  time: fc.maxSafeNat(),
  type: fc.option(fc.constantFrom('table', 'cluster')),
  v: fc.constant(1),
};

/** Values that a field may not have, or has seldom. */
const odd: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.constantFrom<JsonValue>(null, '', 0, 1, -1, 2, 1.5, 2 ** 53, 'genesis', 'é', '"', '\\', '\n', '\u007f', [], {}),
  fc.constantFrom<JsonValue>('x'.repeat(256), 'x'.repeat(257), 'A'.repeat(64), 'a'.repeat(64), 'a'.repeat(65)),
  fc.array(hash, { maxLength: 18 }),
);

/** The same as the slow way says: canonical form, then the schema. */
const slowly = (bytes: Uint8Array): unknown => headerSchema.parse(parseCanonical(bytes));

describe('headers of the form that almost all have', () => {
  test('are read as JSON and the schema read them', () => {
    fc.assert(
      fc.property(fc.record(plain), (header) => {
        const bytes = canonicalBytes(header);
        expect(plainHeader(bytes)).toEqual(header);
        expect(slowly(bytes)).toEqual(header);
      }),
      { numRuns },
    );
  });

  test('whatever is read so is what JSON and the schema say, whatever a field holds', () => {
    const name = fc.constantFrom(...Object.keys(plain), 'extra');
    fc.assert(
      fc.property(fc.record(plain), fc.array(fc.tuple(name, odd), { maxLength: 2 }), (header, changes) => {
        const bytes = canonicalBytes({ ...header, ...Object.fromEntries(changes) });
        const read = plainHeader(bytes);
        if (read !== undefined) expect(slowly(bytes)).toEqual(read);
      }),
      { numRuns: 10 * numRuns },
    );
  });

  test('and whatever bytes are changed', () => {
    const change = fc.tuple(fc.nat(1_500), fc.nat(255), fc.constantFrom('replace', 'insert', 'remove'));
    fc.assert(
      fc.property(fc.record(plain), change, (header, [place, byte, how]) => {
        const bytes = canonicalBytes(header);
        const at = place % (bytes.byteLength + 1);
        const rest = bytes.subarray(how === 'insert' ? at : at + 1);
        const changed = Buffer.concat([bytes.subarray(0, at), how === 'remove' ? Buffer.of() : Buffer.of(byte), rest]);
        const read = plainHeader(changed);
        if (read !== undefined) expect(slowly(changed)).toEqual(read);
      }),
      { numRuns: 10 * numRuns },
    );
  });
});
