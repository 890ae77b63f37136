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
/** Entries, not an object: `__proto__` would set its prototype. */
const row = fc
  .array(fc.tuple(attribute, value), { minLength: 1, maxLength: 6 })
  .map((entries) => `{${entries.map(([name, of]) => `${JSON.stringify(name)}:${JSON.stringify(of)}`).join(',')}}`);

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
