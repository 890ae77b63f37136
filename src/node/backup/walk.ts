import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../base/errors.ts';
import { BACKUP_BATCH_FILES } from '../../base/limits.ts';

/**
 * The files below a directory, some hundred at a time and each list of one folder, by their paths relative to it;
 * nothing where it is not there. A folder may hold hundreds of thousands, so that never all names are in memory.
 */
export const walkFiles = async function* (dir: string): AsyncGenerator<readonly string[]> {
  for await (const { folder, files } of walk(dir)) if (files.length > 0) yield files.map((name) => join(folder, name));
};

/** A directory and all below it. */
export const walkFolders = async function* (dir: string): AsyncGenerator<string> {
  let last: string | undefined;
  for await (const { folder } of walk(dir)) {
    if (folder !== last) yield join(dir, folder);
    last = folder;
  }
};

/** Each folder at least once. */
const walk = async function* (
  dir: string,
): AsyncGenerator<{ readonly folder: string; readonly files: readonly string[] }> {
  const open = [''];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    let files: string[] = [];
    try {
      for await (const entry of await opendir(join(dir, folder), { bufferSize: BACKUP_BATCH_FILES })) {
        if (entry.isDirectory()) open.push(join(folder, entry.name));
        else if (entry.isFile()) files.push(entry.name);
        if (files.length < BACKUP_BATCH_FILES) continue;
        yield { folder, files };
        files = [];
      }
    } catch (caught) {
      if (systemCode(caught) !== 'ENOENT') throw caught;
    }
    yield { folder, files };
  }
};
