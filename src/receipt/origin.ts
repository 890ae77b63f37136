import type { PeerKey } from '../network/network.ts';

/** Which log of receipts: a node begins another incarnation where it has lost the one before. */
export interface Origin {
  /** Network id. */
  readonly network: string;
  readonly node: PeerKey;
  /** 16 hex digits. */
  readonly incarnation: string;
}

const ORIGIN = /^holdfast\/([0-9a-f]{64})\/([0-9a-f]{64})\/([0-9a-f]{16})$/;
const WITNESS = /^holdfast\/([0-9a-f]{64})\/([0-9a-f]{64})$/;

/** The origin line of its checkpoints, and the name of the key that signs them. */
export const originText = ({ network, node, incarnation }: Origin): string =>
  `holdfast/${network}/${node}/${incarnation}`;

/** Undefined for an origin of others. */
export const readOrigin = (text: string): Origin | undefined => {
  const [, network, node, incarnation] = ORIGIN.exec(text) ?? [];
  return network === undefined || node === undefined || incarnation === undefined
    ? undefined
    : { network, node, incarnation };
};

/** The name under which a node cosigns. */
export const witnessName = (network: string, node: PeerKey): string => `holdfast/${network}/${node}`;

/** Which network and node such a name says; undefined for a name of others. */
export const readWitnessName = (text: string): { readonly network: string; readonly node: PeerKey } | undefined => {
  const [, network, node] = WITNESS.exec(text) ?? [];
  return network === undefined || node === undefined ? undefined : { network, node };
};
