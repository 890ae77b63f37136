import { asFault } from '../base/errors.ts';
import type { JsonObject } from '../codec/json.ts';
import type { Entry } from '../entry/entry.ts';
import type { VoidReason } from './book.ts';
import { normalValue } from './shape.ts';

/** What the fold keeps of an entry: a few hundred bytes, never the raw pieces. */
export interface Fact {
  readonly hash: string;
  readonly author: string;
  readonly seq: number;
  readonly time: number;
  /** Hash of the grant that it cites. */
  readonly cap: string | null;
  readonly op: string;
  readonly type: string | null;
  readonly id: string | null;
  readonly replaces: readonly string[];
  /** Hashes of the entries that it builds on: `prev`, then the parents. */
  readonly links: readonly string[];
  /** insert: the root value in normal form, or why it is none; update: the changes; what gives or takes authority: as it is. */
  readonly content: JsonObject;
  readonly malformed: VoidReason | undefined;
  /** Why it has no effect, as of the last evaluation. */
  void: VoidReason | undefined;
}

/** Operations that give or take the right to write. */
export const AUTHORITY_OPS: ReadonlySet<string> = new Set(['grant', 'revoke', 'join', 'rotate']);

const NOTHING: JsonObject = {};

/** The reason of a failure of {@link normalValue}. */
export const malformedBy = (caught: unknown): VoidReason => ({
  rule: 'structure',
  text: asFault(caught).message,
  by: undefined,
});

const asItIs = (hash: string): string => hash;

/**
 * The fact of an entry. Never throws: what is wrong with its content stays with it as the reason. `known` may give a hash
 * as the text that is in memory already.
 */
export const factOf = (entry: Entry, known = asItIs): Fact => {
  const { author, seq, time, cap, op, type, id, replaces, prev, parents } = entry.header;
  let content = NOTHING;
  let malformed: VoidReason | undefined;
  try {
    if (op === 'insert') content = normalValue(type ?? '', withoutObserved(entry.content));
    else if (op === 'update') content = withoutObserved(entry.content);
    else if (op === 'genesis' || AUTHORITY_OPS.has(op)) content = entry.content;
  } catch (caught) {
    malformed = malformedBy(caught);
  }
  return {
    hash: entry.hash,
    author,
    seq,
    time,
    cap,
    op,
    type,
    id,
    replaces: replaces === null ? [] : typeof replaces === 'string' ? [replaces] : replaces,
    links: (prev === null ? parents : [prev, ...parents]).map(known),
    content,
    malformed,
    void: malformed,
  };
};

const withoutObserved = (content: JsonObject): JsonObject => {
  if (!Object.hasOwn(content, 'id') && !Object.hasOwn(content, 'ledger')) return content;
  const { id: _id, ledger: _ledger, ...rest } = content;
  return rest;
};

/** A root value after an update: each attribute named is replaced, null removes it. Throws what {@link normalValue} throws. */
export const applyChanges = (type: string, value: JsonObject, changes: JsonObject): JsonObject => {
  const merged = new Map(Object.entries(value));
  for (const [attribute, after] of Object.entries(changes)) {
    if (after === null) merged.delete(attribute);
    else merged.set(attribute, after);
  }
  return normalValue(type, Object.fromEntries(merged));
};

/** The public key that a policy's value names as its node's. */
export const peerOf = (value: JsonObject): string | undefined => {
  const { peer } = value;
  return typeof peer === 'string' ? peer : undefined;
};

/**
 * Whether changes take a node's policy over for a new key: they name the key that they replace, and the writer's own in its place. Under
 * open admission anybody may; a dead node cannot do it itself.
 */
export const isTakeover = (before: JsonObject, changes: JsonObject, writer: string): boolean =>
  peerOf(before) !== undefined && changes['replaces'] === peerOf(before) && changes['peer'] === writer;

/** The place in the ledger's order, as `compareEntries` has it. */
export const compareFacts = (a: Fact, b: Fact): number =>
  a.time - b.time || (a.author < b.author ? -1 : a.author > b.author ? 1 : 0) || a.seq - b.seq;
