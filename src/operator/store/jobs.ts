import type { FaultImage } from '../../sqlite/procedure-host.ts';
import type { Column, TableDrop } from '../../topology/topology.ts';
import type { Finding, Repair } from '../file-check.ts';
import type { FileCopy, FileRecord } from '../file-record.ts';
import type { Dropped, DropStep } from './drops.ts';

/** What a file's rows go to and what its record says. */
export interface Target {
  readonly dbms: string;
  readonly table: string;
  readonly columns: readonly Column[];
  /** Record form. */
  readonly time: string;
  readonly source: string;
  readonly instructions: string;
}

/** One piece of work of a group commit. Names are checked by whoever makes it. */
export type FileJob =
  /** A file of a data source. `knownHash`: what its name says it is, as that of an archived streaming buffer. */
  | (Target & { readonly kind: 'new'; readonly content: Uint8Array; readonly knownHash: string | undefined })
  /** `takesOrphans`: of a duplicate without its original the record is kept all the same. */
  | { readonly kind: 'copy'; readonly copy: FileCopy; readonly takesOrphans: boolean }
  /** Gives a file that is held as a duplicate of one whose table was dropped since the rows of that content. */
  | { readonly kind: 'hand'; readonly copy: FileCopy }
  /** A step of dropping what a drop covers of a table. */
  | { readonly kind: 'drop'; readonly dbms: string; readonly table: string; readonly step: DropStep }
  /**
   * Makes rows and record of a file those of a copy; `sum`: what its rows must be, needed where it was made from rows.
   */
  | { readonly kind: 'repair'; readonly copy: FileCopy; readonly sum: string | undefined }
  /** Remembers what was found of files. */
  | { readonly kind: 'note'; readonly dbms: string; readonly findings: readonly Finding[] }
  /** Takes rows that belong to no file out of their table. */
  | { readonly kind: 'aside'; readonly dbms: string; readonly table: string; readonly rows: readonly number[] }
  /** Rows of a streaming call. */
  | (Target & { readonly kind: 'append'; readonly content: Uint8Array })
  /** Makes a file of a streaming buffer: of its first chunks that have at most `bytesMax` together, at least one. */
  | (Omit<Target, 'source' | 'instructions'> & { readonly kind: 'flush'; readonly bytesMax: number })
  /** Forgets the chunks of a streaming buffer up to `upTo`, which went to the error directory. */
  | { readonly kind: 'discard'; readonly dbms: string; readonly table: string; readonly upTo: number };

/** What became of a job. A failed one has undone what it did and nothing else. */
export type JobResult =
  | {
      readonly kind: 'stored';
      readonly record: FileRecord;
      /** A record that lost its rows to this one. */
      readonly replaced: FileRecord | undefined;
      readonly leftOut: number;
      /** For a flush: what was taken out of the buffer. */
      readonly content?: Uint8Array;
      /** For a flush: times of day that columns of dates did not keep. */
      readonly cut?: number;
    }
  /** `record`: of a new file, the one that holds its content; of a copy, the copy's own, as it is held. */
  | { readonly kind: 'duplicate' | 'held'; readonly record: FileRecord }
  | { readonly kind: 'orphan' | 'empty' | 'discarded' | 'noted' }
  | {
      readonly kind: 'repaired';
      readonly repair: Repair;
      readonly record: FileRecord;
      /** What the record said before; undefined: there was none. */
      readonly before: FileRecord | undefined;
      readonly replaced: FileRecord | undefined;
    }
  /** `record`: a duplicate until now. */
  | { readonly kind: 'handed'; readonly record: FileRecord }
  | { readonly kind: 'aside'; readonly rows: number }
  | ({ readonly kind: 'dropped' } & Dropped)
  /** Of a drop: its database is not there, and was not made. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'appended'; readonly rows: number; readonly bytes: number }
  /** `buffer`: what could not be flushed, to be put into the error directory. */
  | {
      readonly kind: 'failed';
      readonly fault: FaultImage;
      readonly buffer?: TakenFromBuffer;
    };

/** What became of a batch. */
export interface Applied {
  /** One a job, in order. */
  readonly results: readonly JobResult[];
  /** Why databases of an earlier version were not brought over. */
  readonly undone: readonly FaultImage[];
}

/** Rows of a streaming buffer from its begin on; `upTo`: its last chunk that they hold. */
export interface TakenFromBuffer {
  readonly content: Uint8Array;
  readonly rows: number;
  readonly upTo: number;
}

/** What one call of the writer is given: jobs, and what the policies say at that moment. */
export interface Batch {
  /** Own operator policy id. */
  readonly origin: string;
  /** Member numbers by origin, as the policies have them now. */
  readonly members: ReadonlyMap<string, number>;
  /** Own file ids are at least that, whatever the databases say: some may have been lost with what is known of them. */
  readonly ownFrom: number;
  /** Drops that this node has heard of and that may not have begun: they begin before any job. */
  readonly heard: readonly TableDrop[];
  readonly jobs: readonly FileJob[];
}
