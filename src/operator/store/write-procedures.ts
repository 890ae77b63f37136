import type { WriteDatabases } from '../../sqlite/sqlite.ts';
import type { Column } from '../../topology/topology.ts';
import { tableName } from '../names.ts';
import { apply } from './apply.ts';
import { Bookkeeping, demoteRecord, selectRecords } from './records.ts';
import { columnsOfTable, ensureTable, prepareDatabase, quoted } from './schema.ts';
import { deriveTsd, renumber } from './tsd-tables.ts';

/** Makes a table, or gives it the columns that it lacks. */
const createTable = (databases: WriteDatabases, dbms: string, table: string, columns: readonly Column[]): void => {
  const name = tableName(dbms, table);
  const db = databases.write(name.dbms);
  prepareDatabase(db);
  db.transaction(() => ensureTable(db, name.table, columns));
};

/**
 * Drops a table here; true where there was one. The records of its files stay, without rows: their numbers are known to
 * the peers, and what the user dropped is not fetched again. The same content may be given again.
 */
const dropTable = (databases: WriteDatabases, dbms: string, table: string): boolean => {
  const name = tableName(dbms, table);
  if (!databases.names().includes(name.dbms)) return false;
  const db = databases.write(name.dbms);
  prepareDatabase(db);
  if (columnsOfTable(db, name.table).size === 0) return false;
  db.transaction(() => {
    const books = new Bookkeeping(db);
    for (const { record } of selectRecords(db, name.dbms, `table_name = ? and status = 'stored'`, [name.table]))
      demoteRecord(db, books, record);
    db.run('delete from holdfast_buffers where table_name = ?', [name.table]);
    db.exec(`drop table ${quoted(name.table)}`);
  });
  return true;
};

/**
 * What runs in the writer thread.
 * @public The thread looks for it by this name.
 */
export const procedures = { apply, createTable, dropTable, deriveTsd, renumber };

export const writing = { module: import.meta.url, procedures };
