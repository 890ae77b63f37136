import type { ReadConnection, SqlRow, SqlValue, WriteConnection } from '../../sqlite/sqlite.ts';
import type { Column } from '../../topology/topology.ts';
import type { FileRecord } from '../file-record.ts';

/** A record with the place of its rows. */
export interface PlacedRecord {
  readonly record: FileRecord;
  /** `row_id` of the first and last row; null for a duplicate. */
  readonly rows: readonly [number, number] | null;
}

const SELECT = `select origin, file, table_name, source, instructions, hash, digest, time, rows, m.columns, status,
  first_row, last_row from holdfast_files f join holdfast_mappings m on m.id = f.mapping`;

/** The text was written by {@link mappingId}. */
const parsedMappings = new Map<string, readonly Column[]>();
const PARSED_MAX = 256;

const columnsOf = (text: string): readonly Column[] => {
  const held = parsedMappings.get(text);
  if (held !== undefined) return held;
  const columns = JSON.parse(text) as readonly Column[];
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

/** Records by a condition on `f`, with what follows it (order, limit). */
export const selectRecords = (
  db: ReadConnection,
  dbms: string,
  condition: string,
  params: readonly SqlValue[],
): readonly PlacedRecord[] => db.all(`${SELECT} where ${condition}`, params).map((row) => placed(dbms, row));

export const findRecord = (db: ReadConnection, dbms: string, origin: string, file: number): PlacedRecord | undefined =>
  selectRecords(db, dbms, 'origin = ? and file = ?', [origin, file])[0];

/** The stored record of some content. */
export const findHolder = (db: ReadConnection, dbms: string, hash: string, digest: string): PlacedRecord | undefined =>
  selectRecords(db, dbms, `hash = ? and status = 'stored' and digest = ?`, [hash, digest])[0];

const mappingId = (db: WriteConnection, columns: readonly Column[]): number => {
  const text = JSON.stringify(columns.map(({ name, type }) => ({ name, type })));
  const find = (): number | undefined => {
    const id = db.get('select id from holdfast_mappings where columns = ?', [text])?.[0];
    return id === undefined ? undefined : Number(id);
  };
  const known = find();
  if (known !== undefined) return known;
  db.run('insert into holdfast_mappings (columns) values (?)', [text]);
  return find() ?? 0;
};

const nextChange = (db: WriteConnection): number =>
  Number(db.get('select max(change) from holdfast_files')?.[0] ?? 0) + 1;

export const insertRecord = (db: WriteConnection, { record, rows }: PlacedRecord): void => {
  const { origin, file, table, source, instructions, hash, digest, time, status } = record;
  db.run(`insert into holdfast_files values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, [
    ...[origin, file, table, source, instructions, hash, digest, time, record.rows],
    ...[mappingId(db, record.columns), status, rows?.[0] ?? null, rows?.[1] ?? null, nextChange(db)],
  ]);
};

/** The record loses its rows to an earlier one; the rows themselves are deleted by the caller. */
export const demoteRecord = (db: WriteConnection, { origin, file }: FileRecord): void => {
  db.run(
    `update holdfast_files set status = 'duplicate', rows = 0, first_row = null, last_row = null, change = ?
     where origin = ? and file = ?`,
    [nextChange(db), origin, file],
  );
};
