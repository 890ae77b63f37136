import { promisify } from 'node:util';
import { gunzip, gunzipSync } from 'node:zlib';

const gunzipped = promisify(gunzip);
/** RFC 1952 §2.3.1: the last four bytes are the unpacked length, modulo 2^32. */
const LENGTH_BYTES = 4;
/** What one byte can unpack to at most (https://www.zlib.net/zlib_tech.html). */
const RATIO_MAX = 1_032;
const PIECE_BYTES_MIN = 16_384;

/** The unpacked length that gzip data states, as far as it can be believed: nothing proves it before it is unpacked. */
const statedBytes = (packed: Uint8Array, bytesMax: number): number => {
  if (packed.byteLength < LENGTH_BYTES) return PIECE_BYTES_MIN;
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const stated = view.getUint32(packed.byteLength - LENGTH_BYTES, true);
  return Math.max(PIECE_BYTES_MIN, Math.min(stated, bytesMax, packed.byteLength * RATIO_MAX));
};

/**
 * Unpacks gzip data into one buffer of its size: many small ones that are put together at the end take twice the
 * memory, and leave it in pieces. Throws zlib's own errors, `ERR_BUFFER_TOO_LARGE` above `bytesMax`.
 */
export const unzip = (packed: Uint8Array, bytesMax: number): Promise<Buffer> =>
  gunzipped(packed, { maxOutputLength: bytesMax, chunkSize: statedBytes(packed, bytesMax) });

/** As {@link unzip}, in a thread that has nothing else to do meanwhile. */
export const unzipSync = (packed: Uint8Array, bytesMax: number): Buffer =>
  gunzipSync(packed, { maxOutputLength: bytesMax, chunkSize: statedBytes(packed, bytesMax) });
