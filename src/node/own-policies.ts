import { localAddresses, splitAddress } from '../base/host.ts';
import type { JsonObject } from '../codec/json.ts';
import type { Network } from '../network/network.ts';
import type { NodeConfig } from './config.ts';

/** Whether this node itself listens at an address: its own, or one of the machine's with its port. */
const isHereIn = (network: Network, { host, port }: { readonly host: string; readonly port: number }): boolean => {
  const own = splitAddress(network.address);
  return port === own.port && [own.host, ...localAddresses()].includes(host);
};

/** Whether a node policy that is inserted here stands for this very node: its name, or an address that is ours. */
export const isOwnPolicy =
  (config: NodeConfig, network: Network) =>
  (_type: string, value: JsonObject): boolean =>
    value['name'] === config.name ||
    [value['ip'], value['local_ip']].some(
      (host) => typeof host === 'string' && isHereIn(network, { host, port: Number(value['port']) }),
    );
