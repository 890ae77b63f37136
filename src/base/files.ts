import { mkdirSync, statSync } from 'node:fs';
import { mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFault } from './disk.ts';
import { fault, systemCode } from './errors.ts';

/** Flushes a directory, so that names created in it survive a power cut. */
export const syncDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Whether so many bytes are free where the directory lies; true where nobody can say. */
export const hasRoom = (dir: string, bytes: number): Promise<boolean> =>
  statfs(dir).then(
    ({ bavail, bsize }) => bavail * bsize >= bytes,
    () => true,
  );

/** The path itself is at fault, not the disk. */
const NAMES_NO_DIRECTORY: ReadonlySet<string> = new Set(['EEXIST', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP']);

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/**
 * Makes a directory with its parents; returns the levels that were missing, the outermost first. Level by level, and
 * each level at most twice: Node's own recursive form tries for ever where a parent is there and still refuses, as in
 * /proc. That the parent is there tells nothing: another caller may have made it since. A directory that is there is
 * taken as it is.
 */
export const makePath = async (path: string, mode?: number): Promise<readonly string[]> => {
  try {
    return await makeLevel(path, mode);
  } catch (caught) {
    if (systemCode(caught) !== 'ENOENT' || dirname(path) === path) throw caught;
  }
  const above = await makePath(dirname(path), mode);
  return [...above, ...(await makeLevel(path, mode))];
};

const makeLevel = async (path: string, mode: number | undefined): Promise<readonly string[]> => {
  try {
    await mkdir(path, mode);
    return [path];
  } catch (caught) {
    if (await isDirectory(path)) return [];
    throw caught;
  }
};

/** {@link makePath} for threads that may wait. */
export const makePathSync = (path: string): readonly string[] => {
  try {
    return makeLevelSync(path);
  } catch (caught) {
    if (systemCode(caught) !== 'ENOENT' || dirname(path) === path) throw caught;
  }
  const above = makePathSync(dirname(path));
  return [...above, ...makeLevelSync(path)];
};

const makeLevelSync = (path: string): readonly string[] => {
  try {
    mkdirSync(path);
    return [path];
  } catch (caught) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return [];
    throw caught;
  }
};

/** Makes a directory where it is missing; one that is there is taken as it is. `NODE_DIR_UNUSABLE`. */
export const makeDirectory = async (path: string): Promise<void> => {
  try {
    await makePath(path);
  } catch (caught) {
    if (NAMES_NO_DIRECTORY.has(systemCode(caught) ?? ''))
      throw fault('NODE_DIR_UNUSABLE', `${path} is no directory and cannot be made one: ${systemCode(caught)}`, {
        hint: 'name another directory',
        cause: caught,
      });
    throw writeFault('NODE_DIR_UNUSABLE', `the directory ${path} cannot be made`, caught);
  }
};

/** Replaces a file whole or not at all, durable when it resolves: new file, fsync, rename, fsync of the directory. */
export const writeFileDurably = async (
  path: string,
  content: string | Uint8Array,
  options: { readonly mode?: number } = {},
): Promise<void> => {
  for (const level of await makePath(dirname(path))) await syncDirectory(dirname(level));
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
