import { type FSWatcher, watch } from 'node:fs';
import { mkdir, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { asFault, fault, systemCode, textOf } from '../base/errors.ts';
import { makeDirectory } from '../base/files.ts';
import type { Logger } from '../base/log.ts';
import { Trouble } from '../base/trouble.ts';
import { isSame, type Look, readData } from './data-file.ts';
import { type ErrorDirectory, type FailedTable, plainFile } from './error-directory.ts';
import { type DataFileName, isDataFile, parseDataFileName } from './names.ts';

/** A name that only appeared is a file that was moved in: it is whole. */
const MOVED_QUIET_MS = 5;
/** One that is written in place is taken to be whole when nothing has come for so long. */
const WRITTEN_QUIET_MS = 500;
/** The directory is read anyway: notices get lost, and some file systems have none. */
const LOOK_MS = 500;
const RETRY_MS = 1_000;
/** A file that was written in place is looked at again so long after its last change, before it is removed. */
const LINGER_MS = 5_000;
/**
 * Files that are taken up lie here until they are durable elsewhere; on the same file system, so a move is one step.
 */
const TAKEN = '.taken';
/** Names in one line of the log. */
const LEFT_LOGGED_MAX = 5;

/** What takes the files that appear, and where those go that are refused. */
export interface WatchPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly errors: ErrorDirectory;
  /** Resolves when the rows are durable; `duplicate` where the content was held already. Throws as `Operator.put`. */
  ingest(name: DataFileName, content: Uint8Array): Promise<{ readonly duplicate: boolean }>;
}

/**
 * A failure of the file itself: it goes to the error directory. Anything else is tried again, as what only lacks room
 * on the disk, or waits for a drop of its table.
 */
const isOfFile = (caught: unknown): boolean =>
  /^(?:INGEST|FILE(?!_TABLE_NO_ROOM|_DROP_WAITS)|POLICY_(?!CLOSED))/.test(asFault(caught).code);

interface Taken {
  readonly name: string;
  readonly dir: string;
  /** It was taken by a process that has ended: its content may be held already. */
  readonly before: boolean;
  /** It was written in place: its writer may not have been done. */
  readonly written: boolean;
}

type Candidate = {
  readonly written: boolean;
  readonly dueMs: number;
  /** How it looked the last time, where the clocks do not say whether it is quiet. */
  readonly looked?: Look | undefined;
};

/** Takes up the files that appear in a directory. A crash at any moment neither loses a file nor takes it up twice. */
export class WatchDirectory {
  readonly #dir: string;
  readonly #ports: WatchPorts;
  readonly #threads: number;
  /** Names that appeared, with the time at which they may be looked at. */
  readonly #candidates = new Map<string, Candidate>();
  readonly #ready: Taken[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #timers = new Set<() => void>();
  /** Stored files that are not removed yet: looks at one for the last time. */
  readonly #lingering = new Set<() => Promise<void>>();
  /** Taken and not stored yet, or stored and not removed, because of the machine. */
  readonly #failing = new Set<Taken>();
  readonly #troubleStoring: Trouble;
  readonly #troubleTaking: Trouble;
  #left: readonly string[] = [];
  #watcher: FSWatcher | undefined;
  #counter = 0;
  #claiming: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(dir: string, threads: number, ports: WatchPorts) {
    this.#dir = dir;
    this.#threads = Math.max(1, threads);
    this.#ports = ports;
    this.#troubleStoring = new Trouble(ports.log, `files of ${dir} are stored again`);
    this.#troubleTaking = new Trouble(ports.log, `files of ${dir} are taken up again`);
  }

  /** Starts watching; what an earlier process had taken is finished first. */
  static async start(dir: string, threads: number, ports: WatchPorts): Promise<WatchDirectory> {
    await makeDirectory(join(dir, TAKEN));
    const watching = new WatchDirectory(dir, threads, ports);
    await watching.#resume();
    watching.#listen();
    watching.#lookRegularly();
    return watching;
  }

  /** Files that were seen and are not done. */
  get pending(): number {
    return this.#candidates.size + this.#ready.length + this.#running.size;
  }

  /** Why files are not taken up, or not stored, just now; undefined while all is well. */
  get failure(): string | undefined {
    return this.#troubleStoring.text ?? this.#troubleTaking.text;
  }

  /** Names of what lies there and is never taken up, as of the last look. Hidden ones are not meant for us. */
  get left(): readonly string[] {
    return this.#left;
  }

  /** Takes no more; resolves when what is under way has ended. The rest stays where it is. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#watcher?.close();
    for (const cancel of this.#timers) cancel();
    await this.#claiming;
    await Promise.all(this.#running);
    await Promise.all([...this.#lingering].map((finish) => finish()));
  }

  async #resume(): Promise<void> {
    const taken = join(this.#dir, TAKEN);
    for (const id of (await readdir(taken)).sort()) {
      const dir = join(taken, id);
      const names = await readdir(dir).catch((caught: unknown) => {
        if (systemCode(caught) === 'ENOTDIR') return [];
        throw fault(
          'INGEST_TAKEN',
          `${dir} holds files that were taken and not finished, and cannot be read: ${textOf(caught)}`,
          {
            hint: 'see what this process may open and the disk can do, then run the operator again',
            cause: caught,
          },
        );
      });
      for (const name of names) this.#ready.push({ name, dir, before: true, written: false });
      if (names.length === 0) await rmdir(dir).catch(() => {});
    }
    this.#work();
  }

  #listen(): void {
    try {
      this.#watcher = watch(this.#dir, (event, name) => {
        if (name !== null) this.#appeared(name, event === 'change');
      });
      this.#watcher.on('error', (caught) => this.#unwatched(caught));
    } catch (caught) {
      this.#unwatched(caught);
    }
  }

  #unwatched(caught: unknown): void {
    this.#ports.log.warn(`no notices of new files in ${this.#dir}; it is read every ${LOOK_MS} ms`, {
      error: textOf(caught),
    });
  }

  #appeared(name: string, changed: boolean): void {
    if (this.#closed || !isDataFile(name)) return;
    const written = changed || this.#candidates.get(name)?.written === true;
    const quietMs = written ? WRITTEN_QUIET_MS : MOVED_QUIET_MS;
    this.#candidates.set(name, { written, dueMs: this.#ports.clock.monotonicMs() + quietMs });
    this.#after(quietMs, () => this.#claimDue());
  }

  #lookRegularly(): void {
    this.#claim(async () => {
      const left: string[] = [];
      for (const entry of await readdir(this.#dir, { withFileTypes: true })) {
        const { name } = entry;
        if (!entry.isFile() || !isDataFile(name) || !(await this.#isReached(name)))
          left.push(...(name.startsWith('.') ? [] : [name]));
        // A notice has told of it, or will: this is for those without.
        else if (!this.#candidates.has(name)) this.#candidates.set(name, { written: true, dueMs: 0 });
      }
      // Nothing waits any more: whatever was in the way.
      if (this.#candidates.size === 0) this.#troubleTaking.ends();
      this.#tellLeft(left.sort());
    });
    this.#claimDue();
    this.#after(LOOK_MS, () => this.#lookRegularly());
  }

  /** A name that is no UTF-8 has lost bytes in the listing, and leads to nothing. */
  async #isReached(name: string): Promise<boolean> {
    return !name.includes('\ufffd') || (await plainFile(join(this.#dir, name))) !== undefined;
  }

  /** Once for each: who dropped it there waits for its rows. */
  #tellLeft(left: readonly string[]): void {
    const news = left.filter((name) => !this.#left.includes(name));
    this.#left = left;
    if (news.length === 0) return;
    const names = `${news.slice(0, LEFT_LOGGED_MAX).join(', ')}${news.length > LEFT_LOGGED_MAX ? ', …' : ''}`;
    this.#ports.log.warn(
      `${names} in ${this.#dir} is taken up by nobody: data files are plain files named .json or .gz, in UTF-8`,
    );
  }

  #claimDue(): void {
    this.#claim(async () => {
      const nowMs = this.#ports.clock.monotonicMs();
      for (const [name, candidate] of this.#candidates)
        if (candidate.dueMs <= nowMs) await this.#claimFile(name, candidate);
      this.#work();
    });
  }

  #isQuiet(found: Look, { written, looked }: Candidate): boolean {
    const ageMs = this.#ports.clock.wallMs() - found.mtimeMs;
    // Written by a clock that goes ahead of ours: two looks tell.
    if (ageMs < 0) return isSame(found, looked);
    // An empty one has been created and waits for its first bytes.
    return (!written || ageMs >= WRITTEN_QUIET_MS) && (found.bytes > 0 || ageMs >= 10 * LOOK_MS);
  }

  /** One at a time: two looks at a file must not both take it. */
  #claim(work: () => Promise<void>): void {
    this.#claiming = this.#claiming.then(async () => {
      if (this.#closed) return;
      await work().catch((caught: unknown) => {
        const text = `no file of ${this.#dir} is taken up now; it is tried again: ${textOf(caught)}`;
        this.#troubleTaking.meets(caught, text);
      });
    });
  }

  async #claimFile(name: string, candidate: Candidate): Promise<void> {
    const { written } = candidate;
    const path = join(this.#dir, name);
    const found = await plainFile(path);
    if (found !== undefined && !this.#isQuiet(found, candidate)) {
      const dueMs = this.#ports.clock.monotonicMs() + WRITTEN_QUIET_MS;
      this.#candidates.set(name, { written: true, dueMs, looked: found });
      return;
    }
    this.#candidates.delete(name);
    if (found === undefined) return;
    this.#counter += 1;
    const dir = join(this.#dir, TAKEN, `${Math.floor(this.#ports.clock.wallMs())}-${this.#counter}`);
    await mkdir(dir);
    try {
      await rename(path, join(dir, name));
      this.#ready.push({ name, dir, before: false, written });
      this.#troubleTaking.ends();
    } catch (caught) {
      await rmdir(dir);
      if (systemCode(caught) !== 'ENOENT') throw caught;
    }
  }

  #work(): void {
    while (!this.#closed && this.#running.size < this.#threads) {
      const next = this.#ready.shift();
      if (next === undefined) return;
      const run: Promise<void> = this.#process(next).finally(() => {
        this.#running.delete(run);
        this.#work();
      });
      this.#running.add(run);
    }
  }

  async #process(taken: Taken): Promise<void> {
    try {
      const stored = await this.#ingest(taken);
      this.#isWell(taken);
      if (stored === undefined) return;
      const { look, table } = stored;
      if (taken.written) this.#linger(taken, look, table, LINGER_MS - (this.#ports.clock.wallMs() - look.mtimeMs));
      else await this.#removeOrRetry(taken, look, table);
    } catch (caught) {
      this.#fails(taken, caught, `${taken.name} is not stored yet; it is tried again: ${textOf(caught)}`);
      this.#after(RETRY_MS, () => {
        this.#ready.push(taken);
        this.#work();
      });
    }
  }

  #fails(taken: Taken, caught: unknown, text: string): void {
    this.#failing.add(taken);
    this.#troubleStoring.meets(caught, text);
  }

  #isWell(taken: Taken): void {
    this.#failing.delete(taken);
    if (this.#failing.size === 0) this.#troubleStoring.ends();
  }

  /** Stores a file; undefined where it was not, and lies in the error directory. */
  async #ingest({
    name,
    dir,
    before,
  }: Taken): Promise<{ readonly look: Look; readonly table: FailedTable } | undefined> {
    const path = join(dir, name);
    let table: FailedTable = { dbms: '', table: '' };
    try {
      const parsed = parseDataFileName(name);
      table = { dbms: parsed.dbms, table: parsed.table };
      const { content, look } = await readData(path, parsed.zipped);
      const { duplicate } = await this.#ports.ingest(parsed, content);
      // What was taken before a crash may have been stored before it, too.
      if (duplicate && !before)
        throw fault('INGEST_DUPLICATE', `the content of ${name} is in ${table.dbms}.${table.table} already`, {
          hint: 'it was not stored again',
        });
      return { look, table };
    } catch (caught) {
      if (!isOfFile(caught)) throw caught;
      await this.#ports.errors.take({ path }, table, caught, this.#ports.clock.wallMs());
      await rmdir(dir).catch(() => {});
      return undefined;
    }
  }

  /** The writer may have paused only: what it writes into a file that is removed would be lost. */
  #linger(taken: Taken, look: Look, table: FailedTable, ms: number): void {
    let done: Promise<void> | undefined;
    const remove = async (): Promise<void> => {
      await this.#removeOrRetry(taken, look, table);
      this.#lingering.delete(finish);
    };
    const finish = (): Promise<void> => (done ??= remove());
    this.#lingering.add(finish);
    this.#after(Math.min(Math.max(ms, 0), LINGER_MS), () => void finish());
  }

  /** Stored again it would be a duplicate, and end in the error directory: only the removal is tried again. */
  async #removeOrRetry(taken: Taken, look: Look, table: FailedTable): Promise<void> {
    try {
      await this.#remove(taken, look, table);
      this.#isWell(taken);
    } catch (caught) {
      this.#fails(taken, caught, `${taken.name} is stored and cannot be removed yet: ${textOf(caught)}`);
      this.#linger(taken, look, table, RETRY_MS);
    }
  }

  /** Removes a file that is stored; one that is no longer what was stored is kept as a failure. */
  async #remove({ name, dir }: Taken, look: Look, table: FailedTable): Promise<void> {
    const path = join(dir, name);
    const now = await plainFile(path);
    if (now !== undefined && !isSame(now, look)) {
      const grown = fault(
        'INGEST_FILE_CHANGED',
        `${name} had ${look.bytes} bytes when it was stored and has ${now.bytes} now`,
        {
          data: { stored: look.bytes, bytes: now.bytes },
          hint: 'the first bytes are stored; give the rest again, and move files in when they are whole',
        },
      );
      await this.#ports.errors.take({ path }, table, grown, this.#ports.clock.wallMs());
    } else if (now !== undefined) await unlink(path);
    await rmdir(dir).catch(() => {});
  }

  #after(ms: number, task: () => void): void {
    if (this.#closed) return;
    const cancel = this.#ports.clock.after(ms, () => {
      this.#timers.delete(cancel);
      if (!this.#closed) task();
    });
    this.#timers.add(cancel);
  }
}
