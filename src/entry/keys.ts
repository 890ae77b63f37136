import { createPublicKey, sign as signBytes, verify as verifyBytes, type KeyObject } from 'node:crypto';
import { fault } from '../base/errors.ts';
import { AUTHOR_KEYS_CACHED_MAX } from '../base/limits.ts';
import { isHash } from '../codec/fields.ts';
import { keyPairFromSeed } from '../codec/key-pair.ts';

/** DER (RFC 8410) up to the raw key: importing this is cheaper than a JWK. */
const PUBLIC_DER_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** y coordinates (sign bit cleared) of the points of order 1, 2, 4 and 8: a signature by such a key proves nothing. */
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

/** A node's key pair: it signs entries and is the node's identity. */
export interface SigningKey {
  /** Public key, 64 hex digits. */
  readonly author: string;
  readonly privateKey: KeyObject;
}

/** The key pair of a 32-byte seed (RFC 8032). Throws `ENTRY_KEY_MALFORMED`. */
export const signingKeyFromSeed = (seed: Uint8Array): SigningKey => {
  const { privateKey, publicKey } = keyPairFromSeed(seed);
  return { author: publicKey.toString('hex'), privateKey };
};

/** Whether the 32 bytes are the canonical form of a y coordinate (below 2^255 - 19) of no small-order point. */
const isSoundKey = (raw: Buffer): boolean => {
  const y = Buffer.from(raw);
  y[31] = (y[31] ?? 0) & 0x7f;
  if (SMALL_ORDER.has(y.toString('hex'))) return false;
  const isTop = y[31] === 0x7f && y.subarray(1, 31).every((byte) => byte === 0xff);
  return !(isTop && (y[0] ?? 0) >= 0xed);
};

/**
 * The public key of 64 lower-case hex digits. Throws `ENTRY_KEY_MALFORMED` for another form, a small-order point or a
 * coordinate that is not reduced. A point off the curve imports and then verifies nothing.
 */
export const publicKeyFromHex = (author: string): KeyObject => {
  if (!isHash(author)) throw fault('ENTRY_KEY_MALFORMED', 'a public key is 64 lower-case hex digits');
  const raw = Buffer.from(author, 'hex');
  if (!isSoundKey(raw))
    throw fault('ENTRY_KEY_MALFORMED', `public key ${author} is of small order or not in canonical form`);
  return createPublicKey({ key: Buffer.concat([PUBLIC_DER_PREFIX, raw]), format: 'der', type: 'spki' });
};

/** The same as `openssl` reads it (RFC 8410 in PEM); of any 64 hex digits, sound or not. */
export const publicKeyPem = (author: string): string => {
  const der = Buffer.concat([PUBLIC_DER_PREFIX, Buffer.from(author, 'hex')]);
  return `-----BEGIN PUBLIC KEY-----\n${der.toString('base64')}\n-----END PUBLIC KEY-----\n`;
};

/** Importing a key costs a third of a verification, so the keys of the authors seen last are kept. */
const imported = new Map<string, KeyObject>();

const cachedKey = (author: string): KeyObject => {
  const held = imported.get(author);
  if (held !== undefined) return held;
  const key = publicKeyFromHex(author);
  if (imported.size >= AUTHOR_KEYS_CACHED_MAX) {
    const oldest = imported.keys().next();
    if (oldest.done !== true) imported.delete(oldest.value);
  }
  imported.set(author, key);
  return key;
};

/** Plain Ed25519, 64 bytes. */
export const signWith = (key: SigningKey, bytes: Uint8Array): Uint8Array => signBytes(null, bytes, key.privateKey);

/** The same on the thread pool. */
export const signInBackground = (key: SigningKey, bytes: Uint8Array): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    signBytes(null, bytes, key.privateKey, (error, signature) => (error === null ? resolve(signature) : reject(error)));
  });

/** The one verifier. A malformed key is a signature that does not hold. */
export const verifySignature = (author: string, bytes: Uint8Array, signature: Uint8Array): boolean => {
  try {
    return verifyBytes(null, bytes, cachedKey(author), signature);
  } catch {
    return false;
  }
};

/** The same on the thread pool, so that many signatures use all cores and do not hold up the event loop. */
export const verifySignatureInBackground = (
  author: string,
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> =>
  new Promise((resolve) => {
    try {
      verifyBytes(null, bytes, cachedKey(author), signature, (error, holds) => resolve(error === null && holds));
    } catch {
      resolve(false);
    }
  });
