import type { RawEntry } from '../entry/entry.ts';

/** Bytes of an entry: header, signature and body. */
export const rawBytes = ({ header, signature, body }: RawEntry): number =>
  header.byteLength + signature.byteLength + body.byteLength;

/**
 * The entry in one piece of memory of its own: what is offered may be a slice of a large frame, small buffers are cut
 * from Node's pool, and each would keep all of that for as long as the entry is kept. One that has its own already is
 * given as it is.
 */
export const onItsOwn = (raw: RawEntry): RawEntry => {
  const size = rawBytes(raw);
  if (raw.header.buffer.byteLength === size && raw.body.buffer === raw.header.buffer) return raw;
  const memory = Buffer.allocUnsafeSlow(size);
  let at = 0;
  const moved = (bytes: Uint8Array): Uint8Array => {
    memory.set(bytes, at);
    at += bytes.byteLength;
    return memory.subarray(at - bytes.byteLength, at);
  };
  return { header: moved(raw.header), signature: moved(raw.signature), body: moved(raw.body) };
};
