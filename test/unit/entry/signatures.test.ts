import { describe, expect, test } from 'vitest';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { ed25519 } from '../../../src/entry/signatures.ts';
import { simulatedSignatures } from '../../support/simulated-signatures.ts';

const key = signingKeyFromSeed(new Uint8Array(32).fill(1));
const other = signingKeyFromSeed(new Uint8Array(32).fill(2));
const bytes = Buffer.from('an entry');
const withBit = (of: Uint8Array, at: number): Uint8Array => of.map((byte, place) => (place === at ? byte ^ 1 : byte));

// What a simulation is run with must refuse what the real one refuses.
describe.each([
  ['Ed25519', ed25519],
  ['simulated', simulatedSignatures],
])('signatures: %s', (_, signatures) => {
  test('hold for their author and their bytes alone', async () => {
    const signature = signatures.sign(key, bytes);
    expect(signature).toHaveLength(64);
    expect(await signatures.signInBackground(key, bytes)).toEqual(signature);
    const spoiled = (of: Uint8Array): Uint8Array[] => Array.from(of, (_byte, at) => withBit(of, at));
    const bad: [string, Uint8Array, Uint8Array][] = [
      [other.author, bytes, signature],
      ['no key', bytes, signature],
      [key.author, bytes.subarray(1), signature],
      [key.author, bytes, signature.subarray(1)],
      [key.author, bytes, signatures.sign(other, bytes)],
      ...spoiled(bytes).map((of): [string, Uint8Array, Uint8Array] => [key.author, of, signature]),
      ...spoiled(signature).map((made): [string, Uint8Array, Uint8Array] => [key.author, bytes, made]),
    ];
    expect(signatures.hold(key.author, bytes, signature)).toBe(true);
    expect(await signatures.holdInBackground(key.author, bytes, signature)).toBe(true);
    for (const [author, of, made] of bad) {
      expect(signatures.hold(author, of, made)).toBe(false);
      expect(await signatures.holdInBackground(author, of, made)).toBe(false);
    }
  });
});
