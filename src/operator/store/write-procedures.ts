import type { WriteDatabases } from '../../sqlite/sqlite.ts';
import type { Column } from '../../topology/topology.ts';
import { tableName } from '../names.ts';
import { apply } from './apply.ts';
import { ensureTable, prepareDatabase } from './schema.ts';
import { deriveTsd } from './tsd-tables.ts';

/** Makes a table, or gives it the columns that it lacks. */
const createTable = (databases: WriteDatabases, dbms: string, table: string, columns: readonly Column[]): void => {
  const name = tableName(dbms, table);
  const db = databases.write(name.dbms);
  prepareDatabase(db);
  db.transaction(() => ensureTable(db, name.table, columns));
};

/** What runs in the writer thread. */
export const procedures = { apply, createTable, deriveTsd };

export const writing = { module: import.meta.url, procedures };
