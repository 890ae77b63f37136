import { POLICY_CONFLICT_MAX } from '../base/limits.ts';
import type { JsonObject } from '../codec/json.ts';
import type { VoidReason } from './void-reason.ts';
import { covers, type Rights } from './authority/rights.ts';
import type { Holdings, Life, Subject } from './claims.ts';
import { applyChanges, applyToRest, isTakeover, malformedBy, peerOf, type Fact } from './facts.ts';
import { claimsOf, kindOf } from './kinds/registry.ts';

const isNodeType = (type: string): boolean => kindOf(type)?.isNode === true;

/**
 * One entry takes its effect on its policy and on who holds what. Entries must come in the ledger's order; this order
 * is the only thing that the outcome depends on. An entry without effect gets its reason and changes nothing. `rights`
 * are what its author may do; undefined: everything.
 */
export const evolve = (holdings: Holdings, subject: Subject, fact: Fact, rights?: Rights): void => {
  fact.void = fact.malformed;
  if (fact.malformed !== undefined) return;
  if (fact.op === 'insert') fact.void = insert(holdings, subject, fact, rights);
  else if (fact.op === 'update') fact.void = update(holdings, subject, fact, rights);
  else fact.void = end(holdings, subject, fact, rights);
};

const insert = (
  holdings: Holdings,
  subject: Subject,
  fact: Fact,
  rights: Rights | undefined,
): VoidReason | undefined => {
  const type = fact.type ?? '';
  const taken = subject.life;
  if (taken !== undefined)
    return {
      rule: 'id-taken',
      text: `policy ${subject.id} was inserted before`,
      by: taken.insert.hash,
      holder: subject.id,
    };
  const foreign = notTheOwner(fact, isNodeType(type) ? peerOf(fact.content) : undefined);
  if (foreign !== undefined) return foreign;
  const unauthorised = beyond(rights, fact, type, undefined, fact.content);
  if (unauthorised !== undefined) return unauthorised;
  const life: Life = {
    type,
    insert: fact,
    value: fact.content,
    partial: fact.bodiless,
    claims: claimsOf(type, fact.content),
    member: undefined,
    heads: [fact],
    waiting: undefined,
    settled: undefined,
  };
  subject.life = life;
  subject.newest = fact;
  holdings.settle(subject, life);
  return undefined;
};

const update = (
  holdings: Holdings,
  subject: Subject,
  fact: Fact,
  rights: Rights | undefined,
): VoidReason | undefined => {
  const { life } = subject;
  if (life === undefined) return noSuchPolicy(subject);
  const refused = otherType(life, fact) ?? final(life);
  if (refused !== undefined) return refused;
  const node = isNodeType(life.type);
  const taken = node && isTakeover(life.value, fact.content, fact.author);
  const foreign = notTheOwner(fact, node && !taken ? peerOf(life.value) : undefined);
  if (foreign !== undefined) return foreign;
  const after = valueAfter(life, fact);
  if ('rule' in after) return after;
  const { value } = after;
  const claimed = node ? notTheOwner(fact, peerOf(value)) : undefined;
  if (claimed !== undefined) return claimed;
  const unauthorised = beyond(rights, fact, life.type, life.value, value);
  if (unauthorised !== undefined) return unauthorised;
  const claims = claimsOf(life.type, value);
  if (life.waiting === undefined) {
    const blocked = holdings.move(subject, life, value, claims, fact.content['member'] !== undefined);
    if (blocked !== undefined) return blocked;
  } else {
    life.value = value;
    life.claims = claims;
    holdings.settle(subject, life);
  }
  life.partial = after.isPartial;
  life.heads = [...life.heads.filter((head) => !isNamed(life, head, fact.replaces)), fact].slice(-POLICY_CONFLICT_MAX);
  subject.newest = fact;
  return undefined;
};

/**
 * Whether a version is named as replaced; what a snapshot settled, by any covered entry that came after its last origin
 * as well.
 */
const isNamed = ({ settled }: Life, head: Fact, replaces: readonly string[]): boolean =>
  replaces.includes(head.hash) || (settled?.head === head && replaces.some((hash) => settled.names.has(hash)));

const valueAfter = (life: Life, fact: Fact): ReturnType<typeof applyToRest> | VoidReason => {
  if (life.partial || fact.bodiless) return applyToRest(life.type, life.value, fact.content);
  try {
    return { value: applyChanges(life.type, life.value, fact.content), isPartial: false };
  } catch (caught) {
    return malformedBy(caught);
  }
};

const end = (holdings: Holdings, subject: Subject, fact: Fact, rights: Rights | undefined): VoidReason | undefined => {
  const { life } = subject;
  if (life === undefined) return noSuchPolicy(subject);
  const refused = otherType(life, fact) ?? final(life);
  if (refused !== undefined) return refused;
  const unauthorised = beyond(rights, fact, life.type, life.value, undefined);
  if (unauthorised !== undefined) return unauthorised;
  subject.life = undefined;
  subject.newest = fact;
  holdings.release(subject, life);
  return undefined;
};

const otherType = (life: Life, fact: Fact): VoidReason | undefined =>
  fact.type === null || fact.type === life.type
    ? undefined
    : {
        rule: 'structure',
        text: `policy ${fact.id ?? ''} is of type ${life.type}, not ${fact.type}`,
        by: life.insert.hash,
      };

/** Who has not heard of it yet would never do what all others have done. */
const final = ({ type, insert: { hash } }: Life): VoidReason | undefined =>
  kindOf(type)?.isFinal === true
    ? { rule: 'final', text: `a ${type} is neither changed nor deleted`, by: hash }
    : undefined;

const noSuchPolicy = ({ id, newest }: Subject): VoidReason =>
  newest === undefined
    ? { rule: 'no-such-policy', text: `there is no policy ${id} before this entry`, by: undefined }
    : { rule: 'deleted', text: `policy ${id} was deleted before this entry`, by: newest.hash };

/** A node's policy that names its key is written by that key alone, and only the holder of a key may name it. */
const notTheOwner = (fact: Fact, peer: string | undefined): VoidReason | undefined =>
  peer === undefined || peer === fact.author
    ? undefined
    : { rule: 'not-the-owner', text: `only the node with the key ${peer} may write this`, by: undefined };

const beyond = (
  rights: Rights | undefined,
  { author, id, cap }: Fact,
  type: string,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
): VoidReason | undefined =>
  rights === undefined || covers(rights, { author, type, id: id ?? '', before, after })
    ? undefined
    : { rule: 'no-authority', text: 'the grant that it cites does not cover this', by: cap ?? undefined };
