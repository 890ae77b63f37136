import { asFault, systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { JournalFiles, Position } from './journal-files.ts';

/** A line that takes the place of another, of any length; its newline included. */
export interface Replacement {
  readonly position: Position;
  readonly line: Buffer;
}

/** A file of the journal that is not appended to any more. */
export interface SealedFile {
  readonly path: string;
  readonly handle: number;
  readonly bytes: number;
}

const COPY_BYTES = 1_048_576;
/** What was being written when a crash came is of no use. */
const REWRITE_SUFFIX = '.new';

/**
 * Writes a file anew with other lines in the place of some, in the order of their offsets, and puts it in the place of
 * the old one: new file, sync, `beforeSwap`, rename. A crash leaves the old file or the new one, whole; which, is
 * certain once the directory is synced. Resolves with the new length.
 */
export const rewriteFile = async (
  files: JournalFiles,
  { path, handle: from, bytes }: SealedFile,
  replacements: readonly Replacement[],
  beforeSwap: () => Promise<void>,
): Promise<number> => {
  const fresh = `${path}${REWRITE_SUFFIX}`;
  await removeIfThere(files, fresh);
  const to = await files.open(fresh, 'create');
  let end = 0;
  try {
    const put = async (piece: Buffer): Promise<void> => {
      for (let done = 0; done < piece.byteLength;)
        done += await files.write(to, done === 0 ? piece : piece.subarray(done), end + done);
      end += piece.byteLength;
    };
    const gathered = gather(put);
    let at = 0;
    for (const { position, line } of replacements) {
      await copy(files, from, at, position.offset, gathered.add);
      await gathered.add(line);
      at = position.offset + position.length;
    }
    await copy(files, from, at, bytes, gathered.add);
    await gathered.flush();
    await files.sync(to);
  } catch (caught) {
    await files.close(to).catch(() => {});
    await removeIfThere(files, fresh).catch(() => {});
    throw caught;
  }
  await files.close(to);
  try {
    await beforeSwap();
    await files.rename(fresh, path);
  } catch (caught) {
    await removeIfThere(files, fresh).catch(() => {});
    throw caught;
  }
  return end;
};

/** Removes what a crash has left of a rewriting. A disk that cannot do it now is left alone. */
export const removeLeftovers = async (files: JournalFiles, dir: string, log: Logger): Promise<void> => {
  for (const { name } of await files.list(dir)) {
    if (!name.endsWith(`.journal${REWRITE_SUFFIX}`)) continue;
    await files.remove(`${dir}/${name}`).catch((caught: unknown) => {
      log.warn('the rest of a file that was being rewritten cannot be removed now', {
        file: name,
        text: asFault(caught).message,
      });
    });
  }
};

const removeIfThere = async (files: JournalFiles, path: string): Promise<void> => {
  try {
    await files.remove(path);
  } catch (caught) {
    if (systemCode(caught) !== 'ENOENT') throw caught;
  }
};

/** Small pieces are written together: each write is synced. */
const gather = (put: (piece: Buffer) => Promise<void>) => {
  let pieces: Buffer[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    const all = Buffer.concat(pieces);
    pieces = [];
    bytes = 0;
    await put(all);
  };
  const add = async (piece: Buffer): Promise<void> => {
    pieces.push(piece);
    bytes += piece.byteLength;
    if (bytes >= COPY_BYTES) await flush();
  };
  return { add, flush };
};

const copy = async (
  files: JournalFiles,
  handle: number,
  from: number,
  to: number,
  put: (piece: Buffer) => Promise<void>,
): Promise<void> => {
  for (let at = from; at < to;) {
    const piece = Buffer.allocUnsafe(Math.min(COPY_BYTES, to - at));
    const count = await files.read(handle, piece, at);
    if (count === 0) throw new Error(`the file ends at ${at}, and has ${to} bytes`);
    await put(piece.subarray(0, count));
    at += count;
  }
};
