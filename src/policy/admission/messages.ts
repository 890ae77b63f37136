import { z } from 'zod';
import { fault, type HoldfastError } from '../../base/errors.ts';
import { ENTRY_BODY_BYTES_MAX, ENTRY_HEADER_BYTES_MAX } from '../../base/limits.ts';
import { hash } from '../../codec/fields.ts';
import { decodeMessage } from '../../codec/message.ts';
import type { RawEntry } from '../../entry/entry.ts';

/** SPEC: only the major is in the id; a new major is a new folder. */
export const JOIN_PROTOCOL = '/holdfast/join/1';

const TEXT_CHARS_MAX = 2_000;
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

/** An entry as it travels here. */
export const entryPieces = z.object({
  header: z.string().max(ENTRY_HEADER_BYTES_MAX),
  signature: z.base64().max(88),
  body: z.string().max(ENTRY_BODY_BYTES_MAX),
});
type EntryPieces = z.infer<typeof entryPieces>;
const answer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('welcome') }),
  z.object({
    kind: z.literal('refused'),
    code: z.string().regex(CODE),
    text: z.string().max(TEXT_CHARS_MAX),
    /** Whether another node, or this one later, may say otherwise. */
    again: z.boolean(),
    /** The network of who answers, where it is another one. */
    net: hash.optional(),
  }),
]);

/** The one answer to a request. */
export type JoinAnswer = z.infer<typeof answer>;

/** An entry for a message in JSON: header and body as text, the signature in base64. */
export const piecesOf = ({ header, signature, body }: RawEntry): EntryPieces => ({
  header: Buffer.from(header).toString('utf8'),
  signature: Buffer.from(signature).toString('base64'),
  body: Buffer.from(body).toString('utf8'),
});

/** The entry as its author made it, unchecked. */
export const rawOf = ({ header, signature, body }: EntryPieces): RawEntry => ({
  header: Buffer.from(header),
  signature: Buffer.from(signature, 'base64'),
  body: Buffer.from(body),
});

/** One frame, JSON in UTF-8: the join that redeems an invite. */
export const encodeJoinRequest = (entry: RawEntry): Uint8Array => Buffer.from(JSON.stringify(piecesOf(entry)));
/** One frame, JSON in UTF-8; what {@link refusalOf} made, or a welcome. */
export const encodeJoinAnswer = (message: JoinAnswer): Uint8Array => Buffer.from(JSON.stringify(message));

/** An error as it travels. */
export const refusalOf = ({ code, message, data }: HoldfastError, again: boolean): JoinAnswer => ({
  kind: 'refused',
  code: CODE.test(code) ? code : 'INTERNAL',
  text: message.slice(0, TEXT_CHARS_MAX),
  again,
  ...(code === 'JOIN_OTHER_NETWORK' && typeof data['network'] === 'string' ? { net: data['network'] } : {}),
});

/** The entry as its author made it, unchecked. Throws `JOIN_MALFORMED`. */
export const decodeJoinRequest = (frame: Uint8Array): RawEntry => rawOf(decode(entryPieces, frame));

/** Throws `JOIN_MALFORMED`. */
export const decodeJoinAnswer = (frame: Uint8Array): JoinAnswer => decode(answer, frame);

const malformed = (what: string): HoldfastError => fault('JOIN_MALFORMED', what);

const decode = <T>(schema: z.ZodType<T>, frame: Uint8Array): T => decodeMessage(schema, frame, malformed);
