import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { systemCode, textOf } from '../../base/errors.ts';
import { makePathSync } from '../../base/files.ts';
import { FILE_BYTES_MAX } from '../../base/limits.ts';
import { unzipSync } from '../../base/unzip.ts';
import { sha256Hex } from '../../codec/hash.ts';
import type { ReadDatabases } from '../../sqlite/sqlite.ts';

/** A file of the archive: its path below it, and its content before packing. */
interface ArchiveFile {
  readonly path: string;
  readonly content: Uint8Array;
}

/** A file that is to be read from the archive; no other content is taken for it. */
export interface WantedFile {
  /** Where it may lie, in this order. */
  readonly paths: readonly string[];
  /** SHA-256 of the content. */
  readonly digest: string;
}

/** Where a file of the archive is read from. */
export interface ArchivePlace extends WantedFile {
  readonly dir: string;
}

/** What deflate sets up costs more than packing a kilobyte, so it is set up as small as the content allows. */
const settings = (bytes: number): { level: number; windowBits: number; memLevel: number } => ({
  level: constants.Z_BEST_SPEED,
  windowBits: Math.min(15, Math.max(9, Math.ceil(Math.log2(bytes + 1)))),
  memLevel: bytes <= 8_192 ? 4 : 8,
});

/**
 * Packs and writes small files; returns what went wrong. In a SQLite reader, not for its databases: there is no other
 * thread, and a thousand small files take a tenth there of what they take as asynchronous calls of the event loop.
 */
const writeFiles = (_: ReadDatabases, dir: string, files: readonly ArchiveFile[]): readonly string[] => {
  const problems: string[] = [];
  for (const { path, content } of files) {
    try {
      writeOne(join(dir, path), gzipSync(content, settings(content.byteLength)));
    } catch (caught) {
      problems.push(`${path}: ${textOf(caught)}`);
    }
  }
  return problems;
};

const writeOne = (path: string, packed: Uint8Array): void => {
  try {
    writeFileSync(path, packed);
  } catch (caught) {
    if (systemCode(caught) !== 'ENOENT') throw caught;
    makePathSync(dirname(path));
    writeFileSync(path, packed);
  }
};

/** Reads, unpacks and checks one file; undefined where it is not there, or not whole. */
export const readPlace = ({ dir, paths, digest }: ArchivePlace): Uint8Array | undefined => {
  for (const path of paths) {
    try {
      const content = unzipSync(readFileSync(join(dir, path)), FILE_BYTES_MAX);
      if (sha256Hex(content) === digest) return content;
    } catch {
      // Lost or damaged: it is made from the rows.
    }
  }
  return undefined;
};

/** Reads, unpacks and checks small files. */
const readFiles = (_: ReadDatabases, dir: string, files: readonly WantedFile[]): readonly (Uint8Array | undefined)[] =>
  files.map((file) => readPlace({ dir, ...file }));

/**
 * Run in the reader threads.
 * @public The thread looks for it by this name.
 */
export const procedures = { writeFiles, readFiles };

/** Reads and writes small files of the archive, in a reader thread. */
export const archiving = { module: import.meta.url, procedures };
