import { fault, type HoldfastError } from '../base/errors.ts';
import type { JournalFiles } from './journal-files.ts';
import { decodeLine, linesOf, NEWLINE } from './journal-line.ts';
import { readBytes } from './journal-reads.ts';

/** What was appended is read back after a failure, the newest so much of it. */
const READ_BACK_BYTES_MAX = 1_048_576;

/** The last file of a journal, as whoever appends to it knows it. */
export interface Tail {
  readonly path: string;
  readonly handle: number;
  /** Just after the last line that was acknowledged. */
  readonly end: number;
}

/** What was acknowledged is not there any more. */
const journalChanged = (path: string, what: string): HoldfastError =>
  fault('LEDGER_JOURNAL_CHANGED', `${path} is not as it was written: ${what}`, {
    data: { file: path },
    hint: 'check the disk, then start the node again: it takes back from its peers what is missing',
  });

/** What lies behind the end is not ours: no lock kept another process out, and what that wrote must not be lost. */
export const journalInUse = (path: string): HoldfastError =>
  fault('LEDGER_DIR_IN_USE', `another running node writes to ${path}: this one writes nothing more`, {
    data: { file: path },
    hint: 'stop one of the two, then start the other again; a second node needs a directory and a key of its own',
  });

/**
 * Looks whether the last line ends where it should, and whether nothing but zeros follows up to `to`; returns where the
 * file ends, `to` at most. `LEDGER_JOURNAL_CHANGED`, `LEDGER_DIR_IN_USE`.
 */
export const checkTail = async (files: JournalFiles, { path, handle, end }: Tail, to: number): Promise<number> => {
  const from = Math.max(0, end - 1);
  const found = await readBytes(files, handle, from, to);
  if (end > 0 && found[0] !== NEWLINE) throw journalChanged(path, `no line ends at ${end}`);
  if (found.subarray(end - from).some((byte) => byte !== 0)) throw journalInUse(path);
  return from + found.byteLength;
};

/**
 * After a failed write: of what lies behind the end, each byte is a zero or of what was to be written there.
 * `LEDGER_DIR_IN_USE`.
 */
export const checkRefused = async (
  files: JournalFiles,
  { path, handle, end }: Tail,
  unacknowledged: Buffer,
): Promise<void> => {
  const left = await readBytes(files, handle, end, await files.size(handle));
  if (left.some((byte, at) => byte !== 0 && byte !== unacknowledged[at])) throw journalInUse(path);
};

/**
 * Everything acknowledged is there and whole, as far as it was appended since the file was last read, up to
 * `checkedTo`. `LEDGER_JOURNAL_CHANGED`.
 */
export const readBack = async (files: JournalFiles, { path, handle, end }: Tail, checkedTo: number): Promise<void> => {
  const size = await files.size(handle);
  if (size < end) throw journalChanged(path, `${end} bytes of it were acknowledged, and it has ${size}`);
  const from = Math.max(checkedTo, end - READ_BACK_BYTES_MAX);
  const bytes = await readBytes(files, handle, from, end);
  if (end > 0 && end > from && bytes.at(-1) !== NEWLINE) throw journalChanged(path, 'its last line is not whole');
  // The first bytes may be the end of a longer line.
  const first = from === checkedTo ? 0 : bytes.indexOf(NEWLINE) + 1;
  for (const { offset, line } of linesOf(bytes.subarray(first)))
    if (decodeLine(line) === undefined) throw journalChanged(path, `the line at ${from + first + offset} is damaged`);
};
