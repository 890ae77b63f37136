import type { Entry } from '../entry/entry.ts';
import type { Cursor } from './ledger.ts';

/** What is kept in memory of an entry that is held: enough to link, order and find it. */
export interface Place {
  readonly cursor: Cursor;
  readonly hash: string;
  readonly author: string;
  readonly seq: number;
  readonly prev: string | null;
  /** Microseconds since 1970. */
  readonly time: number;
  readonly parents: readonly string[];
  /** Policy id. */
  readonly id: string | null;
}

/** The place of an entry that is, or will be, held at the cursor. */
export const placeOf = ({ hash, header }: Entry, cursor: Cursor): Place => ({
  cursor,
  hash,
  author: header.author,
  seq: header.seq,
  prev: header.prev,
  time: header.time,
  parents: header.parents,
  id: header.id,
});

/** The ledger's order. */
export const comparePlaces = (a: Place, b: Place): number =>
  a.time - b.time || (a.author < b.author ? -1 : a.author > b.author ? 1 : 0) || a.seq - b.seq;
