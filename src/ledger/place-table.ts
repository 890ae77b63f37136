import { NumberList } from '../base/number-list.ts';
import type { Cursor } from './ledger.ts';
import type { Place } from './place.ts';

/** In the place of a cursor of the entry before: there is none. */
const NONE = -1;

/** What an entry names that was not held when it came, as it names it. */
type Names = Pick<Place, 'prev' | 'parents'>;

/**
 * A place for each cursor, in columns: some 200 bytes an entry instead of a thousand, and no objects, which the
 * collector would have to walk. What entries name is kept as cursors; hash and id are the texts that the book has too.
 * Rows are only added; one that is set aside stays readable for who has it.
 */
export class PlaceTable {
  readonly #hashes: string[] = [];
  readonly #cursors = new Map<string, Cursor>();
  readonly #authorNumbers = new Map<string, number>();
  readonly #authors: string[] = [];
  readonly #author = new NumberList();
  readonly #seq = new NumberList();
  readonly #time = new NumberList();
  /** What each entry names, one after the other: `prev` or none, then the parents. */
  readonly #named = new NumberList();
  readonly #namedFrom = new NumberList();
  /** Rows, few of them, that name what was not held. */
  readonly #names = new Map<Cursor, Names>();
  readonly #ids: (string | null)[] = [];
  /** Newest of each policy id, and for each cursor the one before of its id. */
  readonly #newestOf = new Map<string, Cursor>();
  readonly #before = new NumberList();
  /** Rows where nothing is held: set aside, or of a line that cannot be read. */
  readonly #empty = new Set<Cursor>();

  get size(): Cursor {
    return this.#ids.length;
  }

  /** Undefined where nothing is held. */
  at(cursor: Cursor): Place | undefined {
    return this.isHeld(cursor) ? new Row(this, cursor) : undefined;
  }

  isHeld(cursor: Cursor): boolean {
    return cursor >= 0 && cursor < this.size && !this.#empty.has(cursor);
  }

  cursorOf(hash: string): Cursor | undefined {
    return this.#cursors.get(hash);
  }

  /**
   * The place with the next cursor. One that is held already (its older line was damaged when it came again) takes the
   * place of the older.
   */
  add(place: Place): void {
    const cursor = this.size;
    const { hash, prev, parents, id } = place;
    const before = this.#cursors.get(hash);
    if (before !== undefined) this.setAside(before);
    const prevAt = prev === null ? NONE : this.#cursors.get(prev);
    let isKnown = prevAt !== undefined;
    this.#namedFrom.push(this.#named.length);
    this.#named.push(prevAt ?? NONE);
    for (const parent of parents) {
      const at = this.#cursors.get(parent);
      isKnown &&= at !== undefined;
      this.#named.push(at ?? NONE);
    }
    if (!isKnown) this.#names.set(cursor, { prev, parents });
    this.#hashes.push(hash);
    this.#cursors.set(hash, cursor);
    this.#author.push(this.#numberOf(place.author));
    this.#seq.push(place.seq);
    this.#time.push(place.time);
    const older = id === null ? undefined : this.#newestOf.get(id);
    if (id !== null) this.#newestOf.set(id, cursor);
    this.#before.push(older ?? NONE);
    // The text that is in memory already.
    this.#ids.push(older === undefined ? id : (this.#ids[older] ?? id));
  }

  /** Keeps the number of a line that cannot be read. */
  skip(): void {
    this.#empty.add(this.size);
    this.#hashes.push('');
    for (const column of [this.#author, this.#seq, this.#time]) column.push(0);
    this.#namedFrom.push(this.#named.length);
    this.#named.push(NONE);
    this.#before.push(NONE);
    this.#ids.push(null);
  }

  setAside(cursor: Cursor): void {
    this.#empty.add(cursor);
    this.#cursors.delete(this.hash(cursor));
  }

  /** The entries of a policy, newest first. */
  ofId(id: string): readonly Place[] {
    const places: Place[] = [];
    for (let cursor = this.#newestOf.get(id) ?? NONE; cursor !== NONE; cursor = this.#before.at(cursor) ?? NONE) {
      const place = this.at(cursor);
      if (place !== undefined) places.push(place);
    }
    return places;
  }

  hash(cursor: Cursor): string {
    return this.#hashes[cursor] ?? '';
  }

  author(cursor: Cursor): string {
    return this.#authors[this.#author.at(cursor) ?? 0] ?? '';
  }

  seq(cursor: Cursor): number {
    return this.#seq.at(cursor) ?? 0;
  }

  time(cursor: Cursor): number {
    return this.#time.at(cursor) ?? 0;
  }

  id(cursor: Cursor): string | null {
    return this.#ids[cursor] ?? null;
  }

  prev(cursor: Cursor): string | null {
    const names = this.#names.get(cursor);
    if (names !== undefined) return names.prev;
    const prev = this.#prevAt(cursor);
    return prev === NONE ? null : this.hash(prev);
  }

  /** Whether `before` is what the entry names as its `prev`; undefined: whether it names none. */
  isPrev(cursor: Cursor, before: Cursor | undefined): boolean {
    if (before === undefined) return this.prev(cursor) === null;
    return this.#prevAt(cursor) === before || this.prev(cursor) === this.hash(before);
  }

  parents(cursor: Cursor): readonly string[] {
    const names = this.#names.get(cursor);
    if (names !== undefined) return names.parents;
    const parents: string[] = [];
    const end = this.#namedEnd(cursor);
    for (let at = this.#namedStart(cursor) + 1; at < end; at += 1) parents.push(this.hash(this.#named.at(at) ?? NONE));
    return parents;
  }

  /** What an entry names, as far as it is held: `prev`, then the parents. */
  namedBy(cursor: Cursor): readonly Cursor[] {
    const names = this.#names.get(cursor);
    if (names !== undefined) return [names.prev ?? '', ...names.parents].flatMap((hash) => this.cursorOf(hash) ?? []);
    const named: Cursor[] = [];
    const end = this.#namedEnd(cursor);
    for (let at = this.#namedStart(cursor); at < end; at += 1) {
      const before = this.#named.at(at) ?? NONE;
      // One that was set aside may be held again further on.
      const held = before === NONE || !this.#empty.has(before) ? before : (this.cursorOf(this.hash(before)) ?? NONE);
      if (held !== NONE) named.push(held);
    }
    return named;
  }

  #prevAt(cursor: Cursor): Cursor {
    return this.#named.at(this.#namedStart(cursor)) ?? NONE;
  }

  #namedStart(cursor: Cursor): number {
    return this.#namedFrom.at(cursor) ?? this.#named.length;
  }

  #namedEnd(cursor: Cursor): number {
    return this.#namedFrom.at(cursor + 1) ?? this.#named.length;
  }

  #numberOf(author: string): number {
    const known = this.#authorNumbers.get(author);
    if (known !== undefined) return known;
    this.#authorNumbers.set(author, this.#authors.length);
    return this.#authors.push(author) - 1;
  }
}

/** One row, read when it is asked for. */
class Row implements Place {
  readonly #table: PlaceTable;
  readonly cursor: Cursor;

  constructor(table: PlaceTable, cursor: Cursor) {
    this.#table = table;
    this.cursor = cursor;
  }

  get hash(): string {
    return this.#table.hash(this.cursor);
  }

  get author(): string {
    return this.#table.author(this.cursor);
  }

  get seq(): number {
    return this.#table.seq(this.cursor);
  }

  get prev(): string | null {
    return this.#table.prev(this.cursor);
  }

  get time(): number {
    return this.#table.time(this.cursor);
  }

  get parents(): readonly string[] {
    return this.#table.parents(this.cursor);
  }

  get id(): string | null {
    return this.#table.id(this.cursor);
  }
}
