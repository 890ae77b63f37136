import { EventEmitter } from 'node:events';
import type { Clock } from '../base/clock.ts';
import { asFault, fault } from '../base/errors.ts';
import { ASIDE_REST_TIMES, SCRUB_LISTED_MAX, SQLITE_CHECK_PAGES_MAX, WHOLE_REST_MS_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { fromImage } from '../sqlite/procedure-host.ts';
import type { Sqlite } from '../sqlite/sqlite.ts';
import type { Archive } from './archive.ts';
import { type ByteBudget, shared } from './contents.ts';
import { plainFile } from './error-directory.ts';
import { asDuplicate, checkDigest } from './file-order.ts';
import type { CheckLimits, Damage, FileCheck, Finding, PageScope, Repair, Strays } from './file-check.ts';
import type { FileCopy, FileRanges, FileRecord, Holdings } from './file-record.ts';
import type { FileStore, FileStoreNotices, ReadLimits, StoreOutcome } from './file-store.ts';
import { FileContents } from './file-contents.ts';
import type { FileSums } from './file-sums.ts';
import { addToRanges, countRanges, heldOf, idsOf, inRanges, subtractRanges } from './ranges.ts';
import type { FileJob, JobResult } from './store/jobs.ts';
import { readGroups, withinRows } from './read-groups.ts';
import { reading, type StoredBuffer } from './store/read-procedures.ts';
import type { Verdict } from './store/schema.ts';
import { scrubbing } from './store/scrub-reads.ts';
import { writing } from './store/write-procedures.ts';
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
  readonly log: Logger;
  readonly clock: Clock;
}

/** Copies up to this size are checked before any of a call is stored; all are checked in the writer. */
const CHECKED_EARLY_BYTES = 1_048_576;

/** Counts of what is stored, for `get operator`. */
export interface StoreTotals {
  files: number;
  rows: number;
  duplicates: number;
  repeated: number;
  /** Values whose attribute has no column, since start. */
  leftOut: number;
}

/** The files of this operator: records and rows in SQLite, contents in the archive. */
export class SqliteFileStore implements FileStore {
  readonly notices = new EventEmitter<FileStoreNotices>();
  readonly origin: string;
  readonly sums: FileSums;
  readonly totals: StoreTotals = { files: 0, rows: 0, duplicates: 0, repeated: 0, leftOut: 0 };
  readonly #ports: SqliteFileStorePorts;
  readonly #holdings: Map<string, FileRanges>;
  readonly #contents: FileContents;
  /** What lay in the streaming buffers at the start. */
  buffered: readonly StoredBuffer[] = [];
  #told: FileRecord[] = [];
  /** By database. */
  readonly #settingAside = new Map<string, Promise<string | undefined>>();
  /** Databases that were found whole, and until when that is believed; monotonic. */
  readonly #wholeUntilMs = new Map<string, number>();
  /** A database is set aside, and what is held without it was not read yet. */
  #losing = false;
  /** Database files that were set aside since start. */
  readonly setAsidePaths: string[] = [];
  #damages: readonly Damage[] = [];

  private constructor(ports: SqliteFileStorePorts, holdings: Map<string, FileRanges>) {
    this.#ports = ports;
    this.#holdings = holdings;
    this.origin = ports.origin;
    const { sqlite, archive, queue } = ports;
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
    const store = new SqliteFileStore(ports, new Map());
    for (;;) {
      try {
        await ports.sqlite.read(scrubbing, 'pagesToCheck');
        store.buffered = await ports.sqlite.read(reading, 'buffers');
        await store.#load();
        return store;
      } catch (caught) {
        const { code, data } = asFault(caught);
        if (code !== 'SQLITE_CORRUPT' || (await store.#setAside(String(data['database']))) === undefined) throw caught;
      }
    }
  }

  get losing(): boolean {
    return this.#losing || this.#settingAside.size > 0;
  }

  holdings(): Holdings {
    return this.#holdings;
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
    const held = heldOf(this.#holdings, origin, ranges);
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
    const underWay = this.#settingAside.get(dbms);
    if (underWay !== undefined) return underWay;
    const done = this.#setAsideIfDamaged(dbms).finally(() => this.#settingAside.delete(dbms));
    this.#settingAside.set(dbms, done);
    return done;
  }

  /**
   * A large database is looked at by a reader: it takes long, and data is taken meanwhile. What was found whole is left alone for a while, whoever met something: each notice would start it again.
   */
  async #setAsideIfDamaged(dbms: string): Promise<string | undefined> {
    const { sqlite, queue, clock } = this.#ports;
    const beganMs = clock.monotonicMs();
    if (beganMs < (this.#wholeUntilMs.get(dbms) ?? beganMs)) return undefined;
    const looked = await queue.between(async () => {
      const verdict = await sqlite.write(writing, 'judge', dbms, SQLITE_CHECK_PAGES_MAX);
      return { verdict, path: await this.#lose(dbms, verdict) };
    });
    let { path } = looked;
    if (looked.verdict.found === 'large') {
      const verdict = await sqlite.read(scrubbing, 'judge', dbms);
      path = await queue.between(() => this.#lose(dbms, verdict));
    }
    const nowMs = clock.monotonicMs();
    const restMs = Math.min(WHOLE_REST_MS_MAX, ASIDE_REST_TIMES * (nowMs - beganMs));
    if (path === undefined) this.#wholeUntilMs.set(dbms, nowMs + restMs);
    return path;
  }

  async #lose(dbms: string, verdict: Verdict): Promise<string | undefined> {
    if (verdict.found !== 'damaged') return undefined;
    this.#losing = true;
    try {
      return await this.#setAside(dbms, verdict);
    } finally {
      // Where that fails nothing is answered until it was read.
      await this.#lookAgain().catch(() => this.#ports.queue.lookAgain());
    }
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
    const { queue, sqlite } = this.#ports;
    return queue.between(async () => void Object.assign(this.totals, await sqlite.read(reading, 'totals')));
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
      if (result.kind === 'stored') {
        this.#took(result.record);
        this.totals.leftOut += result.leftOut;
        if (result.replaced !== undefined) {
          this.totals.duplicates += 1;
          this.totals.rows -= result.record.rows;
        }
        kept.push(this.#keep(job, result));
      } else if (result.kind === 'duplicate' && job.kind === 'copy') this.#took(result.record);
      else if (result.kind === 'duplicate') {
        this.totals.repeated += 1;
        this.#knows(result.record);
      } else if (result.kind === 'held') this.#knows(result.record);
      else if (result.kind === 'repaired') this.#mended(result);
      else if (result.kind === 'handed') {
        if (job.kind === 'hand' && !job.copy.rebuilt) kept.push(this.#contents.keep(result.record, job.copy.content));
        this.notices.emit('file:mended', result.record);
      } else if (result.kind === 'dropped') {
        if (result.last !== undefined) this.notices.emit('file:mended', asDuplicate(result.last));
      } else if (result.kind === 'failed' && result.fault.code === 'SQLITE_CORRUPT')
        this.#onDamaged(String(result.fault.data['database']));
      onResult?.(result);
    });
  }

  #onDamaged(dbms: string): void {
    this.setDatabaseAside(dbms).catch((caught: unknown) => {
      this.#ports.log.error(`the damaged database ${dbms} cannot be set aside: ${asFault(caught).message}`);
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

  /** A file that the database has counts as held, whatever was thought: else it would be fetched again and again. */
  #knows(record: FileRecord): void {
    if (!inRanges(this.#holdings.get(record.origin) ?? [], record.file)) this.#took(record);
  }

  #mended({ record, before, replaced }: Extract<JobResult, { kind: 'repaired' }>): void {
    // Its number was held before, unless the operator was started since the record was lost.
    if (before === undefined) this.#knows(record);
    else this.totals.rows += record.rows - before.rows;
    if (replaced === undefined) return;
    this.totals.duplicates += 1;
    this.totals.rows -= record.rows;
  }

  /** Forgets the damaged databases whose files somebody has removed. */
  async lookAside(): Promise<void> {
    const paths = this.setAsidePaths.slice();
    for (const path of paths)
      if ((await plainFile(path)) === undefined) this.setAsidePaths.splice(this.setAsidePaths.indexOf(path), 1);
  }

  async #setAside(dbms: string, known?: Verdict): Promise<string | undefined> {
    const { sqlite, origin, log, queue } = this.#ports;
    // What is lost took some.
    queue.numberFrom((this.#holdings.get(origin)?.at(-1)?.[1] ?? 0) + 1);
    const path = await sqlite.write(writing, 'setDamagedAside', dbms, known);
    if (path !== undefined) {
      this.setAsidePaths.push(path);
      log.error(`the database ${dbms} is damaged; it lies in ${path}, and its files come again from the peers`);
    }
    return path;
  }

  /** What the databases hold, in place of what was thought. No commit may come meanwhile: its files would be forgotten. */
  async #load(): Promise<void> {
    const { sqlite } = this.#ports;
    const [held, totals] = await Promise.all([sqlite.read(reading, 'holdings'), sqlite.read(reading, 'totals')]);
    this.#holdings.clear();
    for (const [origin, ranges] of held) this.#holdings.set(origin, ranges);
    Object.assign(this.totals, totals);
    await this.#readDamages();
  }

  /**
   * What is held may be other than was thought: a commit that was taken for failed may be there all the same (what it left is
   * told as if it came now), or a database was set aside.
   */
  async #lookAgain(): Promise<void> {
    const before = [...this.#holdings];
    try {
      await this.#load();
      const news: FileRecord[] = [];
      for (const [origin, ranges] of this.#holdings) {
        const fresh = subtractRanges(ranges, new Map(before).get(origin) ?? []);
        if (fresh.length > 0) news.push(...(await this.records(origin, fresh, countRanges(fresh))));
      }
      if (news.length > 0) this.notices.emit('file:stored', news);
      const isLost = before.some(([origin, had]) => subtractRanges(had, this.#holdings.get(origin) ?? []).length > 0);
      if (isLost || this.#losing) this.notices.emit('file:lost');
      this.#losing = false;
    } catch (caught) {
      this.#ports.log.error(`what is held is read again later: ${asFault(caught).message}`);
      throw caught;
    }
  }

  async #readDamages(): Promise<void> {
    this.#damages = await this.#ports.sqlite.read(scrubbing, 'damages', SCRUB_LISTED_MAX);
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
    return this.#contents.keep(record, content);
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
    case 'repaired':
    case 'noted':
    case 'aside':
    case 'handed':
    case 'dropped':
      throw fault('INTERNAL', `a copy cannot be ${result.kind}`);
  }
};
