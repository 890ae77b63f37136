import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, type Clock } from '../base/clock.ts';
import { type DiskHealth, unwatchedDisk } from '../base/disk.ts';
import { fault, hasCode, systemCode, textOf } from '../base/errors.ts';
import { writeFileDurably } from '../base/files.ts';
import { acquire, type Resource } from '../base/lifecycle.ts';
import { silentLogger, type Logger } from '../base/log.ts';
import { systemRandom, type Random } from '../base/random.ts';
import { signingKeyFromSeed } from '../entry/keys.ts';
import { ed25519 } from '../entry/signatures.ts';
import { openDiskStore } from './disk-store.ts';
import { type LedgerIndex, openIndex } from './index.ts';
import type { JournalFiles } from './journal-files.ts';
import { openJournal } from './journal.ts';
import { openStoredLedger, type StoredLedger } from './stored-ledger.ts';

/** Form of the directory: `format`, `journal/`, `index/`. A later program raises it when it writes another. */
const FORMAT = 1;

/** Where a ledger lies, whose it is and what it is given; what is left out is the system's own. */
export interface LedgerOptions {
  /** The ledger's own directory; made where it is missing. */
  readonly dir: string;
  /** Where it was taken before; the ledger closes it then. */
  readonly taken?: TakenDirectory;
  /** The node's key: 32 bytes. */
  readonly seed: Uint8Array;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
  /** Told how writes end. */
  readonly disk?: DiskHealth;
  readonly journalFileBytesMax?: number;
  readonly journalFiles?: JournalFiles;
}

/** The directory of a ledger that no other process may open until this is closed. */
export interface TakenDirectory extends Resource {
  /** Undefined where level cannot open at all. */
  readonly index: LedgerIndex | undefined;
  /** Why it cannot. */
  readonly failure: unknown;
}

const openIndexOf = (dir: string, log: Logger): Promise<LedgerIndex> => openIndex(join(dir, 'index'), log);

/**
 * Takes the directory of a ledger, made where it is missing, before anything beside it is read or changed: its lock is
 * the one that a live node holds. A disk that level cannot open on (full, read-only) has no lock. `LEDGER_DIR_IN_USE`,
 * `LEDGER_FORMAT_NEWER`, `LEDGER_FORMAT_UNKNOWN`, `LEDGER_JOURNAL_UNREADABLE`.
 */
export const takeLedgerDirectory = async (dir: string, log: Logger): Promise<TakenDirectory> => {
  await checkFormat(dir, log);
  try {
    const index = await openIndexOf(dir, log);
    return { index, failure: undefined, close: () => index.close() };
  } catch (caught) {
    if (!hasCode(caught, 'LEDGER_INDEX_FAILED')) throw caught;
    return { index: undefined, failure: caught, close: () => Promise.resolve() };
  }
};

/**
 * Opens the ledger of a directory: the journal, and level as its index. Starts on a full or read-only disk too, for
 * reads. `LEDGER_DIR_IN_USE`, `LEDGER_FORMAT_NEWER`, `LEDGER_FORMAT_UNKNOWN`, `LEDGER_JOURNAL_UNREADABLE`.
 */
export const openLedger = (options: LedgerOptions): Promise<StoredLedger> =>
  acquire(async (stack) => {
    const { dir, seed, clock = systemClock, random = systemRandom, disk = unwatchedDisk } = options;
    const { journalFileBytesMax, journalFiles } = options;
    const log = options.log ?? silentLogger;
    const key = signingKeyFromSeed(seed);
    const { index, failure } = stack.use(options.taken ?? (await takeLedgerDirectory(dir, log)));
    if (index === undefined) {
      disk.failed('ledger index', failure);
      log.warn('the ledger runs without its index: reading the whole journal', { dir, text: textOf(failure) });
    }
    const journal = stack.use(
      await openJournal({
        dir: join(dir, 'journal'),
        log,
        ...(journalFileBytesMax === undefined ? {} : { fileBytesMax: journalFileBytesMax }),
        ...(journalFiles === undefined ? {} : { files: journalFiles }),
      }),
    );
    const store = await openDiskStore({ journal, index, openIndex: () => openIndexOf(dir, log), clock, disk, log });
    return openStoredLedger({ key, clock, random, log, disk, store, useThreadPool: true, signatures: ed25519 });
  });

const checkFormat = async (dir: string, log: Logger): Promise<void> => {
  const path = join(dir, 'format');
  const text = await readFormat(path);
  if (text === undefined) {
    try {
      await writeFileDurably(path, `${FORMAT}\n`);
    } catch (caught) {
      log.warn('cannot write to the ledger directory', { dir, text: textOf(caught) });
    }
    return;
  }
  const format = /^[1-9]\d{0,8}\n?$/.test(text) ? Number(text) : undefined;
  if (format === undefined)
    throw fault(
      'LEDGER_FORMAT_UNKNOWN',
      `${path} should hold a number, and holds ${JSON.stringify(text.slice(0, 32))}`,
      {
        hint: `if the directory is a ledger of format ${FORMAT}, write ${FORMAT} into that file`,
      },
    );
  if (format > FORMAT)
    throw fault('LEDGER_FORMAT_NEWER', `${dir} has format ${format}; this program knows ${FORMAT}`, {
      hint: 'a newer version wrote it: use that version, or another directory',
    });
};

const readFormat = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8');
  } catch (caught) {
    if (systemCode(caught) === 'ENOENT') return undefined;
    throw fault('LEDGER_JOURNAL_UNREADABLE', `cannot read ${path}: ${textOf(caught)}`, { cause: caught });
  }
};
