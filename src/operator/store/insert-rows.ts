import type { SqlValue, WriteConnection } from '../../sqlite/sqlite.ts';
import type { Column } from '../../topology/topology.ts';
import { RowMapper } from '../mapping.ts';
import { eachRow } from '../rows.ts';
import { insertTimestamp } from '../timestamps.ts';
import { quoted, type TableColumns, wholeNumber } from './user-tables.ts';

/** Values bound by one statement: with many rows a statement the price of calling SQLite vanishes. */
const VALUES_PER_STATEMENT = 1_200;
const ADDED = 3;

/** Where rows go and what stands in their added columns. */
export interface RowTarget {
  readonly table: string;
  readonly columns: readonly Column[];
  /** Of the table. */
  readonly affinities: TableColumns;
  /** Record's time. */
  readonly time: string;
  readonly member: number;
  readonly file: number;
  /** Largest `row_id` of the table. */
  readonly lastRow: number;
  /** Rows that no operator has stored yet are held to more. */
  readonly of: 'new data' | 'stored data';
}

/** What became of the rows of a file. */
export interface Inserted {
  /** `row_id` of the first and last row. */
  readonly rows: readonly [number, number];
  /** As the mapper counts them. */
  readonly leftOut: number;
  readonly cut: number;
}

/** Maps the content and inserts its rows, in order and with `row_id`s in one run. Throws `INGEST_…`. */
export const insertRows = (db: WriteConnection, content: Uint8Array, target: RowTarget): Inserted => {
  const { table, columns, affinities, time, member, file, lastRow, of } = target;
  const width = columns.length + ADDED;
  const names = ['insert_timestamp', 'tsd_name', 'tsd_id', ...columns.map(({ name }) => quoted(name))].join(', ');
  const place = `(${Array<string>(width).fill('?').join(',')})`;
  const sqlFor = (rows: number): string =>
    `insert into ${quoted(table)} (${names}) values ${Array<string>(rows).fill(place).join(',')}`;

  const perStatement = Math.max(1, Math.floor(VALUES_PER_STATEMENT / width));
  const full = perStatement * width;
  const fullSql = sqlFor(perStatement);
  const inserted = insertTimestamp(time);
  const name = String(member);
  const mapper = new RowMapper(columns, of);
  const loose = columns.flatMap((column, at) => (affinities.get(column.name.toLowerCase()) === 'BLOB' ? [at] : []));
  let values: SqlValue[] = [];
  const count = eachRow(content, (row, line, text) => {
    values.push(inserted, name, file);
    const start = values.length;
    mapper.map(row, line, text, values);
    for (const at of loose) {
      const value = values[start + at];
      if (typeof value === 'number') values[start + at] = wholeNumber(value);
    }
    if (values.length < full) return;
    db.run(fullSql, values);
    values = [];
  });
  if (values.length > 0) db.run(sqlFor(values.length / width), values);
  return { rows: [lastRow + 1, lastRow + count], leftOut: mapper.leftOut, cut: mapper.cut };
};

/** Throws what {@link insertRows} would throw for its rows; returns how many there are. */
export const mapAll = (content: Uint8Array, columns: readonly Column[], of: RowTarget['of']): number => {
  const mapper = new RowMapper(columns, of);
  return eachRow(content, (row, line, text) => mapper.map(row, line, text, []));
};
