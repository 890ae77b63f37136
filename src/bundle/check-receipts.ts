import { HoldfastError, textOf } from '../base/errors.ts';
import { isHash } from '../codec/fields.ts';
import { merkleJoin, merkleRoot } from '../codec/merkle.ts';
import type { PeerKey } from '../network/network.ts';
import { type Checkpoint, readCheckpoint } from '../receipt/checkpoint.ts';
import { leafOfEntry, type ProvenPlace, readTlogProof } from '../receipt/evidence.ts';
import { type Origin, originText } from '../receipt/origin.ts';
import { TILE_LEAVES } from '../receipt/tree.ts';
import type { Answer, KnownEntries } from './answer.ts';
import { bundleFault } from './faults.ts';
import { CHECKPOINT, KNOWN_CHECKPOINT, KNOWN_RECEIPTS, POLICY, readProofName, RECEIPTS } from './names.ts';
import type { Question } from './question.ts';
import { receiptsText, shownSize, trustIn, trustPolicy } from './receipts.ts';
import type { BundleKnown, BundleReceipts, ProvenEntry, WitnessTime } from './report.ts';

type Files = ReadonlyMap<string, Uint8Array>;

/** What the receipts of a bundle prove, and whose keys it must hold for that. */
export interface CheckedReceipts {
  readonly receipts: BundleReceipts;
  readonly witnesses: readonly PeerKey[];
  /** Hashes of the entries that the node had by a time (microseconds since 1970), by the word of a registered node. */
  shownBy(micros: number): ReadonlySet<string>;
}

/** What the rest of the bundle says, against which its receipts are checked. */
export interface ReceiptContext {
  /** Hashes of the entries in the bundle. */
  readonly held: ReadonlySet<string>;
  /** Nodes whose word counts. */
  readonly registered: ReadonlySet<PeerKey>;
  readonly question: Question;
}

/**
 * Checks `receipts`, `checkpoint`, `policy.txt` and the proofs (SPEC §5); undefined where the bundle has none of them.
 */
export const checkReceipts = (files: Files, context: ReceiptContext): CheckedReceipts | undefined => {
  const proofs = [...files.keys()].filter((name) => readProofName(name) !== undefined);
  const [some] = [...[RECEIPTS, CHECKPOINT, POLICY].filter((name) => files.has(name)), ...proofs];
  if (some === undefined) return undefined;
  const { held, registered, question } = context;
  const checkpoint = checkpointIn(files, CHECKPOINT, { network: question.network, node: question.by });
  const log = logIn(files, RECEIPTS, checkpoint);
  assertHeld(RECEIPTS, log, held);
  const proven = proofs.map((file) => provenBy(files, file, log, checkpoint));
  const older = proven.map((each) => each.checkpoint);
  const trust = trustIn(checkpoint, older, registered);
  if (textIn(files, POLICY) !== trustPolicy(trust))
    throw bundleFault(POLICY, 'policy', 'it does not name this log and the registered nodes that cosigned it');
  const timesOf = (of: Checkpoint): readonly WitnessTime[] => witnessTimes(of, registered);
  const shownBy = (micros: number): ReadonlySet<string> =>
    new Set(log.entries.slice(0, shownSize([checkpoint, ...older], registered, micros)));
  return {
    witnesses: trust.witnesses,
    shownBy,
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

const assertHeld = (file: string, log: Log, held: ReadonlySet<string>): void => {
  for (const hash of log.entries)
    if (!held.has(hash))
      throw bundleFault(file, 'receipts', `the node had the entry ${hash}, and it is not in the bundle`);
};

/**
 * Checks `known/checkpoint` and `known/receipts` (SPEC §5, K1 and K3); undefined where no node's knowledge was asked
 * for.
 */
export const knownIn = (
  files: Files,
  held: ReadonlySet<string>,
  { moment, network }: Question,
): KnownEntries | undefined => {
  if (moment.kind !== 'known') {
    const [some] = [KNOWN_CHECKPOINT, KNOWN_RECEIPTS].filter((name) => files.has(name));
    if (some === undefined) return undefined;
    throw bundleFault(some, 'known', 'nobody asked what another node knew');
  }
  const checkpoint = checkpointIn(files, KNOWN_CHECKPOINT, { network, node: moment.node });
  const log = logIn(files, KNOWN_RECEIPTS, checkpoint);
  assertHeld(KNOWN_RECEIPTS, log, held);
  return { checkpoint, entries: log.entries };
};

/**
 * Who says that the node had that by the time that was asked for (K2); the keys of all whose word counts must be there.
 */
export const checkKnown = (
  known: KnownEntries | undefined,
  { counting, present }: Pick<Answer, 'counting' | 'present'>,
  { moment }: Question,
): BundleKnown | undefined => {
  if (known === undefined || moment.kind !== 'known') return undefined;
  const { checkpoint } = known;
  const witnesses = witnessTimes(checkpoint, counting).map((each) => ({
    ...each,
    registered: present.has(each.witness),
  }));
  const [first] = witnesses;
  if (first === undefined || first.time * 1_000_000 > moment.micros)
    throw bundleFault(
      KNOWN_CHECKPOINT,
      'known',
      'no node whose word counts has cosigned it by the time that was asked for',
    );
  return { node: moment.node, size: checkpoint.size, root: checkpoint.root.toString('base64'), witnesses };
};

/**
 * When those cosigned whose word counts, the earliest first: each by itself says that the node had the entries by then.
 */
const witnessTimes = ({ cosignatures }: Checkpoint, counting: ReadonlySet<PeerKey>): readonly WitnessTime[] =>
  cosignatures
    .filter(({ witness }) => counting.has(witness))
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

const checkpointIn = (files: Files, file: string, of: Pick<Origin, 'network' | 'node'>): Checkpoint => {
  const note = textIn(files, file);
  const checkpoint = readAs(file, 'checkpoint', () => readCheckpoint(note));
  const { origin } = checkpoint;
  if (origin.network !== of.network || origin.node !== of.node)
    throw bundleFault(file, 'checkpoint', `it is not of the node ${of.node} in this network`);
  return checkpoint;
};

/** A log by its entries. */
interface Log {
  readonly entries: readonly string[];
  readonly places: ReadonlyMap<string, number>;
  /** The root of the first `size` leaves. */
  rootAt(size: number): Buffer;
}

const logIn = (files: Files, file: string, { size, root }: Checkpoint): Log => {
  const text = textIn(files, file);
  const entries = text.split('\n').slice(0, -1);
  const places = new Map(entries.map((hash, index) => [hash, index]));
  if (receiptsText(entries) !== text || !entries.every((hash) => isHash(hash)))
    throw bundleFault(file, 'receipts', 'it is no list of hashes');
  if (places.size !== entries.length) throw bundleFault(file, 'receipts', 'it names an entry twice');
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
    throw bundleFault(file, 'receipts', `they are not the ${size} entries of the checkpoint`);
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
