import { hasCode } from '../../base/errors.ts';
import type { WriteDatabases } from '../../sqlite/sqlite.ts';
import type { Column } from '../../topology/topology.ts';
import { tableName, TSD_DBMS } from '../names.ts';
import { apply } from './apply.ts';
import { Bookkeeping, demoteRecord, selectRecords } from './records.ts';
import { judgeFile, prepareDatabase, type Verdict } from './schema.ts';
import { columnsOfTable, ensureTable, quoted, withTables } from './user-tables.ts';
import { renumber } from './renumber.ts';
import { deriveTsd } from './tsd-tables.ts';

/** Makes a table, or gives it the columns that it lacks. */
const createTable = (databases: WriteDatabases, dbms: string, table: string, columns: readonly Column[]): void => {
  const name = tableName(dbms, table);
  const db = databases.write(name.dbms);
  prepareDatabase(db);
  withTables(db, () => ensureTable(db, name.table, columns));
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

/** What there is of databases now. */
interface Presence {
  /** Which file each is, but those that are lost. */
  readonly files: readonly (readonly [dbms: string, file: string])[];
  /** Those whose log was deleted or cut since this was last asked, and what it held saved. */
  readonly savedLogs: readonly string[];
}

const present = (databases: WriteDatabases): Presence => {
  const savedLogs = databases.watch();
  const files = databases.names().flatMap((dbms) => {
    const file = databases.isLost(dbms) ? undefined : databases.fileOf(dbms);
    return file === undefined ? [] : [[dbms, file] as const];
  });
  return { files, savedLogs };
};

/** `known`: which file it was; one that is another now, or gone, is lost. */
const judge = (databases: WriteDatabases, dbms: string, pagesMax?: number, known?: string): Verdict => {
  const file = databases.fileOf(dbms);
  if (databases.isLost(dbms) || (known !== undefined && known !== file)) return { found: 'damaged', file };
  return judgeFile(databases, dbms, () => databases.write(dbms), pagesMax);
};

/**
 * Sets a database file aside if it is damaged, so that a new one is filled from the peers; returns its new path. What
 * is `known` of it is not looked for again, which takes long, as long as it is that file still: somebody may have
 * dropped it meanwhile.
 */
const setDamagedAside = (databases: WriteDatabases, dbms: string, known?: Verdict): string | undefined => {
  const verdict = known ?? judge(databases, dbms);
  if (verdict.found !== 'damaged' || verdict.file !== databases.fileOf(dbms)) return undefined;
  const path = databases.setAside(dbms);
  if (dbms !== TSD_DBMS) forgetDerived(databases, dbms);
  return path;
};

/** The new database counts its changes from 1 again: its records are derived anew. */
const forgetDerived = (databases: WriteDatabases, dbms: string): void => {
  if (!databases.names().includes(TSD_DBMS)) return;
  try {
    const db = databases.write(TSD_DBMS);
    if (db.get(`select 1 from sqlite_master where name = 'holdfast_derived'`) !== undefined)
      db.run('delete from holdfast_derived where dbms = ?', [dbms]);
  } catch (caught) {
    // It is damaged too, and made again from all records when its turn comes.
    if (!hasCode(caught, 'SQLITE_CORRUPT')) throw caught;
  }
};

/**
 * What runs in the writer thread.
 * @public The thread looks for it by this name.
 */
export const procedures = {
  apply,
  createTable,
  dropTable,
  deriveTsd,
  renumber,
  present,
  judge,
  setDamagedAside,
};

/** Everything that changes the databases of an operator, in the writer thread. */
export const writing = { module: import.meta.url, procedures };
