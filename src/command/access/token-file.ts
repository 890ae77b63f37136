import { chmod, readFile, stat } from 'node:fs/promises';
import { fault, systemCode, textOf } from '../../base/errors.ts';
import { writeFileDurably } from '../../base/files.ts';
import type { Random } from '../../base/random.ts';

const TOKEN_BYTES = 32;
const TOKEN = /^[\w-]{16,256}$/;

/** The token of a node's REST as its file has it; undefined where there is no file that this user may read. */
export const readToken = async (path: string): Promise<string | undefined> => {
  try {
    const token = (await readFile(path, 'utf8')).trim();
    return TOKEN.test(token) ? token : undefined;
  } catch {
    return undefined;
  }
};

/**
 * The token as it is kept, or a new one: where there is none, or where others could have read it. `NODE_DIR_UNUSABLE`.
 */
export const keepToken = async (path: string, random: Random): Promise<string> => {
  try {
    const kept = (await isPrivate(path)) ? await readToken(path) : undefined;
    if (kept !== undefined) return kept;
    const token = Buffer.from(random.bytes(TOKEN_BYTES)).toString('base64url');
    await writeFileDurably(path, `${token}\n`, { mode: 0o600 });
    await chmod(path, 0o600); // whatever was there under the name that it was written to
    return token;
  } catch (caught) {
    throw fault('NODE_DIR_UNUSABLE', `the token of REST cannot be kept in ${path}: ${textOf(caught)}`, {
      hint: 'name a directory that this user may write to: --dir DIR',
      cause: caught,
    });
  }
};

const isPrivate = async (path: string): Promise<boolean> => {
  try {
    return ((await stat(path)).mode & 0o077) === 0;
  } catch (caught) {
    if (systemCode(caught) === 'ENOENT') return false;
    throw caught;
  }
};
