import type { Clock } from '../base/clock.ts';
import { asFault } from '../base/errors.ts';
import { ASIDE_REST_TIMES, SQLITE_CHECK_PAGES_MAX, WHOLE_REST_MS_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import { plainFile } from './error-directory.ts';
import type { Verdict } from './store/schema.ts';
import { scrubbing } from './store/scrub-reads.ts';
import { writing } from './store/write-procedures.ts';
import type { WriteQueue } from './write-queue.ts';

/** What looking at damaged databases needs, and what has to follow where one is set aside. */
export interface DamagedDatabasesPorts {
  readonly sqlite: Sqlite;
  readonly queue: WriteQueue;
  readonly log: Logger;
  readonly clock: Clock;
  /** The newest own file number that is known. */
  newestOwn(): number;
  /** Reads anew what is held; ends with {@link DamagedDatabases.wasRead}. */
  lookAgain(): Promise<void>;
}

/** Databases in which damage was met: looked through, and set aside where they are damaged. */
export class DamagedDatabases {
  /** Files that were set aside since start and still lie there. */
  readonly paths: string[] = [];
  readonly #ports: DamagedDatabasesPorts;
  /** By database. */
  readonly #settingAside = new Map<string, Promise<string | undefined>>();
  /** Databases that were found whole, and until when that is believed; monotonic. */
  readonly #wholeUntilMs = new Map<string, number>();
  /** The databases that were there at the last look, and which file each was. */
  #present = new Map<string, string>();
  /** How many were set aside so far. */
  #count = 0;
  #unread = false;

  constructor(ports: DamagedDatabasesPorts) {
    this.#ports = ports;
  }

  /** One is set aside, and what is held without it was not read yet. */
  get unread(): boolean {
    return this.#unread;
  }

  /** One is unread, or that one is looked through; any, without a name. */
  losing(dbms?: string): boolean {
    return this.#unread || (dbms === undefined ? this.#settingAside.size > 0 : this.#settingAside.has(dbms));
  }

  /** Which file a database was at the last look; undefined of one that was made since. */
  fileOf(dbms: string): string | undefined {
    return this.#present.get(dbms);
  }

  /** What is held was read anew. */
  wasRead(): void {
    this.#unread = false;
  }

  /** Damage was met: nobody waits for what becomes of it. */
  met(dbms: string): void {
    this.setAside(dbms).catch((caught: unknown) => {
      this.#ports.log.error(`the damaged database ${dbms} cannot be set aside: ${asFault(caught).message}`);
    });
  }

  /** Looks through a database and sets it aside if it is damaged; the path where it lies then. */
  setAside(dbms: string): Promise<string | undefined> {
    const underWay = this.#settingAside.get(dbms);
    if (underWay !== undefined) return underWay;
    const done = this.#setAsideIfDamaged(dbms).finally(() => this.#settingAside.delete(dbms));
    this.#settingAside.set(dbms, done);
    return done;
  }

  /** At once, without reading what is held; it is looked through first where no verdict is known. */
  async setAsideNow(dbms: string, known?: Verdict): Promise<string | undefined> {
    const { sqlite, log, queue } = this.#ports;
    // What is lost took some.
    queue.numberFrom(this.#ports.newestOwn() + 1);
    const path = await sqlite.write(writing, 'setDamagedAside', dbms, known);
    if (path === undefined) return undefined;
    this.#count += 1;
    this.#present.delete(dbms);
    const isGone = known?.found === 'damaged' && known.file === undefined;
    if (!isGone) this.paths.push(path);
    const what = isGone ? 'was deleted while it was in use' : `is damaged; it lies in ${path}`;
    log.error(`the database ${dbms} ${what}, and its files come again from the peers`);
    return path;
  }

  /** Notices files that somebody has deleted or replaced, tells of logs that were deleted, and forgets those set aside that somebody has removed. */
  async look(): Promise<void> {
    for (const path of this.paths.slice())
      if ((await plainFile(path)) === undefined) this.paths.splice(this.paths.indexOf(path), 1);
    const count = this.#count;
    const { files, savedLogs } = await this.#ports.sqlite.write(writing, 'present');
    for (const dbms of savedLogs)
      this.#ports.log.warn(
        `the log of the database ${dbms} was deleted or cut while it was in use; what it held is saved`,
      );
    const now = new Map(files);
    // What was set aside meanwhile may be another file by now.
    if (count !== this.#count) return;
    for (const [dbms, file] of this.#present) {
      if (now.get(dbms) === file) continue;
      now.set(dbms, file);
      this.#wholeUntilMs.delete(dbms);
      this.met(dbms);
    }
    this.#present = now;
  }

  /**
   * A large database is looked at by a reader: it takes long, and data is taken meanwhile. What was found whole is left
   * alone for a while, whoever met something: each notice would start it again.
   */
  async #setAsideIfDamaged(dbms: string): Promise<string | undefined> {
    const { sqlite, queue, clock } = this.#ports;
    const beganMs = clock.monotonicMs();
    if (beganMs < (this.#wholeUntilMs.get(dbms) ?? beganMs)) return undefined;
    const looked = await queue.between(async () => {
      const verdict = await sqlite.write(writing, 'judge', dbms, SQLITE_CHECK_PAGES_MAX, this.#present.get(dbms));
      return { verdict, path: await this.#lose(dbms, verdict) };
    });
    let { path } = looked;
    if (looked.verdict.found === 'large') {
      const verdict = await sqlite.read(scrubbing, 'judge', dbms);
      path = await queue.between(() => this.#lose(dbms, verdict));
    }
    const nowMs = clock.monotonicMs();
    const restMs = Math.min(WHOLE_REST_MS_MAX, ASIDE_REST_TIMES * (nowMs - beganMs));
    if (path === undefined) this.#wholeUntilMs.set(dbms, nowMs + restMs);
    return path;
  }

  async #lose(dbms: string, verdict: Verdict): Promise<string | undefined> {
    if (verdict.found !== 'damaged') return undefined;
    this.#unread = true;
    try {
      return await this.setAsideNow(dbms, verdict);
    } finally {
      // Where that fails nothing is answered until it was read.
      await this.#ports.lookAgain().catch(() => this.#ports.queue.lookAgain());
    }
  }
}
