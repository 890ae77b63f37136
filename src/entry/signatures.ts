import { signInBackground, signWith, type SigningKey, verifySignature, verifySignatureInBackground } from './keys.ts';

/**
 * How entries are signed and signatures checked, as a port: real ones take a quarter of a simulation's time. Everything
 * else gets {@link ed25519}.
 */
export interface Signatures {
  /** 64 bytes, the same for the same key and bytes. */
  sign(key: SigningKey, bytes: Uint8Array): Uint8Array;
  /** The same beside the event loop. */
  signInBackground(key: SigningKey, bytes: Uint8Array): Promise<Uint8Array>;
  /** Whether the author made it over these very bytes. A malformed key is a signature that does not hold. */
  hold(author: string, bytes: Uint8Array, signature: Uint8Array): boolean;
  /** The same beside the event loop. */
  holdInBackground(author: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** The one scheme of the network. */
export const ed25519: Signatures = {
  sign: signWith,
  signInBackground,
  hold: verifySignature,
  holdInBackground: verifySignatureInBackground,
};
