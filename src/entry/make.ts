import { fault } from '../base/errors.ts';
import { ENTRY_BODY_BYTES_MAX, ENTRY_HEADER_BYTES_MAX } from '../base/limits.ts';
import { canonicalBytes } from '../codec/canonical.ts';
import { sha256Hex } from '../codec/hash.ts';
import type { JsonObject } from '../codec/json.ts';
import type { Entry, EntryHeader } from './entry.ts';
import { signWith, type SigningKey } from './keys.ts';

/** Everything that makes an entry: the same draft and key always give the same bytes. */
export interface EntryDraft {
  /** Network id; empty for genesis. */
  readonly net: string;
  readonly seq: number;
  readonly prev: string | null;
  /** In any order; the header gets them sorted. */
  readonly parents: readonly string[];
  /** Microseconds since 1970, from `nextTime`. */
  readonly time: number;
  readonly cap: string | null;
  readonly op: string;
  readonly type: string | null;
  readonly id: string | null;
  readonly replaces: string | readonly string[] | null;
  readonly content: JsonObject;
  /** 16 random bytes. */
  readonly salt: Uint8Array;
}

/**
 * Makes and signs an entry. Pure. Throws `ENTRY_HEADER_OVERSIZE`, `ENTRY_BODY_OVERSIZE` and, for content without a
 * canonical form, `CODEC_NOT_CANONICAL`. What it is given must obey the schema: a draft is made by the program, never
 * by a stranger.
 */
export const makeEntry = (key: SigningKey, draft: EntryDraft): Entry => {
  const { content, salt, parents, replaces, ...rest } = draft;
  const body = canonicalBytes({ content, salt: Buffer.from(salt).toString('hex') });
  if (body.byteLength > ENTRY_BODY_BYTES_MAX)
    throw fault('ENTRY_BODY_OVERSIZE', `body of ${body.byteLength} bytes; at most ${ENTRY_BODY_BYTES_MAX}`);
  const header: EntryHeader = {
    v: 1,
    author: key.author,
    ...rest,
    parents: [...parents].sort(),
    replaces: typeof replaces === 'string' || replaces === null ? replaces : [...replaces].sort(),
    body: sha256Hex(body),
  };
  const bytes = canonicalBytes({ ...header });
  if (bytes.byteLength > ENTRY_HEADER_BYTES_MAX)
    throw fault('ENTRY_HEADER_OVERSIZE', `header of ${bytes.byteLength} bytes; at most ${ENTRY_HEADER_BYTES_MAX}`);
  return { raw: { header: bytes, signature: signWith(key, bytes), body }, hash: sha256Hex(bytes), header, content };
};
