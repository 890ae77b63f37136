import { copyFile, lstat, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { sized } from '../base/disk-monitor.ts';
import { asFault, fault, systemCode, textOf } from '../base/errors.ts';
import { makeDirectory, syncDirectory, writeFileDurably } from '../base/files.ts';
import { ERROR_DIRECTORY_BYTES_MAX, ERROR_FILE_BYTES_COUNTED, FAILURES_LISTED_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { FailedFiles, IngestFailure } from './operator.ts';

/** The documented numbers of the command language, as the names of failed files carry them. */
const NUMBERS: Readonly<Record<string, number>> = {
  INGEST_DUPLICATE: 86,
  INGEST_FILE_NAME: 119,
  INGEST_MAPPING: 27,
  INGEST_MEMBER: 131,
  INGEST_NAME: 28,
  INGEST_DBMS_NAME: 175,
  INGEST_TABLE_EXCLUDED: 130,
  INGEST_TABLE_UNDECLARED: 171,
  INGEST_ROW_JSON: 6,
  INGEST_ROW_FORM: 6,
  INGEST_EMPTY: 120,
};
const PROCESS_FAILURE = 3;
const NAME_BYTES_MAX = 200;
const REPORT_SUFFIX = '.reason.json';
/** Of what was refused: so that a start need not read all of them to find the others. */
const REFUSED_SUFFIX = `.refused${REPORT_SUFFIX}`;
const LOOKED_AT_ONCE = 64;

const report = z.object({
  path: z.string(),
  refused: z.boolean().default(false),
  dbms: z.string(),
  table: z.string(),
  code: z.string(),
  text: z.string(),
  line: z.number().optional(),
  time: z.string(),
});

/** What fails: a file that lies somewhere, or content that has no file yet; `refused` where its sender is told so. */
export type Failed =
  { readonly path: string } | { readonly name: string; readonly content: Uint8Array; readonly refused: boolean };

/** Where the rows of what failed were to go. */
export interface FailedTable {
  readonly dbms: string;
  readonly table: string;
}

/**
 * Where files go that failed: whole, named `<name>.err_<number>.<epoch>.json`, beside a small file that says why. The
 * newest are known in memory. Copies of what its sender still has are kept up to a bound; what lies nowhere else always
 * goes in.
 */
export class ErrorDirectory {
  readonly #dir: string;
  readonly #log: Logger;
  readonly #bytesMax: number;
  readonly #failures: IngestFailure[] = [];
  /** What lies there, as of the last look and what came since: bytes by name. */
  #lying = new Map<string, number>();
  #since = new Map<string, number>();
  #bytes = 0;
  #seen = { changedMs: Number.NaN, looks: 0 };
  #lastEpochMs = 0;
  /** Failures whose reasons lie in the directory. */
  count = 0;

  private constructor(dir: string, log: Logger, bytesMax: number) {
    this.#dir = dir;
    this.#log = log;
    this.#bytesMax = bytesMax;
  }

  /** Opens the directory and reads what failed before. */
  static async open(dir: string, log: Logger, bytesMax = ERROR_DIRECTORY_BYTES_MAX): Promise<ErrorDirectory> {
    await makeDirectory(dir);
    const directory = new ErrorDirectory(dir, log, bytesMax);
    await directory.#load();
    await directory.look();
    return directory;
  }

  /** Looks what still lies there: who corrects a file moves it away. Reads nothing where nothing came or went. */
  async look(): Promise<void> {
    const { mtimeMs: changedMs } = await stat(this.#dir);
    const looks = changedMs === this.#seen.changedMs ? this.#seen.looks : 0;
    // What came right after the first look may have left the time as it was.
    if (looks >= 2) return;
    this.#since = new Map();
    const found = new Map<string, number>();
    const names = (await readdir(this.#dir)).filter((name) => !name.endsWith(REPORT_SUFFIX));
    for (let at = 0; at < names.length; at += LOOKED_AT_ONCE) {
      const some = names.slice(at, at + LOOKED_AT_ONCE);
      const files = await Promise.all(some.map((name) => plainFile(join(this.#dir, name))));
      for (const [index, file] of files.entries())
        if (file !== undefined) found.set(some[index] ?? '', counted(file.bytes));
    }
    for (const [name, bytes] of this.#since) found.set(name, bytes);
    this.#lying = found;
    this.#bytes = [...found.values()].reduce((sum, bytes) => sum + bytes, 0);
    this.#seen = { changedMs, looks: looks + 1 };
  }

  /** The failures among those that are known whose file still lies there. Newest first. */
  lying(): readonly IngestFailure[] {
    return this.#failures.filter(({ path }) => this.#lying.has(basename(path))).reverse();
  }

  get held(): FailedFiles {
    const isFull = this.#bytes >= this.#bytesMax;
    return { dir: this.#dir, files: this.#lying.size, bytes: this.#bytes, isFull };
  }

  /** Throws `INGEST_ERRORS_FULL` where no more copies of what was refused are kept. */
  assertRoomForCopy(): void {
    const { dir, files, bytes, isFull } = this.held;
    if (!isFull) return;
    throw fault('INGEST_ERRORS_FULL', `${dir} holds ${sized(bytes)} in ${files} files, and takes no copies any more`, {
      hint: 'look through the failed files (get tsd errors), and correct or remove them',
    });
  }

  /** Newest first. */
  failures(limit: number): readonly IngestFailure[] {
    return this.#failures.slice(-Math.max(0, limit)).reverse();
  }

  get last(): IngestFailure | undefined {
    return this.#failures.at(-1);
  }

  /** Moves the file there, durably, and notes why. Throws where the disk does not take it: the file stays. */
  async take(failed: Failed, { dbms, table }: FailedTable, cause: unknown, nowMs: number): Promise<IngestFailure> {
    const error = asFault(cause);
    const name = this.#name('path' in failed ? basename(failed.path) : failed.name, error.code, nowMs);
    const path = join(this.#dir, name);
    const { line } = error.data;
    const failure: IngestFailure = {
      path,
      refused: 'refused' in failed && failed.refused,
      dbms,
      table,
      code: error.code,
      text: error.message,
      line: typeof line === 'number' ? line : undefined,
      time: new Date(nowMs).toISOString(),
    };
    const reportPath = `${path}${failure.refused ? REFUSED_SUFFIX : REPORT_SUFFIX}`;
    await writeFileDurably(reportPath, `${JSON.stringify(failure, undefined, 2)}\n`);
    try {
      if ('path' in failed) await moveDurably(failed.path, path);
      else await writeFileDurably(path, failed.content);
    } catch (caught) {
      // It is tried again under another name: no reason may stay without its file.
      if ((await plainFile(path)) === undefined) await rm(reportPath, { force: true });
      throw caught;
    }
    const bytes = counted('path' in failed ? ((await plainFile(path))?.bytes ?? 0) : failed.content.byteLength);
    this.#lying.set(name, bytes);
    this.#since.set(name, bytes);
    this.#bytes += bytes;
    this.#note(failure);
    this.count += 1;
    this.#log.warn(`a file failed and is in ${path}: ${error.message}`, { code: error.code, dbms, table });
    return failure;
  }

  /** The epoch keeps names apart, so no two failures get the same. */
  #name(name: string, code: string, nowMs: number): string {
    this.#lastEpochMs = Math.max(Math.floor(nowMs), this.#lastEpochMs + 1);
    const zipped = /\.gz$/i.test(name) ? '.gz' : '';
    const bare = name.replace(/\.gz$/i, '').replace(/\.json$/i, '');
    const short =
      Buffer.byteLength(bare) <= NAME_BYTES_MAX
        ? bare
        : Buffer.from(bare)
            .subarray(0, NAME_BYTES_MAX)
            .toString('latin1')
            .replace(/[^\x20-\x7e]/g, '_');
    return `${short}.err_${NUMBERS[code] ?? PROCESS_FAILURE}.${this.#lastEpochMs}.json${zipped}`;
  }

  #note(failure: IngestFailure): void {
    this.#failures.push(failure);
    if (this.#failures.length > FAILURES_LISTED_MAX) forgetOne(this.#failures);
  }

  async #load(): Promise<void> {
    const epoch = (name: string): number => Number(/\.(\d+)\.json/.exec(name)?.[1] ?? 0);
    const names = (await readdir(this.#dir)).filter((name) => name.endsWith(REPORT_SUFFIX));
    this.count = names.length;
    names.sort((a, b) => epoch(a) - epoch(b));
    for (const name of newestOf(names)) {
      try {
        const { line, ...rest } = report.parse(JSON.parse(await readFile(join(this.#dir, name), 'utf8')));
        this.#note({ ...rest, line });
      } catch (caught) {
        this.#log.debug(`${name} is not a report of ours`, { error: textOf(caught) });
      }
    }
  }
}

/** As {@link forgetOne} leaves them, by their names: oldest first. */
const newestOf = (reports: readonly string[]): readonly string[] => {
  const [refused = [], others = []] = [true, false].map((is) =>
    reports.filter((name) => name.endsWith(REFUSED_SUFFIX) === is),
  );
  const kept = new Set(others.slice(-FAILURES_LISTED_MAX));
  const room = FAILURES_LISTED_MAX - kept.size;
  if (room > 0) for (const name of refused.slice(-room)) kept.add(name);
  return reports.filter((name) => kept.has(name));
};

/** The oldest that was refused, or any number of refusals would hide what lies nowhere else; without one the oldest. */
export const forgetOne = (failures: IngestFailure[]): void => {
  failures.splice(
    Math.max(
      failures.findIndex(({ refused }) => refused),
      0,
    ),
    1,
  );
};

/** A small file takes room too, and so does its reason. */
const counted = (bytes: number): number => Math.max(bytes, ERROR_FILE_BYTES_COUNTED);

/** Moves a file; between file systems by a durable copy, so that at any moment it is at one place at least. */
const moveDurably = async (from: string, to: string): Promise<void> => {
  try {
    await rename(from, to);
  } catch (caught) {
    if (systemCode(caught) !== 'EXDEV') throw caught;
    try {
      await copyFile(from, `${to}.new`);
      const handle = await open(`${to}.new`, 'r+');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (failure) {
      await rm(`${to}.new`, { force: true });
      throw failure;
    }
    await rename(`${to}.new`, to);
    await syncDirectory(join(to, '..'));
    await unlink(from);
    return;
  }
  await syncDirectory(join(to, '..'));
};

/** Whether something is a plain file of at most that size; links and devices are none. */
export const plainFile = async (
  path: string,
): Promise<{ readonly bytes: number; readonly mtimeMs: number } | undefined> => {
  try {
    const found = await lstat(path);
    return found.isFile() ? { bytes: found.size, mtimeMs: found.mtimeMs } : undefined;
  } catch (caught) {
    if (systemCode(caught) === 'ENOENT') return undefined;
    throw caught;
  }
};
