import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFault } from './disk.ts';

/** Flushes a directory, so that names created in it survive a power cut. */
export const syncDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Makes a directory where it is missing; one that is there is taken as it is. `NODE_DIR_UNUSABLE`. */
export const makeDirectory = async (path: string): Promise<void> => {
  try {
    await mkdir(path, { recursive: true });
  } catch (caught) {
    throw writeFault('NODE_DIR_UNUSABLE', `the directory ${path} cannot be made`, caught);
  }
};

/** Replaces a file whole or not at all, durable when it resolves: new file, fsync, rename, fsync of the directory. */
export const writeFileDurably = async (
  path: string,
  content: string | Uint8Array,
  options: { readonly mode?: number } = {},
): Promise<void> => {
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.new`;
  const handle = await open(fresh, 'w', options.mode ?? 0o644);
  try {
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, path);
  } catch (caught) {
    await rm(fresh, { force: true }).catch(() => {});
    throw caught;
  }
  await syncDirectory(dirname(path));
};
