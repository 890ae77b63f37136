import type { EventEmitter } from 'node:events';
import type { FileCopy, FileRanges, FileRecord, Holdings } from './file-record.ts';

export interface FileStoreNotices {
  /** Files of this or another origin were made durable here. */
  'file:stored': [readonly FileRecord[]];
}

/** What became of an offered copy. */
export type StoreOutcome = 'stored' | 'held' | 'duplicate';

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
   * Stores copies from a peer, in one durable transaction a batch; idempotent. Content is checked against `digest`
   * first (`FILE_DIGEST_MISMATCH`). Resolves when durable, in the order given.
   */
  store(copies: readonly FileCopy[]): Promise<readonly StoreOutcome[]>;
}
