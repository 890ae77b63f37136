import type { DialState, PeerKey } from '../../network/network.ts';

/** What is known of the peers when it is asked whether a restored node may append. */
export interface AskedView {
  readonly dialled: readonly Pick<DialState, 'address' | 'connected' | 'own' | 'key'>[];
  readonly connected: readonly PeerKey[];
  /** Whether an exchange with the peer succeeded since the start. */
  readonly exchanged: (peer: PeerKey) => boolean;
  /** Whether a node with the same key that is connected to the peer would have shown by now. */
  readonly isClear: (peer: PeerKey) => boolean;
  /** Whether a peer is known to hold own entries that are not here. */
  readonly behind: boolean;
  /** A node as people know it. */
  readonly nameOf: (peer: PeerKey) => string;
}

/**
 * Why a restored node may not append yet, in words; undefined where every peer that its policies and seeds name was
 * asked, so that no number can be in use that is not known here. One that knows nobody has nobody to ask: its user must
 * say that it is alone. Pure.
 */
export const whyNotYet = ({
  dialled,
  connected,
  exchanged,
  isClear,
  behind,
  nameOf,
}: AskedView): string | undefined => {
  const away = dialled
    .filter((state) => !state.connected && !state.own)
    .map(({ address, key }) => (key === undefined ? address : `${nameOf(key)} at ${address}`));
  if (away.length > 0) return `${listed(away)} cannot be reached, and may hold what this node wrote after the backup`;
  if (connected.length === 0) return 'no peer is known that could tell what this node wrote after the backup';
  const unasked = connected.filter((peer) => !exchanged(peer));
  if (unasked.length > 0) return `${listed(unasked.map(nameOf))} did not say yet what this node wrote after the backup`;
  if (behind) return 'what this node wrote after the backup is not all back yet';
  const unclear = connected.filter((peer) => !isClear(peer));
  if (unclear.length > 0)
    return `${listed(unclear.map(nameOf))} did not say yet whether the original of the backup still runs`;
  return undefined;
};

const LISTED_MAX = 5;

const listed = (names: readonly string[]): string =>
  names.length <= LISTED_MAX
    ? names.join(', ')
    : `${names.slice(0, LISTED_MAX).join(', ')} and ${names.length - LISTED_MAX} more`;
