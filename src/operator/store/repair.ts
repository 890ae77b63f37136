import { fault } from '../../base/errors.ts';
import { REPAIR_ROWS_LISTED_MAX } from '../../base/limits.ts';
import type { SqlRow, WriteConnection } from '../../sqlite/sqlite.ts';
import type { FileCopy, FileRecord } from '../file-record.ts';
import type { Repair, RowChange } from '../file-check.ts';
import { eachMappedRow, rowDigest, sumOfContent } from '../row-sums.ts';
import { ownStretches, rowsOfFile, rowsOfNoFile } from './file-rows.ts';
import { membersOf } from './members.ts';
import type { PlacedRecord } from './records.ts';
import { columnsOfTable, quoted } from './user-tables.ts';

/**
 * The sum that the rows of a copy must have. A copy that was made from rows is believed only where it has the sum that
 * was asked for (`FILE_SUM_MISMATCH`); the digest speaks for any other.
 */
export const sumOfCopy = (
  { record, content, rebuilt }: FileCopy,
  wanted: string | undefined,
): { readonly sum: string; readonly rows: number } => {
  const made = sumOfContent(content, record);
  if (wanted === undefined ? !rebuilt : made.sum === wanted) return made;
  throw fault('FILE_SUM_MISMATCH', `file ${record.file} of ${record.origin}: the copy does not make the rows wanted`, {
    data: { origin: record.origin, file: record.file },
    hint: 'the rows of the peer that made it are damaged; another is asked',
  });
};

const shownValue = (value: unknown): string => {
  if (value instanceof Uint8Array) return `<${value.byteLength} bytes>`;
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};

/** The columns of two rows that differ, as text; all of the one where there is no other. */
const difference = (names: readonly string[], of: SqlRow | undefined, other: SqlRow | undefined): string => {
  if (of === undefined) return '';
  const listed = names.flatMap((name, at) =>
    other !== undefined && shownValue(of[at]) === shownValue(other[at]) ? [] : [`${name} = ${shownValue(of[at])}`],
  );
  return listed.join(', ');
};

/** Rows that were changed: the first of them, and how many. */
export type RowChanges = Pick<Repair, 'changes' | 'changed'>;

const NO_CHANGES: RowChanges = { changes: [], changed: 0 };

/** What two steps of a repair changed. */
export const bothChanges = (first: RowChanges, then: RowChanges): RowChanges => ({
  changes: [...first.changes, ...then.changes].slice(0, REPAIR_ROWS_LISTED_MAX),
  changed: first.changed + then.changed,
});

/** What differs between the rows that the table holds of a file and those that it should. The first are listed. */
export const compareRows = (
  db: WriteConnection,
  placed: PlacedRecord,
  { record, content }: Pick<FileCopy, 'record' | 'content'>,
): RowChanges => {
  const members = membersOf(db, record.origin);
  const [member = '0'] = members;
  const names = ['insert_timestamp', 'tsd_name', 'tsd_id', ...record.columns.map(({ name }) => name)];
  const first = placed.rows?.[0] ?? 1;
  const found = new Map<number, string>();
  for (const row of rowsOfFile(db, placed)) found.set(Number(row[0]) - first + 1, rowDigest(row.slice(1), members));
  const rowAt = (row: number): SqlRow | undefined => {
    const [had] = rowsOfFile(db, { ...placed, rows: [first + row - 1, first + row - 1] });
    return had?.slice(1);
  };
  const changes: RowChange[] = [];
  let changed = 0;
  const note = (row: number, change: RowChange['change'], now: SqlRow | undefined): void => {
    changed += 1;
    if (changes.length >= REPAIR_ROWS_LISTED_MAX) return;
    const was = change === 'missing' ? undefined : rowAt(row);
    changes.push({ row, change, was: difference(names, was, now), now: difference(names, now, was) });
  };
  let row = 0;
  eachMappedRow(content, record, member, (values) => {
    row += 1;
    const had = found.get(row);
    found.delete(row);
    if (had === undefined) note(row, 'missing', values);
    else if (had !== rowDigest(values, members)) note(row, 'changed', values);
  });
  for (const extra of found.keys()) note(extra, 'extra', undefined);
  return { changes, changed };
};

/** Deletes the rows of a record, but none that are those of another file, whatever its record says. */
export const deleteRowsOf = (db: WriteConnection, { record, rows }: PlacedRecord): void => {
  if (rows === null || columnsOfTable(db, record.table).size === 0) return;
  for (const stretch of ownStretches(db, record, rows))
    db.run(`delete from ${quoted(record.table)} where row_id between ? and ?`, [...stretch]);
};

/** A row as JSON, as it is kept when it is taken out of its table. */
const rowJson = (names: readonly string[], row: SqlRow): string =>
  JSON.stringify(
    Object.fromEntries(
      names.map((name, at) => {
        const value = row[at];
        if (typeof value === 'bigint') return [name, value.toString()];
        return [name, value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value];
      }),
    ),
  );

/**
 * Moves rows that belong to no file out of their table into `holdfast_aside`, in the open transaction; those that
 * belong to one stay. `known` names rows that are held elsewhere: they are deleted. Returns which rows left the table.
 */
export const setRowsAside = (
  db: WriteConnection,
  table: string,
  rowIds: readonly number[],
  why: string,
  known: ReadonlySet<string> = new Set(),
): RowChanges => {
  const names = db.all('select name from pragma_table_info(?)', [table]).map(([name]) => String(name));
  const list = names.map(quoted).join(', ');
  const select = `select ${list} from ${quoted(table)} where row_id = ?`;
  const changes: RowChange[] = [];
  let changed = 0;
  for (const rowId of rowsOfNoFile(db, table, rowIds)) {
    const row = db.get(select, [rowId]);
    if (row === undefined) continue;
    const content = rowJson(names, row);
    const isKept = !known.has(content);
    if (isKept)
      db.run('insert into holdfast_aside (table_name, row_id, why, content) values (?, ?, ?, ?)', [
        ...[table, rowId, why, content],
      ]);
    db.run(`delete from ${quoted(table)} where row_id = ?`, [rowId]);
    changed += 1;
    if (changes.length >= REPAIR_ROWS_LISTED_MAX || !Number.isSafeInteger(rowId)) continue;
    const now = isKept ? 'kept in holdfast_aside' : '';
    changes.push({ row: rowId, change: 'extra', was: difference(names, row, undefined), now });
  }
  return { changes, changed };
};

/**
 * Takes out rows that carry the name of a file whose record is not here, before its copy brings them again: a record
 * that was lost would otherwise double its rows. One look into an index where there are none. `members`: what they may
 * carry.
 */
export const clearStraysOf = (
  db: WriteConnection,
  record: FileRecord,
  members: ReadonlySet<string>,
  content: Uint8Array,
): RowChanges => {
  const places = [...members].map(() => '?').join(', ');
  const sql = `select row_id from ${quoted(record.table)} where tsd_name in (${places}) and tsd_id = ?`;
  const named = db.all(sql, [...members, record.file]).map(([rowId]) => Number(rowId));
  const strays = rowsOfNoFile(db, record.table, withoutNamesakes(db, record, named));
  if (strays.length === 0) return NO_CHANGES;
  const why = `rows of file ${record.file} of ${record.origin}, which was applied again`;
  return setRowsAside(db, record.table, strays, why, expectedRows(db, record, members, content, strays));
};

/**
 * Without the rows of files of other origins that have the same number, and had the same member number for a while: they
 * are found at once.
 */
const withoutNamesakes = (db: WriteConnection, { table, file }: FileRecord, rowIds: readonly number[]): number[] => {
  if (rowIds.length === 0) return [];
  const sql = `select first_row, last_row from holdfast_origins o join holdfast_files f on f.origin = o.origin
    where f.file = ? and f.table_name = ? and f.status = 'stored' and first_row <= last_row`;
  const namesakes = db.all(sql, [file, table]).map(([first, last]) => [Number(first), Number(last)] as const);
  return rowIds.filter((rowId) => !namesakes.some(([first, last]) => first <= rowId && rowId <= last));
};

/** The strays, as kept JSON, that the content makes as well: those need no keeping. */
const expectedRows = (
  db: WriteConnection,
  record: FileRecord,
  members: ReadonlySet<string>,
  content: Uint8Array,
  rowIds: readonly number[],
): ReadonlySet<string> => {
  const made = new Set<string>();
  const [member = '0'] = members;
  eachMappedRow(content, record, member, (row) => made.add(rowDigest(row, members)));
  const names = db.all('select name from pragma_table_info(?)', [record.table]).map(([name]) => String(name));
  const list = names.map(quoted).join(', ');
  const known = new Set<string>();
  for (const rowId of rowIds) {
    const [row] = rowsOfFile(db, { record, rows: [rowId, rowId] });
    if (row === undefined || !made.has(rowDigest(row.slice(1), members))) continue;
    const whole = db.get(`select ${list} from ${quoted(record.table)} where row_id = ?`, [rowId]);
    if (whole !== undefined) known.add(rowJson(names, whole));
  }
  return known;
};
