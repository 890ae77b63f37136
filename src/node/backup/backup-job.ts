import { createHash } from 'node:crypto';
import { readdir, rm, stat, statfs } from 'node:fs/promises';
import { basename, isAbsolute, join, relative, sep } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { asFault, fault, hasCode, HoldfastError, systemCode, textOf } from '../../base/errors.ts';
import { makePath, syncDirectory, writeFileDurably } from '../../base/files.ts';
import { BACKUP_BATCHES_AT_ONCE, BACKUP_FILES_AT_ONCE } from '../../base/limits.ts';
import type { BackupStatus } from '../../command/context.ts';
import { ledgerFiles } from '../../ledger/ledger-files.ts';
import { backUpDatabases } from '../../sqlite/backup.ts';
import type { Sqlite } from '../../sqlite/sqlite.ts';
import { nodePaths, type NodePaths } from '../paths.ts';
import { copyFile, hashFile } from './copy-file.ts';
import { copying } from './copy-small.ts';
import { ABOUT_FILE, formatAbout, INCOMPLETE_MARK, SUMS_FILE } from './manifest.ts';
import { SumsFile } from './sums-file.ts';
import { walkFiles, walkFolders } from './walk.ts';

/** What a backup is made of. */
export interface BackupSource {
  readonly paths: NodePaths;
  readonly sqlite: Sqlite;
  readonly clock: Clock;
  readonly version: string;
  readonly node: string;
  readonly name: string;
  /** Network id; null before the node has one. */
  readonly network: string | null;
  /** Where accepted files are kept: `run operator` may have named another directory. */
  readonly archive: string;
  /** Commands that run at start, if any. */
  readonly script: string | undefined;
  /** The options of the node as `--config` reads them. */
  readonly configuration: Readonly<Record<string, string>>;
}

/** A file on its way into the backup. */
interface Wanted {
  readonly from: string;
  /** Relative to the backup. */
  readonly path: string;
  readonly bytes: number;
  readonly mode?: number;
}

const isMissing = (caught: unknown): boolean => systemCode(caught) === 'ENOENT';

/**
 * One backup of a running node. Order makes it consistent: the note that the operator is filled before the databases,
 * which may hold more than it says; the ledger after them, so that no row lacks its policies; the key last. Archived
 * files are checked when they are read, and one that is torn is made again from its rows.
 */
export class BackupJob {
  readonly #source: BackupSource;
  readonly #target: NodePaths;
  readonly #sums: SumsFile;
  readonly #startedMs: number;
  #state: BackupStatus['state'] = 'running';
  #part = 'directory';
  #files = 0;
  #bytes = 0;
  #bytesTotal = 0;
  #endedMs: number | undefined;
  #error: HoldfastError | undefined;
  #stopped = false;
  #isReadying = false;
  readonly #stop = Promise.withResolvers<never>();

  constructor(source: BackupSource, dir: string) {
    this.#source = source;
    this.#target = nodePaths(dir);
    this.#sums = new SumsFile(join(dir, SUMS_FILE));
    this.#startedMs = source.clock.monotonicMs();
    this.#stop.promise.catch(() => {});
  }

  get status(): BackupStatus {
    return {
      state: this.#state,
      dir: this.#target.dir,
      part: this.#part,
      files: this.#files,
      bytes: this.#bytes,
      bytesTotal: Math.max(this.#bytes, this.#bytesTotal),
      ms: Math.round((this.#endedMs ?? this.#source.clock.monotonicMs()) - this.#startedMs),
      error: this.#error,
    };
  }

  /**
   * Whether the directory is being made ready, also when the backup was stopped meanwhile and the disk does not answer.
   */
  get isReadying(): boolean {
    return this.#isReadying;
  }

  /**
   * Makes the directory ready. `BACKUP_DIR`, `BACKUP_DIR_NOT_EMPTY`, `BACKUP_DISK_FULL`; `BACKUP_STOPPED` as soon as it
   * is stopped: a disk of another machine may never answer.
   */
  async prepare(): Promise<void> {
    try {
      await Promise.race([this.#makeReady(), this.#stop.promise]);
    } catch (caught) {
      this.#fail(caught);
      throw caught;
    }
  }

  async #makeReady(): Promise<void> {
    const { dir } = this.#target;
    if (!isAbsolute(dir))
      throw fault(
        'BACKUP_DIR',
        `${JSON.stringify(dir)} is not an absolute path: the node would take it from where it was started`,
        {
          hint: 'name it from the root: run backup where dir = "/mnt/backup/node-1"',
        },
      );
    const inside = relative(this.#source.paths.dir, dir);
    if (!inside.startsWith('..') && !isAbsolute(inside))
      throw fault(
        'BACKUP_DIR',
        `${dir} cannot take the backup: name a directory outside of ${this.#source.paths.dir}`,
        {
          hint: 'best on another disk',
        },
      );
    const mark = join(dir, INCOMPLETE_MARK);
    this.#isReadying = true;
    try {
      await makePath(dir);
      if ((await readdir(dir)).length > 0) throw notEmpty(dir);
      this.#assertGoingOn();
      await writeFileDurably(mark, 'This backup is not complete.\n');
      if (this.#stopped) await rm(mark);
    } catch (caught) {
      throw asBackupFault(caught, dir);
    } finally {
      this.#isReadying = false;
    }
  }

  /** Copies everything; never rejects: what happened stands in `status`. A failed backup leaves an empty directory. */
  async run(): Promise<void> {
    try {
      await this.#copyAll();
      this.#state = 'done';
      this.#endedMs = this.#source.clock.monotonicMs();
    } catch (caught) {
      await this.#sums.close();
      await this.#clear();
      this.#fail(caught);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#stop.reject(stopped());
  }

  #fail(caught: unknown): void {
    this.#error = asBackupFault(caught, this.#target.dir);
    this.#state = 'failed';
    this.#endedMs = this.#source.clock.monotonicMs();
  }

  async #copyAll(): Promise<void> {
    const { paths, archive, script, configuration } = this.#source;
    await this.#copy('state', await listFiles(paths.state, 'data/state', (name) => name.startsWith('filled-')));
    await this.#copyDatabases();
    const ledger = await ledgerFiles(paths.ledger);
    await this.#copy(
      'ledger',
      ledger.map(({ path, bytes }) => ({ from: join(paths.ledger, path), path: join('ledger', path), bytes })),
    );
    await this.#copyArchive(archive);
    const others = [
      { from: paths.peers, path: 'peers.json' },
      { from: paths.users, path: 'users.json', mode: 0o600 },
      ...(script === undefined ? [] : [{ from: script, path: 'script.al' }]),
    ];
    await this.#write('config.json', `${JSON.stringify(configuration, undefined, 2)}\n`);
    await this.#copy('configuration', (await Promise.all(others.map(sized))).flat());
    await this.#copy('scripts', await listFiles(paths.scripts, 'local_scripts', () => true));
    // The next key before the key, whose place it takes: so a rotation that is under way is in the copy as begun or as
    // done.
    const keys = [paths.formerKey, paths.nextKey, paths.key].map((from) => ({
      from,
      path: basename(from),
      mode: 0o600,
    }));
    for (const key of keys) await this.#copy('key', await sized(key));
    await this.#finish();
  }

  async #copyDatabases(): Promise<void> {
    this.#part = 'databases';
    const { sqlite, clock, paths } = this.#source;
    const target = this.#target.dbms;
    await makePath(target);
    await this.#checkRoom(await listFiles(paths.dbms, '', (name) => name.endsWith('.sqlite')));
    const before = this.#bytes;
    for await (const { bytes, bytesTotal } of backUpDatabases(sqlite, target, clock)) {
      this.#assertGoingOn();
      this.#bytes = before + bytes;
      this.#bytesTotal = before + bytesTotal;
    }
    for (const name of await readdir(target)) {
      this.#sums.add(`data/dbms/${name}`, (await hashFile(join(target, name))).sha256);
      this.#files += 1;
    }
    await syncDirectory(target);
  }

  async #copy(part: string, wanted: readonly Wanted[]): Promise<void> {
    this.#part = part;
    await this.#checkRoom(wanted);
    this.#bytesTotal = this.#bytes + wanted.reduce((sum, { bytes }) => sum + bytes, 0);
    await inParallel(BACKUP_FILES_AT_ONCE, wanted, (file) => this.#copyOne(file));
  }

  /** Batch by batch, never all names in memory. */
  async #copyArchive(archive: string): Promise<void> {
    this.#part = 'archive';
    const { sqlite } = this.#source;
    let total = 0;
    for await (const paths of walkFiles(archive)) {
      this.#assertGoingOn();
      total += await sqlite.read(copying, 'sumBytes', archive, paths);
    }
    await this.#checkRoom([{ bytes: total }]);
    this.#bytesTotal = this.#bytes + total;
    const to = this.#target.archive;
    await inParallel(BACKUP_BATCHES_AT_ONCE, walkFiles(archive), async (paths) => {
      this.#assertGoingOn();
      const large: Wanted[] = [];
      for (const [at, outcome] of (await sqlite.read(copying, 'copyFiles', archive, to, paths)).entries()) {
        const path = join('data/archive', paths[at] ?? '');
        const from = join(archive, paths[at] ?? '');
        if (outcome.is === 'failed') throw Object.assign(new Error(outcome.text), { code: outcome.code });
        if (outcome.is === 'large') large.push(...(await sized({ from, path })));
        if (outcome.is === 'copied') this.#copied(path, outcome);
      }
      for (const file of large) await this.#copyOne(file);
      await this.#sums.write();
    });
  }

  #copied(path: string, { sha256, bytes }: { readonly sha256: string; readonly bytes: number }): void {
    this.#bytes += bytes;
    this.#sums.add(path.split(sep).join('/'), sha256);
    this.#files += 1;
  }

  async #copyOne({ from, path, bytes, mode = 0o644 }: Wanted): Promise<void> {
    const onBytes = (count: number): void => {
      this.#assertGoingOn();
      this.#bytes += count;
    };
    const { sha256 } = await copyFile(from, join(this.#target.dir, path), { bytes, mode, onBytes });
    this.#sums.add(path.split(sep).join('/'), sha256);
    this.#files += 1;
  }

  async #write(path: string, text: string): Promise<void> {
    await writeFileDurably(join(this.#target.dir, path), text);
    this.#sums.add(path, createHash('sha256').update(text).digest('hex'));
    this.#files += 1;
  }

  /** The mark goes last: until then the directory does not pass for a backup. */
  async #finish(): Promise<void> {
    const { version, node, name, network, clock } = this.#source;
    const { dir } = this.#target;
    for await (const folder of walkFolders(dir)) await syncDirectory(folder);
    const sums = await this.#sums.end();
    const about = {
      ...{ version, node, name, network },
      time: new Date(clock.wallMs()).toISOString(),
      files: this.#files,
      bytes: this.#bytes,
      sums,
    };
    await writeFileDurably(join(dir, ABOUT_FILE), formatAbout(about));
    await rm(join(dir, INCOMPLETE_MARK));
    await syncDirectory(dir);
  }

  /** Said before anything is written where the disk has no room, not after hours. */
  async #checkRoom(files: readonly Pick<Wanted, 'bytes'>[]): Promise<void> {
    this.#assertGoingOn();
    const needed = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const { bavail, bsize } = await statfs(this.#target.dir);
    if (needed > bavail * bsize)
      throw fault(
        'BACKUP_DISK_FULL',
        `no room for the backup in ${this.#target.dir}: ${needed} bytes are needed, ${bavail * bsize} are free`,
        { hint: ROOM_HINT },
      );
  }

  #assertGoingOn(): void {
    if (this.#stopped) throw stopped();
  }

  /** Removes what was copied; the mark last, so that what cannot be removed does not pass for a backup. */
  async #clear(): Promise<void> {
    const { dir } = this.#target;
    try {
      const names = (await readdir(dir)).filter((name) => name !== INCOMPLETE_MARK);
      for (const name of [...names, INCOMPLETE_MARK]) await rm(join(dir, name), { recursive: true, force: true });
    } catch {
      // The mark is still there: it says so.
    }
  }
}

const ROOM_HINT = 'free the disk, or name a directory on another one';

const stopped = (): Error => fault('BACKUP_STOPPED', 'the backup was stopped', { hint: 'start it again' });

const notEmpty = (dir: string): Error =>
  fault('BACKUP_DIR_NOT_EMPTY', `the directory ${dir} is not empty: nothing in it is overwritten`, {
    hint: 'name a new directory, or empty this one (a backup that was broken off, for example)',
  });

const asBackupFault = (caught: unknown, dir: string): HoldfastError => {
  const sqlite = hasCode(caught, 'SQLITE_DISK_FAILED') ? String(asFault(caught).data['sqlite']) : '';
  if (caught instanceof HoldfastError && sqlite !== 'SQLITE_FULL') return caught;
  if (['ENOSPC', 'EDQUOT'].includes(systemCode(caught) ?? '') || sqlite === 'SQLITE_FULL')
    return fault('BACKUP_DISK_FULL', `the disk of ${dir} is full: ${textOf(caught)}`, {
      hint: ROOM_HINT,
      cause: caught,
    });
  return fault('BACKUP_FAILED', `the backup into ${dir} failed: ${textOf(caught)}`, {
    hint: 'check that the node may write there, and read its own files',
    cause: caught,
  });
};

/** A file with its size; nothing where it is missing. */
const sized = async (file: Omit<Wanted, 'bytes'>): Promise<Wanted[]> => {
  try {
    return [{ ...file, bytes: (await stat(file.from)).size }];
  } catch (caught) {
    if (isMissing(caught)) return [];
    throw caught;
  }
};

/** All files below a directory that is there or not; `path` begins with `as`. */
const listFiles = async (dir: string, as: string, isWanted: (name: string) => boolean): Promise<readonly Wanted[]> => {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch((caught: unknown) => {
    if (isMissing(caught)) return [];
    throw caught;
  });
  const wanted: Wanted[] = [];
  for (const entry of entries) {
    if (!entry.isFile() || !isWanted(entry.name)) continue;
    const from = join(entry.parentPath, entry.name);
    wanted.push(...(await sized({ from, path: join(as, relative(dir, from)) })));
  }
  return wanted;
};

/**
 * So many at a time. None is left running when another fails: it would write into a directory that is being emptied.
 */
const inParallel = async <T>(
  atOnce: number,
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> => {
  const failures: unknown[] = [];
  const running = new Set<Promise<void>>();
  const begin = (item: T): void => {
    const one: Promise<void> = work(item)
      .catch((caught: unknown) => void failures.push(caught))
      .finally(() => running.delete(one));
    running.add(one);
  };
  try {
    for await (const item of items) {
      if (running.size >= atOnce) await Promise.race(running);
      if (failures.length > 0) break;
      begin(item);
    }
  } finally {
    await Promise.all(running);
  }
  if (failures.length > 0) throw failures[0];
};
