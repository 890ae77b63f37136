/** The functions that user SQL may call, with the number of arguments they take. Everything else is refused. */

/** Aggregates over one argument; `count` also over `*`. `range(x)` is `max(x) - min(x)`. */
const AGGREGATES = new Set(['count', 'sum', 'total', 'min', 'max', 'avg', 'range']);

const SCALARS: Readonly<Record<string, readonly [number, number]>> = {
  abs: [1, 1],
  round: [1, 2],
  sign: [1, 1],
  ceil: [1, 1],
  ceiling: [1, 1],
  floor: [1, 1],
  sqrt: [1, 1],
  pow: [2, 2],
  power: [2, 2],
  exp: [1, 1],
  ln: [1, 1],
  log: [1, 2],
  log10: [1, 1],
  mod: [2, 2],
  coalesce: [2, 100],
  ifnull: [2, 2],
  nullif: [2, 2],
  iif: [3, 3],
  min: [2, 100],
  max: [2, 100],
  typeof: [1, 1],
  length: [1, 1],
  lower: [1, 1],
  upper: [1, 1],
  substr: [2, 3],
  substring: [2, 3],
  trim: [1, 2],
  ltrim: [1, 2],
  rtrim: [1, 2],
  instr: [2, 2],
};

/**
 * Functions of a date, which their first argument after the format is; with `'now'` they mean the moment of the query.
 */
const DATES: Readonly<Record<string, readonly [number, number]>> = {
  date: [1, 10],
  time: [1, 10],
  datetime: [1, 10],
  timestamp: [1, 10],
  julianday: [1, 10],
  unixepoch: [1, 10],
  strftime: [2, 11],
};

/** `min` and `max` of several arguments are scalars. */
export const isAggregate = (name: string, operands: number): boolean =>
  AGGREGATES.has(name) && (operands <= 1 || !Object.hasOwn(SCALARS, name));

/** Whether the function, by its name in lower case, is of a date. */
export const isDateFunction = (name: string): boolean => Object.hasOwn(DATES, name);

/** Smallest and largest number of arguments, or undefined for a function that is not accepted. */
export const argumentsOf = (name: string): readonly [number, number] | undefined => {
  if (Object.hasOwn(SCALARS, name)) return SCALARS[name];
  return Object.hasOwn(DATES, name) ? DATES[name] : undefined;
};

/** All functions that are accepted, in order, for messages. */
export const FUNCTION_NAMES: readonly string[] = [
  ...new Set([...AGGREGATES, ...Object.keys(SCALARS), ...Object.keys(DATES)]),
].sort();
