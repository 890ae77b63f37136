import { joinAddress } from '../base/host.ts';
import type { OperatorInfo } from '../topology/topology.ts';

/** Where a policy says that its node is, as destinations name it. */
export const addressOf = ({ ip, port }: { readonly ip: string; readonly port: number }): string =>
  joinAddress({ host: ip, port });

/** Whether an address is one of those that the operator's policy names. */
export const isAt = ({ ip, localIp, port }: OperatorInfo, address: string): boolean =>
  [ip, localIp].some((host) => host !== undefined && joinAddress({ host, port }) === address);
