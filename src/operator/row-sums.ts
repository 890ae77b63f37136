import { createHash } from 'node:crypto';
import type { SqlRow, SqlValue } from '../sqlite/sqlite.ts';
import type { FileRecord } from './file-record.ts';
import { RowMapper } from './mapping.ts';
import { eachRow } from './rows.ts';
import { insertTimestamp } from './timestamps.ts';

/** Hashed at a time: a call for each row would cost more than the hash. */
const BLOCK_CHARS = 32_768;
const SUM_DIGITS = 32;
const ROW_DIGITS = 16;
/**
 * Stands for the member number that rows of the file carry here: the numbers differ while policies are on their way.
 */
const OWN_MEMBER = '=';

/** A whole number is written the same whether SQLite kept it as integer or as real. */
const encoded = (value: SqlValue | undefined): string => {
  if (value === null || value === undefined) return 'n';
  if (typeof value === 'string') return `s${value.length}:${value}`;
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString('base64')}`;
  if (typeof value === 'number') return Number.isInteger(value) ? `i${BigInt(value)}` : `f${value}`;
  return `i${value}`;
};

/** The hash over the rows of one file in their order: equal exactly when the rows are, whatever their `row_id`s. */
export class RowSum {
  readonly #hash = createHash('sha256');
  #text = '';
  rows = 0;

  /** `insert_timestamp`, `tsd_name`, `tsd_id`, then the user's columns. `members`: what `tsd_name` may be. */
  add(row: SqlRow, members: ReadonlySet<string>): void {
    this.rows += 1;
    this.#text += rowText(row, members);
    if (this.#text.length < BLOCK_CHARS) return;
    this.#hash.update(this.#text);
    this.#text = '';
  }

  /** 32 hex digits. Once. */
  hex(): string {
    return this.#hash.update(this.#text).digest('hex').slice(0, SUM_DIGITS);
  }
}

const rowText = (row: SqlRow, members: ReadonlySet<string>): string => {
  let text = '';
  for (const [index, value] of row.entries()) {
    text += index === 1 && members.has(String(value)) ? OWN_MEMBER : encoded(value);
    text += '\n';
  }
  return `${text}\n`;
};

/** 16 hex digits of one row, to name those that differ. */
export const rowDigest = (row: SqlRow, members: ReadonlySet<string>): string =>
  createHash('sha256').update(rowText(row, members)).digest('hex').slice(0, ROW_DIGITS);

type MappedFile = Pick<FileRecord, 'columns' | 'time' | 'file'>;

/** Calls `visit` with each row as the table must hold it, `member` as its `tsd_name`. Throws `INGEST_…`. */
export const eachMappedRow = (
  content: Uint8Array,
  { columns, time, file }: MappedFile,
  member: string,
  visit: (row: SqlRow) => void,
): void => {
  const mapper = new RowMapper(columns);
  const inserted = insertTimestamp(time);
  eachRow(content, (row, line, text) => {
    const values: SqlValue[] = [inserted, member, file];
    mapper.map(row, line, text, values);
    visit(values);
  });
};

/** The sum and number of rows that a file's content makes. Throws `INGEST_…`. */
export const sumOfContent = (
  content: Uint8Array,
  record: MappedFile,
): { readonly sum: string; readonly rows: number } => {
  const sum = new RowSum();
  const members = new Set(['']);
  eachMappedRow(content, record, '', (row) => sum.add(row, members));
  return { sum: sum.hex(), rows: sum.rows };
};

/** 32 hex digits over what all operators know alike of a file, without what may differ for a while (status, rows). */
export const recordDigest = (record: FileRecord): string => {
  const { dbms, table, source, instructions, hash, digest, time, columns } = record;
  const about = [dbms, table, source, instructions, hash, digest, time, columns.map(({ name, type }) => [name, type])];
  return createHash('sha256').update(JSON.stringify(about)).digest('hex').slice(0, SUM_DIGITS);
};
