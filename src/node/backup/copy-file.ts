import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makePath } from '../../base/files.ts';

const CHUNK_BYTES = 1_048_576;

/** How much of a file is copied, and whom to tell of each piece. */
export interface CopyFileOptions {
  /** At most so many bytes from the begin; the file may be growing. Default: all. */
  readonly bytes?: number;
  readonly mode?: number;
  /** Told of each piece; what it throws ends the copy. */
  readonly onBytes?: (bytes: number) => void;
}

/** Copies a file, durable when it resolves; returns the SHA-256 of what was written, in hex, and its length. */
export const copyFile = async (
  from: string,
  to: string,
  { bytes = Number.POSITIVE_INFINITY, mode = 0o644, onBytes = () => {} }: CopyFileOptions = {},
): Promise<{ readonly sha256: string; readonly bytes: number }> => {
  await makePath(dirname(to));
  const source = await open(from, 'r');
  try {
    const target = await open(to, 'wx', mode);
    try {
      const hash = createHash('sha256');
      const buffer = Buffer.alloc(Math.max(1, Math.min(CHUNK_BYTES, bytes, (await source.stat()).size)));
      let done = 0;
      while (done < bytes) {
        const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.byteLength, bytes - done), done);
        if (bytesRead === 0) break;
        const piece = buffer.subarray(0, bytesRead);
        hash.update(piece);
        await target.writeFile(piece);
        done += bytesRead;
        onBytes(bytesRead);
      }
      await target.sync();
      return { sha256: hash.digest('hex'), bytes: done };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
};

/** SHA-256 of a file in hex, and its length. */
export const hashFile = async (path: string): Promise<{ readonly sha256: string; readonly bytes: number }> => {
  const handle = await open(path, 'r');
  try {
    const hash = createHash('sha256');
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let done = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, done);
      if (bytesRead === 0) return { sha256: hash.digest('hex'), bytes: done };
      hash.update(buffer.subarray(0, bytesRead));
      done += bytesRead;
    }
  } finally {
    await handle.close();
  }
};
