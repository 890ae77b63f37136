import { fault } from '../base/errors.ts';
import { BUNDLE_PROOFS_MAX } from '../base/limits.ts';
import type { TarFile } from '../codec/tar.ts';
import type { PeerKey } from '../network/network.ts';
import type { Checkpoint } from '../receipt/checkpoint.ts';
import { type ReceiptEvidence, tlogProof } from '../receipt/evidence.ts';
import { fetchTree, type MemoryTree } from '../receipt/memory-tree.ts';
import { originText } from '../receipt/origin.ts';
import { hashesOf, inclusionProof, rootAt } from '../receipt/tree.ts';
import { CHECKPOINT, POLICY, proofFile, RECEIPTS } from './names.ts';
import { isWitnessed, receiptsText, trustIn, trustPolicy } from './receipts.ts';

/** What the node that exports can show of its receipts. */
export interface ReceiptSource extends Pick<ReceiptEvidence, 'entries' | 'witnessedFrom'> {
  /**
   * The newest cosigned checkpoint, else the newest signed; taken before the facts, so that it names none that they
   * lack.
   */
  readonly checkpoint: Checkpoint;
}

/** What the receipts are to say something about. */
export interface ReceiptSubjects {
  /** Entries that the bundle will hold. */
  readonly held: ReadonlySet<string>;
  /** Entries that are proven one by one. */
  readonly proven: ReadonlySet<string>;
  /** Nodes whose word counts. */
  readonly registered: ReadonlySet<PeerKey>;
}

/** The files about receipts, as they go into the bundle. */
export interface ReceiptFiles {
  readonly files: readonly TarFile[];
  /** Whose keys the bundle must hold. */
  readonly witnesses: readonly PeerKey[];
}

const text = (name: string, content: string): TarFile => ({ name, bytes: Buffer.from(content) });

/**
 * The files of a bundle that say what its node had when (SPEC §5). Throws `BUNDLE_ENTRY_MISSING` where the node has
 * signed for entries that it does not hold now, `RECEIPT_…` where the log cannot be read or another one was begun
 * meanwhile.
 */
export const gatherReceipts = async (
  source: ReceiptSource,
  { held, proven, registered }: ReceiptSubjects,
): Promise<ReceiptFiles> => {
  const { checkpoint } = source;
  const fetch = async (from: number, to: number): Promise<Buffer> =>
    Buffer.from((await source.entries(from, to)).join(''), 'hex');
  const tree = await fetchTree(fetch, checkpoint);
  const entries = hashesOf(await tree.entries(0, checkpoint.size)).map((hash) => hash.toString('hex'));
  const lost = entries.filter((hash) => !held.has(hash));
  if (lost.length > 0) throw lostEntries(lost);
  const places = entries.flatMap((hash, index) => (proven.has(hash) ? { hash, index } : []));
  const proofs: TarFile[] = [];
  /** By their notes: few of them prove many entries. */
  const checkpoints = new Map([[checkpoint.note, checkpoint]]);
  let first: Checkpoint | undefined;
  for (const { hash, index } of places.slice(-BUNDLE_PROOFS_MAX)) {
    if (first === undefined || first.size <= index) first = await firstWitnessed(source, index + 1, registered);
    if (!checkpoints.has(first.note)) await assertSameLog(tree, checkpoint, first);
    checkpoints.set(first.note, first);
    proofs.push(text(proofFile(hash), tlogProof(index, await inclusionProof(tree, index, first.size), first)));
  }
  const trust = trustIn(checkpoint, [...checkpoints.values()], registered);
  return {
    witnesses: trust.witnesses,
    files: [
      text(RECEIPTS, receiptsText(entries)),
      text(CHECKPOINT, checkpoint.note),
      text(POLICY, trustPolicy(trust)),
      ...proofs,
    ],
  };
};

/**
 * The first checkpoint of at least so many entries whose witnesses count, else the newest. Some may be of nodes that
 * are registered no more.
 */
const firstWitnessed = async (
  source: ReceiptSource,
  from: number,
  registered: ReadonlySet<PeerKey>,
): Promise<Checkpoint> => {
  for (let size = from; size <= source.checkpoint.size;) {
    const found = await source.witnessedFrom(size);
    if (found === undefined || found.size > source.checkpoint.size) break;
    if (isWitnessed(found, registered)) return found;
    size = found.size + 1;
  }
  return source.checkpoint;
};

const assertSameLog = async (tree: MemoryTree, newest: Checkpoint, earlier: Checkpoint): Promise<void> => {
  const isSame =
    originText(earlier.origin) === originText(newest.origin) &&
    earlier.size <= newest.size &&
    (await rootAt(tree, earlier.size)).equals(earlier.root);
  if (!isSame)
    throw fault('RECEIPT_PROOF_BAD', 'another log of receipts was begun while the bundle was made', {
      hint: 'export again',
    });
};

const lostEntries = (lost: readonly string[]): Error =>
  fault(
    'BUNDLE_ENTRY_MISSING',
    `this node has signed receipts for ${lost.length} entries that it does not hold now, such as ${lost[0] ?? ''}`,
    { hint: 'look at get status; the node asks its peers for what is damaged: export again in a moment' },
  );
