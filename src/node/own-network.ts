import { fault } from '../base/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { NodeConfig } from './config.ts';

/** Name of the ledger's network, from its genesis entry; undefined before there is one. */
const networkName = async (ledger: Ledger): Promise<string | undefined> => {
  const genesis = ledger.network === undefined ? undefined : await ledger.byHash(ledger.network);
  const name = genesis?.entry.content['name'];
  return typeof name === 'string' ? name : undefined;
};

/**
 * Makes the directory and the configuration agree: creates the network where `--network` asks for one and there is none,
 * leaves a directory that has one as it is, refuses one of another name. `NODE_OTHER_NETWORK`, `CONFIG_VALUE`.
 */
export const settleNetwork = async (ledger: Ledger, config: NodeConfig): Promise<void> => {
  const { network: wanted, seeds, dir } = config;
  if (ledger.network === undefined) {
    if (wanted === undefined) return;
    if (seeds.length > 0)
      throw fault('CONFIG_VALUE', `--network ${wanted} creates a network and --seed ${seeds.join(', ')} joins one`, {
        hint: 'give only one of the two to a node that starts for the first time',
      });
    await ledger.createNetwork(wanted, config.admission);
    return;
  }
  const held = await networkName(ledger);
  if (wanted !== undefined && wanted !== held)
    throw fault('NODE_OTHER_NETWORK', `the directory ${dir} belongs to the network "${held}", not to "${wanted}"`, {
      hint: 'start it with another --dir, or without --network',
      data: { dir, held, wanted },
    });
};
