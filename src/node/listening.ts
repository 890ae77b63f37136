import { hasCode } from '../base/errors.ts';
import { joinAddress, splitAddress } from '../base/host.ts';
import type { Logger } from '../base/log.ts';
import { startLibp2pNetwork } from '../network/libp2p.ts';
import type { Network } from '../network/network.ts';
import type { NodeConfig } from './config.ts';

type Told = Pick<NodeConfig, 'listen' | 'listened'>;

/** What a start that was told port 0 keeps for the next: its host as it was told, with the port that it has now. */
export const listenedAt = (listen: string, bound: string): string | undefined => {
  const { host, port } = splitAddress(listen);
  return port === 0 ? joinAddress({ host, port: splitAddress(bound).port }) : undefined;
};

/**
 * Listens where the node is told to. Port 0 is the one that it was at the start before, where that is free: policies
 * name it, and other nodes call there. Throws what `start` throws.
 */
export const listening = async <T>(
  { listen, listened }: Told,
  log: Logger,
  start: (listen: string) => Promise<T>,
): Promise<T> => {
  if (listened === undefined || listenedAt(listen, listened) !== listened) return start(listen);
  try {
    return await start(listened);
  } catch (caught) {
    if (!hasCode(caught, 'NETWORK_PORT_TAKEN')) throw caught;
    log.warn(`another program listens on ${listened}, where this node did before: it takes another port (--listen)`);
    return start(listen);
  }
};

/** The network of a node that listens so. Throws what `startLibp2pNetwork` throws. */
export const startListening = (
  told: Told,
  options: Omit<Parameters<typeof startLibp2pNetwork>[0], 'listen'>,
): Promise<Network> => listening(told, options.log, (listen) => startLibp2pNetwork({ ...options, listen }));
