import type { JsonValue } from '../codec/json.ts';
import { textOfValue } from './get-path.ts';

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
export type Operator = (typeof OPERATORS)[number];

/** What stands on the right: as written, and whether in quotes (then it is a text, unless compared with a number). */
export interface Literal {
  readonly text: string;
  readonly quoted: boolean;
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

/** `-1m` on the 31st is the last day of the month before. */
const addMonths = (ms: number, months: number): number => {
  const date = new Date(ms);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, last));
  return date.getTime();
};

const fromNow = (text: string, nowMs: number): number | undefined => {
  const found = FROM_NOW.exec(text);
  if (found === null) return undefined;
  const count = Number(found[2]) * (found[1] === '-' ? -1 : 1);
  const unit = (found[3] ?? '').toLowerCase();
  if (unit.startsWith('y')) return addMonths(nowMs, count * 12);
  if (unit === 'm' || unit.startsWith('month')) return addMonths(nowMs, count);
  return nowMs + count * (UNITS_MS.get(unit.startsWith('minute') ? 'minute' : (unit[0] ?? '')) ?? 0);
};

/**
 * Microseconds since 1970 of what a condition or a policy calls a date: a calendar date (local time, UTC with `Z`) or one
 * counted from now (`-30d`, `now() - 3 days`). Undefined for what is none.
 */
export const dateMicros = (text: string, nowMs: number): number | undefined => {
  const trimmed = text.trim();
  if (/^now\(\)$/i.test(trimmed)) return nowMs * 1_000;
  const relative = fromNow(trimmed, nowMs);
  if (relative !== undefined) return relative * 1_000;
  const found = CALENDAR.exec(trimmed);
  if (found === null) return undefined;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = found
    .slice(1, 7)
    .map((part: string | undefined) => (part === undefined ? undefined : Number(part)));
  const ms =
    found[8] === undefined
      ? new Date(year, month - 1, day, hour, minute, second).getTime()
      : Date.UTC(year, month - 1, day, hour, minute, second);
  return ms * 1_000 + Math.round(Number(found[7] ?? 0) * 1_000_000);
};

/** -1, 0 or 1; undefined where the two cannot be compared. */
const compare = (
  actual: JsonValue,
  { text, quoted }: Literal,
  nowMs: number,
  ignoreCase: boolean,
): number | undefined => {
  if (typeof actual === 'number') {
    const wanted = numberOf(text);
    return wanted === undefined ? undefined : Math.sign(actual - wanted);
  }
  const own = textOfValue(actual);
  if (typeof actual === 'string') {
    const ownMicros = CALENDAR.test(own) ? dateMicros(own, nowMs) : undefined;
    const wantedMicros = ownMicros === undefined ? undefined : dateMicros(text, nowMs);
    if (ownMicros !== undefined && wantedMicros !== undefined) return Math.sign(ownMicros - wantedMicros);
    const ownNumber = quoted ? undefined : numberOf(own);
    const wanted = ownNumber === undefined ? undefined : numberOf(text);
    if (ownNumber !== undefined && wanted !== undefined) return Math.sign(ownNumber - wanted);
  }
  const [left, right] =
    ignoreCase || typeof actual !== 'string' ? [own.toLowerCase(), text.toLowerCase()] : [own, text];
  return left === right ? 0 : left < right ? -1 : 1;
};

const holdsOrder = (operator: Operator, order: number): boolean => {
  if (operator === '=' || operator === '==') return order === 0;
  if (operator === '<') return order < 0;
  if (operator === '<=') return order <= 0;
  return operator === '>' ? order > 0 : order >= 0;
};

/** Whether one value stands in a relation to the literal. `!=` and `childfrom` are the caller's: they are about the policy. */
export const holds = (actual: JsonValue, operator: Operator, literal: Literal, nowMs: number): boolean => {
  if (Array.isArray(actual)) {
    const items = actual as readonly JsonValue[];
    // A list equals its text; every other relation to a list is one to any of its items.
    if (
      items.some((item) => holds(item, operator === 'with' || operator === 'includes' ? '=' : operator, literal, nowMs))
    )
      return true;
    return (operator === '=' || operator === '==') && JSON.stringify(actual) === literal.text.replaceAll(' ', '');
  }
  if (operator === 'contains') return textOfValue(actual).includes(literal.text);
  if (operator === 'startswith') return textOfValue(actual).startsWith(literal.text);
  if (operator === 'endswith') return textOfValue(actual).endsWith(literal.text);
  if (operator === 'with' || operator === 'includes') return compare(actual, literal, nowMs, true) === 0;
  const order = compare(actual, literal, nowMs, operator === '=');
  return order !== undefined && holdsOrder(operator, order);
};
