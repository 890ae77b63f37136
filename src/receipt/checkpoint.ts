import type { TreeHead } from '../codec/merkle.ts';
import { type SigningKey, signWith, verifySignature } from '../entry/keys.ts';
import type { PeerKey } from '../network/network.ts';
import {
  COSIGNATURE_V1,
  ED25519,
  fromBase64,
  keyIdOf,
  malformedNote,
  type NoteSignature,
  noteText,
  readNote,
  readSignatureLine,
  signatureLine,
} from './note.ts';
import { type Origin, originText, readOrigin, readWitnessName, witnessName } from './origin.ts';
import { HASH_BYTES } from './tree.ts';

const TIMESTAMP_BYTES = 8;

/** What a witness says: at this time that was the largest tree of this origin that it knew. */
export interface Cosignature {
  readonly witness: PeerKey;
  /** Seconds since 1970, of the witness. */
  readonly time: number;
  /** The signature line, newline included. */
  readonly line: string;
}

/** A checkpoint whose signature holds, with those cosignatures that hold. */
export interface Checkpoint extends TreeHead {
  readonly origin: Origin;
  /** The signed note, cosignatures of all kinds included. */
  readonly note: string;
  /** What is signed, with its last newline. */
  readonly text: string;
  /** In the order of the note, each witness once. */
  readonly cosignatures: readonly Cosignature[];
}

const checkpointText = (origin: Origin, { size, root }: TreeHead): string =>
  `${originText(origin)}\n${size}\n${root.toString('base64')}\n`;

const publicKey = (key: PeerKey): Buffer => Buffer.from(key, 'hex');

/** A checkpoint of the own log, signed, without cosignatures. */
export const signCheckpoint = (key: SigningKey, origin: Origin, head: TreeHead): string => {
  const text = checkpointText(origin, head);
  const name = originText(origin);
  const signature = {
    name,
    keyId: keyIdOf(name, ED25519, publicKey(key.author)),
    bytes: Buffer.from(signWith(key, Buffer.from(text))),
  };
  return noteText({ text, signatures: [signature] });
};

const cosignedBytes = (text: string, time: number): Buffer => Buffer.from(`cosignature/v1\ntime ${time}\n${text}`);

/** The signature line of a witness (C2SP cosignature/v1) for the text of a checkpoint; `time` in seconds since 1970. */
export const cosign = (key: SigningKey, { network }: Origin, text: string, time: number): string => {
  const name = witnessName(network, key.author);
  const stamp = Buffer.alloc(TIMESTAMP_BYTES);
  stamp.writeBigUInt64BE(BigInt(time));
  return signatureLine({
    name,
    keyId: keyIdOf(name, COSIGNATURE_V1, publicKey(key.author)),
    bytes: Buffer.concat([stamp, signWith(key, cosignedBytes(text, time))]),
  });
};

/**
 * Undefined for a signature that is none of a witness of this network. Throws `RECEIPT_NOTE_MALFORMED` where it does
 * not hold.
 */
const readCosignature = (text: string, { network }: Origin, signature: NoteSignature): Cosignature | undefined => {
  const { name, keyId, bytes } = signature;
  const witness = readWitnessName(name);
  if (witness?.network !== network || keyId !== keyIdOf(name, COSIGNATURE_V1, publicKey(witness.node)))
    return undefined;
  const stamp = bytes.byteLength < TIMESTAMP_BYTES ? -1n : bytes.readBigUInt64BE();
  const time = Number(stamp);
  if (
    !Number.isSafeInteger(time) ||
    time < 0 ||
    !verifySignature(witness.node, cosignedBytes(text, time), bytes.subarray(TIMESTAMP_BYTES))
  )
    throw malformedNote(`the cosignature of ${witness.node} does not hold`);
  return { witness: witness.node, time, line: signatureLine(signature) };
};

/**
 * What a witness answered about a checkpoint: its cosignature. Throws `RECEIPT_NOTE_MALFORMED` where it is none that
 * holds.
 */
export const readCosignatureLine = ({ text, origin }: Checkpoint, line: string): Cosignature => {
  const cosignature = readCosignature(text, origin, readSignatureLine(line));
  if (cosignature === undefined) throw malformedNote('the line is no cosignature of a node of this network');
  return cosignature;
};

const HEAD = /^([^\n]+)\n(0|[1-9]\d{0,14})\n([A-Za-z0-9+/]{43}=)\n$/;

/**
 * Reads a checkpoint and verifies the signature of the key that its origin names, and each cosignature of a node of
 * that network; signatures of others are left alone. Throws `RECEIPT_NOTE_MALFORMED`.
 */
export const readCheckpoint = (note: string): Checkpoint => {
  const { text, signatures } = readNote(note);
  const [, line = '', size = '', encoded = ''] = HEAD.exec(text) ?? [];
  const origin = readOrigin(line);
  const root = fromBase64(encoded);
  if (origin === undefined || root?.byteLength !== HASH_BYTES)
    throw malformedNote('origin, size and root are not as they must be');
  const keyId = keyIdOf(line, ED25519, publicKey(origin.node));
  const isOwn = (signature: NoteSignature): boolean => signature.name === line && signature.keyId === keyId;
  const [own, ...others] = signatures;
  const isAlone = own !== undefined && isOwn(own) && !others.some(isOwn);
  if (!isAlone || !verifySignature(origin.node, Buffer.from(text), own.bytes))
    throw malformedNote(`the signature of ${origin.node} is missing, not the first or does not hold`);
  const cosignatures = signatures.flatMap((signature) => readCosignature(text, origin, signature) ?? []);
  if (new Set(cosignatures.map(({ witness }) => witness)).size !== cosignatures.length)
    throw malformedNote('a witness stands in it twice');
  return { origin, size: Number(size), root, note, text, cosignatures };
};

/** The same checkpoint with more cosignatures; a witness that stands in it already is replaced. */
export const withCosignatures = (checkpoint: Checkpoint, more: readonly Cosignature[]): Checkpoint => {
  const all = new Map([...checkpoint.cosignatures, ...more].map((each) => [each.witness, each]));
  const { signatures } = readNote(checkpoint.note);
  const others = signatures.filter((each) => !checkpoint.cosignatures.some(({ line }) => line === signatureLine(each)));
  const note = `${checkpoint.text}\n${others.map(signatureLine).join('')}${[...all.values()].map(({ line }) => line).join('')}`;
  return { ...checkpoint, note, cosignatures: [...all.values()] };
};

/** The same checkpoint with the signature of its log alone. */
export const withoutOthers = (checkpoint: Checkpoint): Checkpoint => {
  const { text, signatures } = readNote(checkpoint.note);
  const name = originText(checkpoint.origin);
  return {
    ...checkpoint,
    note: noteText({ text, signatures: signatures.filter((each) => each.name === name) }),
    cosignatures: [],
  };
};
