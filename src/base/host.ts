import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { fault } from './errors.ts';

/** An address in its two parts. */
export interface HostPort {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

/** What `HOST:PORT` or `[IPV6]:PORT` says; undefined for anything else. */
export const parseAddress = (text: string): HostPort | undefined => {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/@[\]]+)):(\d{1,5})$/.exec(text);
  const host = found?.[1] ?? found?.[2];
  const port = Number(found?.[3]);
  const isRead = host !== undefined && port <= 65_535 && (found?.[1] === undefined || isIP(host) === 6);
  return isRead ? { host, port } : undefined;
};

/** The same of what must be an address. `NETWORK_ADDRESS_INVALID`. */
export const splitAddress = (address: string): HostPort => {
  const parsed = parseAddress(address);
  if (parsed !== undefined) return parsed;
  throw fault('NETWORK_ADDRESS_INVALID', `"${address}" is not an address`, {
    hint: 'addresses are HOST:PORT, for example 192.168.1.5:32148 or [::1]:32148',
  });
};

/** The way back. A policy has host and port apart: only so put together they are the address that others know. */
export const joinAddress = ({ host, port }: { readonly host: string; readonly port: number | string }): string =>
  isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;

const HOST_CHARS_MAX = 253;
/** A name that can be looked up. Digits and dots alone are an IPv4 address or nothing. */
const NAME = /^(?![\d.]+$)[\p{L}\p{N}_](?:[\p{L}\p{N}_.-]*[\p{L}\p{N}_])?\.?$/u;

/** Whether a text can be the host of an address: an IP address without zone, or a name. */
export const isHost = (text: string): boolean =>
  text.length <= HOST_CHARS_MAX && (isIP(text) === 0 ? NAME.test(text) : !text.includes('%'));

let lastAddresses: readonly string[] = [];

/**
 * The addresses that this machine has now; as they were last read where the process has no file descriptor left to read
 * them.
 */
export const localAddresses = (): readonly string[] => {
  try {
    const addresses = Object.values(networkInterfaces()).flatMap((listed) => listed ?? []);
    lastAddresses = addresses.map(({ address }) => address);
  } catch {
    // As above.
  }
  return lastAddresses;
};

/** Whether only this machine reaches the host. */
export const isLoopback = (host: string): boolean => /^(127(\.\d{1,3}){3}|::1|localhost)$/i.test(host);
