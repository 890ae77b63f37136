import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { fault } from '../base/errors.ts';

/** DER (RFC 8410) up to the raw key: importing this is cheaper than a JWK. */
const PRIVATE_DER_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
/** Bytes of a seed, and of a public key. */
export const KEY_BYTES = 32;

/** An Ed25519 key pair; `publicKey` has 32 bytes. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: Buffer;
}

/** The key pair of a 32-byte seed (RFC 8032). Throws `ENTRY_KEY_MALFORMED`. */
export const keyPairFromSeed = (seed: Uint8Array): KeyPair => {
  if (seed.byteLength !== KEY_BYTES)
    throw fault('ENTRY_KEY_MALFORMED', `a key seed has ${KEY_BYTES} bytes, not ${seed.byteLength}`);
  const key = Buffer.concat([PRIVATE_DER_PREFIX, seed]);
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return { privateKey, publicKey: spki.subarray(-KEY_BYTES) };
};
