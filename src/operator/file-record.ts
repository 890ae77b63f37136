import type { Column } from '../topology/topology.ts';

/** What an operator knows of one file (TSD record). Keyed by (`origin`, `file`). */
export interface FileRecord {
  /** Operator policy id of the operator that received the file from a data source. */
  readonly origin: string;
  /** The origin's count of its files: 1, 2, 3 … without gaps. */
  readonly file: number;
  readonly dbms: string;
  readonly table: string;
  readonly source: string;
  readonly instructions: string;
  /**
   * 32 hex digits, the documented hash and the key for duplicates: MD5 of `dbms.table` + content; a flushed streaming
   * buffer adds its origin and number, so that equal readings at different times are different data.
   */
  readonly hash: string;
  /** Accepted by the origin, UTC `YYYY-MM-DDTHH:MM:SS.ffffffZ`; the `insert_timestamp` of its rows everywhere. */
  readonly time: string;
  readonly rows: number;
  /** The mapping that the origin used: a copy maps the file with the same one. */
  readonly columns: readonly Column[];
  /** SHA-256 of the content, 64 hex digits. */
  readonly digest: string;
  /** `duplicate`: the same content is held under another record with a smaller (time, origin); this one has no rows. */
  readonly status: 'stored' | 'duplicate';
}

/** Inclusive ranges of file ids, ascending, never adjacent: `[[1, 40], [42, 42]]`. */
export type FileRanges = readonly (readonly [number, number])[];

/** origin → the file ids held of it. What two operators exchange to see what either lacks. */
export type Holdings = ReadonlyMap<string, FileRanges>;

/** A file as it travels: the record and, unless it is a duplicate, its content. */
export interface FileCopy {
  readonly record: FileRecord;
  /** Newline-delimited JSON, uncompressed; empty for a duplicate. */
  readonly content: Uint8Array;
  /** The archive no longer had the content: it was made again from the rows and `digest` does not apply to it. */
  readonly rebuilt: boolean;
  /** SHA-256 of content that was made again, as 64 hex digits, where it is known. */
  readonly rebuiltDigest?: string;
}
