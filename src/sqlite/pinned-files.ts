import { closeSync, openSync } from 'node:fs';
import { SQLITE_PINNED_MAX } from '../base/limits.ts';

/**
 * Linux alone: names a file and opens nothing of it. To close a file that was opened otherwise would end the locks that
 * SQLite has on it in this process. https://man7.org/linux/man-pages/man2/open.2.html
 */
const O_PATH = 0o10000000;

/**
 * Pins files, so that what takes the place of one has another device and inode: a file system gives those of a deleted
 * file to the next one. Only Linux can; elsewhere a file is held for as long as somebody has it open.
 */
export class PinnedFiles {
  #handles: readonly number[] = [];

  /** Pins the first of the files that are under these paths now, and only then lets go of those pinned so far. */
  pin(paths: readonly string[]): void {
    const before = this.#handles;
    this.#handles = process.platform === 'linux' ? paths.slice(0, SQLITE_PINNED_MAX).flatMap(handleOf) : [];
    for (const handle of before) closeSync(handle);
  }
}

/** None where it is gone, or the process has too many files open: then it is as elsewhere. */
const handleOf = (path: string): readonly number[] => {
  try {
    return [openSync(path, O_PATH)];
  } catch {
    return [];
  }
};
