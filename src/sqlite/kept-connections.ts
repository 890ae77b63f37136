import type { OpenConnection } from './connection.ts';

/** A connection, and which files the database had when it was opened (see `DatabaseFiles.fileOf`). */
export interface Opened<C> {
  readonly connection: C & OpenConnection;
  /** Shows when the writer in another thread dropped and remade it. Undefined: for this procedure only. */
  readonly file: string | undefined;
  /** SQLite has the log open as well, so that no other file gets the same identity. */
  readonly log: string | undefined;
}

/**
 * Connections by database, one each. A procedure may hold what it got: nothing is closed before `rest`, except by
 * `drop`.
 */
export class KeptConnections<C> {
  readonly #open = new Map<string, Opened<C>>();
  readonly #outdated: OpenConnection[] = [];

  /**
   * The connection to a database whose files are still those that it was opened on; `log` is compared where it is
   * given. Otherwise undefined, and the next `rest` closes it.
   */
  get(name: string, file: string | undefined, log?: string): C | undefined {
    const held = this.#open.get(name);
    if (held === undefined) return undefined;
    this.#open.delete(name);
    if (held.file === undefined || (held.file === file && (log === undefined || held.log === log))) {
      this.#open.set(name, held);
      return held.connection;
    }
    this.#outdated.push(held.connection);
    return undefined;
  }

  /** Whether it is open, and its file is another one now, or gone. */
  isLost(name: string, file: string | undefined): boolean {
    const opened = this.#open.get(name)?.file;
    return opened !== undefined && opened !== file;
  }

  put(name: string, opened: Opened<C>): C {
    this.#open.set(name, opened);
    return opened.connection;
  }

  drop(name: string): void {
    this.take(name)?.close();
  }

  of(name: string): (C & OpenConnection) | undefined {
    return this.#open.get(name)?.connection;
  }

  /** It is the caller's to close. */
  take(name: string): (C & OpenConnection) | undefined {
    const connection = this.of(name);
    this.#open.delete(name);
    return connection;
  }

  each(work: (connection: C & OpenConnection, name: string) => void): void {
    for (const [name, { connection }] of this.#open) work(connection, name);
  }

  /** The least recently used over `keep`. */
  over(keep: number): readonly string[] {
    return [...this.#open.keys()].slice(0, Math.max(0, this.#open.size - keep));
  }

  /** Whether it is open, and its log is another one now, or gone: somebody deleted it. */
  isWithoutLog(name: string, log: string | undefined): boolean {
    const opened = this.#open.get(name);
    return opened !== undefined && opened.log !== log;
  }

  names(): readonly string[] {
    return [...this.#open.keys()];
  }

  /** Closes what is outdated, what was for one procedure, and the least recently used over `keep`. */
  rest(keep: number): void {
    for (const connection of this.#outdated.splice(0)) connection.close();
    for (const [name, { file }] of this.#open) if (file === undefined) this.drop(name);
    for (const name of this.over(keep)) this.drop(name);
  }
}
