import { isIP } from 'node:net';
import { joinAddress, splitAddress } from '../base/host.ts';
import type { Address } from './network.ts';

/** An address in libp2p's notation, for example `/ip4/127.0.0.1/tcp/32148`. */
export const multiaddrText = (address: Address): string => {
  const { host, port } = splitAddress(address);
  const kind = { 0: 'dns', 4: 'ip4', 6: 'ip6' }[isIP(host)] ?? 'dns';
  return `/${kind}/${host}/tcp/${port}`;
};

/** The way back; what is not host and TCP port stays as it is. */
export const addressOfMultiaddr = (text: string): Address => {
  const match = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d+)/.exec(text);
  return match?.[1] === undefined ? text : joinAddress({ host: match[1], port: Number(match[2]) });
};
