import type { Libp2pNetworkOptions } from './libp2p-network.ts';
import type { Network } from './network.ts';

/**
 * The port over libp2p: TCP, noise, yamux, identify, gossipsub. libp2p is loaded here and not before (about 0.45 s), so
 * that a program which only talks to a running node does not pay for it.
 * `NETWORK_PORT_TAKEN`, `NETWORK_LISTEN_FAILED`, `NETWORK_ADDRESS_INVALID`, `NETWORK_KEY_INVALID`.
 */
export const startLibp2pNetwork = async (options: Libp2pNetworkOptions): Promise<Network> => {
  const { startNetwork } = await import('./libp2p-network.ts');
  return startNetwork(options);
};
