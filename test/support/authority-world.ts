import { Authority } from '../../src/policy/authority/authority.ts';
import { type Fact, factOf } from '../../src/policy/facts.ts';
import { authorKey, entryOf, type EntrySketch } from './policy-entries.ts';

/** Public keys that read well in a failing test; the first is the only root. */
export const [ROOT, ANN, BOB, CARL, DAVE, EVE] = ['0', 'a', 'b', 'c', 'd', 'e'].map(authorKey) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
export const NET = 'f'.repeat(64);
/** What a join or a rotation is proven with: all that is signed holds. */
export const PROOF = 'a'.repeat(128);

/** The authority of a network with one root, and who writes in it. */
export const authorityWorld = (admission: 'open' | 'invite') => {
  const authority = new Authority({ hold: () => true });
  authority.begin({ network: NET, admission, roots: new Set([ROOT]) });
  const seqs = new Map<string, number>();
  /** The author's next entry, and how many are judged anew with it. */
  const write = (
    author: string,
    cap: string,
    op: string,
    { content, ...more }: EntrySketch = {},
  ): { readonly fact: Fact; readonly hash: string; readonly judged: number } => {
    const seq = (seqs.get(author) ?? 0) + 1;
    seqs.set(author, seq);
    const fact = factOf(entryOf({ author, cap, op, content: { v: 1, ...content }, seq, net: NET, ...more }));
    return { fact, hash: fact.hash, judged: authority.add([fact]).size };
  };
  return { authority, write };
};
