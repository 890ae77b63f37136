import { fault } from '../../base/errors.ts';
import { SCRUB_STRAYS_LISTED_MAX, SUM_BUCKETS_MAX, SUM_FILES_MAX, SUM_ROWS_MAX } from '../../base/limits.ts';
import type { ReadConnection, ReadDatabases, SqlValue } from '../../sqlite/sqlite.ts';
import type { Damage, FileCheck, Strays } from '../file-check.ts';
import { recordDigest, rowDigest, sumOfContent } from '../row-sums.ts';
import { BucketSums, type BucketSum, type FileSum, type SumScope } from '../file-sums.ts';
import { type ArchivePlace, readPlace } from './archive-files.ts';
import { gapsOf, rowsOfFile, sumOfRows, sumsOfRows } from './file-rows.ts';
import { membersOf } from './members.ts';
import { eachRecord, findRecord, type PlacedRecord, selectRecords } from './records.ts';
import { judgeFile, storesOf, type Verdict } from './schema.ts';
import { columnsOfTable, quoted } from './user-tables.ts';

const has = (db: ReadConnection, table: string): boolean =>
  db.get('select 1 from sqlite_master where name = ?', [table]) !== undefined;

/** The sum that the rows of a file had when they were last proved; null where they never were. */
export const provedSum = (db: ReadConnection, origin: string, file: number): SqlValue => {
  if (!has(db, 'holdfast_sums')) return null;
  return db.get('select sum from holdfast_sums where origin = ? and file = ?', [origin, file])?.[0] ?? null;
};

/** What was found wrong with a file when it was last looked at; null where nothing was. */
export const damageOf = (db: ReadConnection, origin: string, file: number): SqlValue => {
  if (!has(db, 'holdfast_sums')) return null;
  return db.get('select damage from holdfast_sums where origin = ? and file = ?', [origin, file])?.[0] ?? null;
};

/** What the content makes; undefined where it makes nothing, since it is not what its record says. */
const madeOf = (content: Uint8Array, { record }: PlacedRecord): { sum: string; rows: number } | undefined => {
  try {
    return sumOfContent(content, record);
  } catch {
    return undefined;
  }
};

const checkOne = (db: ReadConnection, placed: PlacedRecord, content: Uint8Array | undefined): FileCheck => {
  const { record, rows: range } = placed;
  const { origin, file } = record;
  const archive = content === undefined ? 'missing' : 'whole';
  if (record.status === 'duplicate') return { origin, file, record, rows: 0, sum: '', proof: 'proved', archive };
  const found = sumOfRows(db, placed);
  const made = content === undefined ? undefined : madeOf(content, placed);
  const wanted = made?.sum ?? provedSum(db, origin, file);
  const fits = range !== null && range[1] - range[0] + 1 === record.rows && found.rows === record.rows;
  const right = fits && (wanted === null || wanted === found.sum);
  const proof = right ? (wanted === null ? 'open' : 'proved') : 'refuted';
  return { origin, file, record, ...found, proof, archive };
};

const contentAt = (place: Uint8Array | ArchivePlace | undefined): Uint8Array | undefined =>
  place === undefined || place instanceof Uint8Array ? place : readPlace(place);

/**
 * Compares files with their contents, which are read here so that nothing else holds them meanwhile, or where they are in no archive
 * with what was proved of them before.
 */
const checkFiles = (
  databases: ReadDatabases,
  files: readonly { readonly origin: string; readonly file: number }[],
  contents: readonly (Uint8Array | ArchivePlace | undefined)[],
): readonly FileCheck[] =>
  files.map(({ origin, file }, index) => {
    for (const { dbms, db } of storesOf(databases)) {
      const placed = findRecord(db, dbms, origin, file);
      if (placed !== undefined) return checkOne(db, placed, contentAt(contents[index]));
    }
    return { origin, file, record: undefined, rows: 0, sum: '', proof: 'refuted', archive: 'missing' };
  });

/** Tables that hold rows of files, by database. */
const tablesOf = (db: ReadConnection): readonly string[] =>
  db.all('select distinct table_name from holdfast_files order by 1').map(([table]) => String(table));

const straysIn = (db: ReadConnection, table: string, listed: number): { rows: number[]; count: number } => {
  const rows: number[] = [];
  let count = 0;
  if (columnsOfTable(db, table).size === 0) return { rows, count };
  // Read before the records: rows and their record come in one commit, so later rows, whose record is not seen, are left alone.
  const newest = Number(db.get(`select max(row_id) from ${quoted(table)}`)?.[0] ?? 0);
  for (const [from, to] of gapsOf(db, table, newest)) {
    const found = db.all(`select row_id from ${quoted(table)} where row_id between ? and ? limit ?`, [
      from,
      to,
      listed,
    ]);
    count += found.length;
    rows.push(...found.slice(0, listed - rows.length).map(([row]) => Number(row)));
    if (rows.length >= listed) break;
  }
  return { rows, count };
};

/** Rows that belong to no file. The writer looks again before it moves any. */
const strays = (databases: ReadDatabases): readonly Strays[] =>
  storesOf(databases).flatMap(({ dbms, db }) =>
    tablesOf(db)
      .map((table) => ({ dbms, table, ...straysIn(db, table, SCRUB_STRAYS_LISTED_MAX) }))
      .filter(({ count }) => count > 0),
  );

/** What was noted as damaged. */
const damages = (databases: ReadDatabases, limit: number): readonly Damage[] =>
  storesOf(databases)
    .filter(({ db }) => has(db, 'holdfast_sums'))
    .flatMap(({ dbms, db }) =>
      db
        .all(
          `select s.origin, s.file, coalesce(f.table_name, ''), s.damage from holdfast_sums s
           left join holdfast_files f on f.origin = s.origin and f.file = s.file where s.damage is not null limit ?`,
          [limit],
        )
        .map(([origin, file, table, text]) => ({
          ...{ origin: String(origin), file: Number(file), dbms, table: String(table), text: String(text) },
        })),
    )
    .slice(0, limit);

/** Names of the databases of files and of the tables in each, for a check of the pages. */
const pagesToCheck = (databases: ReadDatabases): readonly { readonly dbms: string; readonly table: string }[] =>
  databases.names().flatMap((dbms) =>
    databases
      .read(dbms)
      .all(`select name from sqlite_master where type = 'table' and rootpage > 0 order by name`)
      .map(([table]) => ({ dbms, table: String(table) })),
  );

/** Whether the pages of one table hold together. Throws `SQLITE_CORRUPT`. */
const checkPages = (databases: ReadDatabases, dbms: string, table: string): void => {
  const found = databases.read(dbms).all('select * from pragma_quick_check(?)', [table]);
  const [text] = found[0] ?? ['ok'];
  if (text !== 'ok')
    throw fault('SQLITE_CORRUPT', `database ${dbms}: ${String(text).slice(0, 200)}`, { data: { database: dbms } });
};

const judge = (databases: ReadDatabases, dbms: string): Verdict =>
  judgeFile(databases, dbms, () => databases.read(dbms));

const fileSumsOf = (db: ReadConnection, all: readonly PlacedRecord[]): readonly FileSum[] => {
  const rowsOf = sumsOfRows(db, all);
  return all.map((placed) => fileSum(placed, rowsOf));
};

const fileSum = (placed: PlacedRecord, rowsOf: ReturnType<typeof sumsOfRows>): FileSum => {
  const { origin, file, time, status } = placed.record;
  const about = recordDigest(placed.record);
  // How many rows the record says is part of it, so that a wrong number shows too.
  if (status === 'duplicate') return { origin, file, time, status, about, rows: placed.record.rows, sum: '' };
  const found = rowsOf(placed);
  const fits = found.rows === placed.record.rows;
  return {
    ...{ origin, file, time, status, about },
    rows: placed.record.rows,
    sum: fits ? found.sum : `${found.rows}:${found.sum}`,
  };
};

/** The condition of a scope, with its values. */
const conditionOf = ({ table, from, to, within, without = [] }: SumScope): readonly [string, readonly SqlValue[]] => {
  const [first = ''] = within ?? [];
  const isHere = without.length === 0 ? '' : ' and origin not in (select value from json_each(?))';
  const isWithin = within === undefined ? '' : ' and substr(time, 1, ?) in (select value from json_each(?))';
  const params = within === undefined ? [] : [first.length, JSON.stringify(within)];
  const others = without.length === 0 ? [] : [JSON.stringify(without)];
  return [`table_name = ? and time >= ? and time < ?${isWithin}${isHere}`, [table, from, to, ...params, ...others]];
};

const inScope = (db: ReadConnection, scope: SumScope, limit: number): readonly PlacedRecord[] => {
  const [condition, params] = conditionOf(scope);
  return selectRecords(db, scope.dbms, `${condition} order by time, origin, file limit ?`, [...params, limit]);
};

const storeOf = (databases: ReadDatabases, dbms: string): ReadConnection | undefined =>
  storesOf(databases).find((store) => store.dbms === dbms)?.db;

/** Sums by stretch of time: `digits` of the record time make one. `TABLE_SUMS_BOUND` for more stretches than may be. */
const bucketSums = (databases: ReadDatabases, scope: SumScope, digits: number): readonly BucketSum[] => {
  const db = storeOf(databases, scope.dbms);
  if (db === undefined) return [];
  const [condition, params] = conditionOf(scope);
  const stretches = db.all(`select distinct substr(time, 1, ?) from holdfast_files where ${condition} limit ?`, [
    ...[digits, ...params, SUM_BUCKETS_MAX + 1],
  ]);
  if (stretches.length > SUM_BUCKETS_MAX)
    throw fault('TABLE_SUMS_BOUND', `more than ${SUM_BUCKETS_MAX} buckets of ${scope.dbms}.${scope.table}`, {
      hint: 'name a start_date, or a coarser bucket',
    });
  const sums = new BucketSums(digits);
  for (const page of pagesOf(db, scope)) for (const sum of fileSumsOf(db, page)) sums.add(sum);
  return sums.end();
};

const PAGE = 1_000;

/** The records of a scope by time, origin, number. Sorted once: no index is kept for that. */
function* pagesOf(db: ReadConnection, scope: SumScope): Generator<readonly PlacedRecord[]> {
  const [condition, params] = conditionOf(scope);
  let page: PlacedRecord[] = [];
  for (const record of eachRecord(db, scope.dbms, `${condition} order by time, origin, file`, params)) {
    page.push(record);
    if (page.length < PAGE) continue;
    yield page;
    page = [];
  }
  yield page;
}

/** The files of a scope, one by one. `TABLE_SUMS_BOUND` for more than may be listed. */
const fileSums = (databases: ReadDatabases, scope: SumScope): readonly FileSum[] => {
  const db = storeOf(databases, scope.dbms);
  const records = db === undefined ? [] : inScope(db, scope, SUM_FILES_MAX + 1);
  if (records.length > SUM_FILES_MAX)
    throw fault('TABLE_SUMS_BOUND', `more than ${SUM_FILES_MAX} files of ${scope.dbms}.${scope.table}`, {
      hint: 'name start_date and end_date',
    });
  return db === undefined ? [] : fileSumsOf(db, records);
};

/** A digest of each row of a file, in order, the first of them. */
const rowSums = (databases: ReadDatabases, origin: string, file: number): readonly string[] => {
  for (const { dbms, db } of storesOf(databases)) {
    const placed = findRecord(db, dbms, origin, file);
    if (placed !== undefined) return digestsOf(db, placed);
  }
  return [];
};

const digestsOf = (db: ReadConnection, placed: PlacedRecord): readonly string[] => {
  const members = membersOf(db, placed.record.origin);
  const first = placed.rows?.[0] ?? 0;
  const digests: string[] = [];
  for (const row of rowsOfFile(db, placed)) {
    // A row that is missing leaves its place empty, so that those after it are compared with their own.
    for (let place = Number(row[0]) - first; digests.length < Math.min(place, SUM_ROWS_MAX);) digests.push('');
    if (digests.length >= SUM_ROWS_MAX) break;
    digests.push(rowDigest(row.slice(1), members));
  }
  return digests;
};

/** Tables that files were given for, with the rows in them that belong to none. */
const sumTables = (
  databases: ReadDatabases,
  countStrays: boolean,
): readonly { readonly dbms: string; readonly table: string; readonly strays: number }[] =>
  storesOf(databases).flatMap(({ dbms, db }) =>
    tablesOf(db)
      .filter((table) => isThere(db, table))
      .map((table) => ({
        dbms,
        table,
        strays: countStrays ? straysIn(db, table, SCRUB_STRAYS_LISTED_MAX).count : 0,
      })),
  );

/** Of a table that was dropped records are left, without rows. */
const isThere = (db: ReadConnection, table: string): boolean =>
  columnsOfTable(db, table).size > 0 ||
  db.get(`select 1 from holdfast_files where table_name = ? and status = 'stored' limit 1`, [table]) !== undefined;

/**
 * What runs in the reader threads.
 * @public The thread looks for it by this name.
 */
export const procedures = {
  ...{ checkFiles, strays, damages, pagesToCheck, checkPages, judge },
  ...{ bucketSums, fileSums, rowSums, sumTables },
};

/** Reads that find damage and differences, in a reader thread. */
export const scrubbing = { module: import.meta.url, procedures };
