import type { IncomingMessage } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { fault, type HoldfastError } from '../base/errors.ts';
import { REST_BODIES_BYTES_MAX, REST_STALL_MS } from '../base/limits.ts';
import { unzip } from '../base/unzip.ts';

/** The bytes that all requests together hold. */
export class BodyBudget {
  #free: number;

  constructor(bytes = REST_BODIES_BYTES_MAX) {
    this.#free = bytes;
  }

  get free(): number {
    return this.#free;
  }

  /** A part of the budget that grows with what is read; give it back with `release`. */
  lease(): Lease {
    let held = 0;
    return {
      take: (bytes) => {
        if (bytes > this.#free)
          throw fault('REST_BUSY', 'too much data is on its way to this node', { hint: 'send it again in a moment' });
        this.#free -= bytes;
        held += bytes;
      },
      release: () => {
        this.#free += held;
        held = 0;
      },
    };
  }
}

/** The part of a budget that one request holds, in bytes; `release` gives all of it back. */
export interface Lease {
  /** Throws `REST_BUSY` where the budget has no more. */
  take(bytes: number): void;
  release(): void;
}

const oversize = ({ limit, hint }: Pick<ReadOptions, 'limit' | 'hint'>): HoldfastError =>
  fault('REST_BODY_OVERSIZE', `the body is longer than ${limit} bytes`, {
    data: { limit },
    hint: hint ?? 'send the rows in several requests',
  });

/** How much of a body is read, into which room, and how long is waited for the next piece of it. */
export interface ReadOptions {
  readonly limit: number;
  readonly lease: Lease;
  /** What to do about a body that is longer; default: of rows. */
  readonly hint?: string | undefined;
  readonly clock: Clock;
  readonly stallMs?: number;
}

/** A larger body goes into memory that threads share, where it stays to its end in the database. */
const SHARED_FROM_BYTES = 65_536;
/** Such memory grows by so much. */
const GROWTH_BYTES = 1_048_576;

/** The bytes of a body as they come in. */
class Gathered {
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #shared: { readonly memory: SharedArrayBuffer; readonly bytes: Uint8Array } | undefined;
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(chunk: Buffer): void {
    if (this.#shared === undefined) {
      this.#chunks.push(chunk);
      this.#length += chunk.byteLength;
      if (this.#length >= SHARED_FROM_BYTES) this.#share();
    } else this.#append(chunk);
  }

  whole(): Buffer {
    return this.#shared === undefined ? Buffer.concat(this.#chunks) : Buffer.from(this.#shared.memory, 0, this.#length);
  }

  #share(): void {
    const memory = new SharedArrayBuffer(0, { maxByteLength: this.#bytesMax });
    this.#shared = { memory, bytes: new Uint8Array(memory) };
    this.#length = 0;
    for (const chunk of this.#chunks) this.#append(chunk);
    this.#chunks = [];
  }

  /** Memory is taken as bytes come, not as they are announced. */
  #append(chunk: Buffer): void {
    if (this.#shared === undefined) return;
    const { memory, bytes } = this.#shared;
    const end = this.#length + chunk.byteLength;
    if (end > memory.byteLength) memory.grow(Math.min(this.#bytesMax, Math.max(end, memory.byteLength + GROWTH_BYTES)));
    bytes.set(chunk, this.#length);
    this.#length = end;
  }
}

/**
 * Reads a body to its end. `REST_BODY_OVERSIZE` (before the first byte where the length is announced), `REST_STALLED`
 * when nothing comes for a while, `REST_CLIENT_GONE`, `REST_BUSY`.
 */
export const readBody = (request: IncomingMessage, options: ReadOptions): Promise<Buffer> => {
  const { limit, lease, hint, clock, stallMs = REST_STALL_MS } = options;
  return new Promise((resolve, reject) => {
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > limit) {
      reject(oversize({ limit, hint }));
      return;
    }
    const gathered = new Gathered(announced > 0 ? announced : limit);
    let bytes = 0;
    let cancelStall = (): void => {};
    const finish = (settle: () => void): void => {
      cancelStall();
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      settle();
    };
    const fail = (error: unknown): void => finish(() => reject(error));
    const watch = (): void => {
      cancelStall();
      cancelStall = clock.after(stallMs, () =>
        fail(fault('REST_STALLED', `no more of the body came for ${stallMs / 1_000} s`, { hint: 'send it again' })),
      );
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.byteLength;
      try {
        if (bytes > limit) throw oversize({ limit, hint });
        lease.take(chunk.byteLength);
      } catch (caught) {
        fail(caught);
        return;
      }
      gathered.add(chunk);
      watch();
    };
    const onEnd = (): void => finish(() => resolve(gathered.whole()));
    const onClose = (): void => fail(fault('REST_CLIENT_GONE', 'the client closed the connection within the body'));
    if (request.destroyed) {
      onClose();
      return;
    }
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
    watch();
  });
};

const GZIP_MAGIC = [0x1f, 0x8b] as const;
/** One body is unpacked at a time: a small one may announce itself as the largest. */
let unpacking: Promise<unknown> = Promise.resolve();

/**
 * A body as it was before `Content-Encoding: gzip`; a gzip file that is sent without that header is known by its first
 * bytes. `REST_BODY_OVERSIZE` when it unpacks to more than `limit` bytes, `REST_BODY_ENCODING` for anything else.
 */
export const unpack = async (
  body: Buffer,
  encoding: string | undefined,
  { limit, lease, hint }: Pick<ReadOptions, 'limit' | 'lease' | 'hint'>,
): Promise<Buffer> => {
  const named = encoding?.trim().toLowerCase() ?? '';
  if (!['', 'identity', 'gzip', 'x-gzip'].includes(named))
    throw fault('REST_BODY_ENCODING', `the content encoding ${JSON.stringify(named.slice(0, 40))} is not known`, {
      hint: 'send the body as it is or packed with gzip',
    });
  const packed = named.endsWith('gzip') || GZIP_MAGIC.every((byte, at) => body[at] === byte);
  if (!packed) return body;
  const turn = unpacking.then(() => unzip(body, limit));
  unpacking = turn.catch(() => {});
  try {
    const unpacked = await turn;
    lease.take(unpacked.byteLength);
    return unpacked;
  } catch (caught) {
    if (caught instanceof RangeError) throw oversize({ limit, hint });
    if (caught instanceof Error && 'errno' in caught)
      throw fault('REST_BODY_ENCODING', `the body is not whole gzip data: ${caught.message}`, {
        cause: caught,
        hint: 'pack it again, or send it as it is',
      });
    throw caught;
  }
};

/** A body as text. `REST_BODY_ENCODING` where it is not UTF-8. */
export const textOfBody = (body: Buffer): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (caught) {
    throw fault('REST_BODY_ENCODING', 'the body is not UTF-8 text', { cause: caught, hint: 'send it in UTF-8' });
  }
};
