import type { Sqlite } from '../sqlite/sqlite.ts';
import type { FileRanges, FileRecord, Holdings } from './file-record.ts';
import { addToRanges, inRanges, subtractRanges } from './ranges.ts';
import type { FileJob, JobResult } from './store/jobs.ts';
import { reading } from './store/read-procedures.ts';

/** Counts of what is stored, for `get operator`. */
export interface StoreTotals {
  files: number;
  rows: number;
  duplicates: number;
  repeated: number;
  /** Values whose attribute has no column, since start. */
  leftOut: number;
}

/** How what the databases hold differs from what was thought. */
export interface HeldChange {
  readonly fresh: readonly (readonly [origin: string, files: FileRanges])[];
  readonly isLess: boolean;
}

/** Which files are held, and how many rows they have: in memory, always current. */
export class HeldFiles {
  readonly totals: StoreTotals = { files: 0, rows: 0, duplicates: 0, repeated: 0, leftOut: 0 };
  readonly #ranges = new Map<string, FileRanges>();
  readonly #sqlite: Sqlite;
  readonly #onTaken: (records: readonly FileRecord[]) => void;
  #taken: FileRecord[] = [];

  /** `onTaken` is told what is held since, once for all of one commit. */
  constructor(sqlite: Sqlite, onTaken: (records: readonly FileRecord[]) => void) {
    this.#sqlite = sqlite;
    this.#onTaken = onTaken;
  }

  get ranges(): Holdings {
    return this.#ranges;
  }

  /** What a job did. */
  note(job: FileJob, result: JobResult): void {
    if (result.kind === 'stored') {
      this.#take(result.record);
      this.totals.leftOut += result.leftOut;
      if (result.replaced !== undefined) this.#losesRows(result.record);
    } else if (result.kind === 'duplicate' && job.kind === 'copy') this.#take(result.record);
    else if (result.kind === 'duplicate') {
      this.totals.repeated += 1;
      this.#know(result.record);
    } else if (result.kind === 'held') this.#know(result.record);
    else if (result.kind === 'repaired') this.#mend(result);
  }

  /**
   * Reads what the databases hold, in place of what was thought. No commit may come meanwhile: its files would be
   * forgotten.
   */
  async load(): Promise<HeldChange> {
    const before = new Map(this.#ranges);
    const [held, totals] = await Promise.all([
      this.#sqlite.read(reading, 'holdings'),
      this.#sqlite.read(reading, 'totals'),
    ]);
    this.#ranges.clear();
    for (const [origin, ranges] of held) this.#ranges.set(origin, ranges);
    Object.assign(this.totals, totals);
    const fresh = [...this.#ranges].map(
      ([origin, ranges]) => [origin, subtractRanges(ranges, before.get(origin) ?? [])] as const,
    );
    return {
      fresh: fresh.filter(([, ranges]) => ranges.length > 0),
      isLess: [...before].some(([origin, had]) => subtractRanges(had, this.#ranges.get(origin) ?? []).length > 0),
    };
  }

  /** Counts anew what is stored, where files have lost their rows. */
  async recount(): Promise<void> {
    Object.assign(this.totals, await this.#sqlite.read(reading, 'totals'));
  }

  #take(record: FileRecord): void {
    this.#ranges.set(record.origin, addToRanges(this.#ranges.get(record.origin) ?? [], record.file));
    this.totals.files += 1;
    this.totals.rows += record.rows;
    if (record.status === 'duplicate') this.totals.duplicates += 1;
    // After the other results of the same commit, before anyone who waits for one of them goes on.
    if (this.#taken.length === 0) queueMicrotask(() => this.#tell());
    this.#taken.push(record);
  }

  /** A file that the database has counts as held, whatever was thought: else it would be fetched again and again. */
  #know(record: FileRecord): void {
    if (!inRanges(this.#ranges.get(record.origin) ?? [], record.file)) this.#take(record);
  }

  #mend({ record, before, replaced }: Extract<JobResult, { kind: 'repaired' }>): void {
    // Its number was held before, unless the operator was started since the record was lost.
    if (before === undefined) this.#know(record);
    else this.totals.rows += record.rows - before.rows;
    if (replaced !== undefined) this.#losesRows(record);
  }

  /** Another file with the same content gave its rows to this one, and is a duplicate now. */
  #losesRows({ rows }: FileRecord): void {
    this.totals.duplicates += 1;
    this.totals.rows -= rows;
  }

  #tell(): void {
    const records = this.#taken;
    this.#taken = [];
    this.#onTaken(records);
  }
}
