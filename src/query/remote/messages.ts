import { z } from 'zod';
import { fault, type HoldfastError } from '../../base/errors.ts';
import { SQL_CHARS_MAX } from '../../base/limits.ts';
import { decodeMessage } from '../../codec/message.ts';

// SPEC §1: the major version is part of the id.
export const QUERY_PROTOCOL = '/holdfast/query/1';

/** SPEC §2: the first byte of a frame from the operator. */
export const FRAME_PIECE = 0;
export const FRAME_CHUNK_END = 1;
export const FRAME_CONTROL = 2;

const querySchema = z.strictObject({
  dbms: z.string().min(1).max(64),
  sql: z.string().min(1).max(SQL_CHARS_MAX),
  /** How long the asking node still waits. */
  timeoutMs: z.int().min(1).max(86_400_000),
});
export type QueryMessage = z.infer<typeof querySchema>;

const controlSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('accepted') }),
  z.strictObject({ kind: z.literal('end'), rows: z.int().min(0) }),
  z.strictObject({
    kind: z.literal('error'),
    code: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/),
    text: z.string().max(4_096),
    hint: z.string().max(4_096).optional(),
  }),
]);
export type ControlMessage = z.infer<typeof controlSchema>;

const parsed = <T>(schema: z.ZodType<T>, bytes: Uint8Array): T =>
  decodeMessage(schema, bytes, (what) => fault('QUERY_MESSAGE_MALFORMED', `query protocol: ${what}`));

/** Throws `QUERY_MESSAGE_MALFORMED` for a question that no node would take. */
export const encodeQuery = (message: QueryMessage): Uint8Array => {
  const frame = Buffer.from(JSON.stringify(message));
  decodeQuery(frame);
  return frame;
};
/** Throws `QUERY_MESSAGE_MALFORMED`. */
export const decodeQuery = (frame: Uint8Array): QueryMessage => parsed(querySchema, frame);

export const encodeControl = (message: ControlMessage): Uint8Array =>
  tagged(FRAME_CONTROL, Buffer.from(JSON.stringify(message)));
/** The content of a control frame without its first byte. Throws `QUERY_MESSAGE_MALFORMED`. */
export const decodeControl = (content: Uint8Array): ControlMessage => parsed(controlSchema, content);

/** An error as it travels: code, words and hint; data and cause stay at home. */
export const errorMessage = ({ code, message, hint }: HoldfastError): ControlMessage => ({
  kind: 'error',
  code: /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : 'INTERNAL',
  text: message.slice(0, 4_096),
  ...(hint === undefined ? {} : { hint: hint.slice(0, 4_096) }),
});

/** A frame: what it is, then its content. */
export const tagged = (tag: number, content: Uint8Array): Uint8Array => {
  const frame = Buffer.allocUnsafe(1 + content.byteLength);
  frame[0] = tag;
  frame.set(content, 1);
  return frame;
};
