import { asFault, fault, type HoldfastError } from '../../base/errors.ts';
import { sha256Hex } from '../../codec/hash.ts';
import { type FaultImage, imageOf } from '../../sqlite/procedure-host.ts';
import type { WriteConnection, WriteDatabases } from '../../sqlite/sqlite.ts';
import { believedUpTo, farNumberFault } from '../file-numbers.ts';
import { asDuplicate, checkDigest, contentHash, placeCopy } from '../file-order.ts';
import type { FileCopy, FileRecord } from '../file-record.ts';
import type { Repair } from '../file-check.ts';
import { checkRecord, TSD_DBMS } from '../names.ts';
import { recordDigest } from '../row-sums.ts';
import { appendChunk, firstChunks, forgetChunks, forgetFlushed, sourceOfBuffer } from './buffers.ts';
import { type Inserted, insertRows, mapAll, type RowTarget } from './insert-rows.ts';
import type { Applied, Batch, FileJob, JobResult, Target } from './jobs.ts';
import { keepNextOwnFile, nextOwnFile } from './own-numbers.ts';
import { Bookkeeping, findHolder, findRecord, insertRecord, noteSum, type PlacedRecord } from './records.ts';
import { applyDrop, checkNotAwaited, dropFile, isDropped } from './drops.ts';
import { sumOfRows } from './file-rows.ts';
import {
  bothChanges,
  clearStraysOf,
  compareRows,
  deleteRowsOf,
  type RowChanges,
  setRowsAside,
  sumOfCopy,
} from './repair.ts';
import { prepareDatabase, takeUndone } from './schema.ts';
import { ensureTable, forgetTables, isTableRewritten, type TableColumns, withTables } from './user-tables.ts';

/** A failure of the machine, not of the file: the whole transaction ends, and the files are tried again. */
const isOfMachine = (code: string): boolean =>
  ['SQLITE_DISK_FAILED', 'SQLITE_CORRUPT', 'SQLITE_BUSY', 'SQLITE_OVERLOADED', 'SQLITE_CLOSED'].includes(code);

/** What SQLite or the program did not expect of a file is still a failure of that file. */
const ofFile = (caught: unknown): HoldfastError => {
  const error = asFault(caught);
  if (/^(?:INGEST|FILE)_/.test(error.code)) return error;
  return fault('INGEST_FAILED', error.message, { data: { ...error.data, code: error.code }, cause: error });
};

/** The jobs of one database in one transaction, each in a savepoint of its own. */
class Application {
  readonly #db: WriteConnection;
  readonly #dbms: string;
  readonly #batch: Batch;
  #books: Bookkeeping;
  /** Next own file id, as far as this transaction has come. */
  next: number;

  constructor(db: WriteConnection, dbms: string, batch: Batch, next: number) {
    this.#db = db;
    this.#books = new Bookkeeping(db);
    this.#dbms = dbms;
    this.#batch = batch;
    this.next = next;
  }

  run(jobs: readonly FileJob[]): JobResult[] {
    return withTables(this.#db, () => {
      // In the same transaction: what is acknowledged as a duplicate must not be one of what was dropped.
      for (const drop of this.#batch.heard)
        if (drop.dbms === this.#dbms) applyDrop(this.#db, this.#books, drop, { do: 'begin', files: drop.files });
      return jobs.map((job) => this.#attempt(job));
    });
  }

  #attempt(job: FileJob): JobResult {
    const next = this.next;
    try {
      return this.#db.savepoint(() => this.#do(job));
    } catch (caught) {
      this.next = next;
      this.#books = new Bookkeeping(this.#db);
      forgetTables(this.#db);
      const { code } = asFault(caught);
      if (isOfMachine(code)) throw caught;
      const failed = { kind: 'failed', fault: imageOf(ofFile(caught)) } as const;
      // Rows of a buffer are acknowledged: they stay there until the disk has room again.
      return job.kind === 'flush' && code !== 'FILE_TABLE_NO_ROOM'
        ? { ...failed, buffer: firstChunks(this.#db, job.table, job.bytesMax) }
        : failed;
    }
  }

  #do(job: FileJob): JobResult {
    switch (job.kind) {
      case 'new':
        return this.#takeNew(job);
      case 'copy':
        return this.#takeCopy(job.copy, job.takesOrphans);
      case 'hand':
        return this.#takeOver(job.copy);
      case 'drop':
        return { kind: 'dropped', ...applyDrop(this.#db, this.#books, job, job.step) };
      case 'repair':
        return this.#repair(job);
      case 'note':
        for (const finding of job.findings) noteSum(this.#db, finding);
        return { kind: 'noted' };
      case 'aside': {
        const { changed } = setRowsAside(this.#db, job.table, job.rows, 'belongs to no file');
        this.#books.forgetRows(job.table);
        return { kind: 'aside', rows: changed };
      }
      case 'append':
        return { kind: 'appended', ...appendChunk(this.#db, job) };
      case 'flush':
        return this.#flush(job);
      case 'discard':
        forgetChunks(this.#db, job.table, job.upTo);
        return { kind: 'discarded' };
    }
  }

  #takeNew(job: Extract<FileJob, { kind: 'new' }>): JobResult {
    const { dbms, table, content, knownHash } = job;
    const hash = contentHash(dbms, table, content);
    const digest = sha256Hex(content);
    const holder =
      this.#holder(hash, digest) ?? (knownHash === undefined ? undefined : this.#holder(knownHash, digest));
    if (holder !== undefined) return { kind: 'duplicate', record: holder.record };
    return this.#storeOwn(job, content, { hash, digest, of: 'new data' });
  }

  #storeOwn(
    target: Target,
    content: Uint8Array,
    { hash, digest, of }: Pick<FileRecord, 'hash' | 'digest'> & Pick<RowTarget, 'of'>,
  ): JobResult {
    const { dbms, table, columns, time, source, instructions } = target;
    const { origin } = this.#batch;
    const file = this.next;
    // Beyond it two numbers may be one, and the second file would take the place of the first.
    if (file >= Number.MAX_SAFE_INTEGER)
      throw fault('FILE_NUMBERS_USED_UP', `${origin} has given the last file number there is`, {
        hint: 'create another operator policy for this node, and run it: run operator where policy = ID',
      });
    const inserted = this.#insert(content, { origin, file, table, columns, time }, of);
    const rows = inserted.rows[1] - inserted.rows[0] + 1;
    const about = { dbms, table, source, instructions, hash, time, rows, columns, digest };
    const record: FileRecord = { origin, file, ...about, status: 'stored' };
    insertRecord(this.#db, this.#books, { record, rows: inserted.rows });
    this.next = file + 1;
    return { kind: 'stored', record, replaced: undefined, leftOut: inserted.leftOut, cut: inserted.cut };
  }

  #takeCopy(copy: FileCopy, takesOrphans: boolean): JobResult {
    const { record } = copy;
    checkRecord(record);
    const held = findRecord(this.#db, this.#dbms, record.origin, record.file);
    if (held !== undefined) return { kind: 'held', record: held.record };
    if (record.origin === this.#batch.origin && record.file > believedUpTo(this.next - 1)) throw farNumberFault(record);
    if (isDropped(this.#db, record)) return this.#keepRecord(record);
    checkDigest(copy);
    const holder = this.#holder(record.hash, record.digest);
    const placement = placeCopy(record, holder?.record);
    if (placement.outcome === 'orphan' && !takesOrphans) return { kind: 'orphan' };
    if (placement.outcome !== 'stored') {
      // Where it came before the record that has the rows, its own were in the table. Those of an orphan went with a
      // table that was dropped.
      if (placement.outcome === 'duplicate') ensureTable(this.#db, record.table, record.columns);
      return this.#keepRecord(record);
    }
    this.#numberBehind(record);
    if (holder !== undefined) dropFile(this.#db, this.#books, holder);
    this.#clearStrays(copy);
    const inserted = this.#insert(copy.content, record, 'stored data');
    const rows = inserted.rows[1] - inserted.rows[0] + 1;
    checkRows(record, rows);
    insertRecord(this.#db, this.#books, { record, rows: inserted.rows });
    if (record.origin === this.#batch.origin) forgetFlushed(this.#db, copy);
    const replaced = holder === undefined ? undefined : asDuplicate(holder.record);
    return { kind: 'stored', record, replaced, leftOut: inserted.leftOut };
  }

  /** Of a file that has no rows here: its number counts as held. */
  #keepRecord(record: FileRecord): JobResult {
    this.#numberBehind(record);
    const duplicate = asDuplicate(record);
    insertRecord(this.#db, this.#books, { record: duplicate, rows: null });
    return { kind: 'duplicate', record: duplicate };
  }

  #numberBehind({ origin, file }: FileRecord): void {
    if (origin === this.#batch.origin) this.next = Math.max(this.next, file + 1);
  }

  /**
   * The record that has the rows of some content. One that was dropped loses them now: the drop has not come to it yet.
   */
  #holder(hash: string, digest: string): PlacedRecord | undefined {
    const holder = findHolder(this.#db, this.#dbms, hash, digest);
    if (holder === undefined || !isDropped(this.#db, holder.record)) return holder;
    checkNotAwaited(this.#db, holder.record);
    dropFile(this.#db, this.#books, holder);
    return undefined;
  }

  /** The rows that a file lacks because one before a drop had them. Nothing where another has them by now. */
  #takeOver(copy: FileCopy): JobResult {
    const { record } = copy;
    const held = findRecord(this.#db, this.#dbms, record.origin, record.file);
    if (held?.record.status !== 'duplicate' || isDropped(this.#db, record)) return { kind: 'noted' };
    checkDigest(copy);
    const holder = findHolder(this.#db, this.#dbms, record.hash, record.digest);
    if (holder !== undefined && !isDropped(this.#db, holder.record)) return { kind: 'noted' };
    if (holder !== undefined) dropFile(this.#db, this.#books, holder);
    const { rows } = this.#insert(copy.content, record, 'stored data');
    const stored = { ...record, rows: rows[1] - rows[0] + 1 };
    insertRecord(this.#db, this.#books, { record: stored, rows });
    return { kind: 'handed', record: stored };
  }

  /** Rows of a file whose record was lost would be there twice. */
  #clearStrays({ record, content }: FileCopy): RowChanges {
    this.#ensureTable(content, record, 'stored data', record);
    this.#books.member(record.origin, this.#batch.members.get(record.origin) ?? 0);
    const cleared = clearStraysOf(this.#db, record, this.#books.membersOf(record.origin), content);
    if (cleared.changed > 0) this.#books.forgetRows(record.table);
    return cleared;
  }

  /** One transaction: the rows go and come again from the copy, the record stays. Nothing where all is right. */
  #repair({ copy, sum }: Extract<FileJob, { kind: 'repair' }>): JobResult {
    const { origin, file } = copy.record;
    const held = findRecord(this.#db, this.#dbms, origin, file);
    const nothing = { did: 'none', rows: held?.record.rows ?? 0, changes: [], changed: 0 } as const;
    if (held === undefined) return this.#restore(copy, sum, nothing);
    const before = held.record;
    const unchanged = { kind: 'repaired', repair: nothing, record: before, before, replaced: undefined } as const;
    if (before.status === 'duplicate' || copy.record.status === 'duplicate') return unchanged;
    checkRecord(copy.record);
    checkDigest(copy);
    const right = sumOfCopy(copy, sum);
    const record = { ...copy.record, rows: right.rows };
    const found = sumOfRows(this.#db, held);
    const rowsRight = found.sum === right.sum && found.rows === right.rows;
    if (!rowsRight || !isPlaced(held, record)) {
      const compared = compareRows(this.#db, held, { record, content: copy.content });
      const changes = bothChanges(compared, this.#applyAgain(held, record, copy.content));
      noteSum(this.#db, { origin, file, sum: right.sum, damage: undefined });
      return { ...unchanged, repair: { did: 'rows', rows: right.rows, ...changes }, record };
    }
    noteSum(this.#db, { origin, file, sum: right.sum, damage: undefined });
    if (recordDigest(before) === recordDigest(record) && before.rows === record.rows) return unchanged;
    this.#ensureTable(copy.content, record, 'stored data', record);
    insertRecord(this.#db, this.#books, { record, rows: held.rows });
    return { ...unchanged, repair: { ...nothing, did: 'record', rows: record.rows }, record };
  }

  #restore(copy: FileCopy, sum: string | undefined, nothing: Repair): JobResult {
    const { record } = copy;
    if (record.status === 'stored' && (copy.rebuilt || sum !== undefined)) sumOfCopy(copy, sum);
    const taken = this.#takeCopy(copy, false);
    if (taken.kind !== 'stored' && taken.kind !== 'duplicate')
      return { kind: 'repaired', repair: nothing, record, before: record, replaced: undefined };
    const replaced = taken.kind === 'stored' ? taken.replaced : undefined;
    const repair = { ...nothing, did: 'record', rows: taken.record.rows } as const;
    return { kind: 'repaired', repair, record: taken.record, before: undefined, replaced };
  }

  /** Returns the rows that carried the file's name elsewhere in the table, and are not there any more. */
  #applyAgain(held: PlacedRecord, record: FileRecord, content: Uint8Array): RowChanges {
    deleteRowsOf(this.#db, held);
    this.#books.forgetRows(held.record.table);
    const cleared = this.#clearStrays({ record, content, rebuilt: true });
    const { rows } = this.#insert(content, record, 'stored data');
    insertRecord(this.#db, this.#books, { record, rows });
    return cleared;
  }

  #insert(
    content: Uint8Array,
    { origin, file, table, columns, time }: Pick<FileRecord, 'origin' | 'file' | 'table' | 'columns' | 'time'>,
    of: RowTarget['of'],
  ): Inserted {
    const affinities = this.#ensureTable(content, { table, columns }, of);
    const member = this.#books.member(origin, this.#batch.members.get(origin) ?? 0);
    const lastRow = this.#books.lastRow(table);
    const inserted = insertRows(this.#db, content, { table, columns, affinities, time, member, file, lastRow, of });
    this.#books.addRows(table, inserted.rows[1] - lastRow);
    return inserted;
  }

  /** A file that will be refused must not have all rows of its table written anew, at each try. */
  #ensureTable(
    content: Uint8Array,
    { table, columns }: Pick<FileRecord, 'table' | 'columns'>,
    of: RowTarget['of'],
    record?: FileRecord,
  ): TableColumns {
    if (isTableRewritten(this.#db, table, columns)) {
      const rows = mapAll(content, columns, of);
      if (record !== undefined) checkRows(record, rows);
    }
    return ensureTable(this.#db, table, columns);
  }

  /** The rows move from the buffer into a file in one transaction: whatever happens, they are in one of both. */
  #flush(job: Extract<FileJob, { kind: 'flush' }>): JobResult {
    const { dbms, table, bytesMax } = job;
    const { content, upTo } = firstChunks(this.#db, table, bytesMax);
    if (content.byteLength === 0) return { kind: 'empty' };
    const hash = contentHash(dbms, table, content, `${this.#batch.origin}.${this.next}`);
    const target = { ...job, ...sourceOfBuffer(this.#db, table) };
    // Its rows are acknowledged: what new data is held to was asked when they came, maybe by an earlier version that
    // asked less, or before another operator declared a column of dates.
    const stored = this.#storeOwn(target, content, { hash, digest: sha256Hex(content), of: 'stored data' });
    forgetChunks(this.#db, table, upTo);
    return { ...stored, content } as JobResult;
  }
}

/** Whether a record names as many rows as it should, in its table. */
const isPlaced = ({ record: { table }, rows }: PlacedRecord, right: FileRecord): boolean =>
  rows !== null && table === right.table && rows[1] - rows[0] + 1 === right.rows;

const checkRows = (record: FileRecord, rows: number): void => {
  if (rows === record.rows) return;
  throw fault(
    'FILE_RECORD_INVALID',
    `file ${record.file} of ${record.origin} has ${rows} rows, its record says ${record.rows}`,
  );
};

const dbmsOf = (job: FileJob): string =>
  job.kind === 'copy' || job.kind === 'repair' || job.kind === 'hand' ? job.copy.record.dbms : job.dbms;

const allFailed = (jobs: readonly FileJob[], caught: unknown): JobResult[] =>
  jobs.map(() => ({ kind: 'failed', fault: imageOf(caught) }));

/**
 * Applies jobs in order, those of one database in one durable transaction. One result a job, in order. When it returns,
 * what it calls stored is on the disk and visible.
 */
export const apply = (databases: WriteDatabases, batch: Batch): Applied => {
  const results: JobResult[] = [];
  const undone: FaultImage[] = [];
  const byDatabase = Map.groupBy(batch.jobs.keys(), (index) => dbmsOf(batch.jobs[index] as FileJob));
  for (const [dbms, indexes] of byDatabase) {
    const jobs = indexes.map((index) => batch.jobs[index] as FileJob);
    const outcome = applyTo(databases, dbms, { ...batch, jobs }, undone);
    for (const [at, index] of indexes.entries()) results[index] = outcome[at] as JobResult;
  }
  return { results, undone };
};

const applyTo = (databases: WriteDatabases, dbms: string, batch: Batch, undone: FaultImage[]): JobResult[] => {
  let application: Application | undefined;
  try {
    if (dbms === TSD_DBMS) throw fault('INGEST_NAME', 'almgm takes no data');
    // What comes later begins with what was heard of.
    if (batch.jobs.every(({ kind }) => kind === 'drop') && !databases.names().includes(dbms))
      return batch.jobs.map(() => ({ kind: 'absent' }));
    const db = databases.write(dbms);
    prepareDatabase(db);
    const left = takeUndone(db);
    if (left !== undefined) undone.push(imageOf(left));
    application = new Application(db, dbms, batch, nextOwnFile(databases, batch));
    return application.run(batch.jobs);
  } catch (caught) {
    return allFailed(batch.jobs, caught);
  } finally {
    // Whether a commit that failed is there shows when the database is open again: its numbers are given to nothing
    // else.
    if (application !== undefined) keepNextOwnFile(databases, batch.origin, application.next);
  }
};
