import { existsSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fault, systemCode } from '../../base/errors.ts';
import { syncDirectory, writeFileDurably } from '../../base/files.ts';
import type { Logger } from '../../base/log.ts';
import { hashFile } from '../backup/copy-file.ts';
import { ABOUT_FILE, damaged, INCOMPLETE_MARK, parseAbout, parseSums, SUMS_FILE } from '../backup/manifest.ts';
import type { NodePaths } from '../paths.ts';

/** There until the peers have been asked what this node wrote after the state of the directory. */
const RESTORED_MARK = 'restored.json';
/** There until the operator has taken back its own files, and may number new ones. */
const FILES_MARK = 'restored-files';

/** The mark of a directory that is older than what its node once wrote. */
export interface RestoredMark {
  /** Removes the mark: what the node wrote is back. */
  clear(): Promise<void>;
}

/** The mark of an operator that has not taken back its own files yet; undefined where there is none. */
export const filesMarkOf = (paths: NodePaths): RestoredMark | undefined => markAt(join(paths.state, FILES_MARK));

const markAt = (path: string): RestoredMark | undefined =>
  existsSync(path) ? { clear: () => rm(path, { force: true }) } : undefined;

/** Marks a directory whose operator may have numbered more files than are in it. */
export const markFilesOlder = (paths: NodePaths, about: string): Promise<void> =>
  writeFileDurably(join(paths.state, FILES_MARK), about);

/** Marks a directory whose node may have written more than is in it. */
export const markRestored = async (paths: NodePaths, about: string): Promise<void> => {
  await markFilesOlder(paths, about);
  await writeFileDurably(join(paths.dir, RESTORED_MARK), about);
};

/**
 * Looks whether the directory comes from a backup. One that no node was started in yet is checked against its manifest,
 * then turned into the directory of a restored node. `alone`: the user says that there is nobody to ask.
 * `BACKUP_INCOMPLETE`, `BACKUP_DAMAGED`, `BACKUP_FORMAT_NEWER`.
 */
export const takeRestored = async (
  paths: NodePaths,
  rule: 'ask' | 'alone',
  log: Logger,
): Promise<RestoredMark | undefined> => {
  const { dir } = paths;
  if (existsSync(join(dir, INCOMPLETE_MARK)))
    throw fault('BACKUP_INCOMPLETE', `${dir} is a backup that was broken off: it is not whole`, {
      hint: 'use an older backup; without one, let the node take everything from its peers: holdfast start --recover',
    });
  if (existsSync(join(dir, ABOUT_FILE))) {
    const about = await readFile(join(dir, ABOUT_FILE), 'utf8');
    const { time, sums, files } = parseAbout(about);
    log.info(`checking the backup of ${time}: ${files} files`);
    await checkFiles(dir, sums, log);
    await markFilesOlder(paths, about);
    await rename(join(dir, ABOUT_FILE), join(dir, RESTORED_MARK));
    await syncDirectory(dir);
    await rm(join(dir, SUMS_FILE), { force: true });
  }
  const [mark, files] = [markAt(join(dir, RESTORED_MARK)), filesMarkOf(paths)];
  // The files may be waited for when the entries are no more: of an operator that is gone for good, its node known or
  // not.
  if (rule === 'ask' || (mark === undefined && files === undefined)) return mark;
  log.warn('restored and told to be alone: numbers of what was written and is not here may be used again');
  await files?.clear();
  await mark?.clear();
  return undefined;
};

const checkFiles = async (dir: string, sumsHash: string, log: Logger): Promise<void> => {
  const hash = await hashOf(join(dir, SUMS_FILE));
  if (hash !== sumsHash) throw damaged(`${SUMS_FILE} is not as it was written`);
  for (const [path, expected] of parseSums(await readFile(join(dir, SUMS_FILE), 'utf8'))) {
    if ((await hashOf(join(dir, path))) === expected) continue;
    if (!path.startsWith('data/archive/')) throw damaged(`${path} is missing, or not as it was written`);
    log.warn(`the archived file ${path} is damaged or missing: it is made again from its rows where it is wanted`);
    await rm(join(dir, path), { force: true });
  }
};

/** Undefined for a file that is missing. */
const hashOf = async (path: string): Promise<string | undefined> => {
  try {
    return (await hashFile(path)).sha256;
  } catch (caught) {
    if (systemCode(caught) === 'ENOENT') return undefined;
    throw caught;
  }
};
