import { type ColumnKind, kindOf } from './values.ts';

/**
 * How SQLite changes and compares the values of a column. INTEGER is not told from NUMERIC: in a column both do the
 * same.
 */
export type Affinity = 'TEXT' | 'NUMERIC' | 'REAL' | 'BLOB';

/** That of a declared type, by SQLite's own rules (https://www.sqlite.org/datatype3.html §3.1). */
export const affinityOf = (type: string): Affinity => {
  if (/int/i.test(type)) return 'NUMERIC';
  if (/char|clob|text/i.test(type)) return 'TEXT';
  if (type === '' || /blob/i.test(type)) return 'BLOB';
  return /real|floa|doub/i.test(type) ? 'REAL' : 'NUMERIC';
};

/** What changes no value of the kind. A point in time is text that is no number: it may stand in any column. */
const OF_KIND: Readonly<Record<ColumnKind, Affinity>> = {
  ...{ text: 'TEXT', float: 'REAL', int: 'NUMERIC', decimal: 'NUMERIC', bool: 'NUMERIC' },
  ...{ timestamp: 'NUMERIC', date: 'NUMERIC', time: 'NUMERIC' },
};

const REMEMBERED_MAX = 1_024;
const remembered = new Map<string, Affinity>();

/** The affinity that values of a declared type need. Asked for each column of each file, so it is remembered. */
export const neededAffinity = (type: string): Affinity => {
  const known = remembered.get(type);
  if (known !== undefined) return known;
  const needed = OF_KIND[kindOf(type)];
  if (remembered.size < REMEMBERED_MAX) remembered.set(type, needed);
  return needed;
};

/**
 * The affinity of a column whose files need both: it changes no value of either. The result for many does not depend on
 * their order. BLOB changes nothing and is what text and numbers need together.
 */
export const joinedAffinity = (a: Affinity, b: Affinity): Affinity => {
  if (a === b) return a;
  const isNumber = [a, b].every((one) => one === 'REAL' || one === 'NUMERIC');
  return isNumber ? 'NUMERIC' : 'BLOB';
};

const PLAIN_TYPE: Readonly<Record<ColumnKind, string>> = {
  ...{ text: 'text', float: 'real', int: 'integer', decimal: 'numeric', bool: 'boolean' },
  ...{ timestamp: 'timestamp', date: 'date', time: 'time' },
};

/**
 * The type that SQLite is told. Its affinity must not change what the mapping made: a `uuid` of digits would become a
 * number, so what is text to us has text affinity.
 */
export const sqliteType = (type: string): string => {
  const plain = type.toLowerCase();
  const isSafe = /^[a-z][a-z0-9_ ]*(?:\(\d{1,5}(?:, ?\d{1,5})?\))?$/.test(plain);
  return isSafe && affinityOf(plain) === neededAffinity(plain) ? plain : PLAIN_TYPE[kindOf(plain)];
};
