import type { ReadConnection } from '../../sqlite/sqlite.ts';

/**
 * What rows of an origin carry as `tsd_name`: its member number, and while they are renumbered the one that it had;
 * empty for an origin without rows.
 */
export const membersOf = (db: ReadConnection, origin: string): ReadonlySet<string> => {
  const exists = db.get(`select 1 from sqlite_master where name = 'holdfast_renumbering'`) !== undefined;
  const had = exists ? db.all('select had from holdfast_renumbering where origin = ?', [origin]) : [];
  const now = db.all('select member from holdfast_origins where origin = ?', [origin]);
  return new Set([...now, ...had].map(([member]) => String(member)));
};
