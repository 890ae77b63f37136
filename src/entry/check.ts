import type { z } from 'zod';
import { fault, HoldfastError } from '../base/errors.ts';
import { ENTRY_BODY_BYTES_MAX, ENTRY_HEADER_BYTES_MAX, ENTRY_SIGNATURE_BYTES, JSON_DEPTH_MAX } from '../base/limits.ts';
import { parseCanonical } from '../codec/canonical.ts';
import { sha256Hex } from '../codec/hash.ts';
import { isJsonObject, jsonDepth, type JsonObject, type JsonValue } from '../codec/json.ts';
import { type Entry, type EntryHeader, ERASABLE_OPS, type RawEntry } from './entry.ts';
import { plainHeader } from './plain-header.ts';
import { bodySchema, genesisSchema, headerSchema, SALT } from './schema.ts';
import { ed25519, type Signatures } from './signatures.ts';

const CODES: Readonly<Record<string, string>> = {
  CODEC_TOO_DEEP: 'ENTRY_TOO_DEEP',
  CODEC_MALFORMED: 'ENTRY_MALFORMED',
  CODEC_NOT_CANONICAL: 'ENTRY_NOT_CANONICAL',
};

const parsePiece = (piece: 'header' | 'body', bytes: Uint8Array): JsonValue => {
  try {
    return parseCanonical(bytes);
  } catch (caught) {
    if (!(caught instanceof HoldfastError)) throw caught;
    throw fault(CODES[caught.code] ?? 'ENTRY_MALFORMED', `entry ${piece}: ${caught.message}`);
  }
};

const shaped = <T>(piece: string, schema: z.ZodType<T>, value: JsonValue): T => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined ? '' : issue.path.join('.');
  throw fault(
    'ENTRY_SCHEMA',
    `entry ${piece}${where === '' ? '' : ` field ${where}`}: ${issue?.message ?? 'malformed'}`,
  );
};

const checkSizes = (raw: RawEntry): void => {
  if (raw.header.byteLength > ENTRY_HEADER_BYTES_MAX)
    throw fault('ENTRY_HEADER_OVERSIZE', `header of ${raw.header.byteLength} bytes; at most ${ENTRY_HEADER_BYTES_MAX}`);
  if (raw.body.byteLength > ENTRY_BODY_BYTES_MAX)
    throw fault('ENTRY_BODY_OVERSIZE', `body of ${raw.body.byteLength} bytes; at most ${ENTRY_BODY_BYTES_MAX}`);
  if (raw.signature.byteLength !== ENTRY_SIGNATURE_BYTES)
    throw fault(
      'ENTRY_SIGNATURE_LENGTH',
      `signature of ${raw.signature.byteLength} bytes; it has ${ENTRY_SIGNATURE_BYTES}`,
    );
};

const headerOf = (raw: RawEntry): EntryHeader => {
  checkSizes(raw);
  const plain = plainHeader(raw.header);
  if (plain !== undefined) return plain;
  const value = parsePiece('header', raw.header);
  if (isJsonObject(value) && typeof value['v'] === 'number' && value['v'] !== 1)
    throw fault('ENTRY_VERSION_UNKNOWN', `entry of format version ${value['v']}; this program knows 1`, {
      hint: 'a newer version wrote it: update this node',
    });
  return shaped('header', headerSchema, value);
};

const NO_BODY: JsonObject = {};

const contentOf = (raw: RawEntry): JsonObject => {
  const body = parsePiece('body', raw.body);
  // What the schema says, at a tenth of its price.
  const { content, salt, ...others } = isJsonObject(body) ? body : NO_BODY;
  if (typeof salt === 'string' && SALT.test(salt) && isJsonObject(content) && Object.keys(others).length === 0)
    return content;
  return shaped('body', bodySchema, body).content;
};

/**
 * The only way from bytes of outside to a whole {@link Entry}: size, canonical form, schema, body hash (SPEC E1 to E6).
 * Says nothing of the signature, see {@link signatureHolds}. Throws `ENTRY_…`.
 * `hash` is that of the header, for a caller that has it already.
 */
export const parseEntry = (raw: RawEntry, hash = sha256Hex(raw.header)): Entry => {
  const header = headerOf(raw);
  const got = sha256Hex(raw.body);
  if (got !== header.body)
    throw fault('ENTRY_BODY_MISMATCH', 'the body is not the one that the header names', {
      data: { want: header.body, got },
    });
  const content = contentOf(raw);
  if (header.op === 'genesis') shaped('body', genesisSchema, content);
  return { raw, hash, header, content };
};

/**
 * The same, or where there is no body the entry without it (SPEC 3.1). Whoever takes one in sees to it that the body
 * was erased by right. `ENTRY_BODY_MISSING` where the body of such an entry cannot be erased.
 */
export const parseErasable = (raw: RawEntry, hash = sha256Hex(raw.header)): Entry => {
  if (raw.body.byteLength > 0) return parseEntry(raw, hash);
  const header = headerOf(raw);
  if (!ERASABLE_OPS.has(header.op))
    throw fault('ENTRY_BODY_MISSING', `an entry of the kind ${header.op} is never without its body`);
  return { raw, hash, header, content: {}, bodiless: true };
};

/**
 * The entry, unsigned yet, of what this program has just encoded: canonical and hashed already, so only sizes, schema
 * and depth are checked. Throws what {@link parseEntry} would throw.
 */
export const ownEntry = (header: EntryHeader, headerBytes: Uint8Array, body: string): Entry => {
  const raw = { header: headerBytes, signature: Buffer.alloc(ENTRY_SIGNATURE_BYTES), body: Buffer.from(body) };
  checkSizes(raw);
  if (plainHeader(headerBytes) === undefined) shaped('header', headerSchema, { ...header });
  if (jsonDepth(body) > JSON_DEPTH_MAX)
    throw fault('ENTRY_TOO_DEEP', `entry body: JSON is nested deeper than ${JSON_DEPTH_MAX} levels`);
  // Parsed again, so that nobody else holds the content and can change it.
  const { content } = JSON.parse(body) as { readonly content: JsonObject };
  if (header.op === 'genesis') shaped('body', genesisSchema, content);
  return { raw, hash: sha256Hex(headerBytes), header, content };
};

/** Whether the entry's own signature holds. */
export const signatureHolds = (entry: Entry, signatures: Pick<Signatures, 'hold'> = ed25519): boolean =>
  signatures.hold(entry.header.author, entry.raw.header, entry.raw.signature);

/** The same on the thread pool. */
export const signatureHoldsInBackground = (entry: Entry, signatures = ed25519): Promise<boolean> =>
  signatures.holdInBackground(entry.header.author, entry.raw.header, entry.raw.signature);
