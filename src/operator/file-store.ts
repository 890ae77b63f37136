import type { EventEmitter } from 'node:events';
import type { CheckLimits, Damage, FileCheck, Finding, PageScope, Repair, Strays } from './file-check.ts';
import type { FileSums } from './file-sums.ts';
import type { FileCopy, FileRanges, FileRecord, Holdings } from './file-record.ts';

/** What the files of an operator tell as they change. */
export interface FileStoreNotices {
  /** Files of this or another origin were made durable here. */
  'file:stored': [readonly FileRecord[]];
  /** Files that were held are held no more: their database was damaged and is set aside. */
  'file:lost': [];
  /** Rows or record of a file that is held were made right. */
  'file:mended': [FileRecord];
}

/**
 * What became of an offered copy. `duplicate`: its content is held under a record with a smaller (time, origin).
 * `orphan`: it came as a duplicate, without content, and no record with that hash and a smaller (time, origin) is
 * held here; nothing was stored, since its rows would be missing while its id counts as held. It is asked for again.
 */
export type StoreOutcome = 'stored' | 'held' | 'duplicate' | 'orphan';

/** How much one {@link FileStore.readMany} may return. */
export interface ReadLimits {
  readonly files: number;
  /** Bytes of content; the first file is returned whatever its size. */
  readonly bytes: number;
}

/** The files of one operator: what the distributor and the consumer see of it. Forms: SQLite, memory (tests). */
export interface FileStore {
  readonly notices: EventEmitter<FileStoreNotices>;
  /** Own operator policy id. */
  readonly origin: string;
  /** What operators compare. */
  readonly sums: FileSums;
  /**
   * Damage was met in a database, which is looked through or set aside now: nothing is answered from it; from none where one is
   * there no more and `holdings` still names its files. Without a name: whether that is so of any.
   */
  losing(dbms?: string): boolean;
  /** Which file a database was at the last look; undefined of one that was made since. */
  databaseFile(dbms: string): string | undefined;
  /** In memory, always current: costs nothing to ask. */
  holdings(): Holdings;
  /** Records of an origin with ids in `ranges`, ascending, at most `limit`. */
  records(origin: string, ranges: FileRanges, limit: number): Promise<readonly FileRecord[]>;
  /** How many rows the held ones of these files have, as their records say. */
  countRows(files: Holdings): Promise<number>;
  /** A file with its content, from the archive or made again from the rows. `FILE_UNKNOWN` where it is not held. */
  read(origin: string, file: number): Promise<FileCopy>;
  /**
   * Files of an origin with ids in `ranges`, ascending, with their content, from the first on as many as the limits
   * allow, at least one; ids that are not held are left out. Empty only where none of them is held.
   */
  readMany(origin: string, ranges: FileRanges, limits: ReadLimits): Promise<readonly FileCopy[]>;
  /**
   * Stores copies from a peer, in one durable transaction a batch; idempotent. Content is checked against `digest`
   * first (`FILE_DIGEST_MISMATCH`). Resolves when durable, in the order given. `takesOrphans`: what would be an `orphan`
   * becomes a `duplicate`, since nobody has the original: its number counts as held, and there are no rows to it.
   */
  store(copies: readonly FileCopy[], takesOrphans?: boolean): Promise<readonly StoreOutcome[]>;
  /**
   * Reads the rows and the archived content of held files of an origin with ids in `ranges`, from the first on as many
   * as the limits allow, and says what is found. Empty only where none of them is held.
   */
  check(origin: string, ranges: FileRanges, limits: CheckLimits): Promise<readonly FileCheck[]>;
  /**
   * Makes rows, record and archived content of a file those of a copy, in one durable transaction; idempotent. `sum`:
   * what its rows must be (`FILE_SUM_MISMATCH`); needed for a copy that was made from rows, a digest speaks for others. A damaged
   * archived file is put aside; by a copy that was made from rows nothing takes its place.
   */
  repair(copy: FileCopy, sum?: string): Promise<Repair>;
  /** Remembers what was found: sums of rows as they are right, and what is damaged. Durable when it resolves. */
  note(findings: readonly Finding[]): Promise<void>;
  /** Files whose rows are damaged: `read` gives them from the archive or not at all (`FILE_DAMAGED`). In memory. */
  damages(): readonly Damage[];
  /** The next own number is at least that, whatever is held: peers may know others that were lost here. */
  numberFrom(atLeast: number): void;
  /** Rows in tables that belong to no file. */
  strays(): Promise<readonly Strays[]>;
  /** Takes such rows out of their table and keeps them aside; returns how many. */
  setAside(strays: Strays): Promise<number>;
  /** The tables whose pages can be checked. */
  pages(): Promise<readonly PageScope[]>;
  /** Reads the pages of a table. `SQLITE_CORRUPT` where they do not hold together. */
  checkPages(scope: PageScope): Promise<void>;
  /**
   * Somebody met damage in a database file: it is checked, set aside if it is damaged, and its files count as held no
   * more, so that they come again from the peers. Returns the path of what was set aside.
   */
  setDatabaseAside(dbms: string): Promise<string | undefined>;
}
