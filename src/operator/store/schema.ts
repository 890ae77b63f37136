import { fault } from '../../base/errors.ts';
import type { ReadConnection, ReadDatabases, WriteConnection } from '../../sqlite/sqlite.ts';
import type { Column } from '../../topology/topology.ts';
import { checkColumns, TSD_DBMS } from '../names.ts';
import { kindOf, sqliteType } from '../values.ts';

/**
 * What a logical database holds beside the user's tables. The record of a file is in the same database file as its rows:
 * a transaction over two attached files is not atomic in WAL mode. `first_row` to `last_row` are the `row_id`s of the
 * file's rows, so that they are found whatever becomes of member numbers. `change` grows with each new or changed record.
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
 * What came later and earlier versions need not know: the sums of rows that were proved right, with what is damaged, and
 * rows that were taken out of their table because they belong to no file.
 */
const ADDED = `
create table if not exists holdfast_sums (
  origin text not null, file integer not null, sum text, damage text, primary key (origin, file)) without rowid;
create table if not exists holdfast_aside (
  id integer primary key, table_name text not null, row_id integer not null, why text not null, content text not null);
`;

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const ready = new WeakSet<WriteConnection>();

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
  ready.add(db);
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

/** Columns of a table by their lower-case name (SQLite's `lower` knows ASCII alone); empty where there is no such table. */
export const columnsOfTable = (db: ReadConnection, table: string): ReadonlySet<string> =>
  new Set(db.all('select name from pragma_table_info(?)', [table]).map(([name]) => String(name).toLowerCase()));

interface KnownTables {
  /** Columns by table. */
  readonly tables: Map<string, ReadonlySet<string>>;
  /** Of SQLite's schema when it was read. */
  version: number;
}

/** What is known of the tables of a connection, so that not every file asks. Forgotten when a transaction fails. */
const knownTables = new WeakMap<WriteConnection, KnownTables>();

const schemaVersion = (db: ReadConnection): number =>
  Number(db.get('select schema_version from pragma_schema_version')?.[0] ?? 0);

const known = (db: WriteConnection): KnownTables => {
  const held = knownTables.get(db) ?? { tables: new Map(), version: schemaVersion(db) };
  knownTables.set(db, held);
  return held;
};

/** At the begin of a transaction: forgets the tables when somebody else has made or dropped one. */
export const checkKnownTables = (db: WriteConnection): void => {
  if (knownTables.get(db)?.version !== schemaVersion(db)) forgetTables(db);
};

export const forgetTables = (db: WriteConnection): void => {
  knownTables.delete(db);
};

const INDEXED_TIMES_MAX = 4;

const createTable = (db: WriteConnection, table: string, columns: readonly Column[]): void => {
  const list = columns.map(({ name, type }) => `, ${quoted(name)} ${sqliteType(type)}`).join('');
  db.exec(
    `create table ${quoted(table)} (row_id integer primary key, insert_timestamp timestamp not null, ` +
      `tsd_name char(3) not null, tsd_id int not null${list})`,
  );
  const times = columns.filter(({ type }) => kindOf(type) === 'timestamp').slice(0, INDEXED_TIMES_MAX);
  const indexed = [['insert_timestamp'], ['tsd_name', 'tsd_id'], ...times.map(({ name }) => [name])];
  for (const names of indexed)
    db.exec(
      `create index ${quoted(`${table}.${names.join('.')}`)} on ${quoted(table)} (${names.map(quoted).join(', ')})`,
    );
};

/**
 * Makes the table, or gives it the columns that it lacks, inside the open transaction. Columns that have come to be in
 * the table and are not in `columns` stay null.
 */
export const ensureTable = (db: WriteConnection, table: string, columns: readonly Column[]): void => {
  const { tables } = known(db);
  const present = tables.get(table) ?? columnsOfTable(db, table);
  tables.set(table, present);
  const missing = columns.filter(({ name }) => !present.has(name.toLowerCase()));
  if (present.size > 0 && missing.length === 0) return;
  checkColumns(columns);
  if (present.size === 0) createTable(db, table, columns);
  else
    for (const { name, type } of missing)
      db.exec(`alter table ${quoted(table)} add column ${quoted(name)} ${sqliteType(type)}`);
  tables.set(table, columnsOfTable(db, table));
  known(db).version = schemaVersion(db);
};
