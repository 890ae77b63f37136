import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemCode, textOf } from '../../base/errors.ts';
import { makePathSync } from '../../base/files.ts';
import { BACKUP_SMALL_BYTES } from '../../base/limits.ts';
import type { ReadDatabases } from '../../sqlite/sqlite.ts';

/** `missing`: it is there no more, or was given another name. `large`: not copied here. */
type CopyOutcome =
  | { readonly is: 'copied'; readonly sha256: string; readonly bytes: number }
  | { readonly is: 'missing' | 'large' }
  | { readonly is: 'failed'; readonly code: string | undefined; readonly text: string };

/**
 * Copies small files under the same paths below another directory, and hashes them, up to the first that fails. In a
 * SQLite reader, as the archive itself is written: as asynchronous calls each costs the event loop ten times as much.
 * As there, nothing is flushed.
 */
const copyFiles = (_: ReadDatabases, from: string, to: string, paths: readonly string[]): readonly CopyOutcome[] => {
  const outcomes: CopyOutcome[] = [];
  for (const path of paths) {
    try {
      outcomes.push(copyOne(join(from, path), join(to, path)));
    } catch (caught) {
      outcomes.push({ is: 'failed', code: systemCode(caught), text: textOf(caught) });
      break;
    }
  }
  return outcomes;
};

const copyOne = (from: string, to: string): CopyOutcome => {
  const content = readSmall(from);
  if (typeof content === 'string') return { is: content };
  try {
    writeFileSync(to, content, { flag: 'wx', mode: 0o644 });
  } catch (caught) {
    if (systemCode(caught) !== 'ENOENT') throw caught;
    makePathSync(dirname(to));
    writeFileSync(to, content, { flag: 'wx', mode: 0o644 });
  }
  return { is: 'copied', sha256: createHash('sha256').update(content).digest('hex'), bytes: content.byteLength };
};

const readSmall = (path: string): Buffer | 'missing' | 'large' => {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (caught) {
    if (systemCode(caught) === 'ENOENT') return 'missing';
    throw caught;
  }
  try {
    return fstatSync(file).size > BACKUP_SMALL_BYTES ? 'large' : readFileSync(file);
  } finally {
    closeSync(file);
  }
};

/** How many bytes files have together; one that is missing has none. */
const sumBytes = (_: ReadDatabases, dir: string, paths: readonly string[]): number =>
  paths.reduce((sum, path) => sum + (statSync(join(dir, path), { throwIfNoEntry: false })?.size ?? 0), 0);

/**
 * Run in the reader threads.
 * @public The thread looks for it by this name.
 */
export const procedures = { copyFiles, sumBytes };

/** Copies small files, in a reader thread. */
export const copying = { module: import.meta.url, procedures };
