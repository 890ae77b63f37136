/**
 * The bytes in memory of their own, to be kept: small ones are cut from a larger piece (64 KiB of Node's pool, a frame
 * of many), and each view would keep all of that.
 */
export const ownBytes = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
