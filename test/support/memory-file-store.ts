import { EventEmitter } from 'node:events';
import { fault } from '../../src/base/errors.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import type { Column } from '../../src/topology/topology.ts';
import { recordDigest } from '../../src/operator/row-sums.ts';
import { believedUpTo, farNumberFault, newestOf } from '../../src/operator/file-numbers.ts';
import { asDuplicate, checkDigest, contentHash, placeCopy } from '../../src/operator/file-order.ts';
import type {
  CheckLimits,
  Damage,
  FileCheck,
  Finding,
  PageScope,
  Repair,
  RowChange,
  Strays,
} from '../../src/operator/file-check.ts';
import type { FileCopy, FileRanges, FileRecord, Holdings } from '../../src/operator/file-record.ts';
import type { FileStore, FileStoreNotices, ReadLimits, StoreOutcome } from '../../src/operator/file-store.ts';
import { BucketSums, type FileSum, type FileSums, type SumScope } from '../../src/operator/file-sums.ts';
import { addToRanges, heldOf, idsOf, inRanges } from '../../src/operator/ranges.ts';

/** A file that a data source gives to the operator of a memory store. */
interface NewFile {
  readonly dbms?: string;
  readonly table?: string;
  readonly content: string | Uint8Array;
  /** Record form of time. */
  readonly time: string;
  readonly columns?: readonly Column[];
}

export interface MemoryFileStore extends FileStore {
  /** What `Operator.put` does: the new record, or the one that holds the same content already. */
  put(file: NewFile): { readonly record: FileRecord; readonly duplicate: boolean };
  /** Every record, by (origin, file). */
  all(): readonly FileRecord[];
  /** From now on reads of this file give content made again from the rows, as where the archive is gone. */
  loseArchive(origin: string, file: number): void;
  /** From now on the rows of this file are those of another content, behind the back of the store. */
  damageRows(origin: string, file: number, content: string): void;
  /** The record is gone, and with it what is known of the rows; the number counts as held until a start. */
  loseRecord(origin: string, file: number): void;
  /** How often something was stored so far, each time in one transaction. */
  readonly commits: number;
  /** The same as it was after so many of them: what a disk has that lied about the later ones. */
  asOf(commits: number): MemoryFileStore;
  /** Content of the rows, as a table would show them. */
  rowsOf(origin: string, file: number): string | undefined;
}

const keyOf = (origin: string, file: number): string => `${origin}/${file}`;
const contentKey = ({ hash, digest }: FileRecord): string => `${hash}/${digest}`;

/** The files of one operator without disk and without tables: simulations and tests of replication. */
export const createMemoryFileStore = (origin: string): MemoryFileStore => new MemoryFiles(origin);

class MemoryFiles implements MemoryFileStore {
  readonly notices = new EventEmitter<FileStoreNotices>();
  readonly origin: string;
  readonly sums: FileSums = {
    tables: async () => {
      const names = new Map(this.all().map(({ dbms, table }) => [`${dbms}.${table}`, { dbms, table, strays: 0 }]));
      return [...names.values()];
    },
    buckets: async (scope, digits) => {
      const sums = new BucketSums(digits);
      for (const file of this.#sums(scope)) sums.add(file);
      return sums.end();
    },
    files: async (scope) => this.#sums(scope),
    rows: async (origin, file) => linesOf(Buffer.from(this.rowsOf(origin, file) ?? '')).map((line) => sha256Hex(line)),
  };
  readonly #files = new Map<string, FileCopy>();
  /** Their records in order, until one of them changes. */
  #all: readonly FileRecord[] | undefined;
  readonly #holdings = new Map<string, FileRanges>();
  /** Stored record by content. */
  readonly #holders = new Map<string, FileRecord>();
  /** Rows that are not those of the content. */
  readonly #rows = new Map<string, Uint8Array>();
  readonly #findings = new Map<string, Finding>();
  /** What each transaction has brought. */
  readonly #commits: FileCopy[][] = [];
  /** The next own number is at least that. */
  #next = 1;

  constructor(origin: string) {
    this.origin = origin;
  }

  losing(): boolean {
    return false;
  }

  databaseFile(): undefined {
    return undefined;
  }

  holdings(): Holdings {
    return this.#holdings;
  }

  async records(origin: string, ranges: FileRanges, limit: number): Promise<readonly FileRecord[]> {
    return this.#ofOrigin(origin, ranges)
      .slice(0, limit)
      .map(({ record }) => record);
  }

  async countRows(files: Holdings): Promise<number> {
    const held = [...files].flatMap(([origin, ranges]) => this.#ofOrigin(origin, ranges));
    return held.reduce((sum, { record }) => sum + record.rows, 0);
  }

  async read(origin: string, file: number): Promise<FileCopy> {
    return this.#readable(this.#get(origin, file));
  }

  async readMany(origin: string, ranges: FileRanges, limits: ReadLimits): Promise<readonly FileCopy[]> {
    const copies = withinLimits(this.#ofOrigin(origin, ranges), limits);
    return copies.map((copy) => this.#readable(copy));
  }

  async check(origin: string, ranges: FileRanges, limits: CheckLimits): Promise<readonly FileCheck[]> {
    return idsOf(heldOf(this.#holdings, origin, ranges), limits.files).map((file) => this.#check(origin, file));
  }

  async repair(copy: FileCopy, sum?: string): Promise<Repair> {
    const { origin, file } = copy.record;
    const key = keyOf(origin, file);
    checkDigest(copy);
    const made = sumOf(copy.content);
    if (copy.record.status === 'stored' && (sum === undefined ? copy.rebuilt : made !== sum))
      throw fault('FILE_SUM_MISMATCH', `file ${file} of ${origin}: the copy does not make the rows wanted`);
    const held = this.#files.get(key);
    const changes = held === undefined ? [] : changesOf(this.#rows.get(key) ?? held.content, copy.content);
    const nothing = { rows: rowsIn(copy.content), changes: [], changed: 0 };
    if (held?.record.status === 'duplicate') return { ...nothing, did: 'none', rows: 0 };
    if (held === undefined) this.#storeOne(copy, false);
    else {
      const rebuilt = copy.rebuilt && held.rebuilt;
      const content = copy.rebuilt && !held.rebuilt ? held.content : new Uint8Array(copy.content);
      this.#commits.push([]);
      this.#keep({ record: { ...copy.record, rows: nothing.rows }, content, rebuilt });
    }
    this.#rows.delete(key);
    this.#findings.set(key, { origin, file, sum: made, damage: undefined });
    const did = held === undefined ? 'record' : changes.length > 0 ? 'rows' : 'none';
    if (did !== 'none') this.notices.emit('file:mended', copy.record);
    return { ...nothing, did, changes, changed: changes.length };
  }

  async note(findings: readonly Finding[]): Promise<void> {
    for (const finding of findings) {
      const key = keyOf(finding.origin, finding.file);
      this.#findings.set(key, { ...finding, sum: finding.sum ?? this.#findings.get(key)?.sum });
    }
  }

  damages(): readonly Damage[] {
    return [...this.#findings.values()].flatMap(({ origin, file, damage }) =>
      damage === undefined ? [] : [{ origin, file, dbms: 'plant', table: 'readings', text: damage }],
    );
  }

  numberFrom(atLeast: number): void {
    this.#next = Math.max(this.#next, atLeast);
  }

  async strays(): Promise<readonly Strays[]> {
    return [];
  }

  async setAside(): Promise<number> {
    return 0;
  }

  async pages(): Promise<readonly PageScope[]> {
    return [];
  }

  async checkPages(): Promise<void> {}

  async setDatabaseAside(): Promise<string | undefined> {
    this.#files.clear();
    this.#commits.length = 0;
    this.#all = undefined;
    this.#holdings.clear();
    this.#holders.clear();
    this.#rows.clear();
    this.#findings.clear();
    this.notices.emit('file:lost');
    return 'plant.damaged';
  }

  async store(copies: readonly FileCopy[], takesOrphans = false): Promise<readonly StoreOutcome[]> {
    for (const copy of copies) checkDigest(copy);
    const newest = Math.max(this.#next - 1, newestOf(this.#holdings, this.origin));
    for (const { record } of copies)
      if (record.origin === this.origin && record.file > believedUpTo(newest)) throw farNumberFault(record);
    const outcomes = copies.map((copy) => this.#storeOne(copy, takesOrphans));
    const fresh = copies
      .filter((_, index) => outcomes[index] === 'stored' || outcomes[index] === 'duplicate')
      .map(({ record }) => this.#get(record.origin, record.file).record);
    if (fresh.length > 0) this.notices.emit('file:stored', fresh);
    return outcomes;
  }

  put({ dbms = 'plant', table = 'readings', content, time, columns = [] }: NewFile): {
    readonly record: FileRecord;
    readonly duplicate: boolean;
  } {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const hash = contentHash(dbms, table, bytes);
    const digest = sha256Hex(bytes);
    const held = this.#holders.get(`${hash}/${digest}`);
    if (held !== undefined) return { record: held, duplicate: true };
    const file = Math.max(this.#next, newestOf(this.#holdings, this.origin) + 1);
    const lines = Buffer.from(bytes).toString().split('\n');
    const rows = lines.filter((line) => line.trim() !== '').length;
    const about = { dbms, table, source: '0', instructions: '0', hash, time, rows, columns, digest };
    const record: FileRecord = { origin: this.origin, file, ...about, status: 'stored' };
    this.#commits.push([]);
    this.#keep({ record, content: new Uint8Array(bytes), rebuilt: false });
    this.notices.emit('file:stored', [record]);
    return { record, duplicate: false };
  }

  all(): readonly FileRecord[] {
    this.#all ??= [...this.#files.values()]
      .map(({ record }) => record)
      .sort((a, b) => (a.origin === b.origin ? a.file - b.file : a.origin < b.origin ? -1 : 1));
    return this.#all;
  }

  loseArchive(origin: string, file: number): void {
    this.#files.set(keyOf(origin, file), { ...this.#get(origin, file), rebuilt: true });
  }

  damageRows(origin: string, file: number, content: string): void {
    this.#rows.set(keyOf(origin, file), Buffer.from(content));
  }

  loseRecord(origin: string, file: number): void {
    const key = keyOf(origin, file);
    this.#holders.delete(contentKey(this.#get(origin, file).record));
    for (const map of [this.#files, this.#rows, this.#findings]) map.delete(key);
    this.#all = undefined;
  }

  get commits(): number {
    return this.#commits.length;
  }

  asOf(commits: number): MemoryFileStore {
    const older = new MemoryFiles(this.origin);
    for (const copies of this.#commits.slice(0, commits)) {
      older.#commits.push([]);
      for (const copy of copies) older.#keep(copy);
    }
    return older;
  }

  rowsOf(origin: string, file: number): string | undefined {
    const key = keyOf(origin, file);
    const rows = this.#rows.get(key) ?? this.#files.get(key)?.content;
    return rows === undefined ? undefined : Buffer.from(rows).toString();
  }

  #sums({ dbms, table, from, to, within, without = [] }: SumScope): readonly FileSum[] {
    const inScope = this.all().filter(
      (record) =>
        record.dbms === dbms &&
        record.table === table &&
        record.time >= from &&
        record.time < to &&
        !without.includes(record.origin) &&
        (within?.some((beginning) => record.time.startsWith(beginning)) ?? true),
    );
    return inScope
      .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
      .map((record) => {
        const { origin, file, time, status, rows } = record;
        const found = this.#check(origin, file);
        const sum = found.rows === rows ? found.sum : `${found.rows}:${found.sum}`;
        return { origin, file, time, status, about: recordDigest(record), rows, sum };
      });
  }

  #check(origin: string, file: number): FileCheck {
    const key = keyOf(origin, file);
    const copy = this.#files.get(key);
    if (copy === undefined)
      return { origin, file, record: undefined, rows: 0, sum: '', proof: 'refuted', archive: 'missing' };
    const { record, content, rebuilt } = copy;
    const archive = rebuilt ? 'missing' : 'whole';
    if (record.status === 'duplicate') return { origin, file, record, rows: 0, sum: '', proof: 'proved', archive };
    const rows = this.#rows.get(key) ?? content;
    const sum = sumOf(rows);
    const wanted = rebuilt ? this.#findings.get(key)?.sum : sumOf(content);
    const right = rowsIn(rows) === record.rows && (wanted === undefined || wanted === sum);
    const proof = right ? (wanted === undefined ? 'open' : 'proved') : 'refuted';
    return { origin, file, record, rows: rowsIn(rows), sum, proof, archive };
  }

  /** A copy as it can be handed on: from the archive, else from rows that nobody knows to be damaged. */
  #readable(copy: FileCopy): FileCopy {
    if (!copy.rebuilt) return copy;
    const { origin, file } = copy.record;
    const finding = this.#findings.get(keyOf(origin, file));
    const content = this.#rows.get(keyOf(origin, file)) ?? copy.content;
    if (finding?.damage !== undefined || (finding?.sum !== undefined && finding.sum !== sumOf(content)))
      throw fault('FILE_DAMAGED', `the rows of file ${file} of ${origin} are damaged here`);
    return { ...copy, content };
  }

  #storeOne(copy: FileCopy, takesOrphans: boolean): StoreOutcome {
    const { record } = copy;
    if (this.#files.has(keyOf(record.origin, record.file))) return 'held';
    const placement = placeCopy(record, this.#holders.get(contentKey(record)));
    if (placement.outcome === 'orphan' && !takesOrphans) return 'orphan';
    this.#commits.push([]);
    if (placement.outcome !== 'stored') {
      this.#keepDuplicate(record);
      return 'duplicate';
    }
    if (placement.replaces !== undefined) this.#keepDuplicate(placement.replaces);
    this.#keep({ record, content: new Uint8Array(copy.content), rebuilt: copy.rebuilt });
    return 'stored';
  }

  #keep(copy: FileCopy): void {
    const { record } = copy;
    this.#files.set(keyOf(record.origin, record.file), copy);
    this.#commits.at(-1)?.push(copy);
    this.#all = undefined;
    this.#holdings.set(record.origin, addToRanges(this.#holdings.get(record.origin) ?? [], record.file));
    if (record.status === 'stored') this.#holders.set(contentKey(record), record);
  }

  #keepDuplicate(record: FileRecord): void {
    this.#keep({ record: asDuplicate(record), content: new Uint8Array(), rebuilt: false });
  }

  #get(origin: string, file: number): FileCopy {
    const copy = this.#files.get(keyOf(origin, file));
    if (copy === undefined) throw fault('FILE_UNKNOWN', `file ${file} of ${origin} is not held here`);
    return copy;
  }

  #ofOrigin(origin: string, ranges: FileRanges): FileCopy[] {
    return [...this.#files.values()]
      .filter(({ record }) => record.origin === origin && inRanges(ranges, record.file))
      .sort((a, b) => a.record.file - b.record.file);
  }
}

/** The copies up to the limits, at least the first. */
const withinLimits = (copies: readonly FileCopy[], { files, bytes }: ReadLimits): readonly FileCopy[] => {
  let total = 0;
  const over = copies.findIndex(({ content }, index) => {
    total += content.byteLength;
    return index > 0 && (index >= files || total > bytes);
  });
  return over < 0 ? copies : copies.slice(0, over);
};

const linesOf = (content: Uint8Array): readonly string[] =>
  Buffer.from(content)
    .toString()
    .split('\n')
    .filter((line) => line.trim() !== '');

const rowsIn = (content: Uint8Array): number => linesOf(content).length;

const sumOf = (content: Uint8Array): string => sha256Hex(linesOf(content).join('\n')).slice(0, 32);

const changesOf = (had: Uint8Array, right: Uint8Array): readonly RowChange[] => {
  const [before, after] = [linesOf(had), linesOf(right)];
  return Array.from({ length: Math.max(before.length, after.length) }, (_, at): RowChange => {
    const [was, now] = [before[at], after[at]];
    const change = was === undefined ? 'missing' : now === undefined ? 'extra' : 'changed';
    return { row: at + 1, change, was: was ?? '', now: now ?? '' };
  }).filter(({ was, now }) => was !== now);
};
