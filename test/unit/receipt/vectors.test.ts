import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isConsistent } from '../../../src/codec/merkle.ts';
import { readCheckpoint } from '../../../src/receipt/checkpoint.ts';
import { readTlogProof } from '../../../src/receipt/evidence.ts';
import { MemoryTree } from '../../../src/receipt/memory-tree.ts';
import {
  type AnswerJson,
  decodeAnswer,
  decodeHashes,
  decodeQuestion,
  encodeAnswer,
  encodeHashes,
  encodeQuestion,
} from '../../../src/receipt/messages.ts';
import { COSIGNATURE_V1, ED25519, verifierKey } from '../../../src/receipt/note.ts';
import { originText, readOrigin, readWitnessName, witnessName } from '../../../src/receipt/origin.ts';
import { readSplitView, splitViewJson, splitViewSchema } from '../../../src/receipt/split-view.ts';
import { rootAt } from '../../../src/receipt/tree.ts';

const read = (name: string): string =>
  readFileSync(new URL(`../../../fixtures/receipt/v1/${name}`, import.meta.url), 'utf8');
const entries = read('entries.txt').trimEnd().split('\n');
const tree = new MemoryTree();
tree.append(Buffer.from(entries.join(''), 'hex'));
const publicKey = (key: string): Buffer => Buffer.from(key, 'hex');

describe('the vectors of receipts', () => {
  const checkpoint = readCheckpoint(read('checkpoint'));
  const frames = read('frames.txt').trimEnd().split('\n');

  test('checkpoints, their keys and their cosignatures', async () => {
    expect(checkpoint).toMatchObject({ size: 600, root: await rootAt(tree, 600) });
    const older = readCheckpoint(read('older-checkpoint'));
    expect(older).toMatchObject({ size: 257, root: await rootAt(tree, 257) });
    expect(older.cosignatures.map(({ time }) => time)).toEqual([1_767_225_540, 1_767_225_541]);
    const { origin, cosignatures } = checkpoint;
    expect(read('keys.txt').trimEnd().split('\n')).toEqual([
      verifierKey(originText(origin), ED25519, publicKey(origin.node)),
      ...cosignatures.map(({ witness }) =>
        verifierKey(witnessName(origin.network, witness), COSIGNATURE_V1, publicKey(witness)),
      ),
    ]);
    expect(readOrigin(originText(origin))).toEqual(origin);
    expect(readOrigin(`${originText(origin)}0`)).toBeUndefined();
    expect(readWitnessName(originText(origin))).toBeUndefined();
  });

  test('roots and consistency proofs', async () => {
    const trees = JSON.parse(read('trees.json')) as { size: number; root: string; consistency: readonly string[] }[];
    for (const { size, root, consistency } of trees) {
      expect((await rootAt(tree, size)).toString('base64')).toBe(root);
      const proof = consistency.map((hash) => Buffer.from(hash, 'base64'));
      expect(isConsistent({ size, root: Buffer.from(root, 'base64') }, checkpoint, proof)).toBe(true);
    }
  });

  test.each([0, 299, 599])('proof of entry %i', (index) => {
    expect(readTlogProof(read(`${index}.tlog-proof`), entries[index] ?? '')).toEqual({ index, checkpoint });
  });

  test('a split view', () => {
    const json = splitViewSchema.parse(JSON.parse(read('split-view.json')));
    const split = readSplitView(json);
    expect([split.older.size, split.newer.size]).toEqual([400, 512]);
    expect(splitViewJson(split)).toEqual(json);
    expect(() => readSplitView({ ...json, newer: json.older })).toThrow('do not prove');
    expect(() => readSplitView({ ...json, proof: json.proof.slice(1) })).toThrow('do not prove');
    expect(() => readSplitView({ ...json, newer: read('checkpoint') })).toThrow('do not prove');
  });

  test('frames', () => {
    const asked = frames.slice(0, 5).map((frame) => decodeQuestion(Buffer.from(frame, 'base64')));
    expect(asked.map(({ ask }) => ask)).toEqual(['cosign', 'compare', 'known', 'entries', 'named']);
    const answered = frames.slice(5).map((frame) => decodeAnswer(Buffer.from(frame, 'base64')));
    expect(answered.map(({ answer }) => answer)).toEqual([
      'cosigned',
      'stale',
      'compared',
      'known',
      'named',
      'refused',
    ]);
    const hashes = Buffer.from(entries.slice(0, 3).join(''), 'hex');
    expect(decodeHashes(encodeHashes(hashes))).toEqual(hashes);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['another kind', Buffer.from([3, 123, 125])],
    ['no JSON', Buffer.from([1, 123])],
    ['an unknown question', encodeQuestion({ ask: 'given' } as never)],
    ['more than the question has', encodeQuestion({ ask: 'named', entry: '00'.repeat(32), more: 1 } as never)],
    ['a hash that is none', encodeQuestion({ ask: 'cosign', old: 0, proof: ['AAAA'], checkpoint: '' })],
    [
      'a proof that is too long',
      encodeQuestion({ ask: 'cosign', old: 0, proof: Array<string>(64).fill(''), checkpoint: '' }),
    ],
    ['a negative size', encodeQuestion({ ask: 'cosign', old: -1, proof: [], checkpoint: '' })],
    ['too many bytes', Buffer.concat([Buffer.of(1), Buffer.alloc(600_000, 32)])],
  ])('a frame of %s is refused', (_, frame) => {
    expect(() => decodeQuestion(frame)).toThrow(
      expect.objectContaining({ code: 'RECEIPT_MESSAGE_MALFORMED' }) as Error,
    );
  });

  test('hashes that are not whole are refused, and a refusal is said', () => {
    expect(() => decodeHashes(Buffer.from([2, 1, 2, 3]))).toThrow('whole hashes');
    expect(() => decodeHashes(Buffer.from([2]))).toThrow('whole hashes');
    const refusal: AnswerJson = { answer: 'refused', code: 'RECEIPT_UNKNOWN', text: 'it is not here' };
    expect(() => decodeHashes(encodeAnswer(refusal))).toThrow('it is not here');
    expect(() => decodeHashes(encodeAnswer({ answer: 'stale', size: 1, checkpoint: null }))).toThrow('no answer');
  });
});
