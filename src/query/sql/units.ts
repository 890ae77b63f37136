import type { TimeUnit } from './ast.ts';

const UNITS: Readonly<Record<string, TimeUnit>> = {
  year: 'year', years: 'year', y: 'year',
  month: 'month', months: 'month', m: 'month',
  week: 'week', weeks: 'week', w: 'week',
  day: 'day', days: 'day', d: 'day',
  hour: 'hour', hours: 'hour', h: 'hour',
  minute: 'minute', minutes: 'minute', min: 'minute', t: 'minute',
  second: 'second', seconds: 'second', sec: 'second', s: 'second',
}; // prettier-ignore

/** The unit of a time span by its documented names: `minutes`, `minute` and `t` are one; `m` is a month. */
export const timeUnit = (word: string): TimeUnit | undefined =>
  Object.hasOwn(UNITS, word.toLowerCase()) ? UNITS[word.toLowerCase()] : undefined;
