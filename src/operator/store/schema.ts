import { asFault, fault, hasCode, type HoldfastError } from '../../base/errors.ts';
import type { ReadConnection, ReadDatabases, WriteConnection } from '../../sqlite/sqlite.ts';
import { TSD_DBMS } from '../names.ts';
import { mappedTables } from './records.ts';
import { bringTablesOver } from './user-tables.ts';

/**
 * What a logical database holds beside the user's tables. The record of a file is in the same database file as its
 * rows: a transaction over two attached files is not atomic in WAL mode. `first_row` to `last_row` are the `row_id`s of
 * the file's rows, so that they are found whatever becomes of member numbers. `change` grows with each new or changed
 * record.
 */
const SCHEMA = `
create table if not exists holdfast_files (
  origin text not null, file integer not null, table_name text not null, source text not null, instructions text not null,
  hash text not null, digest text not null, time text not null, rows integer not null, mapping integer not null,
  status text not null, first_row integer, last_row integer, change integer not null,
  primary key (origin, file)) without rowid;
create index if not exists holdfast_files_content on holdfast_files (hash) where status = 'stored';
create unique index if not exists holdfast_files_change on holdfast_files (change);
create table if not exists holdfast_mappings (id integer primary key, columns text not null unique);
create table if not exists holdfast_origins (origin text primary key, member integer not null) without rowid;
create table if not exists holdfast_buffers (
  id integer primary key, table_name text not null, source text not null, instructions text not null,
  time text not null, rows integer not null, content blob not null);
create index if not exists holdfast_buffers_table on holdfast_buffers (table_name);
pragma user_version = 1;
`;
const FORMAT = 1;

/**
 * What came later and earlier versions need not know: the sums of rows that were proved right, with what is damaged,
 * and rows that were taken out of their table because they belong to no file, the steps that brought the database over,
 * and the number that rows of an origin had and may have still, up to which file they have the one of
 * `holdfast_origins`, and up to which file of an origin a table was dropped, with the policies of the drops that were
 * applied to the end. The index says without a look at other records which files of an origin have rows of a table.
 */
const ADDED = `
create index if not exists holdfast_files_placed on holdfast_files (table_name)
  where status = 'stored' and first_row is not null;
create table if not exists holdfast_sums (
  origin text not null, file integer not null, sum text, damage text, primary key (origin, file)) without rowid;
create table if not exists holdfast_aside (
  id integer primary key, table_name text not null, row_id integer not null, why text not null, content text not null);
create table if not exists holdfast_steps (step text primary key) without rowid;
create table if not exists holdfast_renumbering (
  origin text primary key, had integer not null, up_to integer not null) without rowid;
create table if not exists holdfast_drops (
  table_name text not null, origin text not null, up_to integer not null, primary key (table_name, origin)) without rowid;
create table if not exists holdfast_drops_done (policy text primary key) without rowid;
`;

/** What was done once to a database of an earlier version. */
const STEPS: readonly (readonly [string, (db: WriteConnection) => void])[] = [
  ['types by all files', (db) => bringTablesOver(db, mappedTables(db, `status = 'stored'`))],
];

const ready = new WeakSet<WriteConnection>();
const undone = new WeakMap<WriteConnection, HoldfastError>();

/** Why a step was left undone. Said once. */
export const takeUndone = (db: WriteConnection): HoldfastError | undefined => {
  const why = undone.get(db);
  undone.delete(db);
  return why;
};

/** Makes the internal tables. Outside of any transaction. `STORE_FORMAT` for a file that a later version wrote. */
export const prepareDatabase = (db: WriteConnection): void => {
  if (ready.has(db)) return;
  const format = Number(db.get('select user_version from pragma_user_version')?.[0] ?? 0);
  if (format > FORMAT)
    throw fault('STORE_FORMAT', `the database has format ${format}; this version knows ${FORMAT}`, {
      hint: 'start the version that wrote it, or a later one',
    });
  if (format < FORMAT) db.transaction(() => db.exec(SCHEMA));
  db.exec(ADDED);
  for (const [step, take] of STEPS) {
    if (db.get('select 1 from holdfast_steps where step = ?', [step]) !== undefined) continue;
    try {
      db.transaction(() => {
        take(db);
        db.run('insert into holdfast_steps values (?)', [step]);
      });
    } catch (caught) {
      // Everything works without it; it is tried again when the database is opened anew.
      if (!hasCode(caught, 'FILE_TABLE_NO_ROOM')) throw caught;
      undone.set(db, asFault(caught));
    }
  }
  ready.add(db);
};

/** What became of a look at a database. `large`: it was not looked at. */
export type Verdict =
  | { readonly found: 'whole' | 'large' }
  /** `file`: which one it was that does not hold together. */
  | { readonly found: 'damaged'; readonly file: string | undefined };

/**
 * Whether a database file holds together, by SQLite's own check of every page, as one that is not there does; not of
 * one of more than `pagesMax` pages.
 */
export const judgeFile = (
  databases: ReadDatabases,
  dbms: string,
  open: () => ReadConnection,
  pagesMax = Number.POSITIVE_INFINITY,
): Verdict => {
  if (!databases.names().includes(dbms)) return { found: 'whole' };
  const damaged = { found: 'damaged', file: databases.fileOf(dbms) } as const;
  try {
    const db = open();
    if (Number(db.get('select page_count from pragma_page_count')?.[0]) > pagesMax) return { found: 'large' };
    return db.get('select * from pragma_integrity_check limit 1')?.[0] === 'ok' ? { found: 'whole' } : damaged;
  } catch (caught) {
    if (hasCode(caught, 'SQLITE_CORRUPT')) return damaged;
    throw caught;
  }
};

/** Whether the database holds data of an operator. */
const isStore = (db: ReadConnection): boolean =>
  db.get(`select 1 from sqlite_master where type = 'table' and name = 'holdfast_files'`) !== undefined;

/** The databases that hold files, with their names. */
export const storesOf = (databases: ReadDatabases): { readonly dbms: string; readonly db: ReadConnection }[] =>
  databases
    .names()
    .filter((dbms) => dbms !== TSD_DBMS)
    .map((dbms) => ({ dbms, db: databases.read(dbms) }))
    .filter(({ db }) => isStore(db));
