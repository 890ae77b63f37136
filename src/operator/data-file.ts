import { open } from 'node:fs/promises';
import { fault, systemCode, textOf } from '../base/errors.ts';
import { FILE_BYTES_MAX } from '../base/limits.ts';
import { unzip } from '../base/unzip.ts';
import { SMALL_BYTES } from './contents.ts';
import { plainFile } from './error-directory.ts';

/** What tells whether a file has changed. */
export interface Look {
  readonly bytes: number;
  readonly mtimeMs: number;
}

/** Whether the file has not changed between two looks; not where there was no look before. */
export const isSame = (a: Look, b: Look | undefined): boolean => a.bytes === b?.bytes && a.mtimeMs === b.mtimeMs;

const oversize = (what: string): Error =>
  fault('INGEST_FILE_BYTES', `${what} more than ${FILE_BYTES_MAX} bytes`, { hint: 'split it into several files' });

/**
 * The first bytes of a file; large ones in memory that threads share, as the store wants them: no second copy is made
 * there.
 */
const readPlain = async (path: string, bytes: number): Promise<Buffer> => {
  const content = bytes > SMALL_BYTES ? Buffer.from(new SharedArrayBuffer(bytes)) : Buffer.alloc(bytes);
  await using file = await open(path);
  for (let at = 0; at < bytes;) {
    const { bytesRead } = await file.read(content, at, bytes - at, at);
    if (bytesRead === 0) return content.subarray(0, at);
    at += bytesRead;
  }
  return content;
};

/** The content of a data file, unpacked within the bound of a file. */
export const readData = async (
  path: string,
  zipped: boolean,
): Promise<{ readonly content: Uint8Array; readonly look: Look }> => {
  const found = await plainFile(path);
  if (found === undefined)
    throw fault('INGEST_FILE_KIND', 'it is no plain file', { hint: 'links and devices are not read' });
  if (found.bytes > FILE_BYTES_MAX) throw oversize('the file has');
  const bytes = await readPlain(path, found.bytes);
  // What came between the look and the reading shows as a change, too.
  const look = { bytes: bytes.byteLength, mtimeMs: found.mtimeMs };
  if (!zipped) return { content: bytes, look };
  try {
    return { content: await unzip(bytes, FILE_BYTES_MAX), look };
  } catch (caught) {
    if (systemCode(caught) === 'ERR_BUFFER_TOO_LARGE') throw oversize('unpacked it has');
    const hint = 'a file named .gz is one that gzip made: compress it again, or name it .json';
    throw fault('INGEST_FILE_ZIP', `it cannot be unpacked: ${textOf(caught)}`, { cause: caught, hint });
  }
};
