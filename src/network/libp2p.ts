import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Address, Network } from './network.ts';

export interface Libp2pNetworkOptions {
  /** The node's private Ed25519 key, 32 bytes: its identity here is the same as in the ledger. */
  readonly privateKeySeed: Uint8Array;
  /** Where to listen; port 0 takes a free one. */
  readonly listen: Address;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * The port over libp2p: TCP, noise, yamux, identify, gossipsub. libp2p is loaded here and not before (about 0.45 s), so
 * that a program which only talks to a running node does not pay for it.
 * `NETWORK_PORT_TAKEN`, `NETWORK_LISTEN_FAILED`, `NETWORK_ADDRESS_INVALID`, `NETWORK_KEY_INVALID`.
 */
export const startLibp2pNetwork = async (options: Libp2pNetworkOptions): Promise<Network> => {
  const { startNetwork } = await import('./libp2p-network.ts');
  return startNetwork(options);
};
