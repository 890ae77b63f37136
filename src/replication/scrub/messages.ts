import { z } from 'zod';
import { fault, type HoldfastError } from '../../base/errors.ts';
import {
  HOLDINGS_ORIGINS_MAX,
  REPAIR_ROWS_LISTED_MAX,
  SCRUB_MESSAGE_BYTES_MAX,
  SCRUB_MESSAGE_FILES_MAX,
} from '../../base/limits.ts';
import { decodeMessage } from '../../codec/message.ts';
import { countRanges } from '../../operator/ranges.ts';
import { fileId, fileRanges, operatorId } from '../transfer/messages.ts';

/** SPEC: only the major is in the id; a new major is a new folder. */
export const SCRUB_PROTOCOL = '/holdfast/scrub/1';

const TEXT_CHARS_MAX = 500;
const CODE = /^[A-Z][A-Z0-9_]{0,63}$/;
const count = z.int().min(0);
const text = z.string().max(TEXT_CHARS_MAX);
const sum = z.string().regex(/^(?:[0-9a-f]{32})?$/);

const files = z
  .array(z.tuple([operatorId, fileRanges]))
  .max(HOLDINGS_ORIGINS_MAX)
  .refine(
    (list) => list.reduce((total, [, ranges]) => total + countRanges(ranges), 0) <= SCRUB_MESSAGE_FILES_MAX,
    'too many files',
  );

const request = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('look'), operator: operatorId, files }),
  z.object({ kind: z.literal('mend'), operator: operatorId, files }),
  z.object({ kind: z.literal('copy'), operator: operatorId, origin: operatorId, file: fileId }),
]);
/** What an operator asks another. */
export type ScrubRequest = z.infer<typeof request>;

const view = z.object({
  origin: operatorId,
  file: fileId,
  held: z.boolean(),
  duplicate: z.boolean(),
  about: sum,
  rows: count,
  sum,
  proof: z.enum(['proved', 'refuted', 'open']),
  archive: z.enum(['whole', 'damaged', 'missing']),
});
const change = z.object({
  row: z.int(),
  change: z.enum(['changed', 'missing', 'extra']),
  was: text,
  now: text,
});
const report = z.object({
  operator: operatorId,
  origin: operatorId,
  file: fileId,
  table: text,
  did: z.enum(['none', 'rows', 'record', 'archive', 'failed']),
  from: text,
  why: text,
  rows: count,
  changed: count,
  changes: z.array(change).max(REPAIR_ROWS_LISTED_MAX),
});
/** What became of one file that an operator was to mend. */
export type MendReport = Readonly<z.infer<typeof report>>;

const answer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('views'), views: z.array(view).max(SCRUB_MESSAGE_FILES_MAX) }),
  z.object({
    kind: z.literal('mended'),
    reports: z.array(report).max(SCRUB_MESSAGE_FILES_MAX),
    /** Rows without a file that were taken out of tables. */
    aside: count,
  }),
  /** A bundle of one file follows, as in the transfer protocol. */
  z.object({ kind: z.literal('copy') }),
  z.object({ kind: z.literal('refused'), code: z.string().regex(CODE), text }),
]);
/** The first frame of every answer. */
export type ScrubAnswer = z.infer<typeof answer>;

const encode = (message: ScrubRequest | ScrubAnswer): Uint8Array => Buffer.from(JSON.stringify(message));
/** One frame: JSON in UTF-8. */
export const encodeScrubRequest = (message: ScrubRequest): Uint8Array => encode(message);
/** One frame: JSON in UTF-8; copies follow in bundles. */
export const encodeScrubAnswer = (message: ScrubAnswer): Uint8Array => encode(message);

/** Text that fits into a message. */
export const shortText = (given: string): string =>
  given.length > TEXT_CHARS_MAX ? `${given.slice(0, TEXT_CHARS_MAX - 1)}…` : given;

/** An error as it travels: its hint and data stay at home. */
export const refusal = ({ code, message }: HoldfastError): ScrubAnswer => ({
  kind: 'refused',
  code: CODE.test(code) ? code : 'INTERNAL',
  text: shortText(message),
});

const malformed = (what: string): HoldfastError => fault('REPLICATION_SCRUB_MALFORMED', what);

const decode = <T>(schema: z.ZodType<T>, frame: Uint8Array): T => {
  if (frame.byteLength > SCRUB_MESSAGE_BYTES_MAX) throw malformed(`a message of ${frame.byteLength} bytes`);
  return decodeMessage(schema, frame, malformed);
};

/** Throws `REPLICATION_SCRUB_MALFORMED`. */
export const decodeScrubRequest = (frame: Uint8Array): ScrubRequest => decode(request, frame);
/** Throws `REPLICATION_SCRUB_MALFORMED`. */
export const decodeScrubAnswer = (frame: Uint8Array): ScrubAnswer => decode(answer, frame);
