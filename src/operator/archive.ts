import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import { systemCode, textOf } from '../base/errors.ts';
import { ARCHIVE_WRITES_AT_ONCE, FILE_BYTES_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { digestOf } from './contents.ts';
import type { FileRecord } from './file-record.ts';
import { archivePath } from './names.ts';

const zip = promisify(gzip);
const unzip = promisify(gunzip);
/** Sensor rows shrink to an eighth already at the fastest level; higher ones cost more than the ingest. */
const LEVEL = { level: constants.Z_BEST_SPEED };

/** Accepted files as they came, compressed, under `YY/MM/DD` of their time. */
export interface Archive {
  /** Never fails: a file that cannot be kept is made again from the rows when it is wanted. */
  keep(record: FileRecord, member: number, content: Uint8Array): Promise<void>;
  /** The content, checked against the record's digest; undefined where it is not there or damaged. */
  read(record: FileRecord, member: number): Promise<Uint8Array | undefined>;
}

const isMissing = (caught: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(systemCode(caught) ?? '');

class DirectoryArchive implements Archive {
  readonly #dir: string;
  readonly #log: Logger;
  readonly #made = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  #writing = 0;
  #written = 0;

  constructor(dir: string, log: Logger) {
    this.#dir = dir;
    this.#log = log;
  }

  async keep(record: FileRecord, member: number, content: Uint8Array): Promise<void> {
    if (this.#writing >= ARCHIVE_WRITES_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#writing += 1;
    try {
      await this.#write(join(this.#dir, archivePath(record, member)), await zip(content, LEVEL));
    } catch (caught) {
      this.#log.warn(`file ${record.file} of ${record.origin} is not in the archive; it can be made from the rows`, {
        error: textOf(caught),
      });
    } finally {
      this.#writing -= 1;
      this.#waiting.shift()?.();
    }
  }

  async read(record: FileRecord, member: number): Promise<Uint8Array | undefined> {
    // 0: archived before the member number of its origin was known.
    for (const number of new Set([member, 0])) {
      try {
        const packed = await readFile(join(this.#dir, archivePath(record, number)));
        const content = await unzip(packed, { maxOutputLength: FILE_BYTES_MAX });
        if ((await digestOf(content)) === record.digest) return content;
        this.#log.warn(`the archived file ${archivePath(record, number)} is damaged; it is made from the rows`);
      } catch (caught) {
        if (!isMissing(caught))
          this.#log.warn(`the archived file ${archivePath(record, number)} cannot be read`, { error: textOf(caught) });
      }
    }
    return undefined;
  }

  /** Whole or not at all by its name, but not flushed: what a power cut takes is made again from the rows. */
  async #write(path: string, packed: Uint8Array): Promise<void> {
    const dir = dirname(path);
    this.#written += 1;
    // Beside the days, so that a listing of a day shows whole files only.
    const fresh = join(this.#dir, `.new-${this.#written}`);
    if (!this.#made.has(dir)) {
      await mkdir(dir, { recursive: true });
      this.#made.add(dir);
    }
    try {
      await writeFile(fresh, packed);
      await rename(fresh, path);
    } catch (caught) {
      // The directory may have been removed since it was made.
      this.#made.delete(dir);
      throw caught;
    }
  }
}

export const createArchive = (dir: string, log: Logger): Archive => new DirectoryArchive(dir, log);

/** For `archive = false`. */
export const noArchive: Archive = {
  keep: async () => {},
  read: async () => undefined,
};
