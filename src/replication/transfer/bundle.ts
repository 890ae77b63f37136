import { createHash, type Hash } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { fault, textOf, type HoldfastError } from '../../base/errors.ts';
import {
  FILE_BYTES_MAX,
  TRANSFER_BUNDLE_FILES_MAX,
  TRANSFER_CHUNK_BYTES,
  TRANSFER_RECORD_BYTES_MAX,
} from '../../base/limits.ts';
import { sha256Hex } from '../../codec/hash.ts';
import type { FileCopy, FileRecord } from '../../operator/file-record.ts';
import { decodeBundleList, encodeTransfer, type BundleEntry, type TransferFrame } from './messages.ts';

const LENGTH_BYTES = 4;
const ZSTD_FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 } };
/**
 * Up to here what is told of the length beforehand saves half of the time: tables and output of 64 KiB are made
 * otherwise.
 */
const ZSTD_SMALL_BYTES = 16_384;
/** A chunk is below 1 MiB, so no honest frame needs a larger window: a hostile one may not make us allocate it. */
/** What zstd adds at most to a small chunk that it cannot make smaller. */
const ZSTD_ROOM_BYTES = 128;
const ZSTD_WINDOW_LOG_MAX = 20;

/** Several small files, or one of any size, that travel together. */
export interface Bundle {
  readonly copies: readonly FileCopy[];
  /** The list of records, as it travels. */
  readonly list: Buffer;
  /** Length of list and contents together. */
  readonly total: number;
}

/** Copies as they can travel. */
export interface Packing {
  readonly bundles: readonly Bundle[];
  /** Those that cannot: `TRANSFER_OVERSIZE`, each with what is too large about it. */
  readonly tooLarge: readonly { readonly record: FileRecord; readonly fault: HoldfastError }[];
}

/** Content as it must be stated beside the record: a rebuilt one carries its own digest. */
const entryOf = (copy: FileCopy): BundleEntry => ({
  record: { ...copy.record, columns: [...copy.record.columns] },
  bytes: copy.content.byteLength,
  ...(copy.rebuilt && copy.record.status === 'stored'
    ? { rebuilt: copy.rebuiltDigest ?? sha256Hex(copy.content) }
    : {}),
});

/** A duplicate is sent without content, whatever the store gave with it. */
const asSent = (copy: FileCopy): FileCopy =>
  copy.record.status === 'duplicate' && copy.content.byteLength > 0
    ? { record: copy.record, content: new Uint8Array(0), rebuilt: false }
    : copy;

const tooLargeTo = ({ origin, file }: FileRecord, what: string, bytes: number, most: number): HoldfastError =>
  fault(
    'TRANSFER_OVERSIZE',
    `file ${file} of ${origin} cannot be sent: ${what} has ${bytes} bytes, at most ${most} can`,
    {
      data: { origin, file, bytes },
      hint: 'it stays where it is, and nowhere else: keep a backup of that operator',
    },
  );

const oversizeOf = ({ record, content }: FileCopy, entryBytes: number): HoldfastError | undefined => {
  if (content.byteLength > FILE_BYTES_MAX) return tooLargeTo(record, 'it', content.byteLength, FILE_BYTES_MAX);
  if (entryBytes <= TRANSFER_RECORD_BYTES_MAX) return undefined;
  return tooLargeTo(record, 'its record', entryBytes, TRANSFER_RECORD_BYTES_MAX);
};

/**
 * Groups copies, in their order, into bundles: those that fit into one frame together, and whose records fit into one
 * list, a larger one alone. A file above `FILE_BYTES_MAX` or a record above `TRANSFER_RECORD_BYTES_MAX` is left out.
 */
export const bundlesOf = (copies: readonly FileCopy[], filesMax = TRANSFER_BUNDLE_FILES_MAX): Packing => {
  const bundles: Bundle[] = [];
  const tooLarge: { record: FileRecord; fault: HoldfastError }[] = [];
  let held: FileCopy[] = [];
  let entries: string[] = [];
  let heldBytes = 0;
  let listBytes = 0;
  const close = (): void => {
    if (held.length === 0) return;
    const list = Buffer.from(`[${entries.join(',')}]`, 'utf8');
    const contents = held.reduce((sum, { content }) => sum + content.byteLength, 0);
    bundles.push({ copies: held, list, total: LENGTH_BYTES + list.byteLength + contents });
    [held, entries, heldBytes, listBytes] = [[], [], 0, 0];
  };
  for (const copy of copies.map(asSent)) {
    const entry = JSON.stringify(entryOf(copy));
    const entryBytes = Buffer.byteLength(entry) + 3;
    const oversize = oversizeOf(copy, entryBytes);
    if (oversize !== undefined) {
      tooLarge.push({ record: copy.record, fault: oversize });
      continue;
    }
    const bytes = entryBytes + copy.content.byteLength;
    const full = heldBytes + bytes + LENGTH_BYTES > TRANSFER_CHUNK_BYTES || held.length >= filesMax;
    if (full || listBytes + entryBytes > TRANSFER_RECORD_BYTES_MAX) close();
    held.push(copy);
    entries.push(entry);
    heldBytes += bytes;
    listBytes += entryBytes;
  }
  close();
  return { bundles, tooLarge };
};

/**
 * The frames of one bundle: `files` with the first chunk, `more` with each further one. One chunk is made at a time.
 */
export function* framesOf(id: number, bundle: Bundle): Generator<Uint8Array> {
  const head = Buffer.allocUnsafe(LENGTH_BYTES);
  head.writeUInt32BE(bundle.list.byteLength, 0);
  let first = true;
  for (const chunk of chunksOf([head, bundle.list, ...bundle.copies.map(({ content }) => content)])) {
    const payload = packChunk(chunk);
    const raw = chunk.byteLength;
    yield encodeTransfer(first ? { type: 'files', id, total: bundle.total, raw } : { type: 'more', raw }, payload);
    first = false;
  }
}

/** Cuts byte strings that follow one another into chunks of `TRANSFER_CHUNK_BYTES`, the last one shorter. */
function* chunksOf(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  let held: Uint8Array[] = [];
  let room = TRANSFER_CHUNK_BYTES;
  for (const part of parts) {
    let at = 0;
    while (at < part.byteLength) {
      const piece = part.subarray(at, at + room);
      held.push(piece);
      at += piece.byteLength;
      room -= piece.byteLength;
      if (room > 0) continue;
      yield held.length === 1 ? piece : Buffer.concat(held);
      [held, room] = [[], TRANSFER_CHUNK_BYTES];
    }
  }
  if (held.length > 0) yield Buffer.concat(held);
}

const packChunk = (chunk: Uint8Array): Buffer => {
  const length = chunk.byteLength;
  if (length > ZSTD_SMALL_BYTES) return zstdCompressSync(chunk, ZSTD_FAST);
  return zstdCompressSync(chunk, { ...ZSTD_FAST, pledgedSrcSize: length, chunkSize: length + ZSTD_ROOM_BYTES });
};

const unpackChunk = (payload: Uint8Array, raw: number): Buffer => {
  let bytes: Buffer;
  try {
    bytes = zstdDecompressSync(payload, {
      maxOutputLength: raw,
      // One output buffer of the right size, instead of 16 KiB pieces that are put together afterwards.
      chunkSize: Math.max(raw, 64),
      params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
    });
  } catch (caught) {
    throw fault('TRANSFER_MALFORMED', `chunk does not unpack to ${raw} bytes: ${textOf(caught)}`);
  }
  if (bytes.byteLength !== raw)
    throw fault('TRANSFER_MALFORMED', `chunk unpacks to ${bytes.byteLength} bytes, ${raw} were announced`);
  return bytes;
};

/** A file of a received bundle: a copy whose content has the digest that it must have, or what is wrong with it. */
export type ReceivedFile =
  | { readonly record: FileRecord; readonly copy: FileCopy; readonly fault?: undefined }
  | { readonly record: FileRecord; readonly copy?: undefined; readonly fault: HoldfastError };

/** Files that came together; `id` is that of the request, or of the push. */
export interface ReceivedBundle {
  readonly id: number;
  readonly files: readonly ReceivedFile[];
  /** Unpacked length, for budgets. */
  readonly bytes: number;
}

/**
 * Puts the frames of one bundle together: holds at most the announced length, which is at most `BUNDLE_BYTES_MAX`,
 * takes room as chunks arrive, and hashes a large file as they do, so that the event loop is never held up for long.
 */
export class BundleReader {
  readonly id: number;
  readonly total: number;
  readonly #chunks: Buffer[] = [];
  #taken = 0;
  #large: { readonly entry: BundleEntry; readonly content: Buffer; readonly hash: Hash; filled: number } | undefined;

  /** Starts with the announcement of a `files` message. */
  constructor(id: number, total: number) {
    this.id = id;
    this.total = total;
  }

  /** The record of a large file of which only a part is here. */
  get arriving(): FileRecord | undefined {
    return this.#large?.entry.record;
  }

  /** Whether all of the bundle comes in its first frame. */
  static isWhole(message: { readonly total: number; readonly raw: number }): boolean {
    return message.raw === message.total;
  }

  /** Takes the next chunk; returns the bundle when it is whole. Throws `TRANSFER_MALFORMED`. */
  push(frame: TransferFrame): ReceivedBundle | undefined {
    const { message, payload } = frame;
    if (message.type !== 'files' && message.type !== 'more')
      throw fault('TRANSFER_MALFORMED', `${message.type} in the middle of a bundle`);
    if (this.#taken + message.raw > this.total) throw fault('TRANSFER_MALFORMED', 'bundle is longer than announced');
    if (this.#taken + message.raw < this.total && message.raw !== TRANSFER_CHUNK_BYTES)
      throw fault('TRANSFER_MALFORMED', 'bundle is cut into chunks of another size');
    const chunk = unpackChunk(payload, message.raw);
    this.#taken += chunk.byteLength;
    if (this.#large === undefined) {
      this.#chunks.push(chunk);
      this.#startLarge();
    } else this.#fillLarge(chunk);
    return this.#taken === this.total ? this.#finish() : undefined;
  }

  #listEnd(bytes: Buffer): number {
    const length = bytes.readUInt32BE(0);
    if (length > TRANSFER_RECORD_BYTES_MAX || LENGTH_BYTES + length > this.total)
      throw fault('TRANSFER_MALFORMED', `list of files of ${length} bytes`);
    return LENGTH_BYTES + length;
  }

  /** A bundle of several chunks is one file: from the moment its list is here, content goes where it belongs. */
  #startLarge(): void {
    if (this.#taken === this.total && this.#chunks.length === 1) return;
    const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    const end = this.#listEnd(bytes);
    if (bytes.byteLength < end) return;
    const [entry, ...others] = decodeBundleList(bytes.subarray(LENGTH_BYTES, end));
    if (entry === undefined || others.length > 0 || end + entry.bytes !== this.total)
      throw fault('TRANSFER_MALFORMED', 'a bundle of several frames must hold one file');
    // In memory that threads share, as the store wants it: no second copy is made there.
    const content = Buffer.from(new SharedArrayBuffer(entry.bytes));
    this.#large = { entry, content, hash: createHash('sha256'), filled: 0 };
    this.#chunks.length = 0;
    this.#fillLarge(bytes.subarray(end));
  }

  #fillLarge(bytes: Buffer): void {
    const large = this.#large;
    if (large === undefined) return;
    large.content.set(bytes, large.filled);
    large.hash.update(bytes);
    large.filled += bytes.byteLength;
  }

  #finish(): ReceivedBundle {
    if (this.#large !== undefined) {
      const { entry, content, hash } = this.#large;
      return { id: this.id, files: [checked(entry, content, () => hash.digest('hex'))], bytes: this.total };
    }
    const bytes = this.#chunks[0] ?? Buffer.alloc(0);
    const end = this.#listEnd(bytes);
    const entries = decodeBundleList(bytes.subarray(LENGTH_BYTES, end));
    if (end + entries.reduce((sum, entry) => sum + entry.bytes, 0) !== this.total)
      throw fault('TRANSFER_MALFORMED', 'contents are not as long as their list says');
    let at = end;
    const files = entries.map((entry) => {
      const content = bytes.subarray(at, (at += entry.bytes));
      return checked(entry, content, () => sha256Hex(content));
    });
    return { id: this.id, files, bytes: this.total };
  }
}

/** A received file, its content checked against the digest that it must have before anything else looks at it. */
const checked = (entry: BundleEntry, content: Uint8Array, digestOf: () => string): ReceivedFile => {
  const { record, rebuilt } = entry;
  if (record.status === 'duplicate') {
    return content.byteLength === 0 && rebuilt === undefined
      ? { record, copy: { record, content, rebuilt: false } }
      : {
          record,
          fault: fault('TRANSFER_MALFORMED', `duplicate ${record.file} of ${record.origin} came with content`),
        };
  }
  const digest = digestOf();
  if (digest === (rebuilt ?? record.digest))
    return { record, copy: { record, content, rebuilt: rebuilt !== undefined } };
  return {
    record,
    fault: fault('TRANSFER_DIGEST_MISMATCH', `file ${record.file} of ${record.origin} arrived with another content`, {
      data: { origin: record.origin, file: record.file, want: rebuilt ?? record.digest, got: digest },
      hint: 'the file is asked for from another peer; if it stays away, check the disk of the peer that sent it',
    }),
  };
};
