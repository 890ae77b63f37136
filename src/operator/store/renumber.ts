import type { ReadConnection, WriteConnection, WriteDatabases } from '../../sqlite/sqlite.ts';
import { selectRecords } from './records.ts';
import { prepareDatabase, storesOf } from './schema.ts';
import { quoted } from './user-tables.ts';

/**
 * Rows and files that one call renumbers, so that the writer is not held up for long; the rows of one file stay
 * together.
 */
const STEP_ROWS = 20_000;
const STEP_FILES = 2_000;

/** An origin whose rows get another number, file by file. */
interface Renumbering {
  readonly origin: string;
  /** Files up to that one have been done. */
  readonly upTo: number;
}

const underWay = (db: ReadConnection): Renumbering | undefined => {
  const exists = db.get(`select 1 from sqlite_master where name = 'holdfast_renumbering'`) !== undefined;
  const found = exists ? db.get('select origin, up_to from holdfast_renumbering limit 1') : undefined;
  return found && { origin: String(found[0]), upTo: Number(found[1]) };
};

/** An origin whose rows carry another number than the policies say. */
const staleOrigin = (db: ReadConnection, members: ReadonlyMap<string, number>): string | undefined =>
  db
    .all('select origin, member from holdfast_origins')
    .map(([origin, member]) => ({ origin: String(origin), had: Number(member) }))
    .find(({ origin, had }) => (members.get(origin) ?? had) !== had)?.origin;

/** Whether all rows carry the numbers that the policies say; so do those of a database that holds no files. */
export const isNumbered = (db: ReadConnection, members: ReadonlyMap<string, number>): boolean =>
  db.get(`select 1 from sqlite_master where name = 'holdfast_origins'`) === undefined ||
  (underWay(db) === undefined && staleOrigin(db, members) === undefined);

/**
 * The rows of origins whose number has changed get the new one, a step at a time: true while there is more. `tsd_name`
 * leads to the TSD table. How far it has come is in the database, so a node that was killed goes on from there.
 */
export const renumber = (databases: WriteDatabases, members: ReadonlyMap<string, number>): boolean => {
  for (const { dbms, db: read } of storesOf(databases)) {
    const stale = staleOrigin(read, members);
    if (stale === undefined && underWay(read) === undefined) continue;
    const db = databases.write(dbms);
    prepareDatabase(db);
    db.transaction(() => {
      // One that was begun is ended first, whatever the policies say meanwhile.
      const going = underWay(db);
      if (going !== undefined) takeStep(db, dbms, going);
      else if (stale !== undefined) begin(db, stale, members.get(stale) ?? 0);
    });
    return true;
  }
  return false;
};

/** From now on new rows get the new number, and those there are may carry either. */
const begin = (db: WriteConnection, origin: string, member: number): void => {
  db.run('insert into holdfast_renumbering select origin, member, 0 from holdfast_origins where origin = ?', [origin]);
  db.run('update holdfast_origins set member = ? where origin = ?', [member, origin]);
};

const takeStep = (db: WriteConnection, dbms: string, { origin, upTo }: Renumbering): void => {
  const member = String(db.get('select member from holdfast_origins where origin = ?', [origin])?.[0] ?? 0);
  const condition = `origin = ? and file > ? and status = 'stored' order by file limit ?`;
  const files = selectRecords(db, dbms, condition, [origin, upTo, STEP_FILES]);
  let [rowsDone, filesDone] = [0, 0];
  for (const { record, rows } of files) {
    if (rowsDone >= STEP_ROWS) break;
    filesDone += 1;
    rowsDone += record.rows;
    if (rows !== null)
      db.run(`update ${quoted(record.table)} set tsd_name = ? where row_id between ? and ? and tsd_name <> ?`, [
        ...[member, ...rows, member],
      ]);
  }
  const last = files[filesDone - 1]?.record.file;
  if (last === undefined) db.run('delete from holdfast_renumbering where origin = ?', [origin]);
  else db.run('update holdfast_renumbering set up_to = ? where origin = ?', [last, origin]);
};
