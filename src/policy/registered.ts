import type { PeerKey } from '../network/network.ts';
import type { PolicyBook } from './book.ts';
import { NODE_TYPES } from './kinds/registry.ts';

/** Keys of the nodes that have a policy in force. */
export const registeredIn = (book: Pick<PolicyBook, 'ofType'>): ReadonlySet<PeerKey> => {
  const peers = new Set<PeerKey>();
  for (const type of NODE_TYPES)
    for (const { value } of book.ofType(type)) if (typeof value['peer'] === 'string') peers.add(value['peer']);
  return peers;
};
