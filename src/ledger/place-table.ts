import { NumberList } from '../base/number-list.ts';
import type { Cursor } from './ledger.ts';
import type { Place } from './place.ts';

/** In the place of a cursor of the entry before: there is none. */
const NONE = -1;

/** What an entry names that was not held when it came, as it names it. */
type Names = Pick<Place, 'prev' | 'parents'>;

/**
 * A place for each cursor, in columns: some 200 bytes an entry instead of a thousand, and no objects, which the collector would
 * have to walk. What entries name is kept as cursors; hash and id are the texts that the book has too. Rows are only added; one that is set
 * aside stays readable for who has it.
 */
export class PlaceTable {
  readonly #hashes: string[] = [];
  readonly #cursors = new Map<string, Cursor>();
  readonly #authorNumbers = new Map<string, number>();
  readonly #authors: string[] = [];
  readonly #author = new NumberList();
  readonly #seq = new NumberList();
  readonly #time = new NumberList();
  readonly #prev = new NumberList();
  readonly #parentsFrom = new NumberList();
  readonly #parents = new NumberList();
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
    return cursor >= 0 && cursor < this.size && !this.#empty.has(cursor) ? new Row(this, cursor) : undefined;
  }

  cursorOf(hash: string): Cursor | undefined {
    return this.#cursors.get(hash);
  }

  /** The place with the next cursor. One that is held already is to be set aside before. */
  add(place: Place): void {
    const cursor = this.size;
    const { hash, prev, parents, id } = place;
    const prevAt = prev === null ? NONE : this.cursorOf(prev);
    const parentsAt = parents.flatMap((parent) => this.cursorOf(parent) ?? []);
    this.#hashes.push(hash);
    this.#cursors.set(hash, cursor);
    this.#author.push(this.#numberOf(place.author));
    this.#seq.push(place.seq);
    this.#time.push(place.time);
    this.#prev.push(prevAt ?? NONE);
    this.#parentsFrom.push(this.#parents.length);
    if (prevAt === undefined || parentsAt.length < parents.length) this.#names.set(cursor, { prev, parents });
    else for (const parent of parentsAt) this.#parents.push(parent);
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
    this.#prev.push(NONE);
    this.#before.push(NONE);
    this.#parentsFrom.push(this.#parents.length);
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
    const prev = this.#prev.at(cursor) ?? NONE;
    return prev === NONE ? null : this.hash(prev);
  }

  /** Whether `before` is what the entry names as its `prev`; undefined: whether it names none. */
  isPrev(cursor: Cursor, before: Cursor | undefined): boolean {
    if (before === undefined) return this.prev(cursor) === null;
    return this.#prev.at(cursor) === before || this.prev(cursor) === this.hash(before);
  }

  parents(cursor: Cursor): readonly string[] {
    return this.#names.get(cursor)?.parents ?? this.#parentsAt(cursor).map((parent) => this.hash(parent));
  }

  /** What an entry names, as far as it is held: `prev`, then the parents. */
  namedBy(cursor: Cursor): readonly Cursor[] {
    const names = this.#names.get(cursor);
    if (names !== undefined) return [names.prev ?? '', ...names.parents].flatMap((hash) => this.cursorOf(hash) ?? []);
    const prev = this.#prev.at(cursor) ?? NONE;
    const named = prev === NONE ? this.#parentsAt(cursor) : [prev, ...this.#parentsAt(cursor)];
    if (this.#empty.size === 0) return named;
    // One that was set aside may be held again further on.
    return named.flatMap((at) => this.cursorOf(this.hash(at)) ?? []);
  }

  #parentsAt(cursor: Cursor): Cursor[] {
    const cursors: Cursor[] = [];
    const end = this.#parentsFrom.at(cursor + 1) ?? this.#parents.length;
    for (let at = this.#parentsFrom.at(cursor) ?? end; at < end; at += 1) cursors.push(this.#parents.at(at) ?? NONE);
    return cursors;
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
