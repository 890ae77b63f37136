import BetterSqlite3 from 'better-sqlite3';
import { fault, HoldfastError } from '../base/errors.ts';

const DISK_HINT = 'free or repair the disk, then try again; reads go on meanwhile';

/** SQLite result codes by their first word, as our codes; `SQLITE_IOERR_WRITE` falls under `SQLITE_IOERR`. */
const BY_PRIMARY_CODE: Readonly<Record<string, { readonly code: string; readonly hint?: string }>> = {
  FULL: { code: 'SQLITE_DISK_FAILED', hint: DISK_HINT },
  IOERR: { code: 'SQLITE_DISK_FAILED', hint: DISK_HINT },
  READONLY: { code: 'SQLITE_DISK_FAILED', hint: DISK_HINT },
  CANTOPEN: { code: 'SQLITE_DISK_FAILED', hint: DISK_HINT },
  PERM: { code: 'SQLITE_DISK_FAILED', hint: DISK_HINT },
  CORRUPT: {
    code: 'SQLITE_CORRUPT',
    hint: 'an operator that runs sets the file aside by itself and takes its data from the cluster',
  },
  NOTADB: {
    code: 'SQLITE_CORRUPT',
    hint: 'an operator that runs sets the file aside by itself and takes its data from the cluster',
  },
  BUSY: { code: 'SQLITE_BUSY', hint: 'another process holds the database file open for writing' },
  LOCKED: { code: 'SQLITE_BUSY' },
  PROTOCOL: { code: 'SQLITE_BUSY' },
  NOMEM: { code: 'SQLITE_OVERLOADED', hint: 'the machine gave no memory; try again later' },
  CONSTRAINT: { code: 'SQLITE_CONSTRAINT' },
  TOOBIG: { code: 'SQLITE_TOO_LARGE' },
};

/** A sum of integers is exact, or it fails. */
const OVERFLOW = {
  code: 'SQLITE_STATEMENT',
  hint: 'the sum has more than 64 bits; as a floating-point number: sum(COLUMN * 1.0)',
} as const;

const LOG_DELETED = 'SQLITE_IOERR_SHORT_READ';

/**
 * All of the process share the index of a log: it names more than the log has that was opened, so that is not the one
 * it is of.
 */
const LOG_DELETED_TEXT = 'its log was deleted or cut short while it was in use';

/** Whether a call met a log that lacks what was written: the file lacks it, too. */
export const isLogDeleted = (caught: unknown): boolean =>
  caught instanceof HoldfastError && caught.data['sqlite'] === LOG_DELETED;

/**
 * Anything that a call into SQLite threw, as our error. `SQLITE_DISK_FAILED` (full, read-only or failing disk),
 * `SQLITE_CORRUPT`, `SQLITE_BUSY`, `SQLITE_OVERLOADED` (no memory), `SQLITE_CONSTRAINT`, `SQLITE_TOO_LARGE`; every
 * other refusal by SQLite or its binding (syntax, unknown table, wrong parameters) is `SQLITE_STATEMENT`. `data.sqlite`
 * is SQLite's own code.
 */
export const sqliteFault = (caught: unknown, database: string): HoldfastError => {
  if (caught instanceof HoldfastError) return caught;
  if (caught instanceof BetterSqlite3.SqliteError) {
    if (caught.code === LOG_DELETED)
      return fault('SQLITE_DISK_FAILED', `database ${database}: ${LOG_DELETED_TEXT}`, {
        data: { database, sqlite: caught.code },
        hint: 'an operator that runs saves what it held: try again in a second',
        cause: caught,
      });
    const known = caught.message === 'integer overflow' ? OVERFLOW : BY_PRIMARY_CODE[caught.code.split('_')[1] ?? ''];
    return fault(known?.code ?? 'SQLITE_STATEMENT', `database ${database}: ${caught.message}`, {
      data: { database, sqlite: caught.code },
      ...(known?.hint === undefined ? {} : { hint: known.hint }),
      cause: caught,
    });
  }
  const text = caught instanceof Error ? caught.message : String(caught);
  return fault('SQLITE_STATEMENT', `database ${database}: ${text}`, { data: { database }, cause: caught });
};
