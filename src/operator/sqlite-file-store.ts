import { EventEmitter } from 'node:events';
import type { Clock } from '../base/clock.ts';
import { asFault, fault } from '../base/errors.ts';
import { SCRUB_LISTED_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { fromImage } from '../sqlite/procedure-host.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import type { Archive } from './archive.ts';
import { type ByteBudget, shared } from './contents.ts';
import { DamagedDatabases } from './damaged-databases.ts';
import { asDuplicate, checkDigest } from './file-order.ts';
import type { CheckLimits, Damage, FileCheck, Finding, PageScope, Repair, Strays } from './file-check.ts';
import type { FileCopy, FileRanges, FileRecord, Holdings } from './file-record.ts';
import type { FileStore, FileStoreNotices, ReadLimits, StoreOutcome } from './file-store.ts';
import { FileContents } from './file-contents.ts';
import type { FileSums } from './file-sums.ts';
import { HeldFiles, type StoreTotals } from './held-files.ts';
import { countRanges, heldOf, idsOf } from './ranges.ts';
import type { FileJob, JobResult } from './store/jobs.ts';
import { readGroups, withinRows } from './read-groups.ts';
import { reading, type StoredBuffer } from './store/read-procedures.ts';
import { scrubbing } from './store/scrub-reads.ts';
import type { WriteQueue } from './write-queue.ts';

/** What the store of an operator's files is made of: databases, the way to their writer, the archive. */
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
  readonly log: Logger;
  readonly clock: Clock;
}

/** Copies up to this size are checked before any of a call is stored; all are checked in the writer. */
const CHECKED_EARLY_BYTES = 1_048_576;

/** The files of this operator: records and rows in SQLite, contents in the archive. */
export class SqliteFileStore implements FileStore {
  readonly notices = new EventEmitter<FileStoreNotices>();
  readonly origin: string;
  readonly sums: FileSums;
  readonly damagedDatabases: DamagedDatabases;
  readonly #ports: SqliteFileStorePorts;
  readonly #held: HeldFiles;
  readonly #contents: FileContents;
  /** What lay in the streaming buffers at the start. */
  buffered: readonly StoredBuffer[] = [];
  #damages: readonly Damage[] = [];

  private constructor(ports: SqliteFileStorePorts) {
    this.#ports = ports;
    this.origin = ports.origin;
    const { sqlite, archive, queue, log, clock } = ports;
    this.#held = new HeldFiles(sqlite, (records) => this.notices.emit('file:stored', records));
    this.damagedDatabases = new DamagedDatabases({
      ...{ sqlite, queue, log, clock },
      newestOwn: () => this.#held.ranges.get(ports.origin)?.at(-1)?.[1] ?? 0,
      lookAgain: () => this.#lookAgain(),
    });
    queue.whenUnsure(() => this.#lookAgain());
    this.#contents = new FileContents(sqlite, archive);
    this.sums = {
      tables: (strays) => sqlite.read(scrubbing, 'sumTables', strays),
      buckets: (scope, digits) => sqlite.read(scrubbing, 'bucketSums', scope, digits),
      files: (scope) => sqlite.read(scrubbing, 'fileSums', scope),
      rows: (origin, file) => sqlite.read(scrubbing, 'rowSums', origin, file),
    };
  }

  static async open(ports: SqliteFileStorePorts): Promise<SqliteFileStore> {
    const store = new SqliteFileStore(ports);
    for (;;) {
      try {
        await ports.sqlite.read(scrubbing, 'pagesToCheck');
        store.buffered = await ports.sqlite.read(reading, 'buffers');
        await store.#held.load();
        await store.#readDamages();
        await store.damagedDatabases.look();
        return store;
      } catch (caught) {
        const { code, data } = asFault(caught);
        const dbms = String(data['database']);
        if (code !== 'SQLITE_CORRUPT' || (await store.damagedDatabases.setAsideNow(dbms)) === undefined) throw caught;
      }
    }
  }

  losing(dbms?: string): boolean {
    return this.damagedDatabases.losing(dbms);
  }

  databaseFile(dbms: string): string | undefined {
    return this.damagedDatabases.fileOf(dbms);
  }

  get totals(): StoreTotals {
    return this.#held.totals;
  }

  holdings(): Holdings {
    return this.#held.ranges;
  }

  records(origin: string, ranges: FileRanges, limit: number): Promise<readonly FileRecord[]> {
    return this.#ports.sqlite.read(reading, 'records', origin, ranges, limit);
  }

  countRows(files: Holdings): Promise<number> {
    return this.#ports.sqlite.read(reading, 'countRows', [...files]);
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
      for (const copy of await this.#contents.read(group)) {
        bytes += copy.content.byteLength;
        if (copies.length > 0 && bytes > limits.bytes) return copies;
        copies.push(copy);
      }
      if (bytes >= limits.bytes) break;
    }
    return copies;
  }

  async store(copies: readonly FileCopy[], takesOrphans = false): Promise<readonly StoreOutcome[]> {
    for (const copy of copies) if (copy.content.byteLength <= CHECKED_EARLY_BYTES) checkDigest(copy);
    const bytes = copies.reduce((sum, { content }) => sum + content.byteLength, 0);
    this.#ports.assertRoom(bytes);
    const giveBack = await this.#ports.budget.take(bytes, true);
    const results = await this.#withRoom(giveBack, async (kept) => {
      const contents = await Promise.all(copies.map(({ content }) => shared(content)));
      const jobs = copies.map(
        (copy, at) => ({ kind: 'copy', copy: { ...copy, content: contents[at] as Uint8Array }, takesOrphans }) as const,
      );
      return Promise.all(jobs.map((job) => this.#apply(job, kept)));
    });
    return results.map((result) => outcomeOf(succeeded(result)));
  }

  async check(origin: string, ranges: FileRanges, limits: CheckLimits): Promise<readonly FileCheck[]> {
    const held = heldOf(this.#held.ranges, origin, ranges);
    const ids = idsOf(held, limits.files);
    const records = new Map(
      (await this.records(origin, held, limits.files)).map((record) => [record.file, record] as const),
    );
    const files = withinRows(ids, records, limits.rows);
    const checks = await this.#checkRows(origin, files, (file) => records.get(file), false);
    // Where the member number of an origin has changed since, its files lie under the old one.
    const missed = checks.filter(({ archive, record }) => archive === 'missing' && record?.status === 'stored');
    const again = missed.map(({ file }) => file);
    const found = new Map(
      (await this.#checkRows(origin, again, (file) => records.get(file), true)).map((check) => [check.file, check]),
    );
    return Promise.all(checks.map((check) => this.#contents.withArchive(found.get(check.file) ?? check)));
  }

  async repair(copy: FileCopy, sum?: string): Promise<Repair> {
    const giveBack = await this.#ports.budget.take(copy.content.byteLength, true);
    return this.#withRoom(giveBack, async (kept) => {
      const content = await shared(copy.content);
      const result = succeeded(await this.#apply({ kind: 'repair', copy: { ...copy, content }, sum }, kept));
      if (result.kind !== 'repaired') throw fault('INTERNAL', `a repair cannot be ${result.kind}`);
      await this.#contents.keepWhole(result.record, copy.rebuilt ? undefined : content);
      await this.#readDamages();
      if (result.repair.did !== 'none') this.notices.emit('file:mended', result.record);
      return result.repair;
    });
  }

  async note(findings: readonly Finding[]): Promise<void> {
    const byDatabase = new Map<string, Finding[]>();
    for (const finding of findings) {
      const [record] = await this.records(finding.origin, [[finding.file, finding.file]], 1);
      if (record !== undefined) byDatabase.set(record.dbms, [...(byDatabase.get(record.dbms) ?? []), finding]);
    }
    for (const [dbms, of] of byDatabase) await this.submit({ kind: 'note', dbms, findings: of });
    if (this.#damages.length > 0 || findings.some(({ damage }) => damage !== undefined)) await this.#readDamages();
  }

  damages(): readonly Damage[] {
    return this.#damages;
  }

  numberFrom(atLeast: number): void {
    this.#ports.queue.numberFrom(atLeast);
  }

  strays(): Promise<readonly Strays[]> {
    return this.#ports.sqlite.read(scrubbing, 'strays');
  }

  pages(): Promise<readonly PageScope[]> {
    return this.#ports.sqlite.read(scrubbing, 'pagesToCheck');
  }

  checkPages({ dbms, table }: PageScope): Promise<void> {
    return this.#ports.sqlite.read(scrubbing, 'checkPages', dbms, table);
  }

  async setAside({ dbms, table, rows }: Strays): Promise<number> {
    const result = await this.submit({ kind: 'aside', dbms, table, rows });
    return result.kind === 'aside' ? result.rows : 0;
  }

  setDatabaseAside(dbms: string): Promise<string | undefined> {
    return this.damagedDatabases.setAside(dbms);
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

  async #checkRows(
    origin: string,
    files: readonly number[],
    recordOf: (file: number) => FileRecord | undefined,
    elsewhere: boolean,
  ): Promise<readonly FileCheck[]> {
    const places = await Promise.all(
      files.map(async (file) => {
        const record = recordOf(file);
        return record === undefined ? undefined : this.#contents.place(record, elsewhere);
      }),
    );
    const looked = elsewhere ? files.filter((_, at) => places[at] !== undefined) : files;
    if (looked.length === 0) return [];
    return this.#ports.sqlite.read(
      scrubbing,
      'checkFiles',
      looked.map((file) => ({ origin, file })),
      elsewhere ? places.filter((place) => place !== undefined) : places,
    );
  }

  /** Counts anew what is stored, where files have lost their rows. */
  recount(): Promise<void> {
    return this.#ports.queue.between(() => this.#held.recount());
  }

  /** Resolves when what was stored so far is in the archive. */
  archived(): Promise<void> {
    return this.#contents.kept();
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
      this.#held.note(job, result);
      if (result.kind === 'stored') kept.push(this.#keep(job, result));
      else if (result.kind === 'handed') {
        if (job.kind === 'hand' && !job.copy.rebuilt) kept.push(this.#contents.keep(result.record, job.copy.content));
        this.notices.emit('file:mended', result.record);
      } else if (result.kind === 'dropped') {
        if (result.last !== undefined) this.notices.emit('file:mended', asDuplicate(result.last));
      } else if (result.kind === 'failed' && result.fault.code === 'SQLITE_CORRUPT')
        this.damagedDatabases.met(String(result.fault.data['database']));
      onResult?.(result);
    });
  }

  /**
   * What is held may be other than was thought: a commit that was taken for failed may be there all the same (what it
   * left is told as if it came now), or a database was set aside.
   */
  async #lookAgain(): Promise<void> {
    try {
      const { fresh, isLess } = await this.#held.load();
      await this.#readDamages();
      const news: FileRecord[] = [];
      for (const [origin, ranges] of fresh)
        for (const record of await this.records(origin, ranges, countRanges(ranges))) news.push(record);
      if (news.length > 0) this.notices.emit('file:stored', news);
      if (isLess || this.damagedDatabases.unread) this.notices.emit('file:lost');
      this.damagedDatabases.wasRead();
    } catch (caught) {
      this.#ports.log.error(`what is held is read again later: ${asFault(caught).message}`);
      throw caught;
    }
  }

  async #readDamages(): Promise<void> {
    this.#damages = await this.#ports.sqlite.read(scrubbing, 'damages', SCRUB_LISTED_MAX);
  }

  #keep(job: FileJob, { record, content: flushed }: Extract<JobResult, { kind: 'stored' }>): Promise<void> {
    if (job.kind === 'copy' && job.copy.rebuilt) return Promise.resolve();
    const content = job.kind === 'copy' ? job.copy.content : job.kind === 'new' ? job.content : flushed;
    if (content === undefined) return Promise.resolve();
    return this.#contents.keep(record, content);
  }
}

/** A job that did not fail. */
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
    case 'repaired':
    case 'noted':
    case 'aside':
    case 'handed':
    case 'dropped':
    case 'absent':
      throw fault('INTERNAL', `a copy cannot be ${result.kind}`);
  }
};
