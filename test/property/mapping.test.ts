import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/codec/json.ts';
import { inferColumns } from '../../src/operator/infer.ts';
import { RowMapper, rowWriter } from '../../src/operator/mapping.ts';
import { eachRow } from '../../src/operator/rows.ts';
import type { SqlValue } from '../../src/sqlite/sqlite.ts';
import type { Column } from '../../src/topology/topology.ts';

const RUNS = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 300);

const attribute = fc.oneof(
  fc.constantFrom(
    'a',
    'A',
    'Temp °C',
    'temp__c',
    'row_id',
    'tsd_id',
    '__proto__',
    'constructor',
    'select',
    '"',
    '',
    '1',
  ),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
);
const EDGES = [2n ** 53n, 2n ** 63n].flatMap((edge) => [-2n, -1n, 0n, 1n, 2n].flatMap((by) => [edge + by, by - edge]));
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    '2026-01-01',
    '2026-01-01T10:00:00.123456789Z',
    '2026-01-01 10:00+02',
    '12',
    'true',
    '1e5',
    '0'.repeat(32),
  ),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const text = fc.oneof(
  { weight: 4, arbitrary: value.map((of) => JSON.stringify(of)) },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom(...EDGES).map(String) },
);
/** Entries, not an object: `__proto__` would set its prototype. */
const row = fc
  .array(fc.tuple(attribute, text), { minLength: 1, maxLength: 6 })
  .map((entries) => `{${entries.map(([name, of]) => `${JSON.stringify(name)}:${of}`).join(',')}}`);

const mapped = (columns: readonly Column[], content: string): SqlValue[][] => {
  const mapper = new RowMapper(columns);
  const rows: SqlValue[][] = [];
  eachRow(Buffer.from(content), (one: JsonObject, line, text) => {
    const into: SqlValue[] = [];
    mapper.map(one, line, text, into);
    rows.push(into);
  });
  return rows;
};

describe('mapping', () => {
  test('columns inferred from a file fit all of it, and rows written from the table map to the same rows', () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 8 }), (lines) => {
        const content = lines.join('\n');
        const columns = inferColumns(Buffer.from(content));
        const rows = mapped(columns, content);
        expect(rows).toHaveLength(lines.length);
        expect(mapped(columns, rows.map(rowWriter(columns)).join(''))).toEqual(rows);
      }),
      { numRuns: RUNS },
    );
  });

  test('integers of up to 64 bits are exact, in a column of integers, of decimals and of text', () => {
    const int64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(...EDGES));
    fc.assert(
      fc.property(fc.array(int64, { minLength: 1, maxLength: 4 }), (integers) => {
        const content = integers.map((of) => `{"a":${of},"b":{"c":[${of}]}}`).join('\n');
        const fit = integers.every((of) => BigInt.asIntN(64, of) === of);
        expect(inferColumns(Buffer.from(content))[0]).toEqual({ name: 'a', type: fit ? 'int' : 'float' });
        for (const type of ['int', 'bigint', 'decimal(20,0)', 'varchar']) {
          const columns = [
            { name: 'a', type },
            { name: 'b', type: 'varchar' },
          ];
          const kept = (of: bigint): SqlValue => {
            if (type === 'varchar') return String(of);
            return BigInt.asIntN(64, of) === of && !Number.isSafeInteger(Number(of)) ? of : Number(of);
          };
          expect(mapped(columns, content)).toEqual(integers.map((of) => [kept(of), `{"c":[${of}]}`]));
        }
      }),
      { numRuns: RUNS },
    );
  });

  test('a point in time is the same as text and as a count of seconds, milliseconds or microseconds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000_000_000, max: 4_000_000_000 }),
        fc.integer({ min: 0, max: 999_999 }),
        (at, of) => {
          const micros = String(of).padStart(6, '0');
          const whole = new Date(at * 1_000).toISOString().slice(0, 19);
          const forms = [`${at}.${micros}`, `${at}${micros.slice(0, 3)}.${micros.slice(3)}`, `${at}${micros}`];
          const columns = [{ name: 'at', type: 'timestamp' }];
          for (const form of forms)
            expect(mapped(columns, `{"at":${form}}`)).toEqual(mapped(columns, `{"at":"${whole}.${micros}"}`));
        },
      ),
      { numRuns: RUNS, examples: [[1_700_000_000, 100_000]] },
    );
  });

  test('lines, a list and a laid out list are the same rows', () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 8 }), (lines) => {
        const columns = inferColumns(Buffer.from(lines.join('\n')));
        const rows = mapped(columns, lines.join('\n'));
        expect(mapped(columns, `[${lines.join(',')}]`)).toEqual(rows);
        expect(mapped(columns, ` [\n\t${lines.join(' \r\n,\n')}\n]\n`)).toEqual(rows);
      }),
      { numRuns: RUNS },
    );
  });
});
