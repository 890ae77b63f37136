import { sized } from '../../base/disk-monitor.ts';
import { fault } from '../../base/errors.ts';
import type { ReadConnection, WriteConnection } from '../../sqlite/sqlite.ts';
import type { Column } from '../../topology/topology.ts';
import { type Affinity, affinityOf, joinedAffinity, neededAffinity, sqliteType } from '../affinity.ts';
import { ADDED_COLUMNS, checkColumns } from '../names.ts';
import { kindOf } from '../values.ts';

/** A name as SQL has it, whatever is in it. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Affinities of a table's columns, by their lower-case name. */
export type TableColumns = ReadonlyMap<string, Affinity>;

/** Columns of a table (SQLite's `lower` knows ASCII alone); empty where there is no such table. */
export const columnsOfTable = (db: ReadConnection, table: string): TableColumns =>
  new Map(
    db
      .all('select name, type from pragma_table_info(?)', [table])
      .map(([name, type]) => [String(name).toLowerCase(), affinityOf(String(type))]),
  );

interface KnownTables {
  /** Columns by table. */
  readonly tables: Map<string, TableColumns>;
  /** Of SQLite's schema when it was read. */
  version: number;
}

/** What is known of the tables of a connection, so that not every file asks. */
const knownTables = new WeakMap<WriteConnection, KnownTables>();

const schemaVersion = (db: ReadConnection): number =>
  Number(db.get('select schema_version from pragma_schema_version')?.[0] ?? 0);

const known = (db: WriteConnection): KnownTables => {
  const held = knownTables.get(db) ?? { tables: new Map(), version: schemaVersion(db) };
  knownTables.set(db, held);
  return held;
};

const knownColumns = (db: WriteConnection, table: string): TableColumns => {
  const { tables } = known(db);
  const columns = tables.get(table) ?? columnsOfTable(db, table);
  tables.set(table, columns);
  return columns;
};

/**
 * A transaction that makes or changes tables: what was known of them is forgotten where it is no longer so, or it
 * fails.
 */
export const withTables = <T>(db: WriteConnection, work: () => T): T => {
  try {
    return db.transaction(() => {
      if (knownTables.get(db)?.version !== schemaVersion(db)) forgetTables(db);
      return work();
    });
  } catch (caught) {
    forgetTables(db);
    throw caught;
  }
};

/** The tables of a connection are looked up anew: somebody may have changed them. */
export const forgetTables = (db: WriteConnection): void => {
  knownTables.delete(db);
};

const INDEXED_TIMES_MAX = 4;

const ADDED =
  'row_id integer primary key, insert_timestamp timestamp not null, tsd_name char(3) not null, tsd_id int not null';

const createTable = (db: WriteConnection, table: string, columns: readonly Column[]): void => {
  const list = columns.map(({ name, type }) => `, ${quoted(name)} ${sqliteType(type)}`).join('');
  db.exec(`create table ${quoted(table)} (${ADDED}${list})`);
  const times = columns.filter(({ type }) => kindOf(type) === 'timestamp').slice(0, INDEXED_TIMES_MAX);
  const indexed = [['insert_timestamp'], ['tsd_name', 'tsd_id'], ...times.map(({ name }) => [name])];
  for (const names of indexed)
    db.exec(
      `create index ${quoted(`${table}.${names.join('.')}`)} on ${quoted(table)} (${names.map(quoted).join(', ')})`,
    );
};

/** The columns of the table whose affinity would change values of these, with the one that changes none of either. */
const changedBy = (present: TableColumns, columns: readonly Column[]): TableColumns => {
  const changed = new Map<string, Affinity>();
  for (const { name, type } of columns) {
    const had = present.get(name.toLowerCase());
    const joined = had === undefined ? undefined : joinedAffinity(had, neededAffinity(type));
    if (joined !== undefined && joined !== had) changed.set(name.toLowerCase(), joined);
  }
  return changed;
};

/** Whether {@link ensureTable} would have to write all rows of the table anew. */
export const isTableRewritten = (db: WriteConnection, table: string, columns: readonly Column[]): boolean =>
  changedBy(knownColumns(db, table), columns).size > 0;

/**
 * Makes the table, or gives it the columns that it lacks, inside the open transaction. Columns that have come to be in
 * the table and are not in `columns` stay null. The affinity of a column follows from all files of the table, in
 * whatever order they came: where one needs another, all rows are written anew. Returns the columns of the table.
 * `FILE_TABLE_NO_ROOM`.
 */
export const ensureTable = (db: WriteConnection, table: string, columns: readonly Column[]): TableColumns => {
  const present = knownColumns(db, table);
  const missing = columns.filter(({ name }) => !present.has(name.toLowerCase()));
  const changed = changedBy(present, columns);
  if (present.size > 0 && missing.length === 0 && changed.size === 0) return present;
  checkColumns(columns);
  if (changed.size > 0) assertRoom(db, [table]);
  if (present.size === 0) createTable(db, table, columns);
  else
    for (const { name, type } of missing)
      db.exec(`alter table ${quoted(table)} add column ${quoted(name)} ${sqliteType(type)}`);
  if (changed.size > 0) rewriteTable(db, table, changed);
  forgetTables(db);
  return knownColumns(db, table);
};

const TYPE_OF: Readonly<Record<Affinity, string>> = { TEXT: 'text', NUMERIC: 'numeric', REAL: 'real', BLOB: 'blob' };

/**
 * A column as it is in a column of no affinity, where a whole number is an integer: it is so in all others but those of
 * floats.
 */
const asWhole = (column: string): string =>
  `case when typeof(${column}) = 'real' and ${column} = cast(${column} as integer) and ${column} > -9223372036854775808.0
     then cast(${column} as integer) else ${column} end`;

/** The same for a value that is about to be written. */
export const wholeNumber = (value: number): number | bigint =>
  Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? BigInt(value) : value;

interface Measured {
  /** Of SQLite's schema. */
  readonly version: number;
  readonly bytes: number;
}

/**
 * Tables that were to be written anew and had no room: to read all of their pages for each such file would take too
 * long.
 */
const measured = new WeakMap<WriteConnection, Map<string, Measured>>();

/** What a table takes in the file, with its indexes. Reads all of it, once. */
const bytesOfTable = (db: WriteConnection, table: string): number => {
  const tables = measured.get(db) ?? new Map<string, Measured>();
  measured.set(db, tables);
  const version = schemaVersion(db);
  const known = tables.get(table);
  if (known?.version === version) return known.bytes;
  const bytes = db
    .all('select name from sqlite_master where tbl_name = ?', [table])
    .map(([name = null]) => db.get('select sum(pgsize) from dbstat where aggregate = true and name = ?', [name])?.[0])
    .reduce<number>((sum, part) => sum + Number(part ?? 0), 0);
  tables.set(table, { version, bytes });
  return bytes;
};

/**
 * Tables that are written anew need their room once more in SQLite's log and once more in the file. Where the disk has
 * less, it would be filled for nothing, at each try. `FILE_TABLE_NO_ROOM`.
 */
const assertRoom = (db: WriteConnection, tables: readonly string[]): void => {
  const free = db.freeBytes();
  const [file] = db.get('select page_count * page_size from pragma_page_count, pragma_page_size') ?? [];
  if (2 * Number(file) <= free) return;
  const bytes = 2 * tables.reduce((sum, table) => sum + bytesOfTable(db, table), 0);
  if (bytes <= free) return;
  const name = tables.join(', ');
  throw fault(
    'FILE_TABLE_NO_ROOM',
    `for values of another type all rows of ${name} are written anew, which takes ${sized(bytes)}; ${sized(Math.max(0, free))} are free for data`,
    {
      data: { tables, bytes, free },
      hint: 'free space on the disk, then give the file again; what comes from a peer is tried again by itself',
    },
  );
};

/**
 * SQLite cannot change the type of a column: the rows go into a new table, with their ids, and the indexes are made
 * again.
 */
const rewriteTable = (db: WriteConnection, table: string, changed: TableColumns): void => {
  const own = db.all('select name, type from pragma_table_info(?) where cid > 3', [table]).map(([name, type]) => ({
    name: String(name),
    type: String(type),
    affinity: changed.get(String(name).toLowerCase()),
  }));
  const indexes = db.all(`select sql from sqlite_master where type = 'index' and tbl_name = ? and sql is not null`, [
    table,
  ]);
  const columns = own.map(
    ({ name, type, affinity }) => `, ${quoted(name)} ${affinity === undefined ? type : TYPE_OF[affinity]}`,
  );
  const values = own.map(({ name, affinity }) => `, ${affinity === 'BLOB' ? asWhole(quoted(name)) : quoted(name)}`);
  db.exec(`create table holdfast_rewritten (${ADDED}${columns.join('')})`);
  db.exec(
    `insert into holdfast_rewritten select row_id, insert_timestamp, tsd_name, tsd_id${values.join('')} from ${quoted(table)}`,
  );
  db.exec(`drop table ${quoted(table)}`);
  db.exec(`alter table holdfast_rewritten rename to ${quoted(table)}`);
  for (const [sql] of indexes) db.exec(String(sql));
};

/** The affinities that follow from the columns of all files of a table. */
const neededBy = (mapped: readonly (readonly Column[])[]): TableColumns => {
  const needed = new Map<string, Affinity>();
  for (const { name, type } of mapped.flat()) {
    const affinity = neededAffinity(type);
    needed.set(name.toLowerCase(), joinedAffinity(needed.get(name.toLowerCase()) ?? affinity, affinity));
  }
  return needed;
};

/**
 * Makes a table what it would be had it never had other files than those of these columns, inside the open transaction:
 * the columns of others are gone, and no affinity is owed to them. `FILE_TABLE_NO_ROOM`.
 */
export const fitTable = (db: WriteConnection, table: string, mapped: readonly (readonly Column[])[]): void => {
  const added = new Set<string>(ADDED_COLUMNS);
  const present = [...columnsOfTable(db, table)].filter(([name]) => !added.has(name));
  const needed = neededBy(mapped);
  if (present.length === needed.size && present.every(([name, affinity]) => needed.get(name) === affinity)) return;
  assertRoom(db, [table]);
  for (const [index] of db.all(
    `select name from sqlite_master where type = 'index' and tbl_name = ? and sql is not null`,
    [table],
  ))
    db.exec(`drop index ${quoted(String(index))}`);
  db.exec(`alter table ${quoted(table)} rename to holdfast_rewritten`);
  forgetTables(db);
  for (const columns of mapped) ensureTable(db, table, columns);
  const names = [...ADDED_COLUMNS, ...needed.keys()].map(quoted).join(', ');
  db.exec(`insert into ${quoted(table)} (${names}) select ${names} from holdfast_rewritten order by row_id`);
  db.exec('drop table holdfast_rewritten');
  forgetTables(db);
};

/**
 * Gives the tables of a database of an earlier version the affinities that follow from all of their files: it kept
 * those that followed from the first. `files`: each mapping of each table, once. `FILE_TABLE_NO_ROOM`.
 */
export const bringTablesOver = (
  db: WriteConnection,
  files: readonly { readonly table: string; readonly columns: readonly Column[] }[],
): void => {
  const rewritten = new Map<string, TableColumns>();
  for (const [table, of] of Map.groupBy(files, (file) => file.table)) {
    const needed = neededBy(of.map(({ columns }) => columns));
    const present = columnsOfTable(db, table);
    const changed = [...needed].filter(([name, affinity]) => (present.get(name) ?? affinity) !== affinity);
    if (changed.length > 0) rewritten.set(table, new Map(changed));
  }
  if (rewritten.size > 0) assertRoom(db, [...rewritten.keys()]);
  for (const [table, changed] of rewritten) rewriteTable(db, table, changed);
  forgetTables(db);
};
