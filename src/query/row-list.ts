import type { SqlRow } from '../sqlite/sqlite.ts';
import { parseChunk } from './answer.ts';

/** Rows to read one after another, as often as wanted. */
export interface RowList extends Iterable<SqlRow> {
  readonly length: number;
}

/**
 * Rows as the bytes in which they came: one is an object only while it is read, which would take three times as much.
 */
export class RowChunks implements RowList {
  readonly #width: number;
  readonly #chunks: Uint8Array[] = [];
  /** Of the first chunk: a short answer is not parsed twice. */
  #first: readonly SqlRow[] = [];
  #length = 0;

  constructor(width: number) {
    this.#width = width;
  }

  get length(): number {
    return this.#length;
  }

  /** Takes a chunk that was checked, and the rows in it. */
  add(bytes: Uint8Array, rows: readonly SqlRow[]): void {
    if (this.#chunks.length === 0) this.#first = rows;
    this.#chunks.push(bytes);
    this.#length += rows.length;
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#first = [];
    this.#length = 0;
  }

  *[Symbol.iterator](): Iterator<SqlRow> {
    for (const [at, bytes] of this.#chunks.entries()) yield* at === 0 ? this.#first : parseChunk(bytes, this.#width);
  }
}

/** Rows of several lists one after another, without the first `offset` and at most `limit`. */
export const concatenated = (lists: readonly RowList[], offset = 0, limit = Number.POSITIVE_INFINITY): RowList => {
  const all = lists.reduce((sum, { length }) => sum + length, 0);
  const length = Math.max(0, Math.min(limit, all - offset));
  return {
    length,
    *[Symbol.iterator]() {
      let [skip, left] = [offset, length];
      for (const list of lists) {
        if (left === 0) return;
        if (skip >= list.length) skip -= list.length;
        else
          for (const row of list) {
            if (skip > 0) skip -= 1;
            else if (left > 0) {
              left -= 1;
              yield row;
            } else return;
          }
      }
    },
  };
};
