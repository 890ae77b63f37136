import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

const HOST_CHARS_MAX = 253;
/** A name that can be looked up. Digits and dots alone are an IPv4 address or nothing. */
const NAME = /^(?![\d.]+$)[\p{L}\p{N}_](?:[\p{L}\p{N}_.-]*[\p{L}\p{N}_])?\.?$/u;

/** Whether a text can be the host of an address: an IP address without zone, or a name. */
export const isHost = (text: string): boolean =>
  text.length <= HOST_CHARS_MAX && (isIP(text) === 0 ? NAME.test(text) : !text.includes('%'));

/** The addresses that this machine has now. */
export const localAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));

/** Whether only this machine reaches it. */
export const isLoopback = (host: string): boolean => /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/i.test(host);
