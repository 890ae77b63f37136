import { digitsOf, isInexact, type JsonObject, type JsonValue, mayLoseDigits } from '../codec/json.ts';
import type { SqlRow, SqlValue } from '../sqlite/sqlite.ts';
import type { Column } from '../topology/topology.ts';
import { columnName } from './names.ts';
import { parseRowExactly, rowFault, rowTooDeep } from './rows.ts';
import { dateOf, isMidnight } from './timestamps.ts';
import { type ColumnKind, CONVERTERS, type Converter, isDeep, jsonOf, kindOf } from './values.ts';

/** Attributes remembered; a file may have a new one in each row. */
const REMEMBERED_MAX = 4_096;
const NO_COLUMN = -1;

interface Target {
  readonly name: string;
  readonly type: string;
  readonly kind: ColumnKind;
  readonly convert: Converter;
}

/** The row that was read last with all digits of its integers: several of its values may ask for it. */
class ExactRow {
  #text = '';
  #row: JsonObject = {};

  /** What the converter of a column gets, so that no digit of an integer is lost on the way. */
  value(kind: ColumnKind, value: JsonValue, text: string, line: number, attribute: string): JsonValue {
    if (kind !== 'int' && kind !== 'decimal' && kind !== 'text') return value;
    if (typeof value === 'number')
      return isInexact(value) ? (digitsOf(this.#of(text, line)[attribute]) ?? value) : value;
    const isTree = typeof value === 'object' && value !== null;
    return isTree && mayLoseDigits(text) ? (this.#of(text, line)[attribute] ?? value) : value;
  }

  #of(text: string, line: number): JsonObject {
    if (text === this.#text) return this.#row;
    [this.#text, this.#row] = [text, parseRowExactly(text, line)];
    return this.#row;
  }
}

const shown = (value: JsonValue): string => {
  if (typeof value === 'number' && !Number.isFinite(value)) return 'a number beyond 1.8e308';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

/**
 * From rows of JSON to rows of a table. What comes out is a function of (content, columns) alone: every operator that
 * maps a file with the columns of its record gets the same rows. Attributes that are missing become null; those without
 * a column are left out and counted. Of several that become one column the last one stands.
 */
export class RowMapper {
  readonly #targets: readonly Target[];
  /** Attribute → index of its column. */
  readonly #places = new Map<string, number>();
  readonly #byName = new Map<string, number>();
  readonly #exact = new ExactRow();
  readonly #of: 'new data' | 'stored data';
  /**
   * Values left out because their attribute has no column; in stored data also those whose column a later one of the
   * row took, and times of day.
   */
  leftOut = 0;
  /** Times of day that columns of dates did not keep, in stored data: in new data they are refused. */
  cut = 0;

  /** Two attributes of a row that become one column are refused in new data; stored data is mapped as it always was. */
  constructor(columns: readonly Column[], of: 'new data' | 'stored data' = 'stored data') {
    this.#of = of;
    this.#targets = columns.map(({ name, type }) => {
      const kind = kindOf(type);
      return { name, type, kind, convert: CONVERTERS[kind] };
    });
    for (const [index, { name }] of columns.entries()) {
      this.#places.set(name, index);
      this.#byName.set(columnName(name), index);
    }
  }

  /** Appends one value a column to `into`. Throws `INGEST_ROW_VALUE`, `INGEST_ROW_COLUMN_TWICE`. */
  map(row: JsonObject, line: number, text: string, into: SqlValue[]): void {
    const start = into.length;
    for (let count = this.#targets.length; count > 0; count -= 1) into.push(null);
    for (const attribute in row) {
      const value = row[attribute] as JsonValue;
      const place = this.#placeOf(attribute);
      if (place === NO_COLUMN) this.leftOut += 1;
      else if (value !== null) {
        if (into[start + place] !== null) this.#taken(place, row, line);
        into[start + place] = this.#convert(place, value, line, text, attribute);
      }
    }
  }

  /** The value that the row has given already would be lost. */
  #taken(place: number, row: JsonObject, line: number): void {
    this.leftOut += 1;
    if (this.#of === 'stored data') return;
    const column = this.#targets[place]?.name ?? '';
    const attributes = Object.keys(row).filter(
      (attribute) => row[attribute] !== null && this.#placeOf(attribute) === place,
    );
    throw rowFault(
      'COLUMN_TWICE',
      line,
      `the attributes ${attributes.slice(0, 5).map(shown).join(' and ')} are one column, ${column}, and a row has one value in it`,
      'rename all but one: a column is the attribute in lower case, with "_" for all but letters and digits',
    );
  }

  #placeOf(attribute: string): number {
    return this.#places.get(attribute) ?? this.#place(attribute);
  }

  #convert(place: number, value: JsonValue, line: number, text: string, attribute: string): SqlValue {
    const target = this.#targets[place] as Target;
    if (typeof value === 'object' && isDeep(value)) throw rowTooDeep(line, `the value of ${target.name}`);
    if (target.kind === 'date' && hasTime(value)) this.#cuts(target, value, line);
    const converted = target.convert(this.#exact.value(target.kind, value, text, line, attribute));
    if (converted !== undefined) return converted;
    throw rowFault(
      'VALUE',
      line,
      `${shown(value)} does not fit the column ${target.name} (${target.type})`,
      'correct the value, or leave it out; the types of all columns: get columns where dbms = D and table = T',
    );
  }

  /**
   * A column of dates would cut the time of day without a word, as it may have been inferred from a file of dates
   * alone.
   */
  #cuts({ name }: Target, value: JsonValue, line: number): void {
    if (this.#of === 'new data')
      throw rowFault(
        'VALUE',
        line,
        `${shown(value)} has a time of day, which the column ${name} (date) does not keep`,
        'send the date alone, or let the policy of the table say timestamp for this column',
      );
    this.cut += 1;
    this.leftOut += 1;
  }

  #place(attribute: string): number {
    // A name too long for a column is none of ours.
    const place = attribute.length > 1_024 ? NO_COLUMN : (this.#byName.get(safeColumnName(attribute)) ?? NO_COLUMN);
    if (this.#places.size < REMEMBERED_MAX) this.#places.set(attribute, place);
    return place;
  }
}

const hasTime = (value: JsonValue): boolean =>
  typeof value === 'string' && dateOf(value) !== undefined && !isMidnight(value);

const safeColumnName = (attribute: string): string => {
  try {
    return columnName(attribute);
  } catch {
    return '';
  }
};

/**
 * Makes JSON lines of table rows (the user's columns in order): mapped again with the same columns they give the same.
 */
export const rowWriter = (columns: readonly Column[]): ((row: SqlRow) => string) => {
  const parts = columns.map(({ name, type }) => ({ key: `${JSON.stringify(name)}:`, kind: kindOf(type) }));
  return (row) => {
    let text = '';
    for (const [index, { key, kind }] of parts.entries()) {
      const value = row[index];
      if (value === null || value === undefined) continue;
      text += `${text === '' ? '' : ','}${key}${jsonOf(kind, value)}`;
    }
    return `{${text}}\n`;
  };
};
