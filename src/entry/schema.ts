import { z } from 'zod';
import { ENTRY_ID_CHARS_MAX, ENTRY_PARENTS_MAX, NETWORK_NAME_CHARS_MAX } from '../base/limits.ts';
import { hash, isAscending, PLAIN_TEXT } from '../codec/fields.ts';
import { isJsonObject, type JsonObject } from '../codec/json.ts';

const plainText = z.string().max(ENTRY_ID_CHARS_MAX).regex(PLAIN_TEXT, 'expected text without control characters');

const ascending = { error: 'expected ascending hashes, each once' };

/** SPEC §2: the fields of a header, each on its own. */
const fields = z.strictObject({
  v: z.literal(1),
  net: z.string().regex(/^(?:[0-9a-f]{64})?$/, 'expected 64 lower-case hex digits, or nothing'),
  author: hash,
  seq: z.int().min(1),
  prev: hash.nullable(),
  parents: z.array(hash).max(ENTRY_PARENTS_MAX).refine(isAscending, ascending),
  time: z.int().min(0),
  cap: hash.nullable(),
  op: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'expected a lower-case word of at most 32 characters'),
  type: plainText.nullable(),
  id: plainText.nullable(),
  replaces: z.union([hash, z.array(hash).min(2).max(ENTRY_PARENTS_MAX).refine(isAscending, ascending)]).nullable(),
  body: hash,
});

const GENESIS_EMPTY = ['prev', 'cap', 'type', 'id', 'replaces'] as const;

/** SPEC §2: the header, with the relations between its fields. */
export const headerSchema = fields.superRefine((header, context) => {
  const isGenesis = header.op === 'genesis';
  const refuse = (field: string, message: string): void => context.addIssue({ code: 'custom', path: [field], message });
  if ((header.net === '') !== isGenesis) refuse('net', 'empty in the genesis entry, and only there');
  if ((header.prev === null) !== (header.seq === 1)) refuse('prev', 'null at seq 1, and only there');
  if (!isGenesis) {
    if (header.cap === null) refuse('cap', 'null only in the genesis entry');
    return;
  }
  if (header.seq !== 1) refuse('seq', 'the genesis entry is the first of its author');
  if (header.parents.length > 0) refuse('parents', 'empty in the genesis entry');
  for (const field of GENESIS_EMPTY) if (header[field] !== null) refuse(field, 'null in the genesis entry');
});

/** The salt of a body. */
export const SALT = /^[0-9a-f]{32}$/;

/** SPEC §3: the body. */
export const bodySchema = z.strictObject({
  content: z.custom<JsonObject>(isJsonObject, 'expected an object'),
  salt: z.string().regex(SALT, 'expected 32 lower-case hex digits'),
});

/** SPEC §4: the content of a genesis entry. */
export const genesisSchema = z.strictObject({
  v: z.literal(1),
  name: z.string().max(NETWORK_NAME_CHARS_MAX).regex(PLAIN_TEXT, 'expected text without control characters'),
  admission: z.enum(['open', 'invite']),
  roots: z.array(hash).min(1).max(16),
});
