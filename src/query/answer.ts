import { fault } from '../base/errors.ts';
import type { SqlRow } from '../sqlite/sqlite.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** A number of so many digits may not be exact as a JavaScript number. */
const LONG_NUMBER = /[0-9]{16}/;

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown;

/** Integers beyond what a number holds exactly become bigints. */
const exactly: Reviver = (_, value, { source }) =>
  typeof value === 'number' && source !== undefined && !Number.isSafeInteger(value) && /^-?[0-9]+$/.test(source)
    ? BigInt(source)
    : value;

/** Rows of a chunk that came from outside: a JSON array of rows of `width` cells. Throws `QUERY_ANSWER_MALFORMED`. */
export const parseChunk = (bytes: Uint8Array, width: number): readonly SqlRow[] => {
  let rows: unknown;
  try {
    const text = decoder.decode(bytes);
    rows = LONG_NUMBER.test(text) ? Reflect.apply(JSON.parse, JSON, [text, exactly]) : JSON.parse(text);
  } catch (caught) {
    throw fault('QUERY_ANSWER_MALFORMED', 'an operator sent rows that are not JSON', { cause: caught });
  }
  if (!isRows(rows, width)) throw fault('QUERY_ANSWER_MALFORMED', `an operator sent rows that have not ${width} cells`);
  return rows;
};

const isRows = (rows: unknown, width: number): rows is readonly SqlRow[] => {
  if (!Array.isArray(rows)) return false;
  for (const row of rows as unknown[]) {
    if (!Array.isArray(row) || row.length !== width) return false;
    for (const cell of row as unknown[])
      if (cell !== null && typeof cell !== 'string' && typeof cell !== 'number' && typeof cell !== 'bigint')
        return false;
  }
  return true;
};
