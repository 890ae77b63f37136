import { canonicalBytes, canonicalJson } from '../codec/canonical.ts';
import { sha256Hex } from '../codec/hash.ts';
import type { JsonObject } from '../codec/json.ts';
import { ownEntry } from './check.ts';
import type { Entry, EntryHeader } from './entry.ts';
import { signWith, type SigningKey } from './keys.ts';

/**
 * Everything that makes an entry: the same draft and key always give the same bytes. The parents come in any order, the
 * time from `nextTime`.
 */
export interface EntryDraft extends Omit<EntryHeader, 'v' | 'author' | 'body'> {
  readonly content: JsonObject;
  /** 16 random bytes. */
  readonly salt: Uint8Array;
}

/**
 * Makes and signs an entry. Pure. What it returns passes `parseEntry`: it throws the same `ENTRY_…` errors, and
 * `CODEC_NOT_CANONICAL` for content that has no canonical form.
 */
export const makeEntry = (key: SigningKey, draft: EntryDraft): Entry => {
  const entry = unsignedEntry(key.author, draft);
  entry.raw.signature.set(signWith(key, entry.raw.header));
  return entry;
};

/** The same with a signature that is still zeros: the hash does not depend on it. */
export const unsignedEntry = (author: string, draft: EntryDraft): Entry => {
  const { content, replaces } = draft;
  const body = canonicalJson({ content, salt: Buffer.from(draft.salt).toString('hex') });
  // In the order of canonical JSON, which saves sorting.
  const header: EntryHeader = {
    author,
    body: sha256Hex(body),
    cap: draft.cap,
    id: draft.id,
    net: draft.net,
    op: draft.op,
    parents: [...draft.parents].sort(),
    prev: draft.prev,
    replaces: typeof replaces === 'string' || replaces === null ? replaces : [...replaces].sort(),
    seq: draft.seq,
    time: draft.time,
    type: draft.type,
    v: 1,
  };
  return ownEntry(header, canonicalBytes({ ...header }), body);
};
