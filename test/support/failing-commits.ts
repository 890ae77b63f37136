import { renameSync } from 'node:fs';
import { asFault, fault, type HoldfastError } from '../../src/base/errors.ts';
import { type DatabasesOptions, WriteDirectory } from '../../src/sqlite/databases.ts';
import { openInlineSqlite } from '../../src/sqlite/inline.ts';
import type { Sqlite, WriteConnection } from '../../src/sqlite/sqlite.ts';

/** Which commits fail, and what shows of them when their database is opened again: nothing, or all. */
export class CommitFaults {
  /** By database, for its next transaction. */
  readonly next = new Map<string, 'lost' | 'kept'>();
  /** Whether databases can be opened again now. */
  works = true;
}

/**
 * Databases whose commits fail as where the log was written and its sync failed: SQLite says that it failed and shows
 * nothing of it, the database rests, and who opens it again may find all of it.
 */
export class FailingDirectory extends WriteDirectory {
  readonly #faults: CommitFaults;
  readonly #failed = new Map<string, HoldfastError>();
  /** Names of databases whose failed commit is there when they are opened again. */
  readonly #kept = new Set<string>();

  constructor(options: DatabasesOptions, faults: CommitFaults) {
    super(options);
    this.#faults = faults;
  }

  override write(name: string): WriteConnection {
    const failed = this.#failed.get(name);
    if (failed !== undefined) throw failed;
    const connection = super.write(name);
    const way = this.#faults.next.get(name);
    if (way === undefined) return connection;
    return new Proxy(connection, {
      get: (target, key) => {
        if (key === 'transaction') return <T>(work: () => T): T => this.#fail(name, target, way, work);
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  override get failing(): HoldfastError | undefined {
    return this.#failed.values().next().value ?? super.failing;
  }

  override mend(): ReturnType<WriteDirectory['mend']> {
    if (!this.#faults.works) return super.mend();
    const names = [...this.#failed.keys()];
    for (const name of names) {
      if (this.#kept.delete(name)) {
        this.drop(name);
        renameSync(this.#beside(name, 'after'), this.files.path(name));
      }
      this.#failed.delete(name);
    }
    return [...names, ...super.mend()];
  }

  /** The transaction is done as always; then the file is put back as it was before. */
  #fail<T>(name: string, db: WriteConnection, way: 'lost' | 'kept', work: () => T): T {
    this.#faults.next.delete(name);
    db.exec(`VACUUM INTO '${this.#beside(name, 'before')}'`);
    db.transaction(work);
    if (way === 'kept') {
      db.exec(`VACUUM INTO '${this.#beside(name, 'after')}'`);
      this.#kept.add(name);
    }
    this.drop(name);
    renameSync(this.#beside(name, 'before'), this.files.path(name));
    const failed = asFault(
      fault('SQLITE_DISK_FAILED', `database ${name}: disk I/O error`, { data: { database: name } }),
    );
    this.#failed.set(name, failed);
    throw failed;
  }

  #beside(name: string, when: string): string {
    return `${this.files.path(name)}.${when}`;
  }
}

/** SQLite in this thread over such databases. What rests is opened again with the next write to any. */
export const openFailingSqlite = (dir: string, faults: CommitFaults): Sqlite =>
  openInlineSqlite({ dir, openWriter: (options) => new FailingDirectory(options, faults) });
