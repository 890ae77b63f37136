import type { JsonObject } from '../codec/json.ts';

/** `unknown` ops (from later versions) are kept and counted, without effect. */
export type EntryOp = 'genesis' | 'insert' | 'update' | 'delete' | 'erase' | (string & {});

/** Operations whose body can be erased: what they say is of use, but nobody's right to write rests on it. */
export const ERASABLE_OPS: ReadonlySet<string> = new Set(['insert', 'update']);

/** The signed part of an entry; field order is that of canonical JSON when written. See `SPEC.md`. */
export interface EntryHeader {
  readonly v: 1;
  /** Network id: hash of the genesis entry; empty in genesis alone. */
  readonly net: string;
  /** Ed25519 public key, 64 hex digits. */
  readonly author: string;
  /** 1, 2, 3 … per author. */
  readonly seq: number;
  /** Hash of the author's entry before; null at 1. */
  readonly prev: string | null;
  /** Hashes of the frontier of other authors' logs, at most 16, sorted. */
  readonly parents: readonly string[];
  /** Microseconds since 1970, hybrid logical clock. */
  readonly time: number;
  /** Hash of the grant that allows the entry; the genesis hash under open admission; null in genesis. */
  readonly cap: string | null;
  readonly op: EntryOp;
  readonly type: string | null;
  readonly id: string | null;
  /**
   * Hash of the entry that gave the policy the state which the author saw. An array where one update ends a conflict.
   */
  readonly replaces: string | readonly string[] | null;
  /** SHA-256 of the body's bytes. */
  readonly body: string;
}

/** The three pieces as their author made them: the only form that is stored, sent, hashed and verified. */
export interface RawEntry {
  readonly header: Uint8Array;
  /** 64 bytes, Ed25519 over `header`. */
  readonly signature: Uint8Array;
  /** Empty where it was erased: the body of an entry never is. */
  readonly body: Uint8Array;
}

/** A well-formed entry: canonical, within limits, body hash holds. Says nothing yet of signature, log or authority. */
export interface Entry {
  readonly raw: RawEntry;
  /** SHA-256 over the header's bytes. */
  readonly hash: string;
  readonly header: EntryHeader;
  /** The content of the body, without its salt; empty where that was erased. */
  readonly content: JsonObject;
  /** Its body is not here: header and signature are all that is left. */
  readonly bodiless?: true;
  /** The body was not erased: a snapshot has settled what it said, and it was dropped here. Others keep it. */
  readonly archived?: true;
}

const NO_BODY = new Uint8Array();

/** The entry as it is once its body is erased. */
export const withoutBody = ({ raw, hash, header }: Entry): Entry => ({
  raw: { header: raw.header, signature: raw.signature, body: NO_BODY },
  hash,
  header,
  content: {},
  bodiless: true,
});

/** The entry as it is once its body is dropped here and kept by others. */
export const archivedEntry = (entry: Entry): Entry => ({ ...withoutBody(entry), archived: true });

/** Hash of the entry whose body an erase entry is about; undefined for any other entry. */
export const erasedIn = ({ header, content }: Pick<Entry, 'header' | 'content'>): string | undefined => {
  const { entry } = content;
  return header.op === 'erase' && typeof entry === 'string' ? entry : undefined;
};

/** The place in the ledger's order: an effect never comes before its cause. */
export const compareEntries = (a: EntryHeader, b: EntryHeader): number =>
  a.time - b.time || (a.author < b.author ? -1 : a.author > b.author ? 1 : 0) || a.seq - b.seq;
