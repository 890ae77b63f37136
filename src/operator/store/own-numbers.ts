import type { WriteDatabases } from '../../sqlite/sqlite.ts';
import { TSD_DBMS } from '../names.ts';
import type { Batch } from './jobs.ts';
import { storesOf } from './schema.ts';

/** The next own file id of each operator by the thread's databases, once it was read from them. */
const known = new WeakMap<WriteDatabases, Map<string, number>>();

/** The number that an own file gets next: none that was ever given, as far as this node knows or has heard. */
export const nextOwnFile = (databases: WriteDatabases, { origin, ownFrom, heard }: Batch): number =>
  Math.max(
    ownFrom,
    known.get(databases)?.get(origin) ?? newestOwn(databases, origin) + 1,
    ...heard.map(({ files }) => (files.get(origin) ?? 0) + 1),
  );

/** From now on no number below `next` is given. */
export const keepNextOwnFile = (databases: WriteDatabases, origin: string, next: number): void => {
  const byOrigin = known.get(databases) ?? new Map<string, number>();
  byOrigin.set(origin, next);
  known.set(databases, byOrigin);
};

const newestOwn = (databases: WriteDatabases, origin: string): number => {
  const newest = storesOf(databases).map(({ db }) =>
    Number(db.get('select max(file) from holdfast_files where origin = ?', [origin])?.[0] ?? 0),
  );
  return Math.max(0, ...newest, newestInTsd(databases));
};

/** A number whose database was dropped is known to the peers, so it is not given again. */
const newestInTsd = (databases: WriteDatabases): number => {
  if (!databases.names().includes(TSD_DBMS)) return 0;
  const db = databases.read(TSD_DBMS);
  const exists = db.get(`select 1 from sqlite_master where name = 'tsd_info'`) !== undefined;
  return exists ? Number(db.get('select max(file_id) from tsd_info')?.[0] ?? 0) : 0;
};
