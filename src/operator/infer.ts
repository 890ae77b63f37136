import { fault } from '../base/errors.ts';
import { COLUMNS_MAX } from '../base/limits.ts';
import { digitsOf, type JsonValue } from '../codec/json.ts';
import type { Column } from '../topology/topology.ts';
import { columnName } from './names.ts';
import { eachRow, parseRowExactly } from './rows.ts';
import { isDateOnly, timestampOf } from './timestamps.ts';
import { fitsInt64 } from './values.ts';

const UUID = /^(?:[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i;
const INT64 = 2 ** 63;

/** Of the integers that a number takes for 2^63 some still have 64 bits: their digits decide. */
const isInt64 = (value: number, attribute: string, text: string, line: number): boolean => {
  if (!Number.isInteger(value) || Math.abs(value) > INT64) return false;
  if (Math.abs(value) < INT64) return true;
  return fitsInt64(digitsOf(parseRowExactly(text, line)[attribute]) ?? '');
};

type Guess = 'int' | 'float' | 'bool' | 'date' | 'timestamp' | 'uuid' | 'varchar';

const guessOf = (value: Exclude<JsonValue, null>, attribute: string, text: string, line: number): Guess => {
  if (typeof value === 'number') return isInt64(value, attribute, text, line) ? 'int' : 'float';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value !== 'string') return 'varchar';
  const first = value.charCodeAt(0);
  if (first >= 0x30 && first <= 0x39 && value.charCodeAt(4) === 0x2d) {
    if (isDateOnly(value)) return 'date';
    if (timestampOf(value) !== undefined) return 'timestamp';
  }
  return UUID.test(value) ? 'uuid' : 'varchar';
};

/** The narrowest type that holds both. */
const join = (a: Guess, b: Guess): Guess => {
  if (a === b) return a;
  const pair = [a, b].sort().join(' ');
  if (pair === 'float int') return 'float';
  return pair === 'date timestamp' ? 'timestamp' : 'varchar';
};

/**
 * The columns of a table that is made from its first file: one for each attribute, in order of appearance, of the
 * narrowest type that all rows fit. Lengths are not guessed: that of the first file would be wrong for the second. An
 * attribute that is always null becomes text. Throws `INGEST_COLUMNS`, `INGEST_COLUMN_NAME`, and what reading the rows
 * throws.
 */
export const inferColumns = (content: Uint8Array): readonly Column[] => {
  const names = new Map<string, string>();
  const guesses = new Map<string, Guess | undefined>();
  const settle = (attribute: string): string => {
    const name = columnName(attribute);
    names.set(attribute, name);
    if (names.size > 4 * COLUMNS_MAX) throw tooMany();
    return name;
  };
  eachRow(content, (row, line, text) => {
    for (const attribute in row) {
      const name = names.get(attribute) ?? settle(attribute);
      const value = row[attribute] as JsonValue;
      const known = guesses.get(name);
      if (known === 'varchar') continue;
      const guess = value === null ? known : guessOf(value, attribute, text, line);
      guesses.set(name, known === undefined || guess === undefined ? guess : join(known, guess));
      if (guesses.size > COLUMNS_MAX) throw tooMany();
    }
  });
  if (guesses.size === 0)
    throw fault('INGEST_COLUMNS', 'the rows have no attributes, so there is no table to make of them');
  return [...guesses].map(([name, guess]) => ({ name, type: guess ?? 'varchar' }));
};

const tooMany = (): Error =>
  fault('INGEST_COLUMNS', `the rows have more than ${COLUMNS_MAX} attributes`, {
    hint: 'declare the table with the columns that are wanted: attributes without a column are left out',
  });
