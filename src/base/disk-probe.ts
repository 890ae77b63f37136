import { access, constants, type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';

/** Hears `true` when the disk begins to work on something, and `false` when that has ended, also where it failed. */
export type AtDisk = (isAtDisk: boolean) => void;

/** A small file that is written to in order to see how long that takes. */
export interface DiskProbe {
  /**
   * Resolves when some bytes are on the disk, rejects with the system's error. What passes while `atDisk` has not said
   * `true` is no time of the disk: all calls of the process share a few threads, and wait for one. One call at a time.
   */
  write(atDisk: AtDisk): Promise<void>;
  /** To be called when no write is under way. Does not reject. */
  close(): Promise<void>;
}

/** The file `disk.probe` of the directory, opened at the first write and again after one that failed. */
export const diskProbe = (dir: string): DiskProbe => {
  let handle: FileHandle | undefined;
  const close = async (): Promise<void> => {
    const closing = handle;
    handle = undefined;
    // Nothing in the file is of worth.
    await closing?.close().catch(() => {});
  };
  return {
    async write(atDisk) {
      try {
        const flags = constants.O_WRONLY | constants.O_CREAT;
        const file = (handle ??= await inTurn(access(dir), open(join(dir, 'disk.probe'), flags), atDisk));
        await inTurn(file.stat(), file.write('disk', 0), atDisk);
        await inTurn(file.stat(), file.datasync(), atDisk);
      } catch (caught) {
        await close();
        throw caught;
      }
    },
    close,
  };
};

/**
 * `first` needs no disk and was begun just before `work`: the threads take up what waits in its order, so that the one
 * that has done `first` is free for `work`. Begun together, both are also late together where the event loop is busy.
 */
const inTurn = async <T>(first: Promise<unknown>, work: Promise<T>, atDisk: AtDisk): Promise<T> => {
  const begin = (): void => atDisk(true);
  const begun = first.then(begin, begin);
  try {
    return await work;
  } finally {
    await begun;
    atDisk(false);
  }
};
