import { fault } from '../base/errors.ts';
import { FRAME_BYTES_MAX } from '../base/limits.ts';

const PREFIX_BYTES = 4;

/** One frame: 4 bytes big-endian length, then the bytes. Throws `CODEC_FRAME_OVERSIZE`. */
export const encodeFrame = (payload: Uint8Array): Uint8Array => {
  if (payload.byteLength > FRAME_BYTES_MAX)
    throw fault('CODEC_FRAME_OVERSIZE', `frame of ${payload.byteLength} bytes; at most ${FRAME_BYTES_MAX}`);
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + payload.byteLength);
  framed.writeUInt32BE(payload.byteLength, 0);
  framed.set(payload, PREFIX_BYTES);
  return framed;
};

/**
 * Cuts a byte stream into frames. Holds at most one frame; an announced oversize frame is refused before it is read.
 */
export class FrameDecoder {
  #held: Buffer[] = [];
  #heldBytes = 0;

  /** Takes the next bytes, returns the frames that they complete. Throws `CODEC_FRAME_OVERSIZE`. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#held.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#heldBytes += chunk.byteLength;
    const frames: Uint8Array[] = [];
    for (;;) {
      const wanted = this.#wantedBytes();
      if (wanted === undefined || this.#heldBytes < wanted) return frames;
      const joined = this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held);
      frames.push(joined.subarray(PREFIX_BYTES, wanted));
      const rest = joined.subarray(wanted);
      this.#held = rest.byteLength > 0 ? [rest] : [];
      this.#heldBytes = rest.byteLength;
    }
  }

  /** Whether bytes of an unfinished frame are held: the stream ended in the middle if it ends now. */
  get unfinished(): boolean {
    return this.#heldBytes > 0;
  }

  #wantedBytes(): number | undefined {
    if (this.#heldBytes < PREFIX_BYTES) return undefined;
    let first = this.#held[0] as Buffer;
    if (first.byteLength < PREFIX_BYTES) {
      first = Buffer.concat(this.#held);
      this.#held = [first];
    }
    const length = first.readUInt32BE(0);
    if (length > FRAME_BYTES_MAX)
      throw fault('CODEC_FRAME_OVERSIZE', `peer announced a frame of ${length} bytes; at most ${FRAME_BYTES_MAX}`);
    return PREFIX_BYTES + length;
  }
}
