import { describe, expect, test } from 'vitest';
import {
  consistencyRanges,
  inclusionRanges,
  isConsistent,
  type LeafRange,
  merkleLeaf,
  merkleRoot,
  rootOfInclusion,
} from '../../../src/codec/merkle.ts';

/** The leaves and values that implementations of Certificate Transparency share. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  (leaf) => merkleLeaf(Buffer.from(leaf, 'hex')),
);

const hex = (hashes: readonly Buffer[]): readonly string[] => hashes.map((hash) => hash.toString('hex'));
const rootOf = ({ from, to }: LeafRange): Buffer => merkleRoot(LEAVES.slice(from, to));
const head = (size: number) => ({ size, root: rootOf({ from: 0, to: size }) });

const A = '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d';
const B = '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7';
const AB = 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125';
const CD = '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e';
const ABCD = 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7';
const E = 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b';
const EF = '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a';
const GH = 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0';
const EFGH = '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4';

describe('RFC 6962 trees', () => {
  test.each([
    [0, 1, []],
    [0, 8, [B, CD, EFGH]],
    [5, 8, [E, GH, ABCD]],
    [2, 3, [AB]],
    [1, 5, [A, CD, E]],
  ])('prove leaf %i of %i', (index, size, expected) => {
    const proof = inclusionRanges(index, size).map(rootOf);
    expect(hex(proof)).toEqual(expected);
    expect(rootOfInclusion(LEAVES[index] as Buffer, index, size, proof)).toEqual(head(size).root);
  });

  test.each([
    [1, 1, []],
    [1, 8, [B, CD, EFGH]],
    [6, 8, [EF, GH, ABCD]],
    [2, 5, [CD, E]],
  ])('prove that a tree of %i is the beginning of one of %i', (old, size, expected) => {
    const proof = consistencyRanges(old, size).map(rootOf);
    expect(hex(proof)).toEqual(expected);
    expect(isConsistent(head(old), head(size), proof)).toBe(true);
  });

  test('an empty tree is the beginning of each, without a proof', () => {
    expect(isConsistent({ size: 0, root: merkleRoot([]) }, head(3), [])).toBe(true);
    expect(isConsistent({ size: 0, root: merkleRoot([]) }, head(3), [LEAVES[0] as Buffer])).toBe(false);
    expect(isConsistent(head(3), head(2), [])).toBe(false);
  });
});
