import { policyDate } from '../entry/time.ts';
import type { PolicyBook } from './book.ts';
import type { Fact } from './facts.ts';
import { NODE_TYPES } from './kinds/registry.ts';
import type { Chronicle } from './past.ts';

/** Which entry, whose, when: what every answer about the past says of one. */
export interface Signed {
  /** Hash of the entry. */
  readonly entry: string;
  readonly op: string;
  /** Public key of the author and, where a node policy carries that key, the node's name. */
  readonly author: string;
  readonly authorName: string | undefined;
  readonly seq: number;
  /** Stated by the author, policy date form. */
  readonly date: string;
  /** Accepted by this node, policy date form; undefined where this node has just set the entry aside as damaged. */
  readonly received: string | undefined;
}

/** Names of the nodes whose policies carry their key. */
export const authorNames = (book: PolicyBook): ReadonlyMap<string, string> => {
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
