import type { JsonValue } from '../../codec/json.ts';
import type { VoidReason } from '../void-reason.ts';
import type { Holdings, Life, Subject } from '../claims.ts';
import { applyToRest, compareFacts, type Fact } from '../facts.ts';
import { claimsOf } from '../kinds/registry.ts';
import type { OriginLeaf, SettledOrigins } from '../origins.ts';

/** What the snapshots in force have settled. */
export interface Settled {
  /** {@link snapshotKey} of each, the oldest first. */
  readonly chain: readonly string[];
  /** Hash of each covered entry → which snapshot of the chain covers it first. */
  readonly covered: ReadonlyMap<string, number>;
  /** The policies in force as of the last, by id. */
  readonly leaves: ReadonlyMap<string, OriginLeaf>;
  /** Why covered entries have no effect. */
  readonly reasons: ReadonlyMap<string, VoidReason>;
}

/** A policy as a snapshot has settled it. */
export interface SettledPolicy {
  readonly life: Life;
  /** The number in force. */
  readonly member: number | undefined;
  readonly origins: SettledOrigins;
}

/**
 * Facts in the order in which they take their effect: snapshot by snapshot, then what none covers; each in the ledger's
 * order.
 */
export const inSettledOrder = (facts: readonly Fact[], { covered, chain }: Settled): readonly Fact[] => {
  const rank = ({ hash }: Fact): number => covered.get(hash) ?? chain.length;
  return [...facts].sort((a, b) => rank(a) - rank(b) || compareFacts(a, b));
};

type FindFact = (hash: string) => Fact | undefined;

/**
 * A policy as its leaf has it (FOLD.md, Z6): each attribute as the entry that gave it says, as far as its body is still
 * there. Undefined where nothing of it is in force in what is settled.
 */
export const settledPolicy = (
  { id, facts }: Pick<Subject, 'id' | 'facts'>,
  settled: Settled | undefined,
  find: FindFact,
): SettledPolicy | undefined => {
  const leaf = settled?.leaves.get(id);
  if (settled === undefined || leaf === undefined) return undefined;
  const insert = leaf.insert === null ? undefined : find(leaf.insert);
  if (insert === undefined) return undefined;
  const { covered } = settled;
  const attributes = new Map<string, Fact>();
  let head = insert;
  for (const [name, hash] of Object.entries(leaf.attributes)) {
    const origin = find(hash) ?? insert;
    attributes.set(name, origin);
    if (compareFacts(head, origin) < 0) head = origin;
  }
  const { value, isPartial } = restOf(leaf.type, attributes);
  const later = facts.filter((fact) => covered.has(fact.hash) && compareFacts(head, fact) <= 0);
  const life: Life = {
    ...{ type: leaf.type, insert, value, partial: isPartial, waiting: undefined, member: undefined },
    claims: claimsOf(leaf.type, value),
    heads: [head],
    settled: { head, names: new Set(later.map(({ hash }) => hash)) },
  };
  const ghosts = [...attributes].flatMap(([name, { hash }]) =>
    Object.hasOwn(value, name) ? [] : [[name, { erased: hash }] as const],
  );
  const member = typeof leaf.member === 'number' ? leaf.member : undefined;
  const shadow = { ...value, ...Object.fromEntries(ghosts) };
  return { life, member, origins: { insert, attributes, value: shadow, covers: ({ hash }) => covered.has(hash) } };
};

/** Puts back what is settled of these policies, before the rest takes effect. */
export const restorePolicies = (
  group: Iterable<Subject>,
  settled: Settled,
  holdings: Holdings,
  find: FindFact,
): void => {
  const restored = [...group].flatMap((subject) => {
    const policy = settledPolicy(subject, settled, find);
    return policy === undefined ? [] : { ...policy, subject };
  });
  restored.sort((a, b) => compareFacts(a.life.insert, b.life.insert));
  for (const { subject, life, member } of restored) holdings.restore(subject, life, member);
};

/** What the leaf's entries give, as far as they are not erased: the normal form where there is one. */
const restOf = (type: string, attributes: ReadonlyMap<string, Fact>): ReturnType<typeof applyToRest> => {
  const given: [string, JsonValue][] = [];
  for (const [name, { content }] of attributes) {
    const value = Object.hasOwn(content, name) ? content[name] : undefined;
    if (value !== undefined && value !== null) given.push([name, value]);
  }
  return applyToRest(type, {}, Object.fromEntries(given));
};

/** Whether a book that holds to the one holds to the other. */
export const isSameSettled = (one: Settled | undefined, other: Settled | undefined): boolean =>
  one?.chain.join() === other?.chain.join() && one?.leaves === other?.leaves;
