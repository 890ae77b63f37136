import type { ReadDatabases, Sqlite, SqlValue } from '../../src/sqlite/sqlite.ts';

const rowsOf = (databases: ReadDatabases, dbms: string, sql: string): readonly Readonly<Record<string, SqlValue>>[] => {
  const db = databases.read(dbms);
  const names = db.columns(sql).map(({ name }) => name);
  return db.all(sql).map((row) => Object.fromEntries(names.map((name, at) => [name, row[at] ?? null])));
};

/** @public imported by the SQLite threads. */
export const procedures = { rowsOf };
const target = { module: import.meta.url, procedures };

/** Rows of a SELECT on a logical database, by column name. */
export const selectRows = (
  sqlite: Sqlite,
  dbms: string,
  sql: string,
): Promise<readonly Readonly<Record<string, SqlValue>>[]> => sqlite.read(target, 'rowsOf', dbms, sql);

/** All rows of a table in the order of their `row_id`. */
export const allRows = (
  sqlite: Sqlite,
  dbms: string,
  table: string,
): Promise<readonly Readonly<Record<string, SqlValue>>[]> =>
  selectRows(sqlite, dbms, `select * from "${table}" order by row_id`);
