import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../base/errors.ts';
import { JOURNAL_LINE_BYTES_MAX, NEWLINE } from './journal-line.ts';

/** A file of a ledger as it is to be copied. */
export interface LedgerFile {
  /** Relative to the ledger's directory. */
  readonly path: string;
  /** From its begin; the file may be longer by what is being written. */
  readonly bytes: number;
}

/** Where what follows from bodies that were dropped is kept, in the ledger's directory. */
export const STATES_DIRECTORY = 'states';
/** The name of a file in there: the hash of the snapshot that it belongs to, which is the one group. */
export const STATE_FILE = /^([0-9a-f]{64})\.state$/;

/**
 * The files that a copy of a ledger consists of, while it is written: the journal only grows, so whole lines from its
 * begin are the ledger as it was a moment ago. The index is left out; it is made anew from the journal. Nothing must be
 * dropped or fetched back meanwhile.
 */
export const ledgerFiles = async (dir: string): Promise<readonly LedgerFile[]> => {
  const format = await readFile(join(dir, 'format'));
  const names = (await readdir(join(dir, 'journal'))).filter((name) => /^\d{8}\.journal$/.test(name)).sort();
  const files: LedgerFile[] = [{ path: 'format', bytes: format.byteLength }];
  for (const name of names) {
    const path = join('journal', name);
    files.push({ path, bytes: await wholeLines(join(dir, path)) });
  }
  for (const name of await stateFiles(dir)) {
    const path = join(STATES_DIRECTORY, name);
    files.push({ path, bytes: (await stat(join(dir, path))).size });
  }
  return files;
};

/** Names of what is kept since bodies were dropped. */
export const stateFiles = async (dir: string): Promise<readonly string[]> => {
  try {
    return (await readdir(join(dir, STATES_DIRECTORY))).filter((name) => STATE_FILE.test(name)).sort();
  } catch (caught) {
    if (systemCode(caught) === 'ENOENT') return [];
    throw caught;
  }
};

/**
 * Length of a file up to the end of its last complete line; behind it there may be zeros, and a line that is being
 * written.
 */
const wholeLines = async (path: string): Promise<number> => {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    for (let end = size; end > 0;) {
      const tail = Buffer.alloc(Math.min(end, JOURNAL_LINE_BYTES_MAX));
      const from = end - tail.byteLength;
      const { bytesRead } = await handle.read(tail, 0, tail.byteLength, from);
      const newline = tail.subarray(0, bytesRead).lastIndexOf(NEWLINE);
      if (newline !== -1) return from + newline + 1;
      end = from;
    }
    return 0;
  } finally {
    await handle.close();
  }
};
