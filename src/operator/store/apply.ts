import { asFault, fault, type HoldfastError } from '../../base/errors.ts';
import { sha256Hex } from '../../codec/hash.ts';
import { type FaultImage, imageOf } from '../../sqlite/procedure-host.ts';
import type { WriteConnection, WriteDatabases } from '../../sqlite/sqlite.ts';
import type { Column } from '../../topology/topology.ts';
import { asDuplicate, checkDigest, contentHash, placeCopy } from '../file-order.ts';
import type { FileCopy, FileRecord } from '../file-record.ts';
import { RowMapper } from '../mapping.ts';
import { checkRecord, TSD_DBMS } from '../names.ts';
import { eachRow } from '../rows.ts';
import { type Inserted, insertRows } from './insert-rows.ts';
import { Bookkeeping, demoteRecord, findHolder, findRecord, insertRecord, type PlacedRecord } from './records.ts';
import { checkKnownTables, ensureTable, forgetTables, prepareDatabase, quoted, storesOf } from './schema.ts';

interface Target {
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
  | { readonly kind: 'copy'; readonly copy: FileCopy }
  /** Rows of a streaming call. */
  | (Target & { readonly kind: 'append'; readonly content: Uint8Array })
  /** Makes a file of a streaming buffer. */
  | (Omit<Target, 'source' | 'instructions'> & { readonly kind: 'flush' })
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
      /** For a flush: what was in the buffer. */
      readonly content?: Uint8Array;
    }
  /** `record`: of a new file, the one that holds its content; of a copy, the copy's own. */
  | { readonly kind: 'duplicate'; readonly record: FileRecord }
  | { readonly kind: 'held' | 'orphan' | 'empty' | 'discarded' }
  | { readonly kind: 'appended'; readonly rows: number; readonly bytes: number }
  /** `buffer`: what could not be flushed, to be put into the error directory. */
  | {
      readonly kind: 'failed';
      readonly fault: FaultImage;
      readonly buffer?: { readonly content: Uint8Array; readonly upTo: number };
    };

export interface Batch {
  /** Own operator policy id. */
  readonly origin: string;
  /** Member numbers by origin, as the policies have them now. */
  readonly members: ReadonlyMap<string, number>;
  readonly jobs: readonly FileJob[];
}

/** The next own file id by the thread's databases; read from them once. */
const numbering = new WeakMap<WriteDatabases, Map<string, number>>();

const nextOwnFile = (databases: WriteDatabases, origin: string): number => {
  const known = numbering.get(databases) ?? new Map<string, number>();
  numbering.set(databases, known);
  const held = known.get(origin);
  if (held !== undefined) return held;
  const newest = storesOf(databases).map(({ db }) =>
    Number(db.get('select max(file) from holdfast_files where origin = ?', [origin])?.[0] ?? 0),
  );
  const next = Math.max(0, ...newest, newestInTsd(databases)) + 1;
  known.set(origin, next);
  return next;
};

/** A number whose database was dropped is known to the peers, so it is not given again. */
const newestInTsd = (databases: WriteDatabases): number => {
  if (!databases.names().includes(TSD_DBMS)) return 0;
  const db = databases.read(TSD_DBMS);
  const exists = db.get(`select 1 from sqlite_master where name = 'tsd_info'`) !== undefined;
  return exists ? Number(db.get('select max(file_id) from tsd_info')?.[0] ?? 0) : 0;
};

/** A failure of the machine, not of the file: the whole transaction ends, and the files are tried again. */
const isOfMachine = (code: string): boolean =>
  ['SQLITE_DISK_FAILED', 'SQLITE_CORRUPT', 'SQLITE_BUSY', 'SQLITE_CLOSED'].includes(code);

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
    return this.#db.transaction(() => {
      checkKnownTables(this.#db);
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
      return job.kind === 'flush' ? { ...failed, buffer: this.#bufferOf(job.table) } : failed;
    }
  }

  #do(job: FileJob): JobResult {
    switch (job.kind) {
      case 'new':
        return this.#takeNew(job);
      case 'copy':
        return this.#takeCopy(job.copy);
      case 'append':
        return this.#append(job);
      case 'flush':
        return this.#flush(job);
      case 'discard':
        this.#db.run('delete from holdfast_buffers where table_name = ? and id <= ?', [job.table, job.upTo]);
        return { kind: 'discarded' };
    }
  }

  #takeNew(job: Extract<FileJob, { kind: 'new' }>): JobResult {
    const { dbms, table, content, knownHash } = job;
    const hash = contentHash(dbms, table, content);
    const digest = sha256Hex(content);
    const holder =
      findHolder(this.#db, dbms, hash, digest) ??
      (knownHash === undefined ? undefined : findHolder(this.#db, dbms, knownHash, digest));
    if (holder !== undefined) return { kind: 'duplicate', record: holder.record };
    return this.#storeOwn(job, content, hash, digest);
  }

  #storeOwn(target: Target, content: Uint8Array, hash: string, digest: string): JobResult {
    const { dbms, table, columns, time, source, instructions } = target;
    const { origin } = this.#batch;
    const file = this.next;
    const inserted = this.#insert(content, { origin, file, table, columns, time });
    const rows = inserted.rows[1] - inserted.rows[0] + 1;
    const about = { dbms, table, source, instructions, hash, time, rows, columns, digest };
    const record: FileRecord = { origin, file, ...about, status: 'stored' };
    insertRecord(this.#db, this.#books, { record, rows: inserted.rows });
    this.next = file + 1;
    return { kind: 'stored', record, replaced: undefined, leftOut: inserted.leftOut };
  }

  #takeCopy(copy: FileCopy): JobResult {
    const { record } = copy;
    checkRecord(record);
    if (findRecord(this.#db, this.#dbms, record.origin, record.file) !== undefined) return { kind: 'held' };
    checkDigest(copy);
    const holder = findHolder(this.#db, this.#dbms, record.hash, record.digest);
    const placement = placeCopy(record, holder?.record);
    if (placement.outcome === 'orphan') return { kind: 'orphan' };
    if (record.origin === this.#batch.origin) this.next = Math.max(this.next, record.file + 1);
    if (placement.outcome === 'duplicate') {
      const duplicate = asDuplicate(record);
      insertRecord(this.#db, this.#books, { record: duplicate, rows: null });
      return { kind: 'duplicate', record: duplicate };
    }
    if (holder !== undefined) this.#demote(holder);
    const inserted = this.#insert(copy.content, record);
    const rows = inserted.rows[1] - inserted.rows[0] + 1;
    if (rows !== record.rows)
      throw fault(
        'FILE_RECORD_INVALID',
        `file ${record.file} of ${record.origin} has ${rows} rows, its record says ${record.rows}`,
      );
    insertRecord(this.#db, this.#books, { record, rows: inserted.rows });
    const replaced = holder === undefined ? undefined : asDuplicate(holder.record);
    return { kind: 'stored', record, replaced, leftOut: inserted.leftOut };
  }

  #demote({ record, rows }: PlacedRecord): void {
    if (rows !== null) this.#db.run(`delete from ${quoted(record.table)} where row_id between ? and ?`, [...rows]);
    this.#books.forgetRows(record.table);
    demoteRecord(this.#db, this.#books, record);
  }

  #insert(
    content: Uint8Array,
    { origin, file, table, columns, time }: Pick<FileRecord, 'origin' | 'file' | 'table' | 'columns' | 'time'>,
  ): Inserted {
    ensureTable(this.#db, table, columns);
    const member = this.#books.member(origin, this.#batch.members.get(origin) ?? 0);
    const lastRow = this.#books.lastRow(table);
    const inserted = insertRows(this.#db, content, { table, columns, time, member, file, lastRow });
    this.#books.addRows(table, inserted.rows[1] - lastRow);
    return inserted;
  }

  #append({ table, columns, content, source, instructions, time }: Extract<FileJob, { kind: 'append' }>): JobResult {
    const mapper = new RowMapper(columns);
    const lines: string[] = [];
    eachRow(content, (row, line, text) => {
      mapper.map(row, line, text, []);
      // Between the strings of JSON a line break is white space.
      lines.push(text.replace(/[\r\n]+/g, ' '));
    });
    const chunk = Buffer.from(`${lines.join('\n')}\n`);
    this.#db.run(
      'insert into holdfast_buffers (table_name, source, instructions, time, rows, content) values (?, ?, ?, ?, ?, ?)',
      [table, source, instructions, time, lines.length, chunk],
    );
    return { kind: 'appended', rows: lines.length, bytes: chunk.byteLength };
  }

  #bufferOf(table: string): { readonly content: Uint8Array; readonly upTo: number } {
    const chunks = this.#db.all('select id, content from holdfast_buffers where table_name = ? order by id', [table]);
    const bytes = chunks.map(([, content]) => (content instanceof Uint8Array ? content : new Uint8Array()));
    return { content: Buffer.concat(bytes), upTo: Number(chunks.at(-1)?.[0] ?? 0) };
  }

  /** The rows move from the buffer into a file in one transaction: whatever happens, they are in one of both. */
  #flush(job: Extract<FileJob, { kind: 'flush' }>): JobResult {
    const { dbms, table } = job;
    const { content, upTo } = this.#bufferOf(table);
    if (content.byteLength === 0) return { kind: 'empty' };
    const [source, instructions] = this.#db.get(
      'select source, instructions from holdfast_buffers where table_name = ? order by id limit 1',
      [table],
    ) ?? ['0', '0'];
    const hash = contentHash(dbms, table, content, `${this.#batch.origin}.${this.next}`);
    const target = { ...job, source: String(source), instructions: String(instructions) };
    const stored = this.#storeOwn(target, content, hash, sha256Hex(content));
    this.#db.run('delete from holdfast_buffers where table_name = ? and id <= ?', [table, upTo]);
    return { ...stored, content } as JobResult;
  }
}

const dbmsOf = (job: FileJob): string => (job.kind === 'copy' ? job.copy.record.dbms : job.dbms);

const allFailed = (jobs: readonly FileJob[], caught: unknown): JobResult[] =>
  jobs.map(() => ({ kind: 'failed', fault: imageOf(caught) }));

/**
 * Applies jobs in order, those of one database in one durable transaction. One result a job, in order. When it returns,
 * what it calls stored is on the disk and visible.
 */
export const apply = (databases: WriteDatabases, batch: Batch): readonly JobResult[] => {
  const results: JobResult[] = [];
  const byDatabase = Map.groupBy(batch.jobs.keys(), (index) => dbmsOf(batch.jobs[index] as FileJob));
  for (const [dbms, indexes] of byDatabase) {
    const jobs = indexes.map((index) => batch.jobs[index] as FileJob);
    const outcome = applyTo(databases, dbms, batch, jobs);
    for (const [at, index] of indexes.entries()) results[index] = outcome[at] as JobResult;
  }
  return results;
};

const applyTo = (databases: WriteDatabases, dbms: string, batch: Batch, jobs: readonly FileJob[]): JobResult[] => {
  let db: WriteConnection | undefined;
  try {
    if (dbms === TSD_DBMS) throw fault('INGEST_NAME', 'almgm takes no data');
    db = databases.write(dbms);
    prepareDatabase(db);
    const application = new Application(db, dbms, batch, nextOwnFile(databases, batch.origin));
    const results = application.run(jobs);
    numbering.get(databases)?.set(batch.origin, application.next);
    return results;
  } catch (caught) {
    if (db !== undefined) forgetTables(db);
    // Whether a commit that failed is there shows when the database is open again: the numbers are read anew.
    numbering.delete(databases);
    return allFailed(jobs, caught);
  }
};
