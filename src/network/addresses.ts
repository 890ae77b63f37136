import { isIP } from 'node:net';
import { fault } from '../base/errors.ts';
import type { Address } from './network.ts';

export interface HostPort {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

/** Splits `HOST:PORT` or `[IPV6]:PORT`. `NETWORK_ADDRESS_INVALID`. */
export const splitAddress = (address: Address): HostPort => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535 || (match?.[1] !== undefined && isIP(host) !== 6))
    throw fault('NETWORK_ADDRESS_INVALID', `"${address}" is not an address`, {
      hint: 'addresses are HOST:PORT, for example 192.168.1.5:32148 or [::1]:32148',
    });
  return { host, port };
};

export const joinAddress = ({ host, port }: HostPort): Address =>
  isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;

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
