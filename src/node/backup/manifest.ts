import { z } from 'zod';
import { fault } from '../../base/errors.ts';
import { hash } from '../../codec/fields.ts';

/** There as long as a backup is being made, or was broken off. */
export const INCOMPLETE_MARK = 'backup.incomplete';
/** Written last: a directory that has it is a whole backup that no node was started in. */
export const ABOUT_FILE = 'backup.json';
/** SHA-256 of each file, in the form that `sha256sum -c` reads. */
export const SUMS_FILE = 'SHA256SUMS';

const FORMAT = 1;
const aboutSchema = z.object({
  format: z.number(),
  /** Of the program that made it. */
  version: z.string(),
  /** ISO date. */
  time: z.string(),
  /** Public key and name of the node; id of its network. */
  node: hash,
  name: z.string(),
  network: hash.nullable(),
  files: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  /** SHA-256 of `SHA256SUMS`. */
  sums: hash,
});
/** What a backup says of itself. */
export type About = z.infer<typeof aboutSchema>;

/** What a backup says of itself, as JSON with a line feed. */
export const formatAbout = (about: Omit<About, 'format'>): string =>
  `${JSON.stringify({ format: FORMAT, ...about }, undefined, 2)}\n`;

/** Throws `BACKUP_DAMAGED`, `BACKUP_FORMAT_NEWER`. */
export const parseAbout = (text: string): About => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (caught) {
    throw damaged(`${ABOUT_FILE} is no JSON`, caught);
  }
  const parsed = aboutSchema.safeParse(value);
  if (!parsed.success) throw damaged(`${ABOUT_FILE}: ${z.prettifyError(parsed.error)}`);
  if (parsed.data.format > FORMAT)
    throw fault('BACKUP_FORMAT_NEWER', `the backup has format ${parsed.data.format}; this program knows ${FORMAT}`, {
      hint: 'restore it with the version that made it, or a later one',
    });
  return parsed.data;
};

/** SHA-256 by path relative to the backup, with `/`. */
type Sums = ReadonlyMap<string, string>;

const LINE = /^([0-9a-f]{64}) {2}(.+)$/;

/** One line. Throws `BACKUP_NAME` for a path that does not fit it. */
export const sumLine = (path: string, sha256: string): string => {
  if (/[\p{Cc}\\]/u.test(path)) throw fault('BACKUP_NAME', `${JSON.stringify(path)} cannot stand in ${SUMS_FILE}`);
  return `${sha256}  ${path}\n`;
};

/** Throws `BACKUP_DAMAGED`; a path that leads out of the backup is one. */
export const parseSums = (text: string): Sums => {
  const sums = new Map<string, string>();
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, sha256, path] = LINE.exec(line) ?? [];
    if (sha256 === undefined || path === undefined || path.startsWith('/') || path.split('/').includes('..'))
      throw damaged(`${SUMS_FILE} has a line that is none: ${line.slice(0, 200)}`);
    sums.set(path, sha256);
  }
  return sums;
};

/** `BACKUP_DAMAGED`; `text` says what is wrong, for people. */
export const damaged = (text: string, cause?: unknown): Error =>
  fault('BACKUP_DAMAGED', `the backup is damaged: ${text}`, {
    hint: 'use another copy of it; without one, let the node take everything from its peers: holdfast start --recover',
    cause,
  });
