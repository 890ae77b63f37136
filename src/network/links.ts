import type { Connection } from '@libp2p/interface';
import type { Pace } from '../base/pace.ts';
import type { GossipWatch } from './gossip-watch.ts';
import type { Watch } from './liveness.ts';
import type { Address, ConnectedPeer, DialTarget, PeerKey } from './network.ts';
import type { ConnectedView } from './redial-state.ts';

/** One connection as libp2p gives it, with what we keep beside it. */
export interface Link {
  readonly connection: Connection;
  readonly key: PeerKey;
  readonly address: Address;
  readonly sinceMs: number;
  readonly watch: Watch;
  /** How often the peer opens channels, and what it gossips. */
  readonly pace: Pace;
  readonly gossip: GossipWatch;
}

/** The connections that there are, by peer: the first of a peer speaks for all. */
export class Links {
  readonly #byPeer = new Map<PeerKey, readonly Link[]>();

  keys(): Iterable<PeerKey> {
    return this.#byPeer.keys();
  }

  /** In the order in which they were made. */
  of(key: PeerKey): readonly Link[] {
    return this.#byPeer.get(key) ?? [];
  }

  first(key: PeerKey): Link | undefined {
    return this.of(key)[0];
  }

  /** One of each peer. */
  firsts(): readonly Link[] {
    return [...this.#byPeer.values()].flatMap(([link]) => link ?? []);
  }

  /** That of a connection. */
  on(key: PeerKey, { id }: Connection): Link | undefined {
    return this.of(key).find(({ connection }) => connection.id === id);
  }

  /** What a dial of the target would lead to. */
  to({ key, address }: DialTarget): Link | undefined {
    return key === undefined ? this.#dialled().find((link) => link.address === address) : this.first(key);
  }

  isOpen(key: PeerKey): boolean {
    return this.of(key).some(({ connection }) => connection.status === 'open');
  }

  add(link: Link): void {
    this.#byPeer.set(link.key, [...this.of(link.key), link]);
  }

  forget(key: PeerKey): void {
    this.#byPeer.delete(key);
  }

  view(): ConnectedView {
    return { keys: new Set(this.keys()), addresses: new Set(this.#dialled().map(({ address }) => address)) };
  }

  #dialled(): readonly Link[] {
    return [...this.#byPeer.values()].flat().filter(({ connection }) => connection.direction === 'outbound');
  }
}

/** What the port says of a connection. */
export const peerOf = ({ connection, key, address, sinceMs, watch }: Link): ConnectedPeer => ({
  key,
  address,
  outbound: connection.direction === 'outbound',
  sinceMs,
  rttMs: watch.rttMs,
});

/** Ends a connection at once; false where it has ended. */
export const abortOpen = (connection: Connection, reason: string): boolean => {
  const isOpen = connection.status === 'open' || connection.status === 'closing';
  if (isOpen) connection.abort(new Error(reason));
  return isOpen;
};
