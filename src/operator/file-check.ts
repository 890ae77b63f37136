import type { FileRecord } from './file-record.ts';

/**
 * Whether the rows are those of the file. `proved`: as its content makes them, which is the one that the record's
 * digest names, or as they were when that was last so. `refuted`: they are not, or the record does not fit them.
 * `open`: there is neither content nor an earlier proof.
 */
export type Proof = 'proved' | 'refuted' | 'open';

/** What is found of one file when its rows and its archived content are read. */
export interface FileCheck {
  readonly origin: string;
  readonly file: number;
  /** Undefined: its number is held but its record is gone. */
  readonly record: FileRecord | undefined;
  /** Rows in the table, and the sum over them. */
  readonly rows: number;
  readonly sum: string;
  readonly proof: Proof;
  readonly archive: 'whole' | 'damaged' | 'missing';
}

/** How much one {@link FileStore.check} reads; the first file is checked whatever its size. */
export interface CheckLimits {
  readonly files: number;
  readonly rows: number;
}

/** One row that a repair changed. */
export interface RowChange {
  /** Place in the file, from 1; for a row that belongs to no file its `row_id`. */
  readonly row: number;
  readonly change: 'changed' | 'missing' | 'extra';
  /** What stood in the columns that differ, and what stands there now. */
  readonly was: string;
  readonly now: string;
}

/** What a repair did. */
export interface Repair {
  /**
   * `none`: everything was right. `record`: the file was not held any more. `rows`: its rows or its record were wrong.
   */
  readonly did: 'none' | 'rows' | 'record';
  readonly rows: number;
  /** The first of the rows that were changed. */
  readonly changes: readonly RowChange[];
  /** How many there were. */
  readonly changed: number;
}

/** What a look at a file is remembered by. */
export interface Finding {
  readonly origin: string;
  readonly file: number;
  /** Sum of the rows as they are right. */
  readonly sum: string | undefined;
  /** What is damaged; undefined: nothing. */
  readonly damage: string | undefined;
}

/** A file whose rows are damaged and could not be mended: it is not handed on from its rows. */
export interface Damage {
  readonly origin: string;
  readonly file: number;
  readonly dbms: string;
  readonly table: string;
  readonly text: string;
}

/** Rows of a table that belong to no file. */
export interface Strays {
  readonly dbms: string;
  readonly table: string;
  /** The first of their `row_id`s. */
  readonly rows: readonly number[];
  readonly count: number;
}

/** A table of a database file. */
export interface PageScope {
  readonly dbms: string;
  readonly table: string;
}
