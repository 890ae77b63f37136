import type { Cursor } from './ledger.ts';
import type { Position } from './journal-files.ts';
import type { Place } from './place.ts';
import { type RecordReader, readerOf, RecordWriter } from './record-bytes.ts';

/** What the index knows of one line: an entry, or a line that cannot be read. */
export interface IndexRecord {
  readonly position: Position;
  readonly place: Place | undefined;
}

/** The records of consecutive lines from `cursor` on, as one value of the index. */
export interface RecordGroup {
  readonly cursor: Cursor;
  readonly records: readonly IndexRecord[];
}

const HASH_BYTES = 32;

/** Flags, one byte a record. */
const IS_ENTRY = 0x01;
const IS_NEW_AUTHOR = 0x02;
/** `prev` is a hash, since the entry that it names is not held, or came again later; otherwise a cursor. */
const IS_PREV_HASH = 0x04;
const HAS_PREV = 0x08;
const HAS_ID = 0x10;
/** The id is hex digits, two a byte. */
const IS_ID_HEX = 0x20;
/** The time is how much later it is than that of the entry before in the group: two bytes instead of eight. */
const IS_TIME_AFTER = 0x40;

/** In the place of a distance: the parent's hash follows. */
const PARENT_HASH = 0;

/** Authors by number, in the order in which they first appear: 2 bytes a record instead of 32. */
export class AuthorTable {
  readonly #authors: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(author: string): number | undefined {
    return this.#numbers.get(author);
  }

  add(author: string): number {
    this.#numbers.set(author, this.#authors.length);
    return this.#authors.push(author) - 1;
  }

  author(number: number): string | undefined {
    return this.#authors[number];
  }
}

/** Binary form of a group: CRC-32, then varints and raw hashes. Other entries are named by cursor. */
export const encodeGroup = (
  { cursor, records }: RecordGroup,
  authors: AuthorTable,
  cursorOf: (hash: string) => Cursor | undefined,
): Buffer => {
  const writer = new RecordWriter();
  const first = records[0]?.position;
  let timeBefore = Number.POSITIVE_INFINITY;
  writer.varint(records.length);
  writer.varint(first?.file ?? 0);
  writer.varint(first?.offset ?? 0);
  for (const [at, { position, place }] of records.entries()) {
    if (place === undefined) {
      writer.byte(0);
      writer.varint(position.length);
    } else {
      encodePlace(writer, place, { cursor: cursor + at, length: position.length, timeBefore }, authors, cursorOf);
      timeBefore = place.time;
    }
  }
  return writer.sealed();
};

const flagsOf = ({ prev, id }: Place, isNewAuthor: boolean, isPrevHash: boolean, isTimeAfter: boolean): number =>
  IS_ENTRY |
  (isNewAuthor ? IS_NEW_AUTHOR : 0) |
  (isTimeAfter ? IS_TIME_AFTER : 0) |
  (prev === null ? 0 : HAS_PREV) |
  (prev !== null && isPrevHash ? IS_PREV_HASH : 0) |
  (id === null ? 0 : HAS_ID) |
  (id !== null && /^(?:[0-9a-f]{2})+$/.test(id) ? IS_ID_HEX : 0);

const encodePlace = (
  writer: RecordWriter,
  place: Place,
  { cursor, length, timeBefore }: { readonly cursor: Cursor; readonly length: number; readonly timeBefore: number },
  authors: AuthorTable,
  cursorOf: (hash: string) => Cursor | undefined,
): void => {
  const { prev, id } = place;
  /** How far before; undefined where it is not: an entry that came again, with another line, has the later cursor. */
  const distanceOf = (hash: string): number | undefined => {
    const named = cursorOf(hash);
    return named !== undefined && named < cursor ? cursor - named : undefined;
  };
  const prevDistance = prev === null ? undefined : distanceOf(prev);
  const known = authors.number(place.author);
  const isTimeAfter = place.time >= timeBefore;
  const flags = flagsOf(place, known === undefined, prevDistance === undefined, isTimeAfter);
  writer.byte(flags);
  writer.varint(length);
  writer.varint(known ?? authors.add(place.author));
  if (known === undefined) writer.hex(place.author);
  writer.varint(place.seq);
  writer.varint(isTimeAfter ? place.time - timeBefore : place.time);
  writer.hex(place.hash);
  if (prevDistance !== undefined) writer.varint(prevDistance);
  else if (prev !== null) writer.hex(prev);
  const parents = place.parents.filter((hash) => cursorOf(hash) !== undefined);
  writer.varint(parents.length);
  for (const parent of parents) {
    const distance = distanceOf(parent);
    writer.varint(distance ?? PARENT_HASH);
    if (distance === undefined) writer.hex(parent);
  }
  if (id === null) return;
  const bytes = Buffer.from(id, (flags & IS_ID_HEX) === 0 ? 'utf8' : 'hex');
  writer.varint(bytes.byteLength);
  writer.bytes(bytes);
};

/** Back from {@link encodeGroup}; undefined where the bytes are not sound. Groups must come in order. */
export const decodeGroup = (
  bytes: Buffer,
  cursor: Cursor,
  authors: AuthorTable,
  hashAt: (cursor: Cursor) => string | undefined,
): RecordGroup | undefined => {
  const reader = readerOf(bytes);
  if (reader === undefined) return undefined;
  const count = reader.varint();
  const file = reader.varint();
  let offset = reader.varint();
  const records: IndexRecord[] = [];
  let timeBefore = 0;
  const hashOf = (at: Cursor): string | undefined => (at >= cursor ? records[at - cursor]?.place?.hash : hashAt(at));
  for (let at = 0; at < count; at += 1) {
    const flags = reader.byte();
    const length = reader.varint();
    const isEntry = (flags & IS_ENTRY) !== 0;
    const place = isEntry
      ? decodePlace(reader, flags, { cursor: cursor + at, timeBefore }, authors, hashOf)
      : undefined;
    timeBefore = place?.time ?? timeBefore;
    records.push({ position: { file, offset, length }, place });
    offset += length;
  }
  return { cursor, records };
};

const decodePlace = (
  reader: RecordReader,
  flags: number,
  { cursor, timeBefore }: { readonly cursor: Cursor; readonly timeBefore: number },
  authors: AuthorTable,
  hashOf: (cursor: Cursor) => string | undefined,
): Place => {
  const number = reader.varint();
  if ((flags & IS_NEW_AUTHOR) !== 0) authors.add(reader.hex(HASH_BYTES));
  const author = authors.author(number) ?? '';
  const seq = reader.varint();
  const time = reader.varint() + ((flags & IS_TIME_AFTER) === 0 ? 0 : timeBefore);
  const hash = reader.hex(HASH_BYTES);
  let prev: string | null = null;
  if ((flags & IS_PREV_HASH) !== 0) prev = reader.hex(HASH_BYTES);
  // An entry before that was set aside since has no hash any more; a name that nothing has keeps the chain open there.
  else if ((flags & HAS_PREV) !== 0) prev = hashOf(cursor - reader.varint()) ?? '';
  const parents: string[] = [];
  for (let left = reader.varint(); left > 0; left -= 1) {
    const distance = reader.varint();
    const parent = distance === PARENT_HASH ? reader.hex(HASH_BYTES) : hashOf(cursor - distance);
    if (parent !== undefined) parents.push(parent);
  }
  const id = (flags & HAS_ID) === 0 ? null : reader.text((flags & IS_ID_HEX) === 0 ? 'utf8' : 'hex');
  return { cursor, hash, author, seq, prev, time, parents, id };
};
