import { connect } from 'node:net';
import { fault } from '../base/errors.ts';
import { DIAL_TIMEOUT_MS } from '../base/limits.ts';
import { splitAddress } from '../base/host.ts';
import type { Address } from './network.ts';

/** Resolves when the host at an address takes a TCP connection, which is ended at once. `NETWORK_UNREACHABLE`. */
export const callByTcp = (address: Address): Promise<void> =>
  new Promise((resolve, reject) => {
    const { host, port } = splitAddress(address);
    const socket = connect({ host, port, signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) });
    const failed = (cause: unknown): void => {
      socket.destroy();
      reject(fault('NETWORK_UNREACHABLE', `${address} takes no call`, { cause }));
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      socket.off('error', failed).on('error', () => {});
      socket.destroy();
      resolve();
    });
  });
