import { z } from 'zod';
import { fault, type HoldfastError } from '../../base/errors.ts';
import { COMMITTED_ORIGINS_MAX, COMMITTED_RANGES_MAX } from '../../base/limits.ts';
import { decodeMessage } from '../../codec/message.ts';
import { fileRanges, operatorId } from '../transfer/messages.ts';

/** SPEC: only the major is in the id; a new major is a new folder. */
export const COMMITTED_PROTOCOL = '/holdfast/committed/1';

const TEXT_CHARS_MAX = 2_000;
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;

const request = z.object({
  cluster: z.string().min(1).max(255),
  /** `known`: instead, up to which file of each origin the operator has heard of any. */
  of: z.enum(['committed', 'known']).exactOptional(),
});
/** Which cluster is meant, by its policy id. */
export type CommittedRequest = z.infer<typeof request>;

const answer = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('committed'),
    origins: z
      .array(z.tuple([operatorId, fileRanges.max(COMMITTED_RANGES_MAX)]))
      .max(COMMITTED_ORIGINS_MAX)
      .refine((origins) => new Set(origins.map(([origin]) => origin)).size === origins.length, 'an origin comes twice'),
  }),
  z.object({ kind: z.literal('refused'), code: z.string().regex(CODE), text: z.string().max(TEXT_CHARS_MAX) }),
]);
/** The one answer to a request. */
export type CommittedAnswer = z.infer<typeof answer>;

/** One frame: JSON in UTF-8. */
export const encodeCommittedRequest = (message: CommittedRequest): Uint8Array => Buffer.from(JSON.stringify(message));
/** One frame: JSON in UTF-8. */
export const encodeCommittedAnswer = (message: CommittedAnswer): Uint8Array => Buffer.from(JSON.stringify(message));

/** An error as it travels: its hint and data stay at home. */
export const refusalOf = ({ code, message }: HoldfastError): CommittedAnswer => ({
  kind: 'refused',
  code: CODE.test(code) ? code : 'INTERNAL',
  text: message.slice(0, TEXT_CHARS_MAX),
});

const malformed = (what: string): HoldfastError => fault('REPLICATION_COMMITTED_MALFORMED', what);

const decode = <T>(schema: z.ZodType<T>, frame: Uint8Array): T => decodeMessage(schema, frame, malformed);

/** Throws `REPLICATION_COMMITTED_MALFORMED`. */
export const decodeCommittedRequest = (frame: Uint8Array): CommittedRequest => decode(request, frame);
/** Throws `REPLICATION_COMMITTED_MALFORMED`. */
export const decodeCommittedAnswer = (frame: Uint8Array): CommittedAnswer => decode(answer, frame);
