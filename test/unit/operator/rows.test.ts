import { describe, expect, test } from 'vitest';
import { ROW_BYTES_MAX } from '../../../src/base/limits.ts';
import type { JsonObject } from '../../../src/codec/json.ts';
import { eachRow } from '../../../src/operator/rows.ts';

const read = (content: string | Uint8Array): [number, JsonObject][] => {
  const rows: [number, JsonObject][] = [];
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const count = eachRow(bytes, (row, line) => rows.push([line, row]));
  expect(count).toBe(rows.length);
  return rows;
};
const failure = (content: string | Uint8Array): { code: unknown; line: unknown } => {
  try {
    read(content);
  } catch (caught) {
    const { code, data } = caught as { code: string; data: { line?: number } };
    return { code, line: data.line };
  }
  return { code: undefined, line: undefined };
};

describe('rows of a file', () => {
  test.each<[string, string, [number, JsonObject][]]>([
    [
      'lines',
      '{"a":1}\n{"a":2}',
      [
        [1, { a: 1 }],
        [2, { a: 2 }],
      ],
    ],
    [
      'lines with a mark, blanks and carriage returns',
      '\ufeff{"a":1}\r\n\r\n  \n{"a":2}\r\n',
      [
        [1, { a: 1 }],
        [4, { a: 2 }],
      ],
    ],
    ['one object', '{"a":{"b":"}"}}', [[1, { a: { b: '}' } }]]],
    ['one object over several lines', '\n{\n "a": 1\n}\n', [[2, { a: 1 }]]],
    [
      'a list',
      '[{"a":1},{"a":2}]',
      [
        [1, { a: 1 }],
        [1, { a: 2 }],
      ],
    ],
    [
      'a list over several lines',
      ' [\n{"a":"]\\",["},\n\n{"a":\n[2]}\n]\n',
      [
        [2, { a: ']",[' }],
        [4, { a: [2] }],
      ],
    ],
  ])('%s', (_, content, rows) => expect(read(content)).toEqual(rows));

  test.each([
    ['bad JSON in a line', '{"a":1}\n\n{"a":\n{"a":2}', 'INGEST_ROW_JSON', 3],
    ['a number', '{"a":1}\n5', 'INGEST_ROW_FORM', 2],
    ['null', 'null', 'INGEST_ROW_FORM', 1],
    ['two objects in a line', '{"a":1}{"a":2}', 'INGEST_ROW_JSON', 1],
    ['an object cut off', '{\n"a":1', 'INGEST_ROW_JSON', 1],
    ['a list of numbers', '[{"a":1},\n5]', 'INGEST_ROW_FORM', 2],
    ['a list cut off', '[{"a":1},{"a"', 'INGEST_ROW_JSON', 1],
    ['a list cut off behind a row', '[{"a":1}', 'INGEST_ROW_JSON', 1],
    ['a list without a comma', '[{"a":1}\n{"a":2}]', 'INGEST_ROW_JSON', 2],
    ['a list with a comma too many', '[{"a":1},]', 'INGEST_ROW_JSON', 1],
    ['text behind a list', '[{"a":1}]\n{"a":2}', 'INGEST_ROW_JSON', 2],
    ['nothing', '', 'INGEST_EMPTY', undefined],
    ['blanks', ' \n\t\r\n', 'INGEST_EMPTY', undefined],
    ['an empty list', ' [ ] ', 'INGEST_EMPTY', undefined],
    ['a lone mark', '\ufeff', 'INGEST_EMPTY', undefined],
  ])('refuses %s', (_, content, code, line) => expect(failure(content)).toEqual({ code, line }));

  test('refuses bytes that are not UTF-8 and finds their line', () => {
    const content = Buffer.concat([Buffer.from('{"a":1}\n{"a":"'), Buffer.from([0xff]), Buffer.from('"}\n')]);
    expect(failure(content)).toEqual({ code: 'INGEST_ROW_JSON', line: 2 });
  });

  test('blocks are cut between lines, also around characters of several bytes', () => {
    const lines = Array.from({ length: 30_000 }, (_, at) => JSON.stringify({ at, text: 'größer ☂'.slice(0, at % 9) }));
    const rows = read(lines.join('\n'));
    expect(rows.map(([line, row]) => [line, row['at']])).toEqual(lines.map((_, at) => [at + 1, at]));
  });

  test.each([
    ['line', '', ''],
    ['element', '[', ']'],
  ])('refuses a %s that is too long', (_, before, after) => {
    const row = (bytes: number): string => `{"a":"${'x'.repeat(bytes - 8)}"}`;
    const separator = before === '' ? '\n' : ',\n';
    const content = (bytes: number): string => `${before}{"a":1}${separator}${row(bytes)}${separator}{"a":2}${after}`;
    expect(read(content(ROW_BYTES_MAX))).toHaveLength(3);
    expect(failure(content(ROW_BYTES_MAX + 1))).toEqual({ code: 'INGEST_ROW_BYTES', line: 2 });
  });

  test('a row of hostile depth neither crashes nor hangs', () => {
    expect(failure('{"a":' + '['.repeat(500_000)).code).toBe('INGEST_ROW_JSON');
    expect(failure('['.repeat(900_000)).code).toMatch(/^INGEST_ROW/);
  });
});
