import { HoldfastError, textOf } from '../base/errors.ts';
import { merkleJoin, merkleRoot } from '../codec/merkle.ts';
import type { PeerKey } from '../network/network.ts';
import { type Checkpoint, readCheckpoint } from '../receipt/checkpoint.ts';
import { leafOfEntry, type ProvenPlace, readTlogProof } from '../receipt/evidence.ts';
import { originText } from '../receipt/origin.ts';
import { TILE_LEAVES } from '../receipt/tree.ts';
import { bundleFault } from './faults.ts';
import { CHECKPOINT, POLICY, readProofName, RECEIPTS } from './names.ts';
import type { Question } from './question.ts';
import { receiptsText, trustIn, trustPolicy } from './receipts.ts';
import type { BundleReceipts, ProvenEntry, WitnessTime } from './report.ts';

type Files = ReadonlyMap<string, Uint8Array>;

/** What the receipts of a bundle prove, and whose keys it must hold for that. */
export interface CheckedReceipts {
  readonly receipts: BundleReceipts;
  readonly witnesses: readonly PeerKey[];
}

export interface ReceiptContext {
  /** Hashes of the entries in the bundle. */
  readonly held: ReadonlySet<string>;
  /** Nodes whose word counts. */
  readonly registered: ReadonlySet<PeerKey>;
  readonly question: Question;
}

/** Checks `receipts`, `checkpoint`, `policy.txt` and the proofs (SPEC §5); undefined where the bundle has none of them. */
export const checkReceipts = (files: Files, context: ReceiptContext): CheckedReceipts | undefined => {
  const proofs = [...files.keys()].filter((name) => readProofName(name) !== undefined);
  const [some] = [...[RECEIPTS, CHECKPOINT, POLICY].filter((name) => files.has(name)), ...proofs];
  if (some === undefined) return undefined;
  const { held, registered, question } = context;
  const checkpoint = checkpointIn(files, question);
  const log = logIn(files, checkpoint);
  for (const hash of log.entries)
    if (!held.has(hash))
      throw bundleFault(RECEIPTS, 'receipts', `the node had the entry ${hash}, and it is not in the bundle`);
  const proven = proofs.map((file) => provenBy(files, file, log, checkpoint));
  const trust = trustIn(
    checkpoint,
    proven.map((each) => each.checkpoint),
    registered,
  );
  if (textIn(files, POLICY) !== trustPolicy(trust))
    throw bundleFault(POLICY, 'policy', 'it does not name this log and the registered nodes that cosigned it');
  const timesOf = (of: Checkpoint): readonly WitnessTime[] => witnessTimes(of, registered);
  return {
    witnesses: trust.witnesses,
    receipts: {
      origin: originText(checkpoint.origin),
      size: checkpoint.size,
      root: checkpoint.root.toString('base64'),
      later: held.size - checkpoint.size,
      witnesses: timesOf(checkpoint),
      proofs: proven.map(({ entry, index, checkpoint: of }): ProvenEntry => ({ entry, index, witnesses: timesOf(of) })),
    },
  };
};

/** When registered nodes cosigned, the earliest first: each by itself says that the node had the entries by then. */
const witnessTimes = ({ cosignatures }: Checkpoint, registered: ReadonlySet<PeerKey>): readonly WitnessTime[] =>
  cosignatures
    .filter(({ witness }) => registered.has(witness))
    .map(({ witness, time }) => ({ witness, time }))
    .sort((a, b) => a.time - b.time);

const textIn = (files: Files, name: string): string => {
  const bytes = files.get(name);
  if (bytes === undefined)
    throw bundleFault(name, 'receipts', 'it is missing, and other files about receipts are there');
  const text = Buffer.from(bytes).toString('utf8');
  if (Buffer.compare(Buffer.from(text), bytes) !== 0) throw bundleFault(name, 'receipts', 'it is no UTF-8');
  return text;
};

/** What another part of the program refuses is a fault of the file. */
const readAs = <T>(file: string, rule: string, read: () => T): T => {
  try {
    return read();
  } catch (caught) {
    if (caught instanceof HoldfastError && caught.code.startsWith('RECEIPT_'))
      throw bundleFault(file, rule, textOf(caught));
    throw caught;
  }
};

const checkpointIn = (files: Files, { network, by }: Question): Checkpoint => {
  const note = textIn(files, CHECKPOINT);
  const checkpoint = readAs(CHECKPOINT, 'checkpoint', () => readCheckpoint(note));
  const { origin } = checkpoint;
  if (origin.network !== network || origin.node !== by)
    throw bundleFault(CHECKPOINT, 'checkpoint', 'it is not of the node that made the export');
  return checkpoint;
};

/** A log by its entries. */
interface Log {
  readonly entries: readonly string[];
  readonly places: ReadonlyMap<string, number>;
  /** The root of the first `size` leaves. */
  rootAt(size: number): Buffer;
}

const logIn = (files: Files, { size, root }: Checkpoint): Log => {
  const text = textIn(files, RECEIPTS);
  const entries = text.split('\n').slice(0, -1);
  const places = new Map(entries.map((hash, index) => [hash, index]));
  if (receiptsText(entries) !== text || !entries.every((hash) => /^[0-9a-f]{64}$/.test(hash)))
    throw bundleFault(RECEIPTS, 'receipts', 'it is no list of hashes');
  if (places.size !== entries.length) throw bundleFault(RECEIPTS, 'receipts', 'it names an entry twice');
  const leaves = entries.map(leafOfEntry);
  const tiles: Buffer[] = [];
  for (let at = TILE_LEAVES; at <= leaves.length; at += TILE_LEAVES)
    tiles.push(merkleRoot(leaves.slice(at - TILE_LEAVES, at)));
  const roots = new Map<number, Buffer>();
  const computeRoot = (of: number): Buffer => {
    const whole = Math.floor(of / TILE_LEAVES);
    const rest = leaves.slice(whole * TILE_LEAVES, of).map((leaf) => ({ size: 1, root: leaf }));
    return merkleJoin([...tiles.slice(0, whole).map((tile) => ({ size: TILE_LEAVES, root: tile })), ...rest]);
  };
  const rootAt = (of: number): Buffer => {
    const found = roots.get(of) ?? computeRoot(of);
    roots.set(of, found);
    return found;
  };
  if (entries.length !== size || !rootAt(size).equals(root))
    throw bundleFault(RECEIPTS, 'receipts', `they are not the ${size} entries of the checkpoint`);
  return { entries, places, rootAt };
};

/** One entry, and the checkpoint that proves it: of the same log, at the place that the receipts give it. */
const provenBy = (
  files: Files,
  file: string,
  log: Log,
  newest: Checkpoint,
): ProvenPlace & { readonly entry: string } => {
  const text = textIn(files, file);
  const entry = readProofName(file) ?? '';
  const { checkpoint, index } = readAs(file, 'proof', () => readTlogProof(text, entry));
  if (log.places.get(entry) !== index) throw bundleFault(file, 'proof', 'the receipts have the entry at another place');
  const isSame =
    originText(checkpoint.origin) === originText(newest.origin) &&
    checkpoint.size <= newest.size &&
    log.rootAt(checkpoint.size).equals(checkpoint.root);
  if (!isSame) throw bundleFault(file, 'proof', 'its checkpoint is not one of the log that the receipts list');
  return { entry, index, checkpoint };
};
