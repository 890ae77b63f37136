import { createHash } from 'node:crypto';
import { fault } from '../base/errors.ts';
import { sha256Hex } from '../codec/hash.ts';
import type { FileCopy, FileRecord } from './file-record.ts';

/** The order in which records of the same content claim its rows: (time, origin); the first keeps them, everywhere. */
const precedes = (a: FileRecord, b: FileRecord): boolean => {
  if (a.time !== b.time) return a.time < b.time;
  return a.origin === b.origin ? a.file < b.file : a.origin < b.origin;
};

/**
 * A record whose content is held under an earlier one. It keeps its place among the files of its origin, not its rows.
 */
export const asDuplicate = (record: FileRecord): FileRecord => ({ ...record, status: 'duplicate', rows: 0 });

/** What to do with a copy that is not held yet. */
export type Placement =
  | { readonly outcome: 'duplicate' | 'orphan' }
  /** `replaces`: the record that held the content so far and becomes a duplicate in the same transaction. */
  | { readonly outcome: 'stored'; readonly replaces: FileRecord | undefined };

/**
 * `holder` is the stored record of the same content (`hash` and `digest`), if there is one. The result depends on the
 * set of records alone, not on their order of arrival: whoever precedes all others ends with the rows.
 */
export const placeCopy = (record: FileRecord, holder: FileRecord | undefined): Placement => {
  if (holder !== undefined && precedes(holder, record)) return { outcome: 'duplicate' };
  return record.status === 'duplicate' ? { outcome: 'orphan' } : { outcome: 'stored', replaces: holder };
};

/**
 * The documented hash of a file: MD5 of `dbms.table` + content. `salt` makes equal readings of two buffers different.
 */
export const contentHash = (dbms: string, table: string, content: Uint8Array, salt = ''): string =>
  createHash('md5').update(`${dbms}.${table}`).update(content).update(salt).digest('hex');

/** Throws `FILE_DIGEST_MISMATCH` where the content is not what the record says. */
export const checkDigest = ({ record, content, rebuilt }: FileCopy): void => {
  if (record.status === 'duplicate' || rebuilt || sha256Hex(content) === record.digest) return;
  throw fault(
    'FILE_DIGEST_MISMATCH',
    `file ${record.file} of ${record.origin} is not the content that its record names`,
    {
      data: { origin: record.origin, file: record.file, bytes: content.byteLength },
      hint: 'the copy was damaged on the way or in the archive of the sender; it is asked for again',
    },
  );
};
