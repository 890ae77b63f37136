import type { EventEmitter } from 'node:events';
import type { FileCopy, FileRanges, FileRecord, Holdings } from './file-record.ts';

export interface FileStoreNotices {
  /** Files of this or another origin were made durable here. */
  'file:stored': [readonly FileRecord[]];
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
  /** In memory, always current: costs nothing to ask. */
  holdings(): Holdings;
  /** Records of an origin with ids in `ranges`, ascending, at most `limit`. */
  records(origin: string, ranges: FileRanges, limit: number): Promise<readonly FileRecord[]>;
  /** A file with its content, from the archive or made again from the rows. `FILE_UNKNOWN` where it is not held. */
  read(origin: string, file: number): Promise<FileCopy>;
  /**
   * Files of an origin with ids in `ranges`, ascending, with their content, from the first on as many as the limits
   * allow, at least one; ids that are not held are left out. Empty only where none of them is held.
   */
  readMany(origin: string, ranges: FileRanges, limits: ReadLimits): Promise<readonly FileCopy[]>;
  /**
   * Stores copies from a peer, in one durable transaction a batch; idempotent. Content is checked against `digest`
   * first (`FILE_DIGEST_MISMATCH`). Resolves when durable, in the order given.
   */
  store(copies: readonly FileCopy[]): Promise<readonly StoreOutcome[]>;
}
