import { z } from 'zod';
import { fault, type HoldfastError } from '../base/errors.ts';
import { NOTE_BYTES_MAX, RECEIPT_PAGE_ENTRIES, WITNESS_MESSAGE_BYTES_MAX, WITNESS_TOLD_MAX } from '../base/limits.ts';
import { hash } from '../codec/fields.ts';
import { decodeMessage } from '../codec/message.ts';
import { fromBase64 } from './note.ts';
import { splitViewSchema } from './split-view.ts';
import { HASH_BYTES } from './tree.ts';

/** SPEC: only the major is in the id. */
export const WITNESS_PROTOCOL = '/holdfast/witness/1';

const note = z.string().max(NOTE_BYTES_MAX);
const number = z.int().nonnegative();
const treeHash = z
  .string()
  .max(64)
  .transform((text, context): Buffer => {
    const bytes = fromBase64(text);
    if (bytes?.byteLength === HASH_BYTES) return bytes;
    context.addIssue({ code: 'custom', message: 'is no hash in base64' });
    return z.NEVER;
  });
const proof = z.array(treeHash).max(63);

const question = z.discriminatedUnion('ask', [
  /** Cosign this; the proof leads from the size cosigned last. */
  z.strictObject({ ask: z.literal('cosign'), old: number, proof, checkpoint: note }),
  /** What the sender cosigned for logs that the receiver witnesses too, and split views that it can prove. */
  z.strictObject({
    ask: z.literal('compare'),
    checkpoints: z.array(note).max(WITNESS_TOLD_MAX),
    splits: z.array(splitViewSchema).max(WITNESS_TOLD_MAX),
  }),
  /** The last checkpoint of a node that counts up to a time, in seconds since 1970. */
  z.strictObject({ ask: z.literal('known'), node: hash, time: number }),
  /** The hashes of entries of a log. */
  z.strictObject({ ask: z.literal('entries'), origin: z.string().max(256), from: number, to: number }),
  /** Whether the receiver's own receipts name an entry. */
  z.strictObject({ ask: z.literal('named'), entry: hash }),
]);
/** What one node asks another about receipts, as it was read and checked. */
export type Question = z.infer<typeof question>;

const answer = z.discriminatedUnion('answer', [
  z.strictObject({ answer: z.literal('cosigned'), line: note }),
  z.strictObject({ answer: z.literal('stale'), size: number, checkpoint: note.nullable() }),
  /** What the receiver cosigned for those logs, and split views that it can prove. */
  z.strictObject({
    answer: z.literal('compared'),
    checkpoints: z.array(note).max(WITNESS_TOLD_MAX),
    splits: z.array(splitViewSchema).max(WITNESS_TOLD_MAX),
  }),
  z.strictObject({ answer: z.literal('known'), checkpoint: note, final: z.boolean() }),
  z.strictObject({ answer: z.literal('named'), index: number, proof, checkpoint: note }),
  z.strictObject({ answer: z.literal('refused'), code: z.string().max(64), text: z.string().max(1_000) }),
]);
/** What that one answers, as it was read and checked; hashes of entries have a frame of their own. */
export type Answer = z.infer<typeof answer>;
/** As it is sent. */
export type AnswerJson = z.input<typeof answer>;
/** Of one kind. */
export type AnswerOf<K extends Answer['answer']> = Extract<Answer, { readonly answer: K }>;

const JSON_FRAME = 1;
const HASHES_FRAME = 2;

const malformed = (what: string): HoldfastError => fault('RECEIPT_MESSAGE_MALFORMED', what);

const jsonFrame = (message: unknown): Uint8Array =>
  Buffer.concat([Buffer.of(JSON_FRAME), Buffer.from(JSON.stringify(message))]);

/** The hashes of a proof as messages have them. */
export const proofJson = (hashes: readonly Buffer[]): string[] => hashes.map((each) => each.toString('base64'));

const decode = <T>(schema: z.ZodType<T>, frame: Uint8Array): T => {
  if (frame.byteLength > WITNESS_MESSAGE_BYTES_MAX) throw malformed('the message is too long');
  if (frame[0] !== JSON_FRAME) throw malformed('the frame is of an unknown kind');
  return decodeMessage(schema, frame.subarray(1), malformed);
};

/** One frame: its kind, then JSON in UTF-8. */
export const encodeQuestion = (message: z.input<typeof question>): Uint8Array => jsonFrame(message);
/** One frame: its kind, then JSON in UTF-8. */
export const encodeAnswer = (message: AnswerJson): Uint8Array => jsonFrame(message);
/** Hashes of entries end to end, as the answer to `entries`. */
export const encodeHashes = (hashes: Buffer): Uint8Array => Buffer.concat([Buffer.of(HASHES_FRAME), hashes]);

/** Throws `RECEIPT_MESSAGE_MALFORMED`. */
export const decodeQuestion = (frame: Uint8Array): Question => decode(question, frame);
/** Throws `RECEIPT_MESSAGE_MALFORMED`. */
export const decodeAnswer = (frame: Uint8Array): Answer => decode(answer, frame);

/** Throws `RECEIPT_MESSAGE_MALFORMED`, and what the peer refused with. */
export const decodeHashes = (frame: Uint8Array): Buffer => {
  if (frame[0] === JSON_FRAME) throw refusalOf(decodeAnswer(frame));
  const hashes = Buffer.from(frame.subarray(1));
  const count = hashes.byteLength / HASH_BYTES;
  if (frame[0] !== HASHES_FRAME || !Number.isInteger(count) || count === 0 || count > RECEIPT_PAGE_ENTRIES)
    throw malformed('the frame does not hold whole hashes');
  return hashes;
};

/** An answer that does not fit the question, as an error: what the peer refused with, or that it is malformed. */
export const refusalOf = (message: Answer): HoldfastError =>
  message.answer === 'refused'
    ? fault('RECEIPT_REFUSED', `the peer refuses: ${message.text}`, { data: { code: message.code } })
    : malformed(`${message.answer} is no answer to that`);
