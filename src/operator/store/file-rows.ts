import type { ReadConnection, SqlRow } from '../../sqlite/sqlite.ts';
import type { FileRecord } from '../file-record.ts';
import { subtractRanges } from '../ranges.ts';
import { RowSum } from '../row-sums.ts';
import { membersOf } from './members.ts';
import type { PlacedRecord } from './records.ts';
import { columnsOfTable, quoted } from './user-tables.ts';

/** The columns of a file's rows as {@link RowSum} takes them; one that the table has lost reads as null. */
const columnList = (db: ReadConnection, { table, columns }: FileRecord): string => {
  const present = columnsOfTable(db, table);
  const own = columns.map(({ name }) => (present.has(name.toLowerCase()) ? quoted(name) : 'null'));
  return ['insert_timestamp', 'tsd_name', 'tsd_id', ...own].join(', ');
};

/** `row_id` first, then what {@link RowSum} takes; nothing where the table is gone. */
export function* rowsOfFile(db: ReadConnection, { record, rows }: PlacedRecord): Generator<SqlRow> {
  if (rows === null || columnsOfTable(db, record.table).size === 0) return;
  const sql = `select row_id, ${columnList(db, record)} from ${quoted(record.table)} where row_id between ? and ? order by row_id`;
  yield* db.iterate(sql, [...rows]);
}

/** Sum and number of the rows that the table holds of a file. */
export const sumOfRows = (db: ReadConnection, placed: PlacedRecord): RowsFound => {
  const members = membersOf(db, placed.record.origin);
  const sum = new RowSum();
  for (const row of rowsOfFile(db, placed)) sum.add(row.slice(1), members);
  return { sum: sum.hex(), rows: sum.rows };
};

interface RowsFound {
  readonly sum: string;
  readonly rows: number;
}

/** Files whose rows follow one another in the table and have the same columns: they are read in one go. */
type Run = (PlacedRecord & { readonly rows: readonly [number, number] })[];

const runsOf = (all: readonly PlacedRecord[]): readonly Run[] => {
  const withRows = all.flatMap(({ record, rows }) => (rows === null ? [] : [{ record, rows }]));
  const runs: Run[] = [];
  for (const placed of withRows.sort((a, b) => a.rows[0] - b.rows[0])) {
    const last = runs.at(-1)?.at(-1);
    const follows =
      last?.record.columns === placed.record.columns &&
      last.record.table === placed.record.table &&
      last.rows[1] + 1 === placed.rows[0];
    if (follows) runs.at(-1)?.push(placed);
    else runs.push([placed]);
  }
  return runs;
};

/** As {@link sumOfRows}, of many files: a statement for each of small ones would cost more than their rows. */
export const sumsOfRows = (db: ReadConnection, all: readonly PlacedRecord[]): ((placed: PlacedRecord) => RowsFound) => {
  const members = new Map<string, ReadonlySet<string>>();
  const found = new Map<FileRecord, RowsFound>();
  for (const run of runsOf(all)) {
    const [first] = run;
    if (first === undefined) continue;
    // A damaged record may say that its last row is before its first.
    const last = Math.max(...run.map(({ rows }) => rows[1]));
    let at = 0;
    let sum = new RowSum();
    const close = (): void => {
      const record = run[at]?.record;
      if (record !== undefined) found.set(record, { sum: sum.hex(), rows: sum.rows });
      sum = new RowSum();
      at += 1;
    };
    for (const row of rowsOfFile(db, { record: first.record, rows: [first.rows[0], last] })) {
      while (Number(row[0]) > (run[at]?.rows[1] ?? Number.POSITIVE_INFINITY)) close();
      const origin = run[at]?.record.origin ?? '';
      const known = members.get(origin) ?? membersOf(db, origin);
      members.set(origin, known);
      sum.add(row.slice(1), known);
    }
    while (at < run.length) close();
  }
  const none = { sum: new RowSum().hex(), rows: 0 };
  return ({ record }) => found.get(record) ?? none;
};

type Stretch = readonly [first: number, last: number];

/**
 * The stretches of `row_id`s of the table's files that touch one, but for those of `except`, in order and apart. One
 * look through all records: no index leads from a row to its file, and asked row by row each row would take one.
 */
const stretchesOfFiles = (
  db: ReadConnection,
  table: string,
  [first, last]: Stretch,
  except?: Pick<FileRecord, 'origin' | 'file'>,
): readonly Stretch[] => {
  const sql = `select first_row, last_row from holdfast_files
    where table_name = ? and status = 'stored' and first_row <= ? and last_row >= ? and first_row <= last_row
      and not (origin = ? and file = ?) order by first_row`;
  const joined: [number, number][] = [];
  for (const [from, to] of db.iterate(sql, [table, last, first, except?.origin ?? '', except?.file ?? 0])) {
    const top = joined.at(-1);
    if (top !== undefined && Number(from) <= top[1] + 1) top[1] = Math.max(top[1], Number(to));
    else joined.push([Number(from), Number(to)]);
  }
  return joined;
};

/** The stretches of one that are of no file of the table but this one, whatever its record says. */
export const ownStretches = (
  db: ReadConnection,
  record: Pick<FileRecord, 'origin' | 'file' | 'table'>,
  rows: Stretch,
): readonly Stretch[] => subtractRanges([rows], stretchesOfFiles(db, record.table, rows, record));

/** Those of some rows that are of no file of the table, in order. */
export const rowsOfNoFile = (db: ReadConnection, table: string, rowIds: readonly number[]): readonly number[] => {
  const sorted = [...rowIds].sort((a, b) => a - b);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined) return [];
  const stretches = stretchesOfFiles(db, table, [first, last]);
  let at = 0;
  return sorted.filter((rowId) => {
    while ((stretches[at]?.[1] ?? Number.POSITIVE_INFINITY) < rowId) at += 1;
    return rowId < (stretches[at]?.[0] ?? Number.POSITIVE_INFINITY);
  });
};

/** The stretches of `row_id`s of a table up to `end` that belong to no file. */
export function* gapsOf(
  db: ReadConnection,
  table: string,
  end = Number.MAX_SAFE_INTEGER,
): Generator<readonly [number, number]> {
  const sql = `select first_row, last_row from holdfast_files
    where table_name = ? and status = 'stored' and first_row is not null order by first_row`;
  let next = Number.MIN_SAFE_INTEGER;
  for (const [first, last] of db.iterate(sql, [table])) {
    if (Number(first) > next) yield [next, Number(first) - 1];
    next = Math.max(next, Number(last) + 1);
  }
  yield [next, end];
}
