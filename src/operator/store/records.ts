import { z } from 'zod';
import type { ReadConnection, SqlRow, SqlValue, WriteConnection } from '../../sqlite/sqlite.ts';
import type { Column } from '../../topology/topology.ts';
import type { Finding } from '../file-check.ts';
import type { FileRecord } from '../file-record.ts';
import { membersOf } from './members.ts';
import { quoted } from './user-tables.ts';

/** A record with the place of its rows. */
export interface PlacedRecord {
  readonly record: FileRecord;
  /** `row_id` of the first and last row; null for a duplicate. */
  readonly rows: readonly [number, number] | null;
}

const SELECT = `select origin, file, table_name, source, instructions, hash, digest, time, rows, m.columns, status,
  first_row, last_row from holdfast_files f join holdfast_mappings m on m.id = f.mapping`;

const mappingSchema = z.array(z.object({ name: z.string(), type: z.string() }));
const parsedMappings = new Map<string, readonly Column[]>();
const PARSED_MAX = 256;

const columnsOf = (text: string): readonly Column[] => {
  const held = parsedMappings.get(text);
  if (held !== undefined) return held;
  const columns = mappingSchema.parse(JSON.parse(text));
  if (parsedMappings.size >= PARSED_MAX) parsedMappings.clear();
  parsedMappings.set(text, columns);
  return columns;
};

const placed = (dbms: string, row: SqlRow): PlacedRecord => {
  const text = (at: number): string => String(row[at]);
  const [first, last] = [row[11], row[12]];
  return {
    record: {
      origin: text(0),
      file: Number(row[1]),
      dbms,
      table: text(2),
      source: text(3),
      instructions: text(4),
      hash: text(5),
      digest: text(6),
      time: text(7),
      rows: Number(row[8]),
      columns: columnsOf(text(9)),
      status: row[10] === 'stored' ? 'stored' : 'duplicate',
    },
    rows: typeof first === 'number' && typeof last === 'number' ? [first, last] : null,
  };
};

/** Which columns files of which table were mapped to, by a condition on `f`. Reads all records. */
export const mappedTables = (
  db: ReadConnection,
  condition: string,
  params: readonly SqlValue[] = [],
): readonly { readonly table: string; readonly columns: readonly Column[] }[] =>
  db
    .all(
      `select distinct table_name, columns from holdfast_files f join holdfast_mappings m on m.id = f.mapping
       where ${condition}`,
      params,
    )
    .map(([table, columns]) => ({ table: String(table), columns: columnsOf(String(columns)) }));

/** As {@link selectRecords}, one by one: the statement stays open until the last is taken. */
export function* eachRecord(
  db: ReadConnection,
  dbms: string,
  condition: string,
  params: readonly SqlValue[],
): Generator<PlacedRecord> {
  for (const row of db.iterate(`${SELECT} where ${condition}`, params)) yield placed(dbms, row);
}

/** Records by a condition on `f`, with what follows it (order, limit). */
export const selectRecords = (
  db: ReadConnection,
  dbms: string,
  condition: string,
  params: readonly SqlValue[],
): readonly PlacedRecord[] => db.all(`${SELECT} where ${condition}`, params).map((row) => placed(dbms, row));

/** The record of a file, by the operator that numbered it; undefined where it is not held. */
export const findRecord = (db: ReadConnection, dbms: string, origin: string, file: number): PlacedRecord | undefined =>
  selectRecords(db, dbms, 'origin = ? and file = ?', [origin, file])[0];

/** The stored record of some content. */
export const findHolder = (db: ReadConnection, dbms: string, hash: string, digest: string): PlacedRecord | undefined =>
  selectRecords(db, dbms, `hash = ? and status = 'stored' and digest = ?`, [hash, digest])[0];

/**
 * What one transaction need not ask twice. Thrown away when a savepoint is undone: it may know what is no longer so.
 */
export class Bookkeeping {
  readonly #db: WriteConnection;
  readonly #mappings = new Map<string, number>();
  readonly #lastRows = new Map<string, number>();
  readonly #members = new Map<string, number>();
  readonly #carried = new Map<string, ReadonlySet<string>>();
  #change: number | undefined;

  constructor(db: WriteConnection) {
    this.#db = db;
  }

  /** Id of a mapping, which is made where it is new. */
  mapping(columns: readonly Column[]): number {
    const text = JSON.stringify(columns.map(({ name, type }) => ({ name, type })));
    return remembered(this.#mappings, text, () => {
      const find = (): number => this.#number('select id from holdfast_mappings where columns = ?', text);
      const known = find();
      if (known > 0) return known;
      this.#db.run('insert into holdfast_mappings (columns) values (?)', [text]);
      return find();
    });
  }

  nextChange(): number {
    this.#change = (this.#change ?? this.#number('select max(change) from holdfast_files')) + 1;
    return this.#change;
  }

  /** Largest `row_id` of a table. The one writer has no rival, so rows get consecutive numbers from there. */
  lastRow(table: string): number {
    return remembered(this.#lastRows, table, () => this.#number(`select max(row_id) from ${quoted(table)}`));
  }

  addRows(table: string, count: number): void {
    this.#lastRows.set(table, this.lastRow(table) + count);
  }

  /** After rows were deleted. */
  forgetRows(table: string): void {
    this.#lastRows.delete(table);
  }

  /** The number that new rows of an origin carry, until all of them are renumbered; `member` for a new origin. */
  member(origin: string, member: number): number {
    return remembered(this.#members, origin, () => {
      const known = this.#db.get('select member from holdfast_origins where origin = ?', [origin])?.[0];
      if (known !== undefined) return Number(known);
      this.#db.run('insert into holdfast_origins values (?, ?)', [origin, member]);
      return member;
    });
  }

  /** The numbers that rows of an origin carry which has one. */
  membersOf(origin: string): ReadonlySet<string> {
    return remembered(this.#carried, origin, () => membersOf(this.#db, origin));
  }

  #number(sql: string, ...params: readonly SqlValue[]): number {
    return Number(this.#db.get(sql, params)?.[0] ?? 0);
  }
}

const remembered = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const held = map.get(key);
  if (held !== undefined) return held;
  const made = make();
  map.set(key, made);
  return made;
};

/** Writes a record, in the place of one that is held. */
export const insertRecord = (db: WriteConnection, books: Bookkeeping, { record, rows }: PlacedRecord): void => {
  const { origin, file, table, source, instructions, hash, digest, time, status } = record;
  db.run(`insert or replace into holdfast_files values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, [
    ...[origin, file, table, source, instructions, hash, digest, time, record.rows],
    ...[books.mapping(record.columns), status, rows?.[0] ?? null, rows?.[1] ?? null, books.nextChange()],
  ]);
};

/** The record loses its rows to an earlier one; the rows themselves are deleted by the caller. */
export const demoteRecord = (db: WriteConnection, books: Bookkeeping, { origin, file }: FileRecord): void => {
  db.run(
    `update holdfast_files set status = 'duplicate', rows = 0, first_row = null, last_row = null, change = ?
     where origin = ? and file = ?`,
    [books.nextChange(), origin, file],
  );
};

/** Remembers the rows of a file by their sum as they are right, or what is damaged. */
export const noteSum = (db: WriteConnection, { origin, file, sum, damage }: Finding): void => {
  db.run(
    `insert into holdfast_sums values (?, ?, ?, ?) on conflict (origin, file)
     do update set sum = coalesce(excluded.sum, sum), damage = excluded.damage`,
    [origin, file, sum ?? null, damage ?? null],
  );
};
