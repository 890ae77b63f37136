import { hash } from 'node:crypto';
import { KNOWN_SOURCES_MAX, WITNESSES } from '../base/limits.ts';
import { isConsistent, type TreeHead } from '../codec/merkle.ts';
import type { PeerKey } from '../network/network.ts';

/** What a log asks a witness to cosign: C2SP tlog-witness, add-checkpoint. */
export interface Submission {
  /** Size that the witness cosigned last, as the log knows. */
  readonly old: number;
  /** From there to the checkpoint. */
  readonly proof: readonly Buffer[];
  readonly head: TreeHead;
}

/**
 * `cosign`: it goes on from what was cosigned last. `stale`: it does not begin there, which proves nothing. `split`: it
 * is another tree of the size that was cosigned last. `unproven`: the proof does not hold.
 */
export type Judgement = 'cosign' | 'stale' | 'split' | 'unproven';

const EMPTY: TreeHead = { size: 0, root: Buffer.alloc(0) };

/** What a witness does about a checkpoint whose signature holds; `last`: what it cosigned last for the log. Pure. */
export const judge = (last: TreeHead = EMPTY, { old, proof, head }: Submission): Judgement => {
  if (head.size === 0) return 'stale';
  if (head.size === last.size && !head.root.equals(last.root)) return 'split';
  if (old !== last.size || head.size < last.size) return 'stale';
  return isConsistent(last, head, proof) ? 'cosign' : 'unproven';
};

/** Other nodes by the hash of network, node and witness: the smaller, the sooner each is a witness of the node. */
const byRank = (network: string, node: PeerKey, others: Iterable<PeerKey>): readonly PeerKey[] =>
  [...new Set(others)]
    .filter((key) => key !== node)
    .map((key) => ({ key, rank: hash('sha256', `holdfast witness\n${network}\n${node}\n${key}\n`) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ key }) => key);

/**
 * The nodes that witness a node's log: of the registered ones those with the smallest hashes of network, node and
 * witness, so that the node has no choice and everybody knows whom to ask.
 */
export const witnessesOf = (network: string, node: PeerKey, registered: Iterable<PeerKey>): readonly PeerKey[] =>
  byRank(network, node, registered).slice(0, WITNESSES);

/**
 * Whom to ask for what a node had, in this order: itself, its witnesses, and of those `present` some who may have been
 * that before others were registered, or they no more.
 */
export const sourcesFor = (
  network: string,
  node: PeerKey,
  { registered, present }: { readonly registered: Iterable<PeerKey>; readonly present: Iterable<PeerKey> },
): readonly PeerKey[] => {
  const others = byRank(network, node, present).slice(0, KNOWN_SOURCES_MAX);
  return [...new Set([node, ...witnessesOf(network, node, registered), ...others])];
};
