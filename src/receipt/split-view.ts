import { z } from 'zod';
import { fault } from '../base/errors.ts';
import { NOTE_BYTES_MAX } from '../base/limits.ts';
import { isConsistent } from '../codec/merkle.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { fromBase64 } from './note.ts';
import { originText } from './origin.ts';
import { consistencyProof, HASH_BYTES, rootAt, type TreeReader } from './tree.ts';

/**
 * Proof that a node showed two histories: two checkpoints that it signed, of which the newer tree does not begin with
 * the older one. It needs no context.
 */
export interface SplitView {
  readonly older: Checkpoint;
  readonly newer: Checkpoint;
  /** Root of the newer tree at the size of the older one: not the older one's. */
  readonly root: Buffer;
  /** Consistency proof from that root to the newer one. */
  readonly proof: readonly Buffer[];
}

const base64 = z.string().max(64);
/** A split view as it travels and is kept. */
export const splitViewSchema = z.strictObject({
  older: z.string().max(NOTE_BYTES_MAX),
  newer: z.string().max(NOTE_BYTES_MAX),
  root: base64,
  proof: z.array(base64).max(64),
});
/** A split view in JSON: two notes, and hashes in base64. */
export type SplitViewJson = z.infer<typeof splitViewSchema>;

/** For a message or a file; {@link readSplitView} is the way back. */
export const splitViewJson = ({ older, newer, root, proof }: SplitView): SplitViewJson => ({
  older: older.note,
  newer: newer.note,
  root: root.toString('base64'),
  proof: proof.map((hash) => hash.toString('base64')),
});

/** Which log it is of, as its origin line says. */
export const splitOrigin = ({ newer }: SplitView): string => originText(newer.origin);

/** Reads and checks one. Throws `RECEIPT_NOTE_MALFORMED`, `RECEIPT_PROOF_BAD` where it proves nothing. */
export const readSplitView = (json: SplitViewJson): SplitView => {
  const [older, newer] = [readCheckpoint(json.older), readCheckpoint(json.newer)];
  const [root, ...proof] = [json.root, ...json.proof].map(fromBase64);
  const hashes = proof.flatMap((hash) => (hash?.byteLength === HASH_BYTES ? [hash] : []));
  if (
    originText(older.origin) !== originText(newer.origin) ||
    older.size === 0 ||
    root?.byteLength !== HASH_BYTES ||
    root.equals(older.root) ||
    hashes.length !== proof.length ||
    !isConsistent({ size: older.size, root }, newer, hashes)
  )
    throw fault('RECEIPT_PROOF_BAD', 'the two checkpoints do not prove a split view');
  return { older, newer, root, proof: hashes };
};

/**
 * Compares another checkpoint of a log with a tree that is held up to `known`: the proof where the smaller one is no
 * beginning of the larger one; undefined where they agree, and where the held tree does not reach far enough to tell.
 */
export const findSplit = async (
  tree: TreeReader,
  known: Checkpoint,
  other: Checkpoint,
): Promise<SplitView | undefined> => {
  if (other.size === 0 || other.size > known.size) return undefined;
  const root = await rootAt(tree, other.size);
  if (root.equals(other.root)) return undefined;
  return { older: other, newer: known, root, proof: await consistencyProof(tree, other.size, known.size) };
};
