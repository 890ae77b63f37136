import { hash } from 'node:crypto';
import type { Signatures } from '../../src/entry/signatures.ts';

/**
 * 64 bytes that depend on the author and on every byte. Whoever knows an author could make it: nobody in a simulation
 * does.
 */
const signatureOf = (author: string, bytes: Uint8Array): Buffer =>
  hash('sha512', Buffer.concat([Buffer.from(author, 'latin1'), bytes]), 'buffer');

/**
 * Signatures that take a fiftieth of the time of real ones, and fail as they do: for another author, and where a byte
 * was changed.
 */
export const simulatedSignatures: Signatures = {
  sign: ({ author }, bytes) => signatureOf(author, bytes),
  signInBackground: async ({ author }, bytes) => signatureOf(author, bytes),
  hold: (author, bytes, signature) => signatureOf(author, bytes).equals(signature),
  holdInBackground: async (author, bytes, signature) => signatureOf(author, bytes).equals(signature),
};
