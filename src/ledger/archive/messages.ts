import { z } from 'zod';
import { fault, type HoldfastError } from '../../base/errors.ts';
import {
  ARCHIVE_BATCH_BYTES,
  ARCHIVE_BODIES_MAX,
  ARCHIVE_LEAF_BYTES_MAX,
  ARCHIVE_STATE_BYTES_MAX,
  ARCHIVE_STATE_LEAVES_MAX,
  ENTRY_BODY_BYTES_MAX,
} from '../../base/limits.ts';
import { hash } from '../../codec/fields.ts';
import { decodeMessage } from '../../codec/message.ts';
import type { ArchivedBody } from './port.ts';

/** SPEC: only the major is in the id; a new major is a new folder. */
export const ARCHIVE_PROTOCOL = '/holdfast/archive/1';

const QUESTION_BYTES_MAX = 65_536;

const question = z.discriminatedUnion('ask', [
  /** Whether the peer says that it has every body that is not erased. */
  z.strictObject({ ask: z.literal('keeps') }),
  z.strictObject({ ask: z.literal('bodies'), hashes: z.array(hash).min(1).max(ARCHIVE_BODIES_MAX) }),
  z.strictObject({ ask: z.literal('leaves'), snapshot: hash }),
]);
/**
 * What a peer is asked: whether it keeps everything, for bodies by the hashes of their entries, or for the leaves of a
 * state.
 */
export type ArchiveQuestion = z.infer<typeof question>;

const answer = z.discriminatedUnion('answer', [
  z.strictObject({ answer: z.literal('keeps'), all: z.boolean() }),
  /** Frames of leaves follow, so many in all. */
  z.strictObject({
    answer: z.literal('state'),
    leaves: z.int().nonnegative().max(ARCHIVE_STATE_LEAVES_MAX),
    bytes: z.int().nonnegative().max(ARCHIVE_STATE_BYTES_MAX),
  }),
  /** The settled state is not here. */
  z.strictObject({ answer: z.literal('none') }),
  /** Nothing follows. */
  z.strictObject({ answer: z.literal('end') }),
  z.strictObject({ answer: z.literal('refused'), code: z.string().max(64), text: z.string().max(1_000) }),
]);
type Said = z.infer<typeof answer>;
/** One frame of the answer: JSON, or bodies or leaves as their exact bytes. */
export type ArchiveAnswer =
  | Said
  | { readonly answer: 'bodies'; readonly bodies: readonly ArchivedBody[] }
  | { readonly answer: 'leaves'; readonly leaves: readonly Uint8Array[] };

const JSON_FRAME = 1;
const BODIES_FRAME = 2;
const LEAVES_FRAME = 3;
const HASH_BYTES = 32;
const LENGTH_BYTES = 4;

/** `LEDGER_ARCHIVE_MALFORMED`; `what` says which rule the peer broke, for people. */
export const archiveMalformed = (what: string): HoldfastError => fault('LEDGER_ARCHIVE_MALFORMED', `archive: ${what}`);

/** One frame: JSON in UTF-8. */
export const encodeArchiveQuestion = (message: ArchiveQuestion): Uint8Array => Buffer.from(JSON.stringify(message));

/** Throws `LEDGER_ARCHIVE_MALFORMED`. */
export const decodeArchiveQuestion = (frame: Uint8Array): ArchiveQuestion => {
  if (frame.byteLength > QUESTION_BYTES_MAX) throw archiveMalformed(`a question of ${frame.byteLength} bytes`);
  return decodeMessage(question, frame, archiveMalformed);
};

/** The frame of an answer that is JSON; for the others there are `encodeBodies` and `encodeLeaves`. */
export const encodeArchiveAnswer = (message: Said): Uint8Array =>
  Buffer.concat([Buffer.of(JSON_FRAME), Buffer.from(JSON.stringify(message))]);

const sized = (bytes: Uint8Array): readonly Uint8Array[] => {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(bytes.byteLength);
  return [length, bytes];
};

/** Bodies, each behind the hash of its entry and its length. */
export const encodeBodies = (bodies: readonly ArchivedBody[]): Uint8Array =>
  Buffer.concat([
    Buffer.of(BODIES_FRAME),
    ...bodies.flatMap((each) => [Buffer.from(each.hash, 'hex'), ...sized(each.body)]),
  ]);

/** Leaves, each behind its length. */
export const encodeLeaves = (leaves: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([Buffer.of(LEAVES_FRAME), ...leaves.flatMap(sized)]);

/** Cuts what is to be sent into pieces: each ends with the first that fills a frame. */
export function* batchesOf<T>(items: Iterable<T>, bytesOf: (item: T) => number): Generator<readonly T[]> {
  let batch: T[] = [];
  let bytes = 0;
  for (const item of items) {
    batch.push(item);
    bytes += bytesOf(item);
    if (bytes < ARCHIVE_BATCH_BYTES) continue;
    yield batch;
    [batch, bytes] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}

/** Reads a frame piece by piece. */
class Pieces {
  readonly #frame: Buffer;
  #at = 1;

  constructor(frame: Buffer) {
    this.#frame = frame;
  }

  get done(): boolean {
    return this.#at === this.#frame.byteLength;
  }

  take(bytes: number): Buffer {
    if (this.#at + bytes > this.#frame.byteLength) throw archiveMalformed('a frame is cut off');
    this.#at += bytes;
    return this.#frame.subarray(this.#at - bytes, this.#at);
  }

  takeSized(most: number): Buffer {
    const bytes = this.take(LENGTH_BYTES).readUInt32BE();
    if (bytes === 0 || bytes > most) throw archiveMalformed(`a piece of ${bytes} bytes; 1 to ${most}`);
    return this.take(bytes);
  }
}

/** A frame of an answer; bodies and leaves are views of it. Throws `LEDGER_ARCHIVE_MALFORMED`. */
export const decodeArchiveAnswer = (frame: Uint8Array): ArchiveAnswer => {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  if (bytes[0] === JSON_FRAME) {
    if (bytes.byteLength > QUESTION_BYTES_MAX) throw archiveMalformed(`a message of ${bytes.byteLength} bytes`);
    return decodeMessage(answer, bytes.subarray(1), archiveMalformed);
  }
  const pieces = new Pieces(bytes);
  if (bytes[0] === BODIES_FRAME) {
    const bodies: ArchivedBody[] = [];
    do {
      const entry = pieces.take(HASH_BYTES).toString('hex');
      bodies.push({ hash: entry, body: pieces.takeSized(ENTRY_BODY_BYTES_MAX) });
    } while (!pieces.done);
    return { answer: 'bodies', bodies };
  }
  if (bytes[0] !== LEAVES_FRAME) throw archiveMalformed('the frame is of an unknown kind');
  const leaves: Uint8Array[] = [];
  do leaves.push(pieces.takeSized(ARCHIVE_LEAF_BYTES_MAX));
  while (!pieces.done);
  return { answer: 'leaves', leaves };
};
