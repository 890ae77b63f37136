import { fault } from '../base/errors.ts';
import { HISTORY_POLICIES_MAX } from '../base/limits.ts';
import type { Sliced } from '../base/slices.ts';
import { canonicalJson } from '../codec/canonical.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { policyDate } from '../entry/time.ts';
import type { PolicyBook } from './book.ts';
import type { VoidReason } from './void-reason.ts';
import { applyChanges, applyToRest, type Fact } from './facts.ts';
import type { Chronicle } from './past.ts';
import { authorNames, type Signed, signedBy } from './signed.ts';

/** An attribute against the version before; `before` or `after` is undefined where there was or is none. */
export interface Change {
  readonly attribute: string;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

/** One entry in the life of a policy, for `blockchain history`. */
export interface PolicyVersion extends Signed {
  readonly id: string;
  /** Attribute by attribute against the version before; of an entry without effect, what it wanted to change. */
  readonly changes: readonly Change[];
  /**
   * Who erased what the entry said, when and why; the names of the attributes that it gave are all that is left of
   * them.
   */
  readonly erased: ErasedBy | undefined;
  /** What the entry says is not here, though nobody erased it by right: its changes are not known. */
  readonly missing: boolean;
  /** `body`: what the entry said is archived. `before`: what it said is here, and what it replaced is archived. */
  readonly archived: 'body' | 'before' | undefined;
  readonly effect: 'in-force' | 'superseded' | VoidReason;
  /** The entry of this policy that took its place. */
  readonly supersededBy: string | undefined;
  /** Other versions that replaced the same one, while nobody has settled it. */
  readonly conflictsWith: readonly string[];
}

/** An erasure, for users to read. */
export interface ErasedBy {
  /** Hash of the erase entry. */
  readonly entry: string;
  readonly author: string;
  readonly authorName: string | undefined;
  /** Stated by the author, policy date form. */
  readonly date: string;
  readonly reason: string;
  readonly attributes: readonly string[];
}

/** {@link ErasedBy} of an entry; undefined where its body was not erased by right. */
const erasedBy = ({ erasure }: Fact, names: ReadonlyMap<string, string>): ErasedBy | undefined =>
  erasure?.inForce === true
    ? {
        entry: erasure.by,
        author: erasure.author,
        authorName: names.get(erasure.author),
        date: policyDate(erasure.time),
        reason: erasure.reason,
        attributes: erasure.attributes,
      }
    : undefined;

const NONE: JsonObject = {};

/** Attribute by attribute, sorted by name. Also the pure part of `get policies diff`. */
export const differences = (before: JsonObject, after: JsonObject): readonly Change[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .map((attribute) => ({ attribute, before: before[attribute], after: after[attribute] }))
    .filter(({ before: was, after: is }) => canonicalJson([was ?? null]) !== canonicalJson([is ?? null]));

const valueAfter = ({ op, content }: Fact, type: string, before: JsonObject, hasEffect: boolean): JsonObject => {
  if (op === 'delete') return NONE;
  if (op === 'insert') return content;
  if (hasEffect) return applyToRest(type, before, content).value;
  try {
    return applyChanges(type, before, content);
  } catch {
    return before;
  }
};

const SLICE = 100;

interface Judged {
  readonly fact: Fact;
  readonly effect: PolicyVersion['effect'];
}

/** For each entry the next one with effect. */
const followersOf = (judged: readonly Judged[]): readonly (string | undefined)[] => {
  const followers: (string | undefined)[] = [];
  let next: string | undefined;
  for (const { fact, effect } of judged.toReversed()) {
    followers.push(next);
    if (typeof effect === 'string') next = fact.hash;
  }
  return followers.reverse();
};

/**
 * What an entry changed of what was in force before it, and what is after it; undefined where that cannot be told,
 * since some of it is archived.
 */
const changesIn = (
  { fact, effect }: Judged,
  type: string,
  before: JsonObject | undefined,
): Pick<PolicyVersion, 'changes' | 'archived'> & { readonly after: JsonObject | undefined } => {
  const hasEffect = typeof effect === 'string';
  if (fact.archived) {
    // Whether it had an effect may not be known.
    const mayHave = hasEffect || effect.rule === 'archived';
    return { changes: [], archived: 'body', after: mayHave ? undefined : before };
  }
  // Such an entry says by itself what comes after it.
  const begins = hasEffect && fact.op !== 'update';
  if (before === undefined && !begins)
    return { changes: differences(NONE, fact.content), archived: 'before', after: undefined };
  // An entry without effect shows what it wanted to change; the next one is compared with what was in force.
  const after = valueAfter(fact, type, before ?? NONE, hasEffect);
  const changes = differences(before ?? NONE, after);
  return { changes, archived: before === undefined ? 'before' : undefined, after: hasEffect ? after : before };
};

/**
 * The life of one policy: every entry that names it, in the ledger's order, with what it changed or why it did not, as
 * the book judges them when the work begins.
 */
export const versionsOf = function* (
  id: string,
  facts: readonly Fact[],
  book: PolicyBook,
  chronicle: Chronicle,
): Sliced<readonly PolicyVersion[]> {
  const names = authorNames(book);
  const conflict = book.get(id)?.conflict ?? [];
  const judged = facts.map((fact): Judged => ({ fact, effect: book.effectOf(fact.hash) ?? 'superseded' }));
  const followers = followersOf(judged);
  const versions: PolicyVersion[] = [];
  let current: JsonObject | undefined = NONE;
  let type = '';
  for (const [at, { fact, effect }] of judged.entries()) {
    if (at % SLICE === SLICE - 1) yield;
    if (fact.op === 'insert' && typeof effect === 'string') type = fact.type ?? '';
    const { changes, archived, after } = changesIn({ fact, effect }, type, current);
    current = after;
    versions.push({
      ...signedBy(fact, chronicle, names),
      id,
      changes,
      erased: erasedBy(fact, names),
      missing: fact.bodiless && fact.erasure?.inForce !== true,
      archived,
      effect,
      supersededBy: effect === 'superseded' ? followers[at] : undefined,
      conflictsWith: conflict.includes(fact.hash) ? conflict.filter((hash) => hash !== fact.hash) : [],
    });
  }
  return versions;
};

/**
 * Ids of the policies of a type that have or once had a name, also of those that were deleted or never came into force,
 * in the order in which they came. `POLICY_HISTORY_OVERSIZE` for more than `HISTORY_POLICIES_MAX`.
 */
export const idsNamed = (facts: readonly Fact[], type: string, name: string): readonly string[] => {
  const ofType = new Set<string>();
  const named = new Set<string>();
  for (const fact of facts) {
    if (fact.id === null) continue;
    if (fact.op === 'insert' && fact.type === type) ofType.add(fact.id);
    if (fact.content['name'] === name) named.add(fact.id);
  }
  const ids = [...ofType].filter((id) => named.has(id));
  if (ids.length <= HISTORY_POLICIES_MAX) return ids;
  throw fault('POLICY_HISTORY_OVERSIZE', `${ids.length} policies of type ${type} have or had the name ${name}`, {
    data: { policies: ids.length, limit: HISTORY_POLICIES_MAX },
    hint: 'ask for one by its id: blockchain history where id = ID',
  });
};
