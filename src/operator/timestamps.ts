import { CLOCK_JUMP_MS_MIN } from '../base/limits.ts';

/** Date and time without groups: the usual forms are told apart from all else at the price of one test. */
const PLAIN = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z?$/;
const GENERAL =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?(?:\s?(Z|z|UTC|[+-]\d{2}(?::?\d{2})?))?)?$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?$/;

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

const isDay = (year: number, month: number, day: number): boolean =>
  month >= 1 && month <= 12 && day >= 1 && day <= (month === 2 && isLeap(year) ? 29 : (DAYS[month - 1] as number));

/** Two digits at a place that holds digits. */
const two = (text: string, at: number): number => text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 528;

/** At least microseconds, as documented; nanoseconds are kept where there are any. */
const fractionOf = (digits: string): string => {
  if (digits.length <= 6) return digits.padEnd(6, '0');
  const micros = digits.slice(0, 6);
  const nanos = digits.slice(6, 9).replace(/0+$/, '');
  return micros + nanos;
};

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

const fromSeconds = (seconds: number, fraction: string): string | undefined => {
  const date = new Date(seconds * 1_000);
  const year = date.getUTCFullYear();
  if (Number.isNaN(year) || year < 0 || year > 9_999) return undefined;
  const day = `${pad(year, 4)}-${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}`;
  return `${day} ${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}:${pad(date.getUTCSeconds())}.${fraction}`;
};

const offsetSeconds = (zone: string | undefined): number | undefined => {
  if (zone === undefined || /^(?:z|utc)$/i.test(zone)) return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', '') || 0);
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 3_600 + minutes * 60);
};

const general = (text: string): string | undefined => {
  const found = GENERAL.exec(text);
  if (found === null) return undefined;
  const number = (index: number): number => Number(found[index] ?? 0);
  const [year, month, day, hour, minute, second] = [number(1), number(2), number(3), number(4), number(5), number(6)];
  const offset = offsetSeconds(found[8]);
  if (!isDay(year, month, day) || hour > 23 || minute > 59 || second > 59 || offset === undefined) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const seconds = date.getTime() / 1_000 + hour * 3_600 + minute * 60 + second - offset;
  return fromSeconds(seconds, fractionOf(found[7] ?? ''));
};

/**
 * A point in time in the one form that tables hold: UTC, `YYYY-MM-DD HH:MM:SS.ffffff`, whose order as text is the order
 * in time. Without a zone it is taken as UTC. Undefined for what is not a point in time.
 */
export const timestampOf = (text: string): string | undefined => {
  if (!PLAIN.test(text)) return general(text);
  const valid =
    two(text, 11) < 24 &&
    two(text, 14) < 60 &&
    two(text, 17) < 60 &&
    isDay(two(text, 0) * 100 + two(text, 2), two(text, 5), two(text, 8));
  if (!valid) return undefined;
  const end = text.endsWith('Z') ? text.length - 1 : text.length;
  return `${text.slice(0, 10)} ${text.slice(11, 19)}.${fractionOf(text.slice(20, end))}`;
};

/**
 * The same for a count since 1970, in seconds, milli-, micro- or nanoseconds by its size. To the nearest microsecond:
 * most fractions of a second are no binary fractions, so the half of them lie a little below what was written.
 */
export const timestampOfNumber = (value: number): string | undefined => {
  const size = Math.abs(value);
  const perSecond = size < 1e11 ? 1 : size < 1e14 ? 1e3 : size < 1e17 ? 1e6 : 1e9;
  const seconds = Math.floor(value / perSecond);
  const micros = Math.round((value - seconds * perSecond) * (1e6 / perSecond));
  return micros < 1e6 ? fromSeconds(seconds, pad(micros, 6)) : fromSeconds(seconds + 1, '000000');
};

/** `YYYY-MM-DD` of a date or of a point in time. */
export const dateOf = (text: string): string | undefined => timestampOf(text)?.slice(0, 10);

/** Whether a point in time is a whole day of UTC: `dateOf` cuts what is more. */
export const isMidnight = (text: string): boolean => timestampOf(text)?.endsWith(' 00:00:00.000000') === true;

/** Whether the text is a date that exists, without a time. */
export const isDateOnly = (text: string): boolean => DATE.test(text) && timestampOf(text) !== undefined;

/** `HH:MM:SS{.f}`. */
export const timeOf = (text: string): string | undefined => {
  const found = TIME.exec(text);
  if (found === null) return undefined;
  const [, hour = '0', minute = '0', second = '00', fraction = ''] = found;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const rest = fraction.replace(/0+$/, '');
  return `${hour}:${minute}:${second}${rest === '' ? '' : `.${rest}`}`;
};

/**
 * The time of the next file in microseconds: later than the one before, so that no two have one time, unless the clock
 * was set back. Then it is followed: it had been ahead, and nothing rests on this order.
 */
export const microsAfter = (last: number, now: number): number =>
  now < last - CLOCK_JUMP_MS_MIN * 1_000 ? now : Math.max(last + 1, now);

/** Milliseconds since 1970 (with a fraction) as a record's time: UTC `YYYY-MM-DDTHH:MM:SS.ffffffZ`. */
export const recordTime = (ms: number): string => {
  const micros = Math.floor(ms * 1_000);
  const whole = Math.floor(micros / 1_000);
  return `${new Date(whole).toISOString().slice(0, -1)}${pad(micros - whole * 1_000, 3)}Z`;
};

/** A record's time as tables hold it. */
export const insertTimestamp = (time: string): string => `${time.slice(0, 10)} ${time.slice(11, 26)}`;
