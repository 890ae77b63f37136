import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { Clock } from '../base/clock.ts';
import { systemCode, textOf } from '../base/errors.ts';
import { FewAtATime } from '../base/few-at-a-time.ts';
import { makePath } from '../base/files.ts';
import { ARCHIVE_BATCH_FILES_MAX, ARCHIVE_WRITES_AT_ONCE, FILE_BYTES_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { unzip } from '../base/unzip.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import { digestOf, pack, SMALL_BYTES } from './contents.ts';
import type { FileRecord } from './file-record.ts';
import { archivePath } from './names.ts';
import { type ArchivePlace, archiving, type WantedFile } from './store/archive-files.ts';

const zip = promisify(gzip);
/** Sensor rows shrink to an eighth already at the fastest level; higher ones cost more than the ingest. */
const LEVEL = { level: constants.Z_BEST_SPEED };
/** Rows of files that are read in a thread, together; more are read alone. */
const SMALL_ROWS = 20_000;

/** Accepted files as they came, compressed, under `YY/MM/DD` of their time. */
export interface Archive {
  /** Never fails: a file that cannot be kept is made again from the rows when it is wanted. */
  keep(record: FileRecord, content: Uint8Array): Promise<void>;
  /** The contents, checked against the records' digests; undefined for one that is not there or damaged. */
  read(records: readonly FileRecord[]): Promise<readonly (Uint8Array | undefined)[]>;
  /**
   * Where the file should lie, for a thread that reads it itself; `elsewhere`: where it lies under another member
   * number.
   */
  place(record: FileRecord, elsewhere?: boolean): Promise<ArchivePlace | undefined>;
  /** Whether something lies where the file should, whole or not. */
  has(record: FileRecord): Promise<boolean>;
  /** Renames what lies where the file should to a name that ends in `.damaged`. */
  setAside(record: FileRecord): Promise<void>;
}

/** What the archive needs: threads to pack small files in, and the member numbers that its file names carry. */
export interface ArchivePorts {
  /** Its reader threads pack and unpack small files. */
  readonly sqlite: Sqlite;
  readonly log: Logger;
  readonly clock: Clock;
  memberOf(origin: string): number;
  /** The numbers of all members. */
  memberNumbers(): ReadonlySet<number>;
}

interface Small {
  readonly path: string;
  readonly content: Uint8Array;
  readonly done: () => void;
}

/**
 * Files are not flushed to the disk and may be torn after a power cut: they are checked when they are read, and made
 * again from the rows where they are not whole.
 */
class DirectoryArchive implements Archive {
  readonly #dir: string;
  readonly #ports: ArchivePorts;
  #small: Small[] = [];
  #writingSmall = false;
  /** The folders that were looked through last for files under numbers that no member has any more, the latest last. */
  readonly #listed = new Map<string, Listed>();
  readonly #largeWrites = new FewAtATime(ARCHIVE_WRITES_AT_ONCE);

  constructor(dir: string, ports: ArchivePorts) {
    this.#dir = dir;
    this.#ports = ports;
  }

  async keep(record: FileRecord, content: Uint8Array): Promise<void> {
    const path = archivePath(record, this.#ports.memberOf(record.origin));
    if (content.byteLength > SMALL_BYTES) return this.#largeWrites.run(() => this.#keepLarge(path, content));
    const kept = new Promise<void>((resolve) => this.#small.push({ path, content, done: resolve }));
    if (!this.#writingSmall) void this.#writeSmall();
    return kept;
  }

  async read(records: readonly FileRecord[]): Promise<readonly (Uint8Array | undefined)[]> {
    const contents = [...(await this.#readKnown(records))];
    for (const [at, record] of records.entries()) {
      if (contents[at] !== undefined) continue;
      const paths = await this.#otherPaths(record);
      if (paths.length > 0) contents[at] = await this.#readLarge({ paths, digest: record.digest });
    }
    return contents;
  }

  /** Of the files that lie where they should. */
  async #readKnown(records: readonly FileRecord[]): Promise<readonly (Uint8Array | undefined)[]> {
    const wanted = records.map((record) => this.#wanted(record));
    const rows = records.reduce((sum, record) => sum + record.rows, 0);
    if (rows <= SMALL_ROWS) return this.#ports.sqlite.read(archiving, 'readFiles', this.#dir, wanted);
    const contents: (Uint8Array | undefined)[] = [];
    for (const file of wanted) contents.push(await this.#readLarge(file));
    return contents;
  }

  async place(record: FileRecord, elsewhere = false): Promise<ArchivePlace | undefined> {
    const wanted = this.#wanted(record);
    const paths = elsewhere ? await this.#otherPaths(record) : wanted.paths;
    return paths.length === 0 ? undefined : { dir: this.#dir, paths, digest: wanted.digest };
  }

  async has(record: FileRecord): Promise<boolean> {
    for (const path of this.#wanted(record).paths) if (await exists(join(this.#dir, path))) return true;
    return (await this.#otherPaths(record)).length > 0;
  }

  async setAside(record: FileRecord): Promise<void> {
    for (const path of [...this.#wanted(record).paths, ...(await this.#otherPaths(record))]) {
      const whole = join(this.#dir, path);
      try {
        await rename(whole, `${whole}.damaged`);
      } catch (caught) {
        if (systemCode(caught) !== 'ENOENT') this.#warn(`${path}: ${textOf(caught)}`);
      }
    }
  }

  #wanted(record: FileRecord): WantedFile {
    // 0: archived before the member number of its origin was known.
    const members = new Set([this.#ports.memberOf(record.origin), 0]);
    return { paths: [...members].map((member) => archivePath(record, member)), digest: record.digest };
  }

  /** Where it lies under another member number: that of its origin has changed since it was archived. */
  async #otherPaths(record: FileRecord): Promise<readonly string[]> {
    const { paths } = this.#wanted(record);
    const [first = ''] = paths;
    const numbers = this.#ports.memberNumbers();
    const names = (await this.#strayNames(dirname(first), numbers)).get(withoutMember(basename(first))) ?? [];
    const known = [...numbers].map((member) => archivePath(record, member));
    const others: string[] = [];
    for (const path of [...known, ...names.map((name) => join(dirname(first), name))])
      if (!paths.includes(path) && (await exists(join(this.#dir, path)))) others.push(path);
    return others;
  }

  /**
   * The names in a folder whose number no member has now, by the name without it. Looked for seldom, and a part at a
   * time: a folder holds all files of a day, new ones come all the time, and none of those has an old number.
   */
  #strayNames(folder: string, numbers: ReadonlySet<number>): Promise<StrayNames> {
    const dir = join(this.#dir, folder);
    const [members, nowMs] = [[...numbers].join(), this.#ports.clock.monotonicMs()];
    const known = this.#listed.get(dir);
    if (known?.members === members && nowMs - known.atMs <= LISTED_MS) return known.names;
    const names = this.#listStrays(dir, numbers);
    this.#listed.delete(dir);
    this.#listed.set(dir, { members, atMs: nowMs, names });
    for (const oldest of this.#listed.keys()) if (this.#listed.size > LISTED_FOLDERS_MAX) this.#listed.delete(oldest);
    return names;
  }

  async #listStrays(dir: string, numbers: ReadonlySet<number>): Promise<StrayNames> {
    const found = new Map<string, string[]>();
    try {
      for (const [at, name] of (await readdir(dir)).entries()) {
        if (at % LISTED_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
        if (numbers.has(Number(name.split('.', MEMBER_AT + 1)[MEMBER_AT]))) continue;
        const key = withoutMember(name);
        found.set(key, [...(found.get(key) ?? []), name]);
      }
    } catch (caught) {
      if (systemCode(caught) !== 'ENOENT') this.#warn(`${dir}: ${textOf(caught)}`);
    }
    return found;
  }

  /** While some are written others gather. */
  async #writeSmall(): Promise<void> {
    this.#writingSmall = true;
    while (this.#small.length > 0) {
      const group = this.#small.slice(0, ARCHIVE_BATCH_FILES_MAX);
      this.#small = this.#small.slice(group.length);
      const contents = pack(group.map(({ content }) => content));
      const files = group.map(({ path }, at) => ({ path, content: contents[at] as Uint8Array }));
      try {
        for (const problem of await this.#ports.sqlite.read(archiving, 'writeFiles', this.#dir, files))
          this.#warn(problem);
      } catch (caught) {
        this.#warn(textOf(caught));
      }
      for (const { done } of group) done();
    }
    this.#writingSmall = false;
  }

  async #keepLarge(path: string, content: Uint8Array): Promise<void> {
    try {
      const packed = await zip(content, LEVEL);
      await makePath(dirname(join(this.#dir, path)));
      await writeFile(join(this.#dir, path), packed);
    } catch (caught) {
      this.#warn(`${path}: ${textOf(caught)}`);
    }
  }

  async #readLarge({ paths, digest }: WantedFile): Promise<Uint8Array | undefined> {
    for (const path of paths) {
      try {
        const content = await unzip(await readFile(join(this.#dir, path)), FILE_BYTES_MAX);
        if ((await digestOf(content)) === digest) return content;
        this.#warn(`${path} is damaged`);
      } catch (caught) {
        if (systemCode(caught) !== 'ENOENT') this.#warn(`${path}: ${textOf(caught)}`);
      }
    }
    return undefined;
  }

  #warn(problem: string): void {
    this.#ports.log.warn('a file is not in the archive; it is made from the rows when it is wanted', { problem });
  }
}

type StrayNames = ReadonlyMap<string, readonly string[]>;

interface Listed {
  /** The numbers that counted as those of members. */
  readonly members: string;
  readonly atMs: number;
  readonly names: Promise<StrayNames>;
}

const MEMBER_AT = 5;
/** How long a look through a folder holds. */
const LISTED_MS = 60_000;
/** Folders of which that is remembered: a peer that catches up asks for files of several days in turn. */
const LISTED_FOLDERS_MAX = 8;
/** Names looked at in one turn of the event loop. */
const LISTED_AT_ONCE = 2_000;

/** The name of an archived file but for the member number of its origin, which may change. */
const withoutMember = (name: string): string =>
  name
    .split('.')
    .filter((_, at) => at !== MEMBER_AT)
    .join('.');

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The archive in a directory, which has to be there. */
export const createArchive = (dir: string, ports: ArchivePorts): Archive => new DirectoryArchive(dir, ports);

/** For `archive = false`. */
export const noArchive: Archive = {
  keep: async () => {},
  read: async (records) => records.map(() => undefined),
  place: async () => undefined,
  has: async () => false,
  setAside: async () => {},
};
