import { z } from 'zod';
import { fault, textOf } from '../../base/errors.ts';
import {
  COLUMNS_MAX,
  FILE_BYTES_MAX,
  HOLDINGS_ORIGINS_MAX,
  JSON_DEPTH_MAX,
  PUSH_FILES_IN_FLIGHT,
  TRANSFER_BUNDLE_FILES_MAX,
  TRANSFER_CHUNK_BYTES,
  TRANSFER_HEADER_BYTES_MAX,
  TRANSFER_MESSAGE_RANGES_MAX,
  TRANSFER_RECORD_BYTES_MAX,
} from '../../base/limits.ts';
import { hash } from '../../codec/fields.ts';
import { jsonDepth } from '../../codec/json.ts';
import type { FileRanges, FileRecord } from '../../operator/file-record.ts';

/** SPEC: only the major is in the id; a new major is a new folder. */
export const TRANSFER_PROTOCOL = '/holdfast/transfer/1';

const PREFIX_BYTES = 4;
const NAME_CHARS_MAX = 255;
/** Everything of a bundle: the list of records with its length in front, then the contents. */
const BUNDLE_BYTES_MAX = PREFIX_BYTES + TRANSFER_RECORD_BYTES_MAX + FILE_BYTES_MAX;

const count = z.int().min(0);
/** Number of a file, on the wire. */
export const fileId = z.int().min(1);
/** Operator policy id, on the wire. */
export const operatorId = z.string().min(1).max(NAME_CHARS_MAX);
const name = z.string().min(1).max(NAME_CHARS_MAX);
const text = z.string().max(2_000);

const ascending = (ranges: FileRanges): boolean => {
  let last = -1;
  for (const [from, to] of ranges) {
    if (from <= last + 1 || to < from) return false;
    last = to;
  }
  return true;
};
/** Ranges of file ids, on the wire. */
export const fileRanges = z
  .array(z.tuple([fileId, fileId]))
  .min(1)
  .max(TRANSFER_MESSAGE_RANGES_MAX)
  .refine(ascending, 'ranges are not ascending and apart');

/** File ids by origin, as a list of pairs. */
const filesByOrigin = z
  .array(z.tuple([operatorId, fileRanges]))
  .max(HOLDINGS_ORIGINS_MAX)
  .refine(
    (list) => list.reduce((sum, [, some]) => sum + some.length, 0) <= TRANSFER_MESSAGE_RANGES_MAX,
    'too many ranges in one message',
  );
/** File ids by the operator that numbered them (its policy id). */
export type FilesByOrigin = readonly (readonly [string, FileRanges])[];

const recordTime = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);

const message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), job: z.enum(['watch', 'push', 'pull']), operator: operatorId }),
  z.object({ type: z.literal('refused'), code: z.string().max(64), text }),
  z.object({ type: z.literal('compare') }),
  z.object({ type: z.literal('holdings'), full: z.boolean(), more: z.boolean(), origins: filesByOrigin }),
  z.object({
    type: z.literal('want'),
    id: count,
    files: filesByOrigin,
    /** Record times, both ends included; null where the window is open. */
    window: z.object({ from: recordTime.nullable(), to: recordTime.nullable() }).optional(),
  }),
  z.object({
    type: z.literal('files'),
    id: count,
    total: z.int().min(PREFIX_BYTES).max(BUNDLE_BYTES_MAX),
    raw: z.int().min(PREFIX_BYTES).max(TRANSFER_CHUNK_BYTES),
  }),
  z.object({ type: z.literal('more'), raw: z.int().min(1).max(TRANSFER_CHUNK_BYTES) }),
  z.object({ type: z.literal('skipped'), id: count, files: filesByOrigin }),
  z.object({ type: z.literal('gone'), id: count, files: filesByOrigin, text: text.optional() }),
  z.object({ type: z.literal('done'), id: count }),
  z.object({
    type: z.literal('stored'),
    id: count,
    outcomes: z.array(z.enum(['stored', 'held', 'duplicate', 'orphan', 'refused'])).max(PUSH_FILES_IN_FLIGHT),
    text: text.optional(),
  }),
]);

/** Every message of the protocol; SPEC.md says who sends which when. */
export type TransferMessage = z.infer<typeof message>;
/** What a channel is for: telling what is held, pushing new files, or asking for files. */
export type TransferJob = 'watch' | 'push' | 'pull';
/** What became of a pushed file, as the peer says; see `StoreOutcome`, and `refused`, which is not stored. */
export type PushOutcome = 'stored' | 'held' | 'duplicate' | 'orphan' | 'refused';
/** The window of record times of a `want`. */
export type WantWindow = NonNullable<Extract<TransferMessage, { type: 'want' }>['window']>;

/** A frame as received: its message and, for `files` and `more`, the compressed bytes after it. */
export interface TransferFrame {
  readonly message: TransferMessage;
  readonly payload: Uint8Array;
}

const EMPTY = new Uint8Array(0);

/** 4 bytes big-endian length of the header, the header as JSON, the payload. Throws `TRANSFER_OVERSIZE`. */
export const encodeTransfer = (header: TransferMessage, payload: Uint8Array = EMPTY): Uint8Array => {
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  if (json.byteLength > TRANSFER_HEADER_BYTES_MAX)
    throw fault('TRANSFER_OVERSIZE', `header of ${json.byteLength} bytes; at most ${TRANSFER_HEADER_BYTES_MAX}`);
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + json.byteLength + payload.byteLength);
  frame.writeUInt32BE(json.byteLength, 0);
  frame.set(json, PREFIX_BYTES);
  frame.set(payload, PREFIX_BYTES + json.byteLength);
  return frame;
};

const DEPTH_CHARS_MIN = 4_096;

const parseJson = (bytes: Buffer, what: string): unknown => {
  const json = bytes.toString('utf8');
  // What is short costs nothing however deep it is nested, and no schema lets it pass.
  if (json.length > DEPTH_CHARS_MIN && jsonDepth(json) > JSON_DEPTH_MAX)
    throw fault('TRANSFER_MALFORMED', `${what} is nested too deep`);
  try {
    return JSON.parse(json) as unknown;
  } catch (caught) {
    throw fault('TRANSFER_MALFORMED', `${what} is not JSON: ${textOf(caught)}`);
  }
};

const firstIssue = (error: z.ZodError): string => {
  const issue = error.issues[0];
  return issue === undefined ? 'not valid' : `${issue.path.join('.')}: ${issue.message}`;
};

/** The one place where a peer's frame becomes a message. Throws `TRANSFER_MALFORMED`. */
export const decodeTransfer = (frame: Uint8Array): TransferFrame => {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const headerBytes = bytes.byteLength >= PREFIX_BYTES ? bytes.readUInt32BE(0) : undefined;
  if (
    headerBytes === undefined ||
    headerBytes > TRANSFER_HEADER_BYTES_MAX ||
    headerBytes > bytes.byteLength - PREFIX_BYTES
  )
    throw fault('TRANSFER_MALFORMED', `frame of ${bytes.byteLength} bytes does not hold its header`);
  const parsed = message.safeParse(parseJson(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + headerBytes), 'header'));
  if (!parsed.success) throw fault('TRANSFER_MALFORMED', `message ${firstIssue(parsed.error)}`);
  return { message: parsed.data, payload: bytes.subarray(PREFIX_BYTES + headerBytes) };
};

const record = z.object({
  origin: operatorId,
  file: fileId,
  dbms: name,
  table: name,
  source: z.string().max(NAME_CHARS_MAX),
  instructions: z.string().max(NAME_CHARS_MAX),
  hash: z.string().regex(/^[0-9a-f]{32}$/),
  time: recordTime,
  rows: count,
  /** A column may have no type: then it keeps texts. */
  columns: z.array(z.object({ name, type: z.string().max(NAME_CHARS_MAX) })).max(COLUMNS_MAX),
  digest: hash,
  status: z.enum(['stored', 'duplicate']),
}) satisfies z.ZodType<FileRecord>;

const bundleList = z
  .array(
    z.object({
      record,
      bytes: count.max(FILE_BYTES_MAX),
      /** SHA-256 of content that was made again from the rows: the record's digest does not apply to it. */
      rebuilt: hash.optional(),
    }),
  )
  .min(1)
  .max(TRANSFER_BUNDLE_FILES_MAX);

/** One file of a bundle's list: its record, the length of its content, the digest of a rebuilt one. */
export type BundleEntry = z.infer<typeof bundleList>[number];

/** Parses the list at the head of a bundle. Throws `TRANSFER_MALFORMED`. */
export const decodeBundleList = (bytes: Buffer): readonly BundleEntry[] => {
  const parsed = bundleList.safeParse(parseJson(bytes, 'list of files'));
  if (!parsed.success) throw fault('TRANSFER_MALFORMED', `list of files ${firstIssue(parsed.error)}`);
  return parsed.data;
};
