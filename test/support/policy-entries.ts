import { canonicalJson } from '../../src/codec/canonical.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import type { Entry, EntryHeader } from '../../src/entry/entry.ts';

const EMPTY = new Uint8Array();

/** A public key that reads well in a failing test: `a`, `b` … repeated. */
export const authorKey = (letter: string): string => letter.repeat(64).slice(0, 64);

/** What a test says of an entry; the rest is filled in. */
export interface EntrySketch {
  readonly author?: string;
  readonly seq?: number;
  readonly prev?: string | null;
  readonly parents?: readonly string[];
  readonly time?: number;
  readonly net?: string;
  readonly cap?: string | null;
  readonly op?: string;
  readonly type?: string | null;
  readonly id?: string | null;
  readonly replaces?: string | readonly string[] | null;
  readonly content?: JsonObject;
}

let counter = 0;

/** An entry as the fold sees it: well-formed, unsigned. Without `seq` and `time` each is later than the one before. */
export const entryOf = (sketch: EntrySketch): Entry => {
  counter += 1;
  const { content = {}, ...rest } = sketch;
  const header: EntryHeader = {
    v: 1,
    net: 'f'.repeat(64),
    author: authorKey('a'),
    seq: counter,
    prev: null,
    parents: [],
    time: 1_600_000_000_000_000 + counter,
    cap: 'f'.repeat(64),
    op: 'insert',
    type: null,
    id: null,
    replaces: null,
    ...rest,
    body: sha256Hex(canonicalJson(content)),
  };
  return {
    raw: { header: EMPTY, signature: EMPTY, body: EMPTY },
    hash: sha256Hex(canonicalJson({ ...header })),
    header,
    content,
  };
};
