import { hash } from 'node:crypto';
import { fault, type HoldfastError } from '../base/errors.ts';
import { NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX } from '../base/limits.ts';

/** Type of the signature by which a log signs its checkpoint (C2SP signed-note). */
export const ED25519 = 0x01;
/** Type of the signature by which a witness cosigns it, with a time (C2SP tlog-cosignature). */
export const COSIGNATURE_V1 = 0x04;

/** One signature line of a note. */
export interface NoteSignature {
  /** Name of the key. */
  readonly name: string;
  /** 8 hex digits. */
  readonly keyId: string;
  /** What follows the key id. */
  readonly bytes: Buffer;
}

/** C2SP signed-note: text and signature lines. Nothing is said of whether they hold. */
export interface SignedNote {
  /** With its last newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** `RECEIPT_NOTE_MALFORMED`; `what` says which rule the note breaks, for people. */
export const malformedNote = (what: string): HoldfastError =>
  fault('RECEIPT_NOTE_MALFORMED', `this is no signed checkpoint: ${what}`);

/** Standard base64 as it is encoded, and nothing that decodes to the same; undefined for anything else. */
export const fromBase64 = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
};

/** Names a key: the first four bytes of a hash over name, signature type and public key. */
export const keyIdOf = (name: string, type: number, publicKey: Uint8Array): string =>
  hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), publicKey])).slice(0, 8);

/** A verifier key as tools of others take it: `name+keyid+base64`. */
export const verifierKey = (name: string, type: number, publicKey: Uint8Array): string =>
  `${name}+${keyIdOf(name, type, publicKey)}+${Buffer.concat([Buffer.of(type), publicKey]).toString('base64')}`;

/** U+0085 is a blank too, for Go: what one verifier takes, each takes. */
const LINE = /^— ([^\s\u0085]+) (\S+)$/u;

/** A line of a note: an em dash, the key's name, then key id and signature in base64 (C2SP signed-note). */
export const signatureLine = ({ name, keyId, bytes }: NoteSignature): string =>
  `— ${name} ${Buffer.concat([Buffer.from(keyId, 'hex'), bytes]).toString('base64')}\n`;

/** Throws `RECEIPT_NOTE_MALFORMED`. */
export const readSignatureLine = (line: string): NoteSignature => {
  const [, name = '', encoded = ''] = LINE.exec(line.slice(0, -1)) ?? [];
  const bytes = fromBase64(encoded);
  if (!line.endsWith('\n') || name === '' || name.includes('+') || bytes === undefined || bytes.byteLength <= 4)
    throw malformedNote('a signature line is not as it must be');
  return { name, keyId: bytes.toString('hex', 0, 4), bytes: bytes.subarray(4) };
};

/** The note as it is written: text, a blank line, signature lines. */
export const noteText = ({ text, signatures }: SignedNote): string =>
  `${text}\n${signatures.map(signatureLine).join('')}`;

/** Throws `RECEIPT_NOTE_MALFORMED`. */
export const readNote = (note: string): SignedNote => {
  if (Buffer.byteLength(note) > NOTE_BYTES_MAX) throw malformedNote(`it is longer than ${NOTE_BYTES_MAX} bytes`);
  const isControl = (byte: number): boolean => byte < 0x20 && byte !== 0x0a;
  if (!note.isWellFormed() || Buffer.from(note).some(isControl)) throw malformedNote('it has control characters');
  const end = note.lastIndexOf('\n\n');
  if (end < 0) throw malformedNote('no empty line stands before the signatures');
  const lines = note.slice(end + 2).split(/(?<=\n)/);
  if (lines.length > NOTE_SIGNATURES_MAX) throw malformedNote(`it has more than ${NOTE_SIGNATURES_MAX} signatures`);
  return { text: note.slice(0, end + 1), signatures: lines.map(readSignatureLine) };
};
