import { addMonths } from '../base/calendar.ts';
import type { JsonValue } from '../codec/json.ts';
import { type Path, textOfValue } from './get-path.ts';

/** The operators of a condition; `=` is that of pairs and ignores the case of texts. */
export const OPERATORS = [
  '=',
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'contains',
  'includes',
  'with',
  'startswith',
  'endswith',
  'childfrom',
] as const;
/** What stands between an attribute and what it is compared with in a `where`. */
export type Operator = (typeof OPERATORS)[number];

/** What stands on the right: as written, and whether in quotes (then it is a text, unless compared with a number). */
export interface Literal {
  readonly text: string;
  readonly quoted: boolean;
  /** Of a value in brackets: in the second search of a join it means what the path finds in the first policy. */
  readonly path?: Path;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

const numberOf = (text: string): number | undefined => (NUMBER.test(text.trim()) ? Number(text) : undefined);

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ['w', 604_800_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['t', 60_000],
  ['minute', 60_000],
  ['s', 1_000],
]);

const CALENDAR = /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?(Z)?)?$/;
const FROM_NOW =
  /^(?:now\(\))?\s*([+-])\s*(\d{1,6})\s*(y|m|w|d|h|t|s|years?|months?|weeks?|days?|hours?|minutes?|seconds?)$/i;

const fromNow = (text: string, nowMs: number): number | undefined => {
  const found = FROM_NOW.exec(text);
  if (found === null) return undefined;
  const count = Number(found[2]) * (found[1] === '-' ? -1 : 1);
  const unit = (found[3] ?? '').toLowerCase();
  if (unit.startsWith('y')) return addMonths(nowMs, count * 12);
  if (unit === 'm' || unit.startsWith('month')) return addMonths(nowMs, count);
  return nowMs + count * (UNITS_MS.get(unit.startsWith('minute') ? 'minute' : (unit[0] ?? '')) ?? 0);
};

const calendarMicros = (text: string): number | undefined => {
  const found = CALENDAR.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '0', utc] = found;
  const parts = [Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)] as const;
  const ms = utc === undefined ? new Date(...parts).getTime() : Date.UTC(...parts);
  return ms * 1_000 + Math.round(Number(fraction) * 1_000_000);
};

/**
 * Microseconds since 1970 of what a condition or a policy calls a date: a calendar date (local time, UTC with `Z`) or
 * one counted from now (`-30d`, `now() - 3 days`). Undefined for what is none.
 */
export const dateMicros = (text: string, nowMs: number): number | undefined => {
  const trimmed = text.trim();
  if (/^now\(\)$/i.test(trimmed)) return nowMs * 1_000;
  const relative = fromNow(trimmed, nowMs);
  return relative === undefined ? calendarMicros(trimmed) : relative * 1_000;
};

/** Whether a value found in a policy is what a comparison asks for. */
export type ValueTest = (actual: JsonValue) => boolean;

/** What a literal can be taken for, worked out once for ten thousand policies. */
interface Wanted {
  readonly text: string;
  readonly lower: string;
  readonly number: number | undefined;
  /** Undefined for a quoted number: `"7"` is a text where the policy has a text. */
  readonly textNumber: number | undefined;
  readonly micros: number | undefined;
}

/** Below, at or above 0; undefined where the two cannot be compared. */
const compare = (actual: JsonValue, wanted: Wanted, ignoreCase: boolean): number | undefined => {
  if (typeof actual === 'number') return wanted.number === undefined ? undefined : actual - wanted.number;
  if (typeof actual !== 'string') return compareText(textOfValue(actual).toLowerCase(), wanted.lower);
  if (wanted.micros !== undefined) {
    const micros = calendarMicros(actual);
    if (micros !== undefined) return micros - wanted.micros;
  }
  if (wanted.textNumber !== undefined) {
    const own = numberOf(actual);
    if (own !== undefined) return own - wanted.textNumber;
  }
  return ignoreCase ? compareText(actual.toLowerCase(), wanted.lower) : compareText(actual, wanted.text);
};

const compareText = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

const ORDERS: Readonly<Partial<Record<Operator, (order: number) => boolean>>> = {
  '=': (order) => order === 0,
  '==': (order) => order === 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

const singleTest = (operator: Operator, literal: Literal, nowMs: number): ValueTest => {
  const { text } = literal;
  if (operator === 'contains') return (actual) => textOfValue(actual).includes(text);
  if (operator === 'startswith') return (actual) => textOfValue(actual).startsWith(text);
  if (operator === 'endswith') return (actual) => textOfValue(actual).endsWith(text);
  const number = numberOf(text);
  const textNumber = literal.quoted ? undefined : number;
  const wanted: Wanted = { text, lower: text.toLowerCase(), number, textNumber, micros: dateMicros(text, nowMs) };
  const isOrdered = ORDERS[operator] ?? ((order: number) => order === 0);
  const ignoreCase = operator !== '==' && !['<', '<=', '>', '>='].includes(operator);
  return (actual) => {
    const order = compare(actual, wanted, ignoreCase);
    return order !== undefined && isOrdered(order);
  };
};

/**
 * The test that an operator and a literal stand for. A list passes where one of its items does, and equals its own
 * text. `!=` and `childfrom` are the caller's: they are about the policy, not about one value.
 */
export const testOf = (operator: Operator, literal: Literal, nowMs: number): ValueTest => {
  const single = singleTest(operator, literal, nowMs);
  const equals = operator === '=' || operator === '==';
  const test: ValueTest = (actual) => {
    if (!Array.isArray(actual)) return single(actual);
    if ((actual as readonly JsonValue[]).some(test)) return true;
    return equals && JSON.stringify(actual) === literal.text.replaceAll(' ', '');
  };
  return test;
};
