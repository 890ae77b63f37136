import type { Sqlite } from '../sqlite/sqlite.ts';
import type { Archive } from './archive.ts';
import type { FileCheck } from './file-check.ts';
import type { FileCopy, FileRecord } from './file-record.ts';
import type { ArchivePlace } from './store/archive-files.ts';
import { reading } from './store/read-procedures.ts';

const keyOf = ({ origin, file }: FileRecord): string => `${origin}/${file}`;

/** The contents of files: on their way to the archive, in it, or made again from the rows. */
export class FileContents {
  readonly #sqlite: Sqlite;
  readonly #archive: Archive;
  /** On their way: the distributor wants them at once. */
  readonly #archiving = new Map<string, { readonly content: Uint8Array; readonly done: Promise<void> }>();

  constructor(sqlite: Sqlite, archive: Archive) {
    this.#sqlite = sqlite;
    this.#archive = archive;
  }

  /** Puts a content into the archive; resolves when it is there. */
  keep(record: FileRecord, content: Uint8Array): Promise<void> {
    const key = keyOf(record);
    const done = this.#archive.keep(record, content).finally(() => this.#archiving.delete(key));
    this.#archiving.set(key, { content, done });
    return done;
  }

  /** Resolves when what was kept so far is in the archive. */
  async kept(): Promise<void> {
    await Promise.all([...this.#archiving.values()].map(({ done }) => done));
  }

  /** The content, or where a thread finds it; `elsewhere`: under another member number of its origin. */
  async place(record: FileRecord, elsewhere = false): Promise<Uint8Array | ArchivePlace | undefined> {
    if (record.status !== 'stored') return undefined;
    return this.#archiving.get(keyOf(record))?.content ?? (await this.#archive.place(record, elsewhere));
  }

  /** The contents of files that are held, from wherever they can be had. */
  async read(records: readonly FileRecord[]): Promise<readonly FileCopy[]> {
    const found = records.map((record) => this.#atHand(record));
    const away = records.filter((_, index) => found[index] === undefined);
    const archived = away.length === 0 ? [] : await this.#archive.read(away);
    for (const [index, record] of away.entries()) found[records.indexOf(record)] = archived[index];
    const lost = records.filter((_, index) => found[index] === undefined);
    const made =
      lost.length === 0
        ? []
        : await this.#sqlite.read(
            reading,
            'rebuild',
            lost.map(({ origin, file }) => ({ origin, file })),
          );
    return records.map((record, index) => {
      const content = found[index];
      if (content !== undefined) return { record, content, rebuilt: false };
      const { content: again, digest } = made[lost.indexOf(record)] ?? { content: new Uint8Array(), digest: undefined };
      return { record, content: again, rebuilt: true, ...(digest === undefined ? {} : { rebuiltDigest: digest }) };
    });
  }

  /**
   * What a check of the rows found, with what the archive adds: a file there that cannot be the record's is damaged.
   */
  async withArchive(check: FileCheck): Promise<FileCheck> {
    const { record, archive } = check;
    if (archive === 'whole' || record?.status !== 'stored' || !(await this.#archive.has(record))) return check;
    return { ...check, archive: 'damaged' };
  }

  /**
   * Sees to it that what is in the archive is whole: `content` is, and takes the place of what is not; without it the
   * rows do.
   */
  async keepWhole(record: FileRecord, content: Uint8Array | undefined): Promise<void> {
    if (record.status !== 'stored') return;
    const kept = this.#archiving.has(keyOf(record)) || (await this.#archive.read([record]))[0] !== undefined;
    if (kept) return;
    await this.#archive.setAside(record);
    if (content !== undefined) await this.#archive.keep(record, content);
  }

  #atHand(record: FileRecord): Uint8Array | undefined {
    if (record.status === 'duplicate') return new Uint8Array();
    return this.#archiving.get(keyOf(record))?.content;
  }
}
