import { EventEmitter } from 'node:events';
import { fault } from '../base/errors.ts';
import { fromImage } from '../sqlite/procedure-host.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import type { Archive } from './archive.ts';
import { type ByteBudget, shared } from './contents.ts';
import { checkDigest } from './file-order.ts';
import type { FileCopy, FileRanges, FileRecord, Holdings } from './file-record.ts';
import type { FileStore, FileStoreNotices, ReadLimits, StoreOutcome } from './file-store.ts';
import { addToRanges } from './ranges.ts';
import type { FileJob, JobResult } from './store/apply.ts';
import { reading } from './store/read-procedures.ts';
import type { WriteQueue } from './write-queue.ts';

export interface SqliteFileStorePorts {
  readonly sqlite: Sqlite;
  readonly queue: WriteQueue;
  readonly archive: Archive;
  /** Own operator policy id. */
  readonly origin: string;
  /** Content that is being ingested or waits for the archive. */
  readonly budget: ByteBudget;
  /** Throws where the disk has no room for data of so many bytes. */
  assertRoom(bytes: number): void;
}

/** Read at once: many small files, but not two large ones. */
const READ_FILES = 32;
const READ_ROWS = 20_000;

/** Copies up to this size are checked before any of a call is stored; all are checked in the writer. */
const CHECKED_EARLY_BYTES = 1_048_576;

const keyOf = ({ origin, file }: FileRecord): string => `${origin}/${file}`;

/** Counts of what is stored, for `get operator`. */
export interface StoreTotals {
  files: number;
  rows: number;
  duplicates: number;
  /** Values whose attribute has no column, since start. */
  leftOut: number;
}

/** The files of this operator: records and rows in SQLite, contents in the archive. */
export class SqliteFileStore implements FileStore {
  readonly notices = new EventEmitter<FileStoreNotices>();
  readonly origin: string;
  readonly totals: StoreTotals = { files: 0, rows: 0, duplicates: 0, leftOut: 0 };
  readonly #ports: SqliteFileStorePorts;
  readonly #holdings: Map<string, FileRanges>;
  /** Contents on their way to the archive: the distributor wants them at once. */
  readonly #archiving = new Map<string, { readonly content: Uint8Array; readonly done: Promise<void> }>();
  #told: FileRecord[] = [];

  private constructor(ports: SqliteFileStorePorts, holdings: Map<string, FileRanges>) {
    this.#ports = ports;
    this.#holdings = holdings;
    this.origin = ports.origin;
  }

  static async open(ports: SqliteFileStorePorts): Promise<SqliteFileStore> {
    const [held, totals] = await Promise.all([
      ports.sqlite.read(reading, 'holdings'),
      ports.sqlite.read(reading, 'totals'),
    ]);
    const store = new SqliteFileStore(ports, new Map(held));
    Object.assign(store.totals, totals);
    return store;
  }

  holdings(): Holdings {
    return this.#holdings;
  }

  records(origin: string, ranges: FileRanges, limit: number): Promise<readonly FileRecord[]> {
    return this.#ports.sqlite.read(reading, 'records', origin, ranges, limit);
  }

  async read(origin: string, file: number): Promise<FileCopy> {
    const [copy] = await this.readMany(origin, [[file, file]], { files: 1, bytes: 0 });
    if (copy === undefined) throw fault('FILE_UNKNOWN', `file ${file} of ${origin} is not held here`);
    return copy;
  }

  async readMany(origin: string, ranges: FileRanges, limits: ReadLimits): Promise<readonly FileCopy[]> {
    const records = await this.records(origin, ranges, Math.max(1, limits.files));
    const copies: FileCopy[] = [];
    let bytes = 0;
    for (const group of readGroups(records)) {
      for (const copy of await this.#contents(group)) {
        bytes += copy.content.byteLength;
        if (copies.length > 0 && bytes > limits.bytes) return copies;
        copies.push(copy);
      }
      if (bytes >= limits.bytes) break;
    }
    return copies;
  }

  async store(copies: readonly FileCopy[]): Promise<readonly StoreOutcome[]> {
    for (const copy of copies) if (copy.content.byteLength <= CHECKED_EARLY_BYTES) checkDigest(copy);
    const bytes = copies.reduce((sum, { content }) => sum + content.byteLength, 0);
    this.#ports.assertRoom(bytes);
    const giveBack = await this.#ports.budget.take(bytes, true);
    const results = await this.#withRoom(giveBack, async (kept) => {
      const contents = await Promise.all(copies.map(({ content }) => shared(content)));
      const jobs = copies.map(
        (copy, at) => ({ kind: 'copy', copy: { ...copy, content: contents[at] as Uint8Array } }) as const,
      );
      return Promise.all(jobs.map((job) => this.#apply(job, kept)));
    });
    return results.map((result) => outcomeOf(succeeded(result)));
  }

  /**
   * Applies a job of the operator itself; archive and notices follow from its result. `onResult` sees the result in the
   * order in which jobs were applied. Throws `OPERATOR_OVERLOADED`, `DISK_NO_ROOM`.
   */
  async apply(job: FileJob, onResult: (result: JobResult) => void = () => {}): Promise<JobResult> {
    const bytes = job.kind === 'new' || job.kind === 'append' ? job.content.byteLength : 0;
    if (job.kind !== 'discard') this.#ports.assertRoom(bytes);
    const giveBack = await this.#ports.budget.take(bytes);
    return this.#withRoom(giveBack, (kept) => this.#apply(job, kept, onResult));
  }

  /** As {@link apply}; throws what the job failed with. */
  async submit(job: FileJob): Promise<Success> {
    return succeeded(await this.apply(job));
  }

  /** Resolves when what was stored so far is in the archive. */
  async archived(): Promise<void> {
    await Promise.all([...this.#archiving.values()].map(({ done }) => done));
  }

  /** The room is given back when the content is in the archive too. */
  async #withRoom<T>(giveBack: () => void, work: (kept: Promise<void>[]) => Promise<T>): Promise<T> {
    const kept: Promise<void>[] = [];
    try {
      return await work(kept);
    } finally {
      void Promise.all(kept).then(giveBack);
    }
  }

  #apply(job: FileJob, kept: Promise<void>[], onResult?: (result: JobResult) => void): Promise<JobResult> {
    return this.#ports.queue.submit(job, (result) => {
      if (result.kind === 'stored') {
        this.#took(result.record);
        this.totals.leftOut += result.leftOut;
        if (result.replaced !== undefined) {
          this.totals.duplicates += 1;
          this.totals.rows -= result.record.rows;
        }
        kept.push(this.#keep(job, result));
      } else if (result.kind === 'duplicate' && job.kind === 'copy') this.#took(result.record);
      onResult?.(result);
    });
  }

  #took(record: FileRecord): void {
    this.#holdings.set(record.origin, addToRanges(this.#holdings.get(record.origin) ?? [], record.file));
    this.totals.files += 1;
    this.totals.rows += record.rows;
    if (record.status === 'duplicate') this.totals.duplicates += 1;
    // After the other results of the same commit, before anyone who waits for one of them goes on.
    if (this.#told.length === 0) queueMicrotask(() => this.#tell());
    this.#told.push(record);
  }

  #tell(): void {
    const records = this.#told;
    this.#told = [];
    this.notices.emit('file:stored', records);
  }

  #keep(job: FileJob, { record, content: flushed }: Extract<JobResult, { kind: 'stored' }>): Promise<void> {
    if (job.kind === 'copy' && job.copy.rebuilt) return Promise.resolve();
    const content = job.kind === 'copy' ? job.copy.content : job.kind === 'new' ? job.content : flushed;
    if (content === undefined) return Promise.resolve();
    const key = keyOf(record);
    const done = this.#ports.archive.keep(record, content).finally(() => this.#archiving.delete(key));
    this.#archiving.set(key, { content, done });
    return done;
  }

  async #contents(records: readonly FileRecord[]): Promise<readonly FileCopy[]> {
    const found = records.map((record) => this.#atHand(record));
    const away = records.filter((_, index) => found[index] === undefined);
    const archived = away.length === 0 ? [] : await this.#ports.archive.read(away);
    for (const [index, record] of away.entries()) found[records.indexOf(record)] = archived[index];
    const lost = records.filter((_, index) => found[index] === undefined);
    const made =
      lost.length === 0
        ? []
        : await this.#ports.sqlite.read(
            reading,
            'rebuild',
            lost.map(({ origin, file }) => ({ origin, file })),
          );
    return records.map((record, index) => {
      const content = found[index];
      if (content !== undefined) return { record, content, rebuilt: false };
      return { record, content: made[lost.indexOf(record)] ?? new Uint8Array(), rebuilt: true };
    });
  }

  #atHand(record: FileRecord): Uint8Array | undefined {
    if (record.status === 'duplicate') return new Uint8Array();
    return this.#archiving.get(keyOf(record))?.content;
  }
}

export type Success = Exclude<JobResult, { readonly kind: 'failed' }>;

const succeeded = (result: JobResult): Success => {
  if (result.kind === 'failed') throw fromImage(result.fault);
  return result;
};

const outcomeOf = (result: Success): StoreOutcome => {
  switch (result.kind) {
    case 'stored':
    case 'duplicate':
    case 'held':
    case 'orphan':
      return result.kind;
    case 'appended':
    case 'empty':
    case 'discarded':
      throw fault('INTERNAL', `a copy cannot be ${result.kind}`);
  }
};

const readGroups = (records: readonly FileRecord[]): FileRecord[][] => {
  const groups: FileRecord[][] = [];
  let rows = 0;
  for (const record of records) {
    const group = groups.at(-1);
    rows += record.rows;
    if (group !== undefined && group.length < READ_FILES && rows <= READ_ROWS) group.push(record);
    else {
      groups.push([record]);
      rows = record.rows;
    }
  }
  return groups;
};
