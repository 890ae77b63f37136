import type { ReadConnection, WriteConnection, WriteDatabases } from '../../sqlite/sqlite.ts';
import type { FileRecord } from '../file-record.ts';
import { TSD_DBMS } from '../names.ts';
import { insertTimestamp } from '../timestamps.ts';
import { selectRecords } from './records.ts';
import { renumber } from './renumber.ts';
import { storesOf } from './schema.ts';
import { quoted } from './user-tables.ts';

/** Records taken over by one call, so that the writer is not held up for long. */
const STEP = 2_000;

const SCHEMA = `
create table if not exists holdfast_derived (dbms text primary key, change integer not null) without rowid;
create table if not exists holdfast_members (origin text primary key, member integer not null) without rowid;
`;

const columns = (key: string): string =>
  `${key}, dbms_name text, table_name text, source text, file_hash text, instructions text, file_time timestamp,
   rows int, status1 text, status2 text`;

const createTsdTable = (db: WriteConnection, table: string): void => {
  // While two operators claim one member number, their files share a table: only the own ids are unique.
  const key = table === 'tsd_info' ? 'file_id integer primary key' : 'file_id integer';
  db.exec(`create table if not exists ${table} (${columns(key)})`);
  for (const indexed of ['file_id', 'file_hash', 'file_time'])
    db.exec(`create index if not exists ${table}_${indexed} on ${table} (${indexed})`);
};

/** The documented table that shows files of that origin. */
const tsdTable = (own: string, origin: string, members: ReadonlyMap<string, number>): string =>
  origin === own ? 'tsd_info' : `tsd_${members.get(origin) ?? 0}`;

/** Status 1 and 2 as `get tsd details` shows them. */
export const tsdStatus = ({ status }: Pick<FileRecord, 'status'>): readonly [string, string] =>
  status === 'stored' ? ['0', '0'] : ['0', 'duplicate'];

const write = (db: WriteConnection, table: string, record: FileRecord): void => {
  const { dbms, file, hash, source, instructions, time, rows } = record;
  // A record changes when it becomes a duplicate.
  db.run(`delete from ${table} where file_id = ? and file_hash = ? and dbms_name = ?`, [file, hash, dbms]);
  db.run(`insert into ${table} values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, [
    ...[file, dbms, record.table, source, hash, instructions, insertTimestamp(time), rows],
    ...tsdStatus(record),
  ]);
};

const knownMembers = (db: ReadConnection): ReadonlyMap<string, number> =>
  new Map(
    db.all('select origin, member from holdfast_members').map(([origin, member]) => [String(origin), Number(member)]),
  );

const startAgain = (db: WriteConnection, members: ReadonlyMap<string, number>): void => {
  const tables = db.all(`select name from sqlite_master where type = 'table' and name glob 'tsd_[0-9]*'`);
  for (const [name] of tables) db.exec(`drop table ${quoted(String(name))}`);
  db.run('delete from tsd_info');
  db.run('delete from holdfast_derived');
  db.run('delete from holdfast_members');
  for (const [origin, member] of members) db.run('insert into holdfast_members values (?, ?)', [origin, member]);
};

/** A database that is gone may come again as another one, whose changes count from 1. */
const forgetGone = (db: WriteConnection, there: ReadonlySet<string>): void => {
  for (const [dbms] of db.all('select dbms from holdfast_derived'))
    if (!there.has(String(dbms))) db.run('delete from holdfast_derived where dbms = ?', [String(dbms)]);
};

const takeOver = (
  databases: WriteDatabases,
  db: WriteConnection,
  own: string,
  members: ReadonlyMap<string, number>,
): boolean => {
  let left = STEP;
  const stores = storesOf(databases);
  forgetGone(db, new Set(stores.map(({ dbms }) => dbms)));
  for (const store of stores) {
    const known = Number(db.get('select change from holdfast_derived where dbms = ?', [store.dbms])?.[0] ?? 0);
    const last = Number(store.db.get('select max(change) from holdfast_files')?.[0] ?? 0);
    // One that was made anew, or is an older copy, counts its changes again.
    const since = known > last ? 0 : known;
    if (last <= since) continue;
    const found = selectRecords(store.db, store.dbms, 'change > ? and change <= ? order by change', [
      since,
      since + left,
    ]);
    for (const { record } of found) {
      const table = tsdTable(own, record.origin, members);
      createTsdTable(db, table);
      write(db, table, record);
    }
    const reached = Math.min(last, since + left);
    db.run('insert into holdfast_derived values (?, ?) on conflict (dbms) do update set change = excluded.change', [
      store.dbms,
      reached,
    ]);
    left -= reached - since;
    if (left <= 0) return true;
  }
  return false;
};

/**
 * Brings the TSD tables of `almgm` up to the records of all databases, a step at a time: true while there is more. They
 * follow from the records and are made again where member numbers have changed. `members`: by origin, as the policies
 * have them now.
 */
export const deriveTsd = (databases: WriteDatabases, own: string, members: ReadonlyMap<string, number>): boolean => {
  const db = databases.write(TSD_DBMS);
  if (db.get(`select 1 from sqlite_master where name = 'holdfast_derived'`) === undefined)
    db.transaction(() => {
      db.exec(SCHEMA);
      createTsdTable(db, 'tsd_info');
    });
  if (renumber(databases, members)) return true;
  const known = knownMembers(db);
  const changed = [...members].some(([origin, member]) => known.get(origin) !== member);
  // Origins that are gone keep the number that they had.
  if (changed) db.transaction(() => startAgain(db, new Map([...known, ...members])));
  return db.transaction(() => takeOver(databases, db, own, new Map([...known, ...members])));
};
