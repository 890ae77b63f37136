import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** What SQLite says of a log (WAL), by the index that the threads of a process share. */
export interface LogState {
  /** So many are committed in it. */
  readonly frames: number;
  /** So many of them are in the database file. */
  readonly inFile: number;
  readonly pageBytes: number;
}

/** The last frame of a log, at a moment at which nobody wrote. */
export interface LogTip {
  readonly salt: string;
  /** Where it begins, in bytes. */
  readonly at: number;
  readonly frame: Buffer;
}

/** `short`: it ends before its last frame; `holed`: it was short, and has been written on since behind what lacks. */
export type LogCut = 'short' | 'holed';

// https://sqlite.org/fileformat2.html#walformat
const HEADER_BYTES = 32;
const SALT = [16, 24] as const;
const FRAME_HEADER_BYTES = 24;

/** Undefined where it cannot be read: what a transaction did stands, whether we can look at it or not. */
const withLog = <T>(path: string, work: (handle: number) => T): T | undefined => {
  let handle: number | undefined;
  try {
    handle = openSync(path, 'r');
    return work(handle);
  } catch {
    return undefined;
  } finally {
    // This costs SQLite no lock: it has none on the log itself.
    if (handle !== undefined) closeSync(handle);
  }
};

/** The bytes that are there of those asked for. */
const readAt = (handle: number, at: number, bytes: number): Buffer => {
  const buffer = Buffer.allocUnsafe(bytes);
  return buffer.subarray(0, readSync(handle, buffer, 0, bytes, at));
};

const saltOf = (handle: number): string => readAt(handle, 0, HEADER_BYTES).toString('hex', ...SALT);

const endOf = ({ frames, pageBytes }: LogState): number => HEADER_BYTES + frames * (FRAME_HEADER_BYTES + pageBytes);

/** The last frame; undefined where there is none. */
export const tipOfLog = (path: string, state: LogState): LogTip | undefined => {
  const at = endOf(state) - FRAME_HEADER_BYTES - state.pageBytes;
  if (state.frames === 0) return undefined;
  return withLog(path, (handle) => ({
    salt: saltOf(handle),
    at,
    frame: readAt(handle, at, FRAME_HEADER_BYTES + state.pageBytes),
  }));
};

/**
 * Whether a log was cut short, and how; not of one that is gone. SQLite writes a log from its begin to its end, and
 * again from its begin, under another salt, once all of it is in the database file. So what was its last frame at an
 * earlier moment is there still, or the salt is another.
 */
export const cutOfLog = (path: string, state: LogState, earlier: LogTip | undefined): LogCut | undefined =>
  withLog(path, (handle) => {
    if (state.frames > 0 && fstatSync(handle).size < endOf(state)) return 'short';
    if (state.frames === 0 || earlier === undefined) return undefined;
    const salt = saltOf(handle);
    const isBegunAnew = salt !== earlier.salt && salt !== NO_SALT;
    return isBegunAnew || readAt(handle, earlier.at, earlier.frame.byteLength).equals(earlier.frame)
      ? undefined
      : 'holed';
  });

/** Of a log that was cut to nothing and has been written on since. */
const NO_SALT = '00'.repeat(SALT[1] - SALT[0]);
