import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sha256Hex } from '../../src/codec/hash.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import {
  cosign,
  readCheckpoint,
  readCosignatureLine,
  signCheckpoint,
  withCosignatures,
} from '../../src/receipt/checkpoint.ts';
import { tlogProof } from '../../src/receipt/evidence.ts';
import { MemoryTree } from '../../src/receipt/memory-tree.ts';
import { encodeAnswer, encodeQuestion, proofJson } from '../../src/receipt/messages.ts';
import { COSIGNATURE_V1, ED25519, verifierKey } from '../../src/receipt/note.ts';
import { originText, witnessName } from '../../src/receipt/origin.ts';
import { findSplit, splitViewJson } from '../../src/receipt/split-view.ts';
import { consistencyProof, inclusionProof, rootAt } from '../../src/receipt/tree.ts';

/**
 * Writes the vectors of `src/receipt/SPEC.md`: `node scripts/vectors/receipt.ts`. The same bytes each time; a new
 * version of the page gets a new directory.
 */
const dir = fileURLToPath(new URL('../../fixtures/receipt/v1', import.meta.url));

const [log, one, two] = [1, 2, 3].map((byte) => signingKeyFromSeed(new Uint8Array(32).fill(byte)));
if (log === undefined || one === undefined || two === undefined) throw new Error('no keys');
const network = sha256Hex('vectors');
const origin = { network, node: log.author, incarnation: '0123456789abcdef' };
const TIME = 1_767_225_600;

const treeOf = (names: readonly string[]): MemoryTree => {
  const tree = new MemoryTree();
  tree.append(Buffer.from(names.map((name) => sha256Hex(name)).join(''), 'hex'));
  return tree;
};
const NAMES = Array.from({ length: 600 }, (_, number) => `entry ${number}`);
const tree = treeOf(NAMES);
const forked = treeOf(NAMES.map((name, number) => (number < 300 ? name : `other ${name}`)));

const checkpointOf = async (of: MemoryTree, size: number) =>
  readCheckpoint(signCheckpoint(log, origin, { size, root: await rootAt(of, size) }));
const cosigned = async (of: MemoryTree, size: number, time: number) => {
  const checkpoint = await checkpointOf(of, size);
  const lines = [one, two].map((key, at) => cosign(key, origin, checkpoint.text, time + at));
  return withCosignatures(
    checkpoint,
    lines.map((line) => readCosignatureLine(checkpoint, line)),
  );
};

const SIZES = [1, 2, 3, 7, 8, 255, 256, 257, 512, 600];
const newest = await cosigned(tree, 600, TIME);
const older = await cosigned(tree, 257, TIME - 60);
const split = await findSplit(forked, await checkpointOf(forked, 512), await checkpointOf(tree, 400));
if (split === undefined) throw new Error('no split view');

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 1)}\n`;
const publicKey = (key: string): Buffer => Buffer.from(key, 'hex');
mkdirSync(dir, { recursive: true });
writeFileSync(`${dir}/entries.txt`, NAMES.map((name) => `${sha256Hex(name)}\n`).join(''));
writeFileSync(`${dir}/checkpoint`, newest.note);
writeFileSync(`${dir}/older-checkpoint`, older.note);
writeFileSync(
  `${dir}/keys.txt`,
  [
    verifierKey(originText(origin), ED25519, publicKey(log.author)),
    ...[one, two].map(({ author }) => verifierKey(witnessName(network, author), COSIGNATURE_V1, publicKey(author))),
  ]
    .map((line) => `${line}\n`)
    .join(''),
);
for (const index of [0, 299, 599])
  writeFileSync(`${dir}/${index}.tlog-proof`, tlogProof(index, await inclusionProof(tree, index, 600), newest));
const roots = await Promise.all(
  SIZES.map(async (size) => ({
    size,
    root: (await rootAt(tree, size)).toString('base64'),
    consistency: proofJson(await consistencyProof(tree, size, 600)),
  })),
);
writeFileSync(`${dir}/trees.json`, json(roots));
writeFileSync(`${dir}/split-view.json`, json(splitViewJson(split)));

const frames = [
  encodeQuestion({
    ask: 'cosign',
    old: 257,
    proof: proofJson(await consistencyProof(tree, 257, 600)),
    checkpoint: (await checkpointOf(tree, 600)).note,
  }),
  encodeQuestion({ ask: 'compare', checkpoints: [newest.note], splits: [splitViewJson(split)] }),
  encodeQuestion({ ask: 'known', node: log.author, time: TIME }),
  encodeQuestion({ ask: 'entries', origin: originText(origin), from: 0, to: 600 }),
  encodeQuestion({ ask: 'named', entry: sha256Hex('entry 299') }),
  encodeAnswer({ answer: 'cosigned', line: newest.cosignatures[0]?.line ?? '' }),
  encodeAnswer({ answer: 'stale', size: 257, checkpoint: older.note }),
  encodeAnswer({ answer: 'compared', checkpoints: [], splits: [] }),
  encodeAnswer({ answer: 'known', checkpoint: older.note, final: true }),
  encodeAnswer({
    answer: 'named',
    index: 299,
    proof: proofJson(await inclusionProof(tree, 299, 600)),
    checkpoint: newest.note,
  }),
  encodeAnswer({ answer: 'refused', code: 'RECEIPT_TOO_OFTEN', text: 'this log was cosigned a moment ago' }),
];
writeFileSync(`${dir}/frames.txt`, frames.map((frame) => `${Buffer.from(frame).toString('base64')}\n`).join(''));
