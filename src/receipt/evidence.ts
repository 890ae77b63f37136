import { fault } from '../base/errors.ts';
import { merkleLeaf, rootOfInclusion } from '../codec/merkle.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { fromBase64, malformedNote } from './note.ts';
import { HASH_BYTES } from './tree.ts';

/**
 * What a node can show of its own receipts. All of it is checked without the node: the checkpoint by its signatures,
 * the list of entries by the checkpoint's root, one entry by its proof.
 */
export interface ReceiptEvidence {
  /** The newest checkpoint, with the cosignatures that it has so far; undefined where nothing was signed yet. */
  newest(): Checkpoint | undefined;
  /** The newest checkpoint that a witness cosigned; undefined before the first. */
  witnessed(): Checkpoint | undefined;
  /** The oldest cosigned checkpoint of at least so many entries; undefined where there is none. */
  witnessedFrom(size: number): Promise<Checkpoint | undefined>;
  /** Hashes (64 hex digits) of the entries with numbers `from` to `to` in order of arrival: what the leaves hold. */
  entries(from: number, to: number): Promise<readonly string[]>;
  /** Number of an entry in order of arrival; undefined where the receipts do not name it (yet). */
  indexOf(entry: string): number | undefined;
  /** RFC 6962 inclusion proof of entry number `index` among the first `size`. */
  inclusion(index: number, size: number): Promise<readonly Buffer[]>;
  /** RFC 6962 consistency proof between two sizes. */
  consistency(old: number, size: number): Promise<readonly Buffer[]>;
}

/** The hash of the leaf that stands for an entry (64 hex digits): RFC 6962 over the 32 bytes of its hash. */
export const leafOfEntry = (entry: string): Buffer => merkleLeaf(Buffer.from(entry, 'hex'));

const FIRST_LINE = 'c2sp.org/tlog-proof@v1';

/** C2SP tlog-proof: a file that proves by itself that a log held an entry. */
export const tlogProof = (index: number, proof: readonly Buffer[], checkpoint: Checkpoint): string =>
  `${FIRST_LINE}\nindex ${index}\n${proof.map((each) => `${each.toString('base64')}\n`).join('')}\n${checkpoint.note}`;

const PROOF = /^c2sp\.org\/tlog-proof@v1\nindex (0|[1-9]\d{0,14})\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n/;

/** What a tlog-proof proves of an entry: its number in the log, and who says so. */
export interface ProvenPlace {
  readonly index: number;
  readonly checkpoint: Checkpoint;
}

/**
 * What such a file says, where it proves that the log holds the entry (64 hex digits). Throws
 * `RECEIPT_NOTE_MALFORMED`, `RECEIPT_PROOF_BAD` where the entry is not proven.
 */
export const readTlogProof = (file: string, entry: string): ProvenPlace => {
  const [head, index = '', lines = ''] = PROOF.exec(file) ?? [];
  if (head === undefined) throw malformedNote('it does not begin as a tlog-proof');
  const proof = lines.split('\n').slice(0, -1).map(fromBase64);
  const checkpoint = readCheckpoint(file.slice(head.length));
  const hashes = proof.flatMap((each) => (each?.byteLength === HASH_BYTES ? [each] : []));
  const root =
    hashes.length === proof.length
      ? rootOfInclusion(leafOfEntry(entry), Number(index), checkpoint.size, hashes)
      : undefined;
  if (root?.equals(checkpoint.root) !== true) throw notProven(entry);
  return { index: Number(index), checkpoint };
};

const notProven = (entry: string): Error =>
  fault('RECEIPT_PROOF_BAD', `the proof does not show that the log holds entry ${entry.slice(0, 64)}`);
