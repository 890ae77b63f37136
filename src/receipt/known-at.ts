import { asFault, fault } from '../base/errors.ts';
import { RECEIPT_AHEAD_MAX } from '../base/limits.ts';
import type { PeerKey } from '../network/network.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type FetchEntries, fetchTree } from './memory-tree.ts';
import type { KnownAt } from './receipts.ts';
import { hashesOf } from './tree.ts';

/** What an answer to "what had a node by then" is made from. */
export interface KnownAtPorts {
  /** Whom to ask, in this order. */
  readonly sources: readonly PeerKey[];
  /** Entries that this node holds. */
  readonly held: number;
  /** The last checkpoint up to the time, by what a source has. */
  ask(source: PeerKey): Promise<{ readonly checkpoint: Checkpoint; readonly final: boolean }>;
  entriesOf(source: PeerKey, checkpoint: Checkpoint): FetchEntries;
  /** A node as people know it. */
  nameOf(node: PeerKey): string;
  /** Of those who cosigned it, whose word counts; `entries`: the hashes of the checkpoint's entries. */
  counting(checkpoint: Checkpoint, entries: readonly string[]): Promise<ReadonlySet<PeerKey>>;
}

/**
 * The first answer of a source that somebody whose word counts has witnessed. `RECEIPT_UNKNOWN` where there is none.
 */
export const findKnownAt = async (
  ports: KnownAtPorts,
  node: PeerKey,
  time: number,
  signal?: AbortSignal,
): Promise<KnownAt> => {
  const reasons: string[] = [];
  for (const source of ports.sources) {
    try {
      return await answerBy(ports, source);
    } catch (caught) {
      signal?.throwIfAborted();
      reasons.push(`${ports.nameOf(source)}: ${asFault(caught).message}`);
    }
  }
  throw fault('RECEIPT_UNKNOWN', `what ${ports.nameOf(node)} knew then is not known here: ${reasons.join('; ')}`, {
    data: { node, time, asked: ports.sources },
    hint: 'the node or one of its witnesses must be reached, and have a checkpoint from before that time: get receipts',
  });
};

const answerBy = async (ports: KnownAtPorts, source: PeerKey): Promise<KnownAt> => {
  const { checkpoint, final } = await ports.ask(source);
  if (checkpoint.cosignatures.length === 0) throw unwitnessed();
  if (checkpoint.size > 2 * ports.held + RECEIPT_AHEAD_MAX)
    throw fault('RECEIPT_TOO_LARGE', `the log names ${checkpoint.size} entries, and here are ${ports.held}`);
  const tree = await fetchTree(ports.entriesOf(source, checkpoint), checkpoint);
  const entries = hashesOf(await tree.entries(0, checkpoint.size)).map((hash) => hash.toString('hex'));
  const counting = await ports.counting(checkpoint, entries);
  const cosignatures = checkpoint.cosignatures.filter(({ witness }) => counting.has(witness));
  if (cosignatures.length === 0) throw unwitnessed();
  return { checkpoint: { ...checkpoint, cosignatures }, entries, source, final };
};

const unwitnessed = (): Error =>
  fault('RECEIPT_UNKNOWN', 'no node that is registered, or was by then, witnessed the checkpoint');
