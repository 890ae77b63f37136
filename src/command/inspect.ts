import { createHash } from 'node:crypto';
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

const encoded = (value: SqlValue): string => {
  if (value === null) return 'n';
  if (typeof value === 'string') return `s${value.length}:${value}`;
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString('base64')}`;
  return `i${value}`;
};

const DIGEST_MASK = (1n << 128n) - 1n;

/**
 * 32 hex digits over the rows of a table whatever their order, without `row_id`: equal on two operators exactly when they
 * hold the same rows, each as often. Sum of the rows' SHA-256, so that nothing has to be sorted or kept.
 */
const contentDigest = (databases: ReadDatabases, dbms: string, table: string): string => {
  const names = columns(databases, dbms, table)
    .map(({ name }) => name)
    .filter((name) => name !== 'row_id')
    .sort();
  let sum = 0n;
  for (const row of databases
    .read(dbms)
    .iterate(`SELECT ${names.map(quotedName).join(', ')} FROM ${quotedName(table)}`)) {
    const digest = createHash('sha256').update(row.map(encoded).join('\n')).digest();
    sum = (sum + digest.readBigUInt64BE(0) * (1n << 64n) + digest.readBigUInt64BE(8)) & DIGEST_MASK;
  }
  return sum.toString(16).padStart(32, '0');
};

const names = (databases: ReadDatabases): readonly string[] => databases.names();

/** Makes the database where it does not exist. */
const createDatabase = (databases: WriteDatabases, dbms: string): void => {
  databases.write(dbms);
};

const readers = { names, tables, columns, rowCount, contentDigest };
const writers = { createDatabase };

/**
 * What runs in the SQLite threads.
 * @public The threads look for it by this name.
 */
export const procedures = { ...readers, ...writers };

export const inspectReads = { module: import.meta.url, procedures: readers };
export const inspectWrites = { module: import.meta.url, procedures: writers };
