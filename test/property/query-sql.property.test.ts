import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../../src/base/errors.ts';
import { executableSql, mergeSql } from '../../src/query/executable.ts';
import { planQuery } from '../../src/query/plan.ts';
import { procedures, type RowChunk } from '../../src/query/procedures.ts';
import { parseSelect } from '../../src/query/sql/parser.ts';
import { printSelect } from '../../src/query/sql/print.ts';
import { resolve } from '../../src/query/sql/resolve.ts';
import type { Resolved } from '../../src/query/sql/resolved.ts';
import type { WriteConnection } from '../../src/sqlite/sqlite.ts';
import { databasesOf, itemsOf, openReadings, READINGS, reading, runs } from '../support/query-data.ts';
import { groupedQuery, rowQuery } from '../support/query-grammar.ts';

const NOW = Date.UTC(2026, 1, 1) * 1_000;
const resolved = (sql: string): Resolved => resolve(parseSelect(sql), sql, { columns: READINGS, now: NOW });

/** Rows as texts that tell integers and reals apart; in a certain order where the query has none. */
const inOrder = (rows: readonly string[], sql: string): readonly string[] =>
  /order by/i.test(sql) ? rows : [...rows].sort();

const textsOf = (chunks: Generator<RowChunk, RowChunk | undefined, undefined>): readonly string[] =>
  itemsOf(chunks).flatMap(({ bytes }) => splitRows(Buffer.from(bytes).toString()));

/** The rows of a JSON array as they are written. */
const splitRows = (text: string): readonly string[] => {
  const rows: string[] = [];
  let inString = false;
  let start = 0;
  for (let at = 1; at < text.length - 1; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') inString = !inString;
    else if (!inString && text[at] === '[') start = at;
    else if (!inString && text[at] === ']') rows.push(text.slice(start, at + 1));
  }
  return rows;
};

const selectOn = (connection: WriteConnection, sql: string): readonly string[] =>
  textsOf(procedures.select(databasesOf(connection), { dbms: 'memory', sql, nowMicros: NOW, timeoutMs: 60_000 }));

/** The same as of a table that is too large to do without the deadline. */
const guardedOn = (connection: WriteConnection, sql: string): readonly string[] =>
  connection.all(executableSql(resolved(sql), { columns: READINGS, indexed: new Set() })).map(([row]) => String(row));

const widthOf = (sql: string): number => resolved(sql).items.length;

describe('printing', () => {
  test.each([
    ['rows', rowQuery],
    ['groups', groupedQuery],
  ])('the printed form of a query on %s gives the rows of the original', (_, query) => {
    fc.assert(
      fc.property(fc.array(reading, { maxLength: 12 }), query, (rows, sql) => {
        const connection = openReadings(rows);
        try {
          // SQLite's own reading of the user's text, as JSON rows.
          const names = Array.from({ length: widthOf(sql) }, (_unused, index) => `x${index}`);
          const original = connection.all(
            `WITH original(${names.join(', ')}) AS (${sql}) SELECT json_array(${names.join(', ')}) FROM original`,
          );
          const expected = original.map(([row]) => String(row));
          const printed = printSelect(resolved(sql));
          expect(inOrder(selectOn(connection, printed), sql)).toEqual(inOrder(expected, sql));
          expect(inOrder(guardedOn(connection, printed), sql)).toEqual(inOrder(expected, sql));
        } finally {
          connection.close();
        }
      }),
      { numRuns: runs(400) },
    );
  });

  test.each([
    ['rows', rowQuery],
    ['groups', groupedQuery],
  ])('printing a printed query on %s changes nothing more', (_, query) => {
    fc.assert(
      fc.property(query, (sql) => {
        const printed = printSelect(resolved(sql));
        expect(printSelect(resolved(printed))).toBe(printed);
      }),
      { numRuns: runs(300) },
    );
  });
});

describe('merging', () => {
  const shards = fc.array(fc.array(reading, { maxLength: 8 }), { maxLength: 4 });

  test.each([
    ['rows', rowQuery],
    ['groups', groupedQuery],
  ])('the merged parts of a query on %s are what one database with all rows gives', (_, query) => {
    fc.assert(
      fc.property(shards, query, (data, sql) => {
        const whole = openReadings(data.flat());
        let offset = 0;
        const parts = data.map((rows) => openReadings(rows, (offset += rows.length) - rows.length));
        try {
          const plan = planQuery(resolved(sql), READINGS);
          const partial = printSelect(plan.partial);
          const chunks = parts.flatMap((part) =>
            itemsOf(
              procedures.select(databasesOf(part), { dbms: 'memory', sql: partial, nowMicros: NOW, timeoutMs: 60_000 }),
            ),
          );
          const merged = textsOf(
            procedures.merge(databasesOf(whole), {
              ...mergeSql(plan),
              chunks: chunks.map(({ bytes }) => bytes),
              timeoutMs: 60_000,
            }),
          );
          expect(inOrder(merged, sql)).toEqual(inOrder(selectOn(whole, printSelect(resolved(sql))), sql));
        } finally {
          for (const connection of [whole, ...parts]) connection.close();
        }
      }),
      { numRuns: runs(500) },
    );
  });

  test('a table that does not exist answers as an empty one', () => {
    fc.assert(
      fc.property(fc.oneof(rowQuery, groupedQuery), (sql) => {
        const empty = openReadings([]);
        try {
          const absent = selectOn(empty, printSelect({ ...resolved(sql), table: 'nowhere' }));
          expect(inOrder(absent, sql)).toEqual(inOrder(selectOn(empty, printSelect(resolved(sql))), sql));
        } finally {
          empty.close();
        }
      }),
      { numRuns: runs(200) },
    );
  });
});

test('any text is parsed or refused with a typed error', () => {
  const words = fc.constantFrom(
    ...'select from where readings a b , ( ) * = < + - -- /* */ ; \' " ` [ ] 1 1. .5 and or not in between like is null group by order limit union join case when then end cast as :: float now() \0 \ud800 é'.split(
      ' ',
    ),
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(words, { maxLength: 30 }).map((list) => `select ${list.join(' ')}`),
  );
  fc.assert(
    fc.property(text, (sql) => {
      try {
        const query = resolve(parseSelect(sql), sql, { columns: READINGS, now: NOW });
        expect(executableSql(query, { columns: READINGS, indexed: new Set() })).toContain('json_array');
      } catch (caught) {
        expect((caught as { code?: string }).code).toMatch(/^SQL_/);
        expect(hasCode(caught, 'INTERNAL')).toBe(false);
      }
    }),
    { numRuns: runs(2_000) },
  );
});
