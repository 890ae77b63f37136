import type { Damage } from '../../operator/file-check.ts';
import type { IngestFailure } from '../../operator/operator.ts';

/** Whether somebody may know of a table; `*` of all of them. */
export type MayReach = (dbms: string, table: string) => boolean;

// Without the letters "not", so that the status shows it.
const HIDDEN = 'of a table out of your reach';

/**
 * A file that failed, for who may know of its table; else that one failed, when, and with which code: its text holds a
 * piece of a row.
 */
export const failureFor =
  (mayReach: MayReach) =>
  (failure: IngestFailure): IngestFailure =>
    mayReach(failure.dbms, failure.table)
      ? failure
      : { ...failure, path: HIDDEN, dbms: '', table: '', text: failure.code, line: undefined };

/** A damaged file, for who may know of its table; else its number alone. */
export const damageFor =
  (mayReach: MayReach) =>
  (damage: Damage): Damage =>
    mayReach(damage.dbms, damage.table) ? damage : { ...damage, dbms: '', table: '', text: HIDDEN };

/** What may tell of any table, for who may know of all. */
export const textForAll = (mayReach: MayReach, text: string): string => (mayReach('*', '*') ? text : HIDDEN);

// As above.
const ERROR_HIDDEN = 'failed; the words may be of a table out of your reach';

/** How it stands with a peer; the words of its last error for who may know of all tables. */
export const peerFor =
  (mayReach: MayReach) =>
  <P extends { readonly lastError: string | undefined }>(peer: P): P =>
    peer.lastError === undefined || mayReach('*', '*') ? peer : { ...peer, lastError: ERROR_HIDDEN };

/** The same of a table named in one word, `dbms.table`; of an unknown one for who may know of all. */
export const reachesNamed =
  (mayReach: MayReach) =>
  ({ table: name }: { readonly table: string }): boolean => {
    const [dbms = '', table] = name.split(/\.(.*)/s);
    return table === undefined ? mayReach('*', '*') : mayReach(dbms, table);
  };
