import { asFault } from '../base/errors.ts';
import { isHash } from '../codec/fields.ts';
import type { JsonObject } from '../codec/json.ts';
import type { Entry } from '../entry/entry.ts';
import type { VoidReason } from './void-reason.ts';
import { checkType, normalValue } from './shape.ts';

/** What an erase entry says of the entry that it is about. */
export interface Erasure {
  /** Hash of the erase entry; its author; when, microseconds since 1970. */
  readonly by: string;
  readonly author: string;
  readonly time: number;
  readonly reason: string;
  /** Names of the attributes that the body gave, and that it took away. */
  readonly attributes: readonly string[];
  readonly removed: readonly string[];
  /** Whether it was made by right. */
  readonly inForce: boolean;
}

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
  /**
   * insert: the root value in normal form, or why it is none; update: the changes; what gives or takes authority: as it
   * is.
   */
  content: JsonObject;
  malformed: VoidReason | undefined;
  /** Its body is not here any more: the content is what {@link withoutContent} says. */
  bodiless: boolean;
  /**
   * Its body was dropped here once a snapshot had settled what it said, and is not erased: then nothing is known of its
   * content.
   */
  archived: boolean;
  /** What erased its body, or was to. */
  erasure: Erasure | undefined;
  /** Why it has no effect, as of the last evaluation. */
  void: VoidReason | undefined;
}

/** Operations on policies. */
export const POLICY_OPS: ReadonlySet<string> = new Set(['insert', 'update', 'delete']);

/** Operations that give or take the right to write. */
export const AUTHORITY_OPS: ReadonlySet<string> = new Set(['grant', 'revoke', 'join', 'rotate']);

/** The operation that erases the body of another entry. */
export const ERASE_OP = 'erase';

/** The operation that settles what it covers. */
export const SNAPSHOT_OP = 'snapshot';

const KEEPS_CONTENT: ReadonlySet<string> = new Set(['genesis', ERASE_OP, SNAPSHOT_OP]);

const NOTHING: JsonObject = {};
const NO_HASHES: readonly string[] = [];

/** The reason of a failure of {@link normalValue}. */
export const malformedBy = (caught: unknown): VoidReason => ({
  rule: 'structure',
  text: asFault(caught).message,
  by: undefined,
});

/** Gives a text as the one that is in memory already: what many entries name is kept once. */
export interface KnownTexts {
  hash(hash: string): string;
  author(key: string): string;
}

const asItIs = (text: string): string => text;
const NOTHING_KNOWN: KnownTexts = { hash: asItIs, author: asItIs };

const hashOrNull = (hash: string | null, known: KnownTexts): string | null => (hash === null ? null : known.hash(hash));

/** The fact of an entry. Never throws: what is wrong with its content stays with it as the reason. */
export const factOf = (entry: Entry, known = NOTHING_KNOWN): Fact => {
  const { author, seq, time, cap, op, type, id, replaces, prev, parents } = entry.header;
  let content = NOTHING;
  let malformed: VoidReason | undefined;
  try {
    if (entry.bodiless === true && op === 'insert') checkType(type ?? '');
    else if (entry.bodiless === true) content = NOTHING;
    else if (op === 'insert') content = normalValue(type ?? '', withoutObserved(entry.content));
    else if (op === 'update') content = withoutObserved(entry.content);
    else if (KEEPS_CONTENT.has(op) || AUTHORITY_OPS.has(op)) content = entry.content;
  } catch (caught) {
    malformed = malformedBy(caught);
  }
  return {
    hash: entry.hash,
    author: known.author(author),
    seq,
    time,
    cap: hashOrNull(cap, known),
    op,
    type,
    id,
    replaces: replaces === null ? NO_HASHES : [replaces].flat().map((hash) => known.hash(hash)),
    links: (prev === null ? parents : [prev, ...parents]).map((hash) => known.hash(hash)),
    content,
    malformed,
    bodiless: entry.bodiless === true && entry.archived !== true,
    archived: entry.archived === true,
    erasure: undefined,
    void: malformed,
  };
};

const withoutObserved = (content: JsonObject): JsonObject => {
  if (!Object.hasOwn(content, 'id') && !Object.hasOwn(content, 'ledger')) return content;
  const { id: _id, ledger: _ledger, ...rest } = content;
  return rest;
};

/**
 * A root value after an update: each attribute named is replaced, null removes it. Throws what {@link normalValue}
 * throws.
 */
export const applyChanges = (type: string, value: JsonObject, changes: JsonObject): JsonObject =>
  normalValue(type, merged(value, changes));

const merged = (value: JsonObject, changes: JsonObject): JsonObject => {
  const attributes = new Map(Object.entries(value));
  for (const [attribute, after] of Object.entries(changes)) {
    if (after === null) attributes.delete(attribute);
    else attributes.set(attribute, after);
  }
  return Object.fromEntries(attributes);
};

/**
 * What an entry counts as once its body is erased: an insert as that of an empty policy, an update as one that takes
 * away what it gave. Its author could have written just that, so nobody gains by an erasure.
 */
export const withoutContent = (op: string, erasure: Erasure | undefined): JsonObject =>
  op === 'insert' || erasure === undefined
    ? NOTHING
    : Object.fromEntries([...erasure.attributes, ...erasure.removed].map((name) => [name, null]));

/** Why an entry has no effect whose content is gone: an insert of what can be no type. */
export const malformedWithoutContent = ({ op, type }: Pick<Fact, 'op' | 'type'>): VoidReason | undefined => {
  if (op !== 'insert') return undefined;
  try {
    checkType(type ?? '');
    return undefined;
  } catch (caught) {
    return malformedBy(caught);
  }
};

/**
 * As {@link applyChanges}, where a body that was erased may have taken what the type needs: then as the entries leave
 * it, and `isPartial`.
 */
export const applyToRest = (
  type: string,
  value: JsonObject,
  changes: JsonObject,
): { readonly value: JsonObject; readonly isPartial: boolean } => {
  try {
    return { value: applyChanges(type, value, changes), isPartial: false };
  } catch (caught) {
    asFault(caught);
    return { value: merged(value, changes), isPartial: true };
  }
};

/** Gives an entry back its content, unless that is erased by right; returns whether it did. */
export const restore = (held: Fact, { content, malformed, bodiless, archived }: Fact): boolean => {
  if (bodiless || archived || held.erasure?.inForce === true) return false;
  held.content = content;
  held.malformed = malformed;
  held.bodiless = false;
  held.archived = false;
  held.erasure = undefined;
  return true;
};

/**
 * The public key that a policy's value names as its node's. What an erasure has left may have anything there: what is
 * no key names none.
 */
export const peerOf = (value: JsonObject): string | undefined => {
  const { peer } = value;
  return typeof peer === 'string' && isHash(peer) ? peer : undefined;
};

/**
 * Whether changes take a node's policy over for a new key: they name the key that they replace, and the writer's own in
 * its place. Under open admission anybody may; a dead node cannot do it itself.
 */
export const isTakeover = (before: JsonObject, changes: JsonObject, writer: string): boolean =>
  peerOf(before) !== undefined && changes['replaces'] === peerOf(before) && changes['peer'] === writer;

/** The place in the ledger's order, as `compareEntries` has it. */
export const compareFacts = (a: Fact, b: Fact): number =>
  a.time - b.time || (a.author < b.author ? -1 : a.author > b.author ? 1 : 0) || a.seq - b.seq;
