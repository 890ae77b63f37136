import { policyDate } from '../entry/time.ts';
import { memberNames } from './authority/members.ts';
import type { PolicyBook } from './book.ts';
import type { Fact } from './facts.ts';
import { NODE_TYPES } from './kinds/registry.ts';
import { keysOf } from './permissions/assigned.ts';
import type { Chronicle } from './past.ts';

/** Which entry, whose, when: what every answer about the past says of one. */
export interface Signed {
  /** Hash of the entry. */
  readonly entry: string;
  readonly op: string;
  /** Public key of the author, and its name where it has one ({@link authorNames}). */
  readonly author: string;
  readonly authorName: string | undefined;
  readonly seq: number;
  /** Stated by the author, policy date form. */
  readonly date: string;
  /** Accepted by this node, policy date form; undefined where this node has just set the entry aside as damaged. */
  readonly received: string | undefined;
}

/**
 * Names of keys: of the node whose policy carries it, or carries one that stands in for it; else by which it was let
 * in. Not of who may write alone: who wrote what is asked long after.
 */
export const authorNames = (book: PolicyBook): ReadonlyMap<string, string> => {
  const names = nodeNames(book);
  const former = [...names].flatMap(([key, name]) => keysOf(book, key).map((each) => [each, name] as const));
  return new Map([...memberNames(book.authority), ...former, ...names]);
};

/** Names of the nodes whose policies carry their key. */
export const nodeNames = (book: PolicyBook): ReadonlyMap<string, string> => {
  const names = new Map<string, string>();
  for (const type of NODE_TYPES)
    for (const { value } of book.ofType(type)) {
      const { peer, name } = value;
      if (typeof peer === 'string' && typeof name === 'string' && !names.has(peer)) names.set(peer, name);
    }
  return names;
};

/** {@link Signed} of an entry. */
export const signedBy = (fact: Fact, chronicle: Chronicle, names: ReadonlyMap<string, string>): Signed => {
  const receivedMs = chronicle.receivedMs(fact.hash);
  return {
    entry: fact.hash,
    op: fact.op,
    author: fact.author,
    authorName: names.get(fact.author),
    seq: fact.seq,
    date: policyDate(fact.time),
    received: receivedMs === undefined ? undefined : policyDate(Math.floor(receivedMs * 1_000)),
  };
};
