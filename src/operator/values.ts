import { isJsonObject, type JsonValue } from '../codec/json.ts';
import { JSON_DEPTH_MAX } from '../base/limits.ts';
import type { SqlValue } from '../sqlite/sqlite.ts';
import { dateOf, timeOf, timestampOf, timestampOfNumber } from './timestamps.ts';

/** How values of a column are kept. Every declared type is of one of these kinds; what we do not know is text. */
export type ColumnKind = 'int' | 'float' | 'decimal' | 'bool' | 'timestamp' | 'date' | 'time' | 'text';

const KINDS: readonly (readonly [RegExp, ColumnKind])[] = [
  [/^(?:int|integer|int2|int4|int8|bigint|smallint|tinyint|serial|bigserial)$/, 'int'],
  [/^(?:float|float4|float8|real|double|double precision)$/, 'float'],
  [/^(?:decimal|numeric|number)$/, 'decimal'],
  [/^(?:bool|boolean)$/, 'bool'],
  [/^(?:timestamp|datetime|timestamptz)\b/, 'timestamp'],
  [/^date$/, 'date'],
  [/^time\b/, 'time'],
];

/** The kind of a type as it was declared: case, blanks and what stands in parentheses do not count. */
export const kindOf = (type: string): ColumnKind => {
  const base = type
    .toLowerCase()
    .replace(/\([^)]*\)/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  return KINDS.find(([form]) => form.test(base))?.[1] ?? 'text';
};

/** A JSON value as the column keeps it; undefined where it does not fit. Null fits everywhere. */
export type Converter = (value: JsonValue) => SqlValue | undefined;

const INTEGER = /^[+-]?\d{1,400}$/;
const NUMBER = /^[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?$/;
const INT64_MAX = 2n ** 63n - 1n;

/** Whether the digits are an integer of at most 64 bits. */
export const fitsInt64 = (digits: string): boolean => {
  if (!INTEGER.test(digits)) return false;
  const exact = BigInt(digits.replace('+', ''));
  return exact <= INT64_MAX && exact >= -INT64_MAX - 1n;
};

/** SQLite has neither infinity nor our -0. */
const finite = (value: number): number | undefined => (Number.isFinite(value) ? value + 0 : undefined);

const numberOfText = (text: string): SqlValue | undefined => {
  const plain = text.trim();
  if (!INTEGER.test(plain)) return NUMBER.test(plain) ? finite(Number(plain)) : undefined;
  const value = Number(plain);
  if (Number.isSafeInteger(value)) return value + 0;
  return fitsInt64(plain) ? BigInt(plain.replace('+', '')) : finite(value);
};

/** Integers of up to 64 bits are kept exactly; larger ones are floating-point numbers, as in SQLite. */
const toNumeric: Converter = (value) => {
  if (typeof value === 'number') return finite(value);
  if (typeof value === 'string') return numberOfText(value);
  return typeof value === 'boolean' ? Number(value) : undefined;
};

const toFloat: Converter = (value) => {
  if (typeof value === 'number') return finite(value);
  if (typeof value === 'boolean') return Number(value);
  if (typeof value !== 'string' || !NUMBER.test(value.trim())) return undefined;
  return finite(Number(value));
};

const TRUTH: ReadonlyMap<string, number> = new Map([
  ...['true', 't', 'yes', 'y', 'on', '1'].map((word) => [word, 1] as const),
  ...['false', 'f', 'no', 'n', 'off', '0'].map((word) => [word, 0] as const),
]);

const toBool: Converter = (value) => {
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'object' ? undefined : TRUTH.get(String(value).toLowerCase());
};

const toTimestamp: Converter = (value) => {
  if (typeof value === 'string') return timestampOf(value);
  return typeof value === 'number' ? timestampOfNumber(value) : undefined;
};

const ofText =
  (convert: (text: string) => string | undefined): Converter =>
  (value) =>
    typeof value === 'string' ? convert(value) : undefined;

/** Whether a value is nested deeper than is kept: nothing that recurses may see it. */
export const isDeep = (value: JsonValue, left = JSON_DEPTH_MAX): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  if (left === 0) return true;
  const inside: readonly JsonValue[] = isJsonObject(value) ? Object.values(value) : value;
  return inside.some((item) => isDeep(item, left - 1));
};

/** A lone surrogate has no bytes: what is read back would differ from what was given. */
const toText: Converter = (value) => {
  if (typeof value === 'string') return value.isWellFormed() ? value : value.toWellFormed();
  if (typeof value !== 'object') return String(value);
  return isDeep(value) ? undefined : JSON.stringify(value).toWellFormed();
};

/** How a value of each kind is kept; undefined where it does not fit. */
export const CONVERTERS: Readonly<Record<ColumnKind, Converter>> = {
  int: toNumeric,
  float: toFloat,
  decimal: toNumeric,
  bool: toBool,
  timestamp: toTimestamp,
  date: ofText(dateOf),
  time: ofText(timeOf),
  text: toText,
};

/** A kept value as JSON text that maps to the same value again. Null has none: the attribute is left out. */
export const jsonOf = (kind: ColumnKind, value: Exclude<SqlValue, null>): string => {
  if (typeof value === 'bigint') return `"${value}"`;
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'));
  if (kind === 'bool' && typeof value === 'number') return value === 0 ? 'false' : 'true';
  return JSON.stringify(value);
};
