import type { ReadDatabases, SqlValue, WriteDatabases } from '../sqlite/sqlite.ts';

/** A column as SQLite has it. */
interface LocalColumn {
  readonly name: string;
  /** As declared, lower case. */
  readonly type: string;
}

/** Columns that the network adds; `row_id` alone differs between the copies. */
export const SYSTEM_COLUMNS: readonly string[] = ['row_id', 'insert_timestamp', 'tsd_name', 'tsd_id'];

const quotedName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const text = (value: SqlValue | undefined): string => (typeof value === 'string' ? value : '');

/** Tables of users and TSD tables; those that SQLite and the node keep for themselves are not shown. */
const tables = (databases: ReadDatabases, dbms: string): readonly string[] =>
  databases
    .read(dbms)
    .all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .map(([name]) => text(name))
    .filter((name) => !/^(?:sqlite|holdfast)_/.test(name));

const columns = (databases: ReadDatabases, dbms: string, table: string): readonly LocalColumn[] =>
  databases
    .read(dbms)
    .all('SELECT name, type FROM pragma_table_info(?)', [table])
    .map(([name, type]) => ({ name: text(name), type: text(type).toLowerCase() }));

const rowCount = (databases: ReadDatabases, dbms: string, table: string): number =>
  Number(databases.read(dbms).get(`SELECT count(*) FROM ${quotedName(table)}`)?.[0] ?? 0);

const names = (databases: ReadDatabases): readonly string[] => databases.names();

/** Makes the database where it does not exist. */
const createDatabase = (databases: WriteDatabases, dbms: string): void => {
  databases.write(dbms);
};

const readers = { names, tables, columns, rowCount };
const writers = { createDatabase };

/**
 * What runs in the SQLite threads.
 * @public The threads look for it by this name.
 */
export const procedures = { ...readers, ...writers };

/** Looks into the databases as they are, in a reader thread. */
export const inspectReads = { module: import.meta.url, procedures: readers };
/** Makes a database, in the writer thread. */
export const inspectWrites = { module: import.meta.url, procedures: writers };
