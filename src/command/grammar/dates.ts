import { addMonths } from '../../base/calendar.ts';
import { fault } from '../../base/errors.ts';
import { quoted } from './syntax.ts';

const DAY_MS = 86_400_000;
/** Units of the language; `t` is the minute because `m` is the month. */
const UNITS: Readonly<Record<string, 'year' | 'month' | number>> = {
  y: 'year',
  year: 'year',
  m: 'month',
  month: 'month',
  w: 7 * DAY_MS,
  week: 7 * DAY_MS,
  d: DAY_MS,
  day: DAY_MS,
  h: 3_600_000,
  hour: 3_600_000,
  t: 60_000,
  minute: 60_000,
  s: 1_000,
  second: 1_000,
};
const RELATIVE = /^([+-])\s*(\d{1,6})\s*([a-z]+)$/i;
const NOW = /^now(?:\(\))?$/i;
const FROM_NOW = /^now(?:\(\))?\s*([+-].*)$/i;
const CALENDAR = /^(\d{4}|\d{2})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?(Z)?$/;
const COMPACT = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$/;

const wrongDate = (text: string, why: string): Error =>
  fault('COMMAND_DATE', `${quoted(text)} is not a date: ${why}`, {
    hint: 'for example -30d, +1h, -5t (minutes), 2024-01-31, "2024-01-31 10:20:30", 2024-01-31T10:20:30Z',
  });

const unitOf = (name: string): 'year' | 'month' | number | undefined => {
  const lower = name.toLowerCase();
  const singular = lower.length > 1 && lower.endsWith('s') ? lower.slice(0, -1) : lower;
  return Object.hasOwn(UNITS, singular) ? UNITS[singular] : undefined;
};

const relative = (text: string, nowMs: number): number | undefined => {
  const found = RELATIVE.exec(text);
  if (found === null) return undefined;
  const unit = unitOf(found[3] ?? '');
  if (unit === undefined) throw wrongDate(text, 'units are y year, m month, w week, d day, h hour, t minute, s second');
  const count = Number(found[2]) * (found[1] === '-' ? -1 : 1);
  const ms = typeof unit === 'number' ? nowMs + count * unit : addMonths(nowMs, unit === 'year' ? 12 * count : count);
  if (Number.isNaN(ms) || Math.abs(ms) > 8.64e15) throw wrongDate(text, 'it is outside the calendar');
  return ms;
};

interface CalendarParts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly fractionMs: number;
}

const msOf = (text: string, parts: CalendarParts, utc: boolean): number => {
  const { year, month, day, hour, minute, second } = parts;
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (month < 1 || month > 12 || day < 1 || day > lastDay || hour > 23 || minute > 59 || second > 59)
    throw wrongDate(text, 'there is no such day or time');
  const whole = utc
    ? Date.UTC(year, month - 1, day, hour, minute, second)
    : new Date(year, month - 1, day, hour, minute, second).getTime();
  return whole + parts.fractionMs;
};

const calendar = (text: string): number | undefined => {
  const found = CALENDAR.exec(text);
  if (found === null) return undefined;
  const number = (index: number): number => Number(found[index] ?? 0);
  const year = number(1);
  const parts = {
    year: (found[1] ?? '').length === 2 ? 2000 + year : year,
    month: number(2),
    day: number(3),
    hour: number(4),
    minute: number(5),
    second: number(6),
    fractionMs: found[7] === undefined ? 0 : Number(`0.${found[7]}`) * 1_000,
  };
  return msOf(text, parts, found[8] === 'Z');
};

const compact = (text: string): number | undefined => {
  const found = COMPACT.exec(text)?.slice(1).map(Number);
  if (found === undefined) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found;
  return msOf(text, { year: 2000 + year, month, day, hour, minute, second, fractionMs: 0 }, true);
};

/**
 * A date of the command language as milliseconds since 1970, with a fraction where one was given: `-30d` `+1h` `-5t`
 * (from `nowMs`), `now()`, `now() - 3 days`, `2024-01-31{ 10:20:30{.ffffff}}` and `24-01-31 …` (the node's local time),
 * `2024-01-31T10:20:30{.ffffff}Z` (UTC), `YYMMDDHHMMSS` (UTC, as in file names). Throws `COMMAND_DATE`.
 */
export const parseDate = (typed: string, nowMs: number): number => {
  const text = typed.trim();
  if (NOW.test(text)) return nowMs;
  const ms = relative(FROM_NOW.exec(text)?.[1]?.trim() ?? text, nowMs) ?? calendar(text) ?? compact(text);
  if (ms === undefined) throw wrongDate(typed, 'the form is not known');
  return ms;
};

/** A span such as `30 seconds`, `1 hour`, `500ms` or bare seconds, as milliseconds. Throws `COMMAND_SPAN`. */
export const parseSpan = (typed: string): number => {
  const found = /^(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]*)$/i.exec(typed.trim());
  const name = (found?.[2] ?? '').toLowerCase();
  const unit = name === '' ? 1_000 : name === 'ms' ? 1 : unitOf(name);
  if (found === null || typeof unit !== 'number')
    throw fault('COMMAND_SPAN', `${quoted(typed)} is not a span of time`, {
      hint: 'for example: 30 seconds, 5 minutes, 1 hour, 2 days, or a number of seconds',
    });
  return Number(found[1]) * unit;
};

const SPAN_UNITS = { day: 86_400_000, hour: 3_600_000, minute: 60_000, second: 1_000 } as const;

/** Milliseconds as they would be typed: `1 day`, in the greatest unit of which they are a whole number. */
export const typedSpan = (ms: number): string => {
  const [name, unit] = Object.entries(SPAN_UNITS).find(([, of]) => ms >= of && ms % of === 0) ?? ['ms', 1];
  const count = ms / unit;
  return `${count} ${name}${count === 1 || name === 'ms' ? '' : 's'}`;
};

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, kb: 1_024, mb: 1_048_576, gb: 1_073_741_824 };

/** A size such as `10KB`, `2 MB`, `1 GB` or bare bytes, as bytes; a KB is 1,024. Throws `COMMAND_SIZE`. */
export const parseSize = (typed: string): number => {
  const found = /^(\d{1,12}(?:\.\d{1,3})?)\s*([a-z]*)$/i.exec(typed.trim());
  const unit = (found?.[2] ?? '').toLowerCase();
  const factor = Object.hasOwn(SIZE_UNITS, unit) ? SIZE_UNITS[unit] : undefined;
  if (found === null || factor === undefined)
    throw fault('COMMAND_SIZE', `${quoted(typed)} is not a size`, { hint: 'for example: 10KB, 2 MB, 1 GB' });
  return Math.round(Number(found[1]) * factor);
};
