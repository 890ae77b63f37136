import { join } from 'node:path';
import { systemCode, textOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { sha256Hex } from '../codec/hash.ts';
import type { JournalFiles, Position } from './journal-files.ts';
import { NEWLINE } from './journal-line.ts';

/** A line as it is to be from now on: without its newline, as long as the one that is there. */
export interface Overwrite {
  readonly position: Position;
  readonly line: Buffer;
}

/** Where the journal lies, and how its files are reached by their numbers. */
export interface OverwritePorts {
  readonly dir: string;
  readonly files: JournalFiles;
  readonly log: Logger;
  path(file: number): string;
}

/** What is to be overwritten, kept beside the journal until it is done. */
const INTENT_NAME = 'erasing';
const HASH_DIGITS = 64;

/**
 * Replaces lines in place, so that the bytes that were there are gone from the disk. What is to be done is written down
 * first, durably, and done again at the next start where a crash came between: a line that is half old and half new is
 * never all there is. Throws what the disk says.
 */
export const overwriteLines = async (ports: OverwritePorts, changes: readonly Overwrite[]): Promise<void> => {
  await finishOverwrites(ports);
  if (changes.length === 0) return;
  await writeIntent(ports, changes);
  await finishOverwrites(ports);
};

/** Does what an intent says that is still there, then forgets it. */
const finishOverwrites = async (ports: OverwritePorts): Promise<void> => {
  const { dir, files, log } = ports;
  const intent = await readIntent(ports);
  if (intent === undefined) return;
  for (const change of intent) {
    const path = ports.path(change.position.file);
    const handle = await files.open(path, 'write');
    try {
      if (await isSameEntry(files, handle, change)) await writeAll(files, handle, change.line, change.position.offset);
      else log.warn('the line to be erased is not in its place', { file: path, offset: change.position.offset });
      await files.sync(handle);
    } finally {
      await files.close(handle);
    }
  }
  await files.remove(join(dir, INTENT_NAME));
  await files.syncDirectory(dir);
};

/** The same, where a disk that cannot do it now is left alone. */
export const tryToFinishOverwrites = async (ports: OverwritePorts): Promise<void> => {
  try {
    await finishOverwrites(ports);
  } catch (caught) {
    ports.log.warn('an erasure that was broken off cannot be finished now', { dir: ports.dir, text: textOf(caught) });
  }
};

/** Header and signature are never overwritten by anything else than themselves: they say whether it is the line. */
const isSameEntry = async (files: JournalFiles, handle: number, { position, line }: Overwrite): Promise<boolean> => {
  const kept = line.indexOf('\t', line.indexOf('\t') + 1) + 1;
  const found = await readAll(files, handle, position.offset, position.length);
  return (
    line.byteLength === position.length - 1 &&
    found.byteLength === position.length &&
    found.at(-1) === NEWLINE &&
    found.subarray(0, kept).equals(line.subarray(0, kept))
  );
};

/** First line: SHA-256 of the rest; then where each line lies, as JSON; then the lines. */
const writeIntent = async ({ dir, files }: OverwritePorts, changes: readonly Overwrite[]): Promise<void> => {
  const places = JSON.stringify(changes.map(({ position: { file, offset, length } }) => [file, offset, length]));
  const rest = Buffer.concat([Buffer.from(places), ...changes.flatMap(({ line }) => [Buffer.of(NEWLINE), line])]);
  const bytes = Buffer.concat([Buffer.from(`${sha256Hex(rest)}\n`), rest]);
  const handle = await files.open(join(dir, INTENT_NAME), 'create');
  try {
    await writeAll(files, handle, bytes, 0);
    await files.sync(handle);
  } finally {
    await files.close(handle);
  }
  await files.syncDirectory(dir);
};

/** Undefined where there is none. One that is not whole is removed: nothing of it was begun. */
const readIntent = async ({ dir, files, log }: OverwritePorts): Promise<readonly Overwrite[] | undefined> => {
  const path = join(dir, INTENT_NAME);
  const bytes = await readFileIfThere(files, path);
  if (bytes === undefined) return undefined;
  const rest = bytes.subarray(HASH_DIGITS + 1);
  if (bytes.toString('latin1', 0, HASH_DIGITS) !== sha256Hex(rest)) {
    log.warn('an erasure was broken off before it began', { file: path });
    await files.remove(path);
    return undefined;
  }
  const [places = '', ...lines] = rest.toString('latin1').split('\n');
  // Its hash holds: it is as it was written above.
  const positions = JSON.parse(places) as readonly (readonly [number, number, number])[];
  return positions.map(([file, offset, length], at) => ({
    position: { file, offset, length },
    line: Buffer.from(lines[at] ?? '', 'latin1'),
  }));
};

const readFileIfThere = async (files: JournalFiles, path: string): Promise<Buffer | undefined> => {
  let handle: number;
  try {
    handle = await files.open(path, 'read');
  } catch (caught) {
    if (systemCode(caught) === 'ENOENT') return undefined;
    throw caught;
  }
  try {
    return await readAll(files, handle, 0, await files.size(handle));
  } finally {
    await files.close(handle);
  }
};

const readAll = async (files: JournalFiles, handle: number, from: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.alloc(length);
  let done = 0;
  for (let count = 1; count > 0 && done < length; done += count)
    count = await files.read(handle, bytes.subarray(done), from + done);
  return bytes.subarray(0, done);
};

const writeAll = async (files: JournalFiles, handle: number, bytes: Buffer, at: number): Promise<void> => {
  for (let done = 0; done < bytes.byteLength;) done += await files.write(handle, bytes.subarray(done), at + done);
};
