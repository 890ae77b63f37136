import { EventEmitter } from 'node:events';
import { fault } from '../base/errors.ts';
import { sha256Hex } from '../codec/hash.ts';
import type { Column } from '../topology/topology.ts';
import { asDuplicate, checkDigest, contentHash, placeCopy } from './file-order.ts';
import type { FileCopy, FileRanges, FileRecord, Holdings } from './file-record.ts';
import type { FileStore, FileStoreNotices, ReadLimits, StoreOutcome } from './file-store.ts';
import { addToRanges, inRanges } from './ranges.ts';

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
}

const keyOf = (origin: string, file: number): string => `${origin}/${file}`;
const contentKey = ({ hash, digest }: FileRecord): string => `${hash}/${digest}`;

/** The files of one operator without disk and without tables: simulations and tests of replication. */
export const createMemoryFileStore = (origin: string): MemoryFileStore => new MemoryFiles(origin);

class MemoryFiles implements MemoryFileStore {
  readonly notices = new EventEmitter<FileStoreNotices>();
  readonly origin: string;
  readonly #files = new Map<string, FileCopy>();
  readonly #holdings = new Map<string, FileRanges>();
  /** Stored record by content. */
  readonly #holders = new Map<string, FileRecord>();

  constructor(origin: string) {
    this.origin = origin;
  }

  holdings(): Holdings {
    return this.#holdings;
  }

  async records(origin: string, ranges: FileRanges, limit: number): Promise<readonly FileRecord[]> {
    return this.#ofOrigin(origin, ranges)
      .slice(0, limit)
      .map(({ record }) => record);
  }

  async read(origin: string, file: number): Promise<FileCopy> {
    return this.#get(origin, file);
  }

  async readMany(origin: string, ranges: FileRanges, limits: ReadLimits): Promise<readonly FileCopy[]> {
    return withinLimits(this.#ofOrigin(origin, ranges), limits);
  }

  async store(copies: readonly FileCopy[]): Promise<readonly StoreOutcome[]> {
    for (const copy of copies) checkDigest(copy);
    const outcomes = copies.map((copy) => this.#storeOne(copy));
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
    const file = (this.#holdings.get(this.origin)?.at(-1)?.[1] ?? 0) + 1;
    const lines = Buffer.from(bytes).toString().split('\n');
    const rows = lines.filter((line) => line.trim() !== '').length;
    const about = { dbms, table, source: '0', instructions: '0', hash, time, rows, columns, digest };
    const record: FileRecord = { origin: this.origin, file, ...about, status: 'stored' };
    this.#keep({ record, content: Uint8Array.from(bytes), rebuilt: false });
    this.notices.emit('file:stored', [record]);
    return { record, duplicate: false };
  }

  all(): readonly FileRecord[] {
    return [...this.#files.values()]
      .map(({ record }) => record)
      .sort((a, b) => (a.origin === b.origin ? a.file - b.file : a.origin < b.origin ? -1 : 1));
  }

  loseArchive(origin: string, file: number): void {
    this.#files.set(keyOf(origin, file), { ...this.#get(origin, file), rebuilt: true });
  }

  #storeOne(copy: FileCopy): StoreOutcome {
    const { record } = copy;
    if (this.#files.has(keyOf(record.origin, record.file))) return 'held';
    const placement = placeCopy(record, this.#holders.get(contentKey(record)));
    if (placement.outcome === 'duplicate') this.#keepDuplicate(record);
    if (placement.outcome !== 'stored') return placement.outcome;
    if (placement.replaces !== undefined) this.#keepDuplicate(placement.replaces);
    this.#keep({ record, content: Uint8Array.from(copy.content), rebuilt: copy.rebuilt });
    return 'stored';
  }

  #keep(copy: FileCopy): void {
    const { record } = copy;
    this.#files.set(keyOf(record.origin, record.file), copy);
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
