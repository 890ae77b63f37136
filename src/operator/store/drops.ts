import { fault } from '../../base/errors.ts';
import type { ReadConnection, WriteConnection } from '../../sqlite/sqlite.ts';
import type { FileRecord } from '../file-record.ts';
import {
  type Bookkeeping,
  demoteRecord,
  eachRecord,
  mappedTables,
  type PlacedRecord,
  selectRecords,
} from './records.ts';
import { columnsOfTable, fitTable, forgetTables, quoted } from './user-tables.ts';

/** What loses its rows in one transaction. */
const DROP_STEP_FILES = 500;
const DROP_STEP_ROWS = 20_000;

type FileName = Pick<FileRecord, 'origin' | 'file'>;

/** A step of applying a drop, each short: other data goes on between. */
export type DropStep =
  /** From now on nothing that it covers gets rows. */
  | { readonly do: 'begin'; readonly files: ReadonlyMap<string, number> }
  /** The next files that it covers, in the order of (origin, file), lose their rows. */
  | { readonly do: 'rows'; readonly after: FileName | undefined }
  /**
   * The table is as if these files had never come; the drop is done, also in a database that was made anew since it
   * began.
   */
  | { readonly do: 'end'; readonly policy: string; readonly files: ReadonlyMap<string, number> };

/** What lost its rows in a step. */
export interface Dropped {
  readonly files: number;
  readonly rows: number;
  /** The last of them; undefined where there is none any more. */
  readonly last: FileRecord | undefined;
}

/**
 * Of `file` and `origin` in `f`: whether its table was dropped after it. The same on every operator that knows the
 * drop.
 */
const COVERED = `f.file <= (select up_to from holdfast_drops d where d.table_name = f.table_name and d.origin = f.origin)`;

/** Whether the table of a file was dropped after it: then it has no rows, whenever it comes. */
export const isDropped = (db: ReadConnection, { table, origin, file }: FileRecord): boolean =>
  db.get('select 1 from holdfast_drops where table_name = ? and origin = ? and up_to >= ?', [table, origin, file]) !==
  undefined;

/**
 * The rows of a dropped file wait to be taken over by one that came since: until then nobody else gets them.
 * `FILE_DROP_WAITS`.
 */
export const checkNotAwaited = (db: ReadConnection, { hash, digest }: FileRecord): void => {
  const sql = `select 1 from holdfast_files f where f.hash = ? and f.digest = ? and f.status = 'duplicate' and not coalesce(${COVERED}, false)`;
  if (db.get(sql, [hash, digest]) === undefined) return;
  throw fault(
    'FILE_DROP_WAITS',
    'the table was just dropped, and the same data that came since is not in its place yet',
    {
      hint: 'send it again',
    },
  );
};

/** A database of an earlier version that nothing was written to yet has no drops. */
const hasDrops = (db: ReadConnection): boolean =>
  db.get(`select 1 from sqlite_master where type = 'table' and name = 'holdfast_drops_done'`) !== undefined;

/** The drops that were applied to the end here, by policy id. */
export const dropsDone = (db: ReadConnection): readonly string[] =>
  hasDrops(db) ? db.all('select policy from holdfast_drops_done').map(([policy]) => String(policy)) : [];

/**
 * Files that came after a drop while rows of the same content were held under one before it: a duplicate with the
 * record that has its rows and loses them. Of one content the first by (time, origin) gets them.
 */
export const handovers = (
  db: ReadConnection,
  dbms: string,
  table: string,
  limit: number,
): readonly { readonly to: FileRecord; readonly from: FileRecord }[] => {
  if (!hasDrops(db)) return [];
  const condition = `f.table_name = ? and f.status = 'duplicate' and not coalesce(${COVERED}, false) and exists (
    select 1 from holdfast_files h join holdfast_drops d on d.table_name = h.table_name and d.origin = h.origin and h.file <= d.up_to
    where h.hash = f.hash and h.digest = f.digest and h.status = 'stored') order by f.time, f.origin, f.file limit ?`;
  return selectRecords(db, dbms, condition, [table, limit]).flatMap(({ record: to }) => {
    const holder = `f.hash = ? and f.digest = ? and f.status = 'stored' and ${COVERED} limit 1`;
    const [from] = selectRecords(db, dbms, holder, [to.hash, to.digest]);
    return from === undefined ? [] : [{ to, from: from.record }];
  });
};

/** The first file of a table that has rows and was not dropped. */
export const firstKept = (db: ReadConnection, dbms: string, table: string): FileRecord | undefined => {
  const kept = hasDrops(db) ? ` and not coalesce(${COVERED}, false)` : '';
  const condition = `f.table_name = ? and f.status = 'stored'${kept} order by f.time, f.origin, f.file limit 1`;
  return selectRecords(db, dbms, condition, [table])[0]?.record;
};

const NOTHING: Dropped = { files: 0, rows: 0, last: undefined };

/** Takes one step, inside the open transaction. Idempotent, so it may break off anywhere and begin again. */
export const applyDrop = (
  db: WriteConnection,
  books: Bookkeeping,
  { dbms, table }: { readonly dbms: string; readonly table: string },
  step: DropStep,
): Dropped => {
  switch (step.do) {
    case 'begin':
      cover(db, table, step.files);
      return NOTHING;
    case 'rows':
      return dropRows(db, books, dbms, table, step.after);
    case 'end':
      cover(db, table, step.files);
      endTable(db, table);
      db.run('insert or ignore into holdfast_drops_done values (?)', [step.policy]);
      return NOTHING;
  }
};

const cover = (db: WriteConnection, table: string, files: ReadonlyMap<string, number>): void => {
  for (const [origin, upTo] of files)
    db.run(
      `insert into holdfast_drops values (?, ?, ?) on conflict (table_name, origin)
       do update set up_to = max(up_to, excluded.up_to)`,
      [table, origin, upTo],
    );
};

const dropRows = (
  db: WriteConnection,
  books: Bookkeeping,
  dbms: string,
  table: string,
  after: FileName | undefined,
): Dropped => {
  const next: PlacedRecord[] = [];
  let rows = 0;
  const condition = `(f.origin, f.file) > (?, ?) and f.table_name = ? and f.status = 'stored' and ${COVERED}
    order by f.origin, f.file limit ?`;
  const params = [after?.origin ?? '', after?.file ?? 0, table, DROP_STEP_FILES];
  for (const placed of eachRecord(db, dbms, condition, params)) {
    next.push(placed);
    rows += placed.record.rows;
    if (rows >= DROP_STEP_ROWS) break;
  }
  for (const placed of next) dropFile(db, books, placed);
  return { files: next.length, rows, last: next.at(-1)?.record };
};

/** A file loses its rows; its record stays, so that its number counts as held everywhere. */
export const dropFile = (db: WriteConnection, books: Bookkeeping, { record, rows }: PlacedRecord): void => {
  if (rows !== null && columnsOfTable(db, record.table).size > 0)
    db.run(`delete from ${quoted(record.table)} where row_id between ? and ?`, [...rows]);
  books.forgetRows(record.table);
  demoteRecord(db, books, record);
};

/** Files of a table that count for its columns: those that have rows, and what came as a duplicate of one. */
const COUNTS = `f.table_name = ? and not coalesce(${COVERED}, false) and (f.status = 'stored' or exists (
  select 1 from holdfast_files h where h.hash = f.hash and h.digest = f.digest and h.status = 'stored'))`;

/**
 * Rows of no file go with the table where nothing else is in it; what came since keeps its rows, in the columns of its
 * own.
 */
const endTable = (db: WriteConnection, table: string): void => {
  if (columnsOfTable(db, table).size === 0) return;
  const mapped = mappedTables(db, COUNTS, [table]).map(({ columns }) => columns);
  if (mapped.length > 0) fitTable(db, table, mapped);
  else db.exec(`drop table ${quoted(table)}`);
  forgetTables(db);
};
