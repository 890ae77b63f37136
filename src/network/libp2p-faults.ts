import { fault, type HoldfastError, systemCode, textOf } from '../base/errors.ts';
import type { Address, PeerKey } from './network.ts';

/** The address leads to this node. */
export const selfFault = (address: Address): HoldfastError =>
  fault('NETWORK_SELF', `${address} is this node itself`, { data: { address } });

/** Another node has the key of this one. */
export const twinFault = (address: Address): HoldfastError =>
  fault('NETWORK_TWIN', `a second running node with the key of this one answers at ${address}`, {
    data: { address },
    hint: 'stop one of the two; a second node needs a key of its own',
  });

/** Another key answers than asked for. */
export const wrongPeerFault = (address: Address, got: PeerKey | undefined, cause?: unknown): HoldfastError =>
  fault('NETWORK_WRONG_PEER', `a different node than expected answers at ${address}`, {
    data: { address, got },
    cause,
  });

/** What libp2p says where something else speaks, for example HTTP. */
const NO_NODE = /encryption failed|could not negotiate|protocol selection failed|missing newline/i;

/** libp2p names its errors; it wraps those of the handshake in others, so the whole chain of texts is looked at. */
export const dialFault = (address: Address, caught: unknown, signal: AbortSignal): HoldfastError => {
  const text = textOf(caught);
  if (/expected\b.*\b(peer|remote)|UnexpectedPeer|does not match expected/i.test(text))
    return wrongPeerFault(address, undefined, caught);
  if (NO_NODE.test(text))
    return fault('NETWORK_UNREACHABLE', `what answers at ${address} speaks otherwise than the network port of a node`, {
      data: { address },
      hint: 'is it the REST port? Name the address after `listen=` in the ready line of that node (its --listen)',
      cause: caught,
    });
  const reason = signal.aborted ? 'no answer in time' : (systemCode(caught) ?? text);
  return fault('NETWORK_UNREACHABLE', `cannot reach ${address}: ${reason}`, {
    data: { address },
    hint: 'check that a node runs there and that no firewall is between',
    cause: caught,
  });
};

/** Why a channel was not opened. */
export const openFault = (peer: PeerKey, protocol: string, caught: unknown, signal: AbortSignal): HoldfastError => {
  if (caught instanceof Error && caught.name === 'UnsupportedProtocolError')
    return fault('NETWORK_PROTOCOL_UNSUPPORTED', `${peer} does not speak ${protocol}`, { cause: caught });
  if (signal.aborted)
    return fault('NETWORK_TIMEOUT', `${peer} did not open a channel for ${protocol} in time`, { cause: caught });
  return fault('NETWORK_CHANNEL_FAILED', `no channel for ${protocol} to ${peer}: ${textOf(caught)}`, {
    cause: caught,
  });
};
