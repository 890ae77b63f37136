import { type JournalFiles, systemJournalFiles } from '../../src/ledger/journal-files.ts';

/**
 * How the disk fails: before the first byte, after half of them, after all (a sync that fails), or on any change of a
 * file.
 */
export type DiskFault = 'full' | 'torn' | 'sync' | 'read-only';

export interface FailingJournalFiles extends JournalFiles {
  /** Undefined: the disk works. */
  fault: DiskFault | undefined;
  /** Writes that ended with a failure. */
  readonly failures: number;
}

const failure = (code: string): Error => Object.assign(new Error(`${code}: made by the test`), { code });

/** The real files of a journal on a disk that fails when it is told to. */
export const createFailingJournalFiles = (): FailingJournalFiles => {
  let failures = 0;
  const refuseWhere = (isRefused: boolean, code: string): void => {
    if (!isRefused) return;
    failures += 1;
    throw failure(code);
  };
  const files: FailingJournalFiles = {
    ...systemJournalFiles,
    fault: undefined,
    get failures() {
      return failures;
    },
    async open(path, how) {
      refuseWhere(files.fault === 'read-only' && how !== 'read', 'EROFS');
      return systemJournalFiles.open(path, how);
    },
    async write(handle, bytes, at) {
      refuseWhere(files.fault === 'read-only', 'EROFS');
      refuseWhere(files.fault === 'full', 'ENOSPC');
      const { fault } = files;
      if (fault === undefined) return systemJournalFiles.write(handle, bytes, at);
      await systemJournalFiles.write(handle, fault === 'torn' ? bytes.subarray(0, bytes.byteLength >> 1) : bytes, at);
      refuseWhere(true, 'EIO');
      return 0;
    },
    async truncate(handle, bytes) {
      refuseWhere(files.fault === 'read-only', 'EROFS');
      await systemJournalFiles.truncate(handle, bytes);
    },
    async remove(path) {
      refuseWhere(files.fault === 'read-only', 'EROFS');
      await systemJournalFiles.remove(path);
    },
    async rename(from, to) {
      refuseWhere(files.fault === 'read-only', 'EROFS');
      await systemJournalFiles.rename(from, to);
    },
    async syncDirectory(dir) {
      refuseWhere(files.fault === 'sync', 'EIO');
      await systemJournalFiles.syncDirectory(dir);
    },
  };
  return files;
};
