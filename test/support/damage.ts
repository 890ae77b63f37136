import { closeSync, openSync, readdirSync, readSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';

/** Runs statements on a database file behind the back of whoever owns it. */
export const sabotage = (path: string, work: (db: BetterSqlite3.Database) => void): void => {
  const db = new BetterSqlite3(path);
  try {
    db.transaction(() => work(db))();
    // Pages that lie in the WAL would hide damage in the file.
    db.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    db.close();
  }
};

/**
 * Gives `v` of `readings` the type that versions before left it after whole numbers: a later start is to bring it over.
 */
export const leaveReal = (path: string): void =>
  sabotage(path, (db) =>
    db.exec(
      'delete from holdfast_steps; alter table readings add column old real; update readings set old = v;' +
        'alter table readings drop column v; alter table readings rename column old to v',
    ),
  );

const rangeOf = (db: BetterSqlite3.Database, origin: string, file: number): [number, number] =>
  db
    .prepare('select first_row, last_row from holdfast_files where origin = ? and file = ?')
    .raw()
    .get(origin, file) as [number, number];

/** Gives the rows of a file in `readings` the values of another content; those that it lacks are deleted. */
export const overwriteRows = (path: string, origin: string, file: number, content: string): void =>
  sabotage(path, (db) => {
    const [first, last] = rangeOf(db, origin, file);
    const rows = content.split('\n').map((line) => JSON.parse(line) as { reading: number; device: string });
    const update = db.prepare('update readings set reading = ?, device = ? where row_id = ?');
    for (const [at, { reading, device }] of rows.entries()) update.run(reading, device, first + at);
    db.prepare('delete from readings where row_id > ? and row_id <= ?').run(first + rows.length - 1, last);
  });

export const deleteRecord = (path: string, origin: string, file: number): void =>
  sabotage(path, (db) => {
    for (const table of ['holdfast_files', 'holdfast_sums'])
      db.prepare(`delete from ${table} where origin = ? and file = ?`).run(origin, file);
  });

/** The files of an archive, oldest name first, as absolute paths. */
export const archivedFiles = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((path) => path.endsWith('.json.gz') && statSync(path).isFile())
    .sort();

/** Turns over the bits of some bytes of a file. */
export const flipBytes = (path: string, at: number, count: number): void => {
  const handle = openSync(path, 'r+');
  try {
    const bytes = Buffer.alloc(count);
    const read = readSync(handle, bytes, 0, count, at);
    for (let index = 0; index < read; index += 1) bytes[index] = ~(bytes[index] ?? 0) & 0xff;
    writeSync(handle, bytes, 0, read, at);
  } finally {
    closeSync(handle);
  }
};

export const deleteFiles = (paths: readonly string[]): void => paths.forEach((path) => unlinkSync(path));
