import { z } from 'zod';
import { fault, type HoldfastError } from '../../base/errors.ts';
import { COMMITTED_ORIGINS_MAX, COMMITTED_RANGES_MAX, SQL_CHARS_MAX } from '../../base/limits.ts';
import { decodeMessage } from '../../codec/message.ts';
import type { Holdings } from '../../operator/file-record.ts';
import { fileRanges, operatorId } from '../../replication/transfer/messages.ts';

/** SPEC §1: the major version is part of the id. */
export const QUERY_PROTOCOL = '/holdfast/query/3';
/**
 * The version before, without `cluster` and `elsewhere`: operators and asking nodes that know no other are still spoken
 * to.
 */
export const QUERY_PROTOCOL_BEFORE = '/holdfast/query/2';

/** SPEC §2: first byte of a frame from the operator: a part of a chunk of rows, which goes on. */
export const FRAME_PIECE = 0;
/** First byte of the last part of a chunk. */
export const FRAME_CHUNK_END = 1;
/** First byte of a frame that is a message in JSON. */
export const FRAME_CONTROL = 2;

/** Files by origin, the first stretches of each. */
const filesSchema = z.array(z.tuple([operatorId, fileRanges.max(COMMITTED_RANGES_MAX)])).max(COMMITTED_ORIGINS_MAX);

const beforeSchema = z.strictObject({
  dbms: z.string().min(1).max(64),
  sql: z.string().min(1).max(SQL_CHARS_MAX),
  /** How long the asking node still waits. */
  timeoutMs: z.int().min(1).max(86_400_000),
  /** Files that the answer must be made from. */
  needs: filesSchema,
  /** What an operator does that lacks files. */
  behind: z.enum(['refuse', 'answer']),
});
const querySchema = beforeSchema.extend({
  /** Which the operator answers for. */
  cluster: operatorId,
  /** Origins whose rows count in other clusters. */
  elsewhere: z.array(operatorId).max(COMMITTED_ORIGINS_MAX),
});
/** The question, as it is sent to an operator (SPEC §2). */
export type QueryMessage = z.infer<typeof querySchema>;
/** As an asking node of the version before sends it. */
export type EarlierQueryMessage = z.infer<typeof beforeSchema>;

const controlSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('accepted'), behind: z.int().min(0) }),
  z.strictObject({
    kind: z.literal('end'),
    rows: z.int().min(0),
    held: filesSchema,
    /** Of `elsewhere`, those of which rows were left out; not there where there are none. */
    left: z.array(operatorId).max(COMMITTED_ORIGINS_MAX).optional(),
  }),
  z.strictObject({ kind: z.literal('behind'), files: z.int().min(1) }),
  z.strictObject({
    kind: z.literal('error'),
    code: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/),
    text: z.string().max(4_096),
    hint: z.string().max(4_096).optional(),
  }),
]);
/** What an operator says beside its rows: that it works on the query, its end, or why there is none. */
export type ControlMessage = z.infer<typeof controlSchema>;

/** Holdings as they travel, cut to what a message may carry: then less is asked for, or said. */
export const filesOf = (holdings: Holdings): z.infer<typeof filesSchema> =>
  [...holdings]
    .filter(([, ranges]) => ranges.length > 0)
    .slice(0, COMMITTED_ORIGINS_MAX)
    .map(([origin, ranges]) => [origin, ranges.slice(0, COMMITTED_RANGES_MAX).map(([from, to]) => [from, to])]);

const parsed = <T>(schema: z.ZodType<T>, bytes: Uint8Array): T =>
  decodeMessage(schema, bytes, (what) => fault('QUERY_MESSAGE_MALFORMED', `query protocol: ${what}`));

/** Throws `QUERY_MESSAGE_MALFORMED` for a question that no node would take. */
export const encodeQuery = (message: QueryMessage): Uint8Array => {
  const frame = Buffer.from(JSON.stringify(message));
  decodeQuery(frame);
  return frame;
};
/** For an operator of the version before. */
export const encodeEarlierQuery = ({ cluster: _, elsewhere: __, ...message }: QueryMessage): Uint8Array =>
  Buffer.from(JSON.stringify(message));
/** Throws `QUERY_MESSAGE_MALFORMED`. */
export const decodeQuery = (frame: Uint8Array): QueryMessage => parsed(querySchema, frame);
/** The same of the version before. Throws `QUERY_MESSAGE_MALFORMED`. */
export const decodeEarlierQuery = (frame: Uint8Array): EarlierQueryMessage => parsed(beforeSchema, frame);

/** One frame: its kind, then JSON in UTF-8. */
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
