import type { EntryHeader } from '../../entry/entry.ts';
import { AUTHORITY_OPS } from '../facts.ts';
import type { Authority } from './authority.ts';

/**
 * Whether what an entry cites is for its author at all (SPEC A2, A3): what never changes, whatever else comes.
 * Undefined where the grant that it cites is not here yet.
 */
export const mayCite = (
  { genesis, graph }: Pick<Authority, 'genesis' | 'graph'>,
  { author, cap, op }: Pick<EntryHeader, 'author' | 'cap' | 'op'>,
): boolean | undefined => {
  if (genesis === undefined || op === 'genesis') return undefined;
  if (cap === genesis.network) {
    if (genesis.roots.has(author)) return op !== 'join';
    return genesis.admission === 'open' && !AUTHORITY_OPS.has(op);
  }
  const link = graph.link(cap);
  if (link === undefined) return undefined;
  const isInvite = link.act.op === 'grant' && link.act.expires !== undefined;
  return op === 'join' ? isInvite : !isInvite && graph.holder(link) === author;
};
