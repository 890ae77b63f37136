import type { Resource } from '../base/lifecycle.ts';
import type { Column } from '../topology/topology.ts';
import type { FileRecord } from './file-record.ts';
import type { FileStore } from './file-store.ts';

/** The options of `run operator`, parsed. Directories are absolute. */
export interface OperatorOptions {
  /** Own operator policy id. */
  readonly policy: string;
  readonly createTable: boolean;
  readonly updateTsdInfo: boolean;
  readonly archive: boolean;
  readonly distributor: boolean;
  readonly threads: number;
  /** `db.table` names; empty for all. */
  readonly limitTables: readonly string[];
  readonly watchDir: string;
  readonly errDir: string;
  readonly archiveDir: string;
  readonly prepDir: string;
}

/** Rows of one table as their sender gave them. */
export interface PutRequest {
  readonly dbms: string;
  readonly table: string;
  readonly source: string;
  readonly instructions: string;
  /** JSON object, JSON list or newline-delimited objects. */
  readonly content: Uint8Array;
}

/** What a file became: its record, or the record that already held the same content. */
export interface PutOutcome {
  readonly record: FileRecord;
  readonly duplicate: boolean;
}

/** When a streaming buffer is flushed into a file. */
export interface BufferThreshold {
  readonly seconds: number;
  readonly bytes: number;
  readonly writeImmediate: boolean;
}

/** The streaming buffer of one table. */
export interface BufferStatus {
  readonly dbms: string;
  readonly table: string;
  readonly rows: number;
  readonly bytes: number;
  readonly threshold: BufferThreshold;
  readonly secondsLeft: number;
  /** Since rows of it last became a file; undefined: not since start. */
  readonly secondsSinceFlush: number | undefined;
  /** Since the operator's start: PUTs and rows in file mode, then in streaming mode. */
  readonly filePuts: number;
  readonly fileRows: number;
  readonly streamingPuts: number;
  readonly streamingRows: number;
}

/** A file that failed: it is in the error directory, whole, and held up no other. */
export interface IngestFailure {
  readonly path: string;
  /** Its sender was told, and has the data still: what lies there is a copy. */
  readonly refused: boolean;
  readonly dbms: string;
  readonly table: string;
  readonly code: string;
  readonly text: string;
  /** 1-based line of the content where there is one. */
  readonly line: number | undefined;
  /** ISO date, UTC. */
  readonly time: string;
}

/** What lies in the error directory. */
export interface FailedFiles {
  readonly dir: string;
  readonly files: number;
  readonly bytes: number;
  /** It holds what it may: copies of what a sender was refused are kept no more. */
  readonly isFull: boolean;
}

/** What lies in the error directory, and why. */
export interface Failing extends FailedFiles {
  /** The failures of the newest of these files, newest first. */
  readonly newest: readonly IngestFailure[];
}

/** How the operator stands, as plain data for `get operator` and the like. */
export interface OperatorStatus {
  readonly options: OperatorOptions;
  readonly files: number;
  readonly rows: number;
  /** Held records whose rows another file of the cluster has. */
  readonly duplicates: number;
  /** Own data since start that was stored already: PUTs that were repeated, files that were refused for it. */
  readonly repeated: number;
  /** Of all starts, as long as their reasons lie in the error directory. */
  readonly failed: number;
  /** Names in the watch directory that stay there: links, directories and what has another extension. */
  readonly leftInWatch: readonly string[];
  /** Why files of the watch directory are not taken up or not stored just now. */
  readonly watchFailure: string | undefined;
  /**
   * Values left out since start because their attribute has no column, or of which a column of dates did not keep the
   * time of day.
   */
  readonly leftOut: number;
  readonly lastFailure: IngestFailure | undefined;
  readonly queued: number;
  /** Damaged database files that were set aside since start and still lie there, as absolute paths. */
  readonly setAside: readonly string[];
}

/** What others need to know of the drops at an operator. */
export interface DropsView {
  /** Whether a drop, by its policy id, was applied to the end here. */
  isApplied(policy: string): boolean;
  /** Whether rows of a table that was dropped may be here still: then queries of it are not answered. */
  isDropping(dbms: string, table: () => string): boolean;
  /** What the last try of a drop failed with; undefined while all is well. */
  readonly failure: string | undefined;
}

/** Runs what `run operator` starts: ingest from the watch directory and by REST into the local databases. */
export interface Operator extends Resource {
  readonly store: FileStore;
  readonly drops: DropsView;
  /** The policies have changed: what they say was dropped is dropped. */
  refresh(): void;
  /** File mode: resolves when rows and record are durable and visible. `INGEST_…` errors name line and reason. */
  put(request: PutRequest): Promise<PutOutcome>;
  /** Streaming mode: resolves when the rows are durable in the buffer. */
  stream(request: PutRequest): Promise<{ readonly rows: number }>;
  /** Flushes all buffers (or those of one table) into files and ingests them. */
  flush(dbms?: string, table?: string): Promise<void>;
  setThreshold(threshold: Partial<BufferThreshold>, dbms?: string, table?: string): void;
  buffers(): readonly BufferStatus[];
  status(): OperatorStatus;
  failures(limit: number): readonly IngestFailure[];
  /** Failed files that nobody has corrected or removed yet, as of a moment ago. */
  failing(): Failing;
}

/** How the operator gets a table that does not exist yet: published as a table policy and a child cluster policy. */
export interface TableRegistry {
  /** Columns of a declared table; waits for nothing. */
  columns(dbms: string, table: string): readonly Column[] | undefined;
  /** Whether the table is declared and the own cluster holds it: then `declare` writes nothing. */
  isHeld(dbms: string, table: string): boolean;
  /**
   * Publishes the table (unless some node has by now) and the own cluster's child policy (unless it is in force);
   * returns the columns in force. Asked for all data, so that none is taken which queries would leave out.
   */
  declare(dbms: string, table: string, columns: readonly Column[]): Promise<readonly Column[]>;
}
