import { timestampOf } from '../../operator/timestamps.ts';
import type { Shift, TimeUnit } from './ast.ts';
import { timeUnit } from './units.ts';

/** Microseconds since 1970, UTC. */
export type Micros = number;

const SECOND = 1_000_000;
const SPANS: Readonly<Record<Exclude<TimeUnit, 'year' | 'month'>, number>> = {
  week: 7 * 86_400 * SECOND,
  day: 86_400 * SECOND,
  hour: 3_600 * SECOND,
  minute: 60 * SECOND,
  second: SECOND,
};
/** Years 0000 to 9999: what has a text of fixed width. */
const EARLIEST = -62_167_219_200 * SECOND;
const LATEST = 253_402_300_799 * SECOND;

/** The moment moved by a span; a day that the month does not have runs over into the next, as in SQLite. */
export const shifted = (at: Micros, { count, unit }: Shift): Micros => {
  if (unit !== 'year' && unit !== 'month') return at + count * SPANS[unit];
  const date = new Date(Math.floor(at / 1_000));
  if (unit === 'year') date.setUTCFullYear(date.getUTCFullYear() + count);
  else date.setUTCMonth(date.getUTCMonth() + count);
  return date.getTime() * 1_000 + (at - Math.floor(at / 1_000) * 1_000);
};

/** The one form in which tables hold a time, `YYYY-MM-DD HH:MM:SS.ffffff`; undefined outside the years 0 to 9999. */
export const timestampText = (at: Micros): string | undefined => {
  if (!(at >= EARLIEST && at <= LATEST)) return undefined;
  const millis = Math.floor(at / 1_000);
  const iso = new Date(millis).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}${String(at - millis * 1_000).padStart(3, '0')}`;
};

/** `24-01-31 10:20:30`, as documented for some options. */
const SHORT_YEAR = /^(\d{2}-\d{2}-\d{2})(?=$|[T ])/i;
const RELATIVE = /^([+-])\s*(\d{1,9})\s*([a-z]+)$/i;

/**
 * A date in any of the documented forms: `2024-01-31`, `2024-01-31 10:20:30.123456`, with `T` and `Z` or an offset,
 * `24-01-31 10:20:30`, `now`, or relative to now: `-30d`, `+2 hours`. Without a zone it is UTC. As tables hold it;
 * undefined for other text.
 */
export const dateText = (text: string, now: Micros): string | undefined => {
  const trimmed = text.trim();
  const at = relativeDate(trimmed, now);
  return at === undefined ? timestampOf(trimmed.replace(SHORT_YEAR, '20$1')) : timestampText(at);
};

const relativeDate = (text: string, now: Micros): Micros | undefined => {
  if (/^now(?:\(\))?$/i.test(text)) return now;
  const relative = RELATIVE.exec(text);
  const unit = timeUnit(relative?.[3] ?? '');
  return unit === undefined ? undefined : shifted(now, { count: Number(`${relative?.[1]}${relative?.[2]}`), unit });
};

/** The moment of a text that {@link dateText} made. */
export const microsOf = (text: string): Micros =>
  Date.parse(`${text.slice(0, 10)}T${text.slice(11, 23)}Z`) * 1_000 + Number(text.slice(23, 26));

const START_OF = /^start\s+of\s+(year|month|day|hour|minute)$/i;
const KEPT_CHARS: Readonly<Record<string, number>> = { year: 4, month: 7, day: 10, hour: 13, minute: 16 };
const START = '0000-01-01 00:00:00.000000';

/**
 * Applies a modifier of SQLite's date functions: `start of month`, `+1 month`, `-3 days`. Undefined where it is none.
 */
export const modified = (at: Micros, modifier: string): Micros | undefined => {
  const start = START_OF.exec(modifier.trim());
  if (start === null) return RELATIVE.test(modifier.trim()) ? relativeDate(modifier.trim(), at) : undefined;
  const kept = KEPT_CHARS[(start[1] ?? '').toLowerCase()] ?? 0;
  const text = timestampText(at);
  return text === undefined ? undefined : microsOf(text.slice(0, kept) + START.slice(kept));
};
