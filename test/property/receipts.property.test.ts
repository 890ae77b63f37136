import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { silentLogger } from '../../src/base/log.ts';
import { consistencyRanges, isConsistent, merkleRoot, rootOfInclusion } from '../../src/codec/merkle.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import { readCheckpoint, signCheckpoint } from '../../src/receipt/checkpoint.ts';
import { WitnessDesk } from '../../src/receipt/desk.ts';
import { leafOfEntry } from '../../src/receipt/evidence.ts';
import { KnownHashes } from '../../src/receipt/known-hashes.ts';
import { MemoryTree } from '../../src/receipt/memory-tree.ts';
import type { AnswerJson } from '../../src/receipt/messages.ts';
import { ReceiptLog } from '../../src/receipt/receipt-log.ts';
import { findSplit, readSplitView, type SplitView, splitViewJson } from '../../src/receipt/split-view.ts';
import { SplitViews } from '../../src/receipt/split-views.ts';
import { consistencyProof, hashesOf, inclusionProof, rootAt } from '../../src/receipt/tree.ts';
import { judge } from '../../src/receipt/witness.ts';
import { tempDir } from '../support/temp-dir.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const entry = (branch: number, number: number): Buffer => createHash('sha256').update(`${branch} ${number}`).digest();
const entriesOf = (branch: number, from: number, to: number): Buffer =>
  Buffer.concat(Array.from({ length: to - from }, (_, at) => entry(branch, from + at)));
const treeOf = (...parts: readonly Buffer[]): MemoryTree => {
  const tree = new MemoryTree();
  for (const part of parts) tree.append(part);
  return tree;
};
const flip = (hash: Buffer, bit: number): Buffer => {
  const changed = Buffer.from(hash);
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return changed;
};

const LARGEST = 1_300;
const whole = treeOf(entriesOf(0, 0, LARGEST));
const size = fc.integer({ min: 1, max: LARGEST });
const bit = fc.nat({ max: 255 });

describe('proofs of trees of any size', () => {
  test('the root is that of RFC 6962 over all leaves', async () => {
    for (const count of [1, 2, 255, 256, 257, 511, 512, 513, 767, 1_024, LARGEST]) {
      const leaves = hashesOf(await whole.entries(0, count)).map((hash) => leafOfEntry(hash.toString('hex')));
      expect(await rootAt(whole, count)).toEqual(merkleRoot(leaves));
    }
  });

  test('inclusion holds, and no change of one bit does', () =>
    fc.assert(
      fc.asyncProperty(size, fc.nat(), bit, fc.nat(), async (count, chosen, changed, where) => {
        const index = chosen % count;
        const root = await rootAt(whole, count);
        const proof = [...(await inclusionProof(whole, index, count))];
        const leaf = leafOfEntry(entry(0, index).toString('hex'));
        expect(rootOfInclusion(leaf, index, count, proof)).toEqual(root);
        expect(rootOfInclusion(flip(leaf, changed), index, count, proof)).not.toEqual(root);
        const other = (index + 1 + (where % count)) % count;
        if (other !== index) expect(rootOfInclusion(leaf, other, count, proof)).not.toEqual(root);
        if (proof.length === 0) return;
        const at = where % proof.length;
        expect(rootOfInclusion(leaf, index, count, proof.with(at, flip(proof[at] as Buffer, changed)))).not.toEqual(
          root,
        );
        expect(rootOfInclusion(leaf, index, count, proof.slice(1))).toBeUndefined();
      }),
      { numRuns: 400 },
    ));

  test('consistency holds, and no change of one bit does', () =>
    fc.assert(
      fc.asyncProperty(size, size, bit, fc.nat(), async (one, two, changed, where) => {
        const [old, count] = [Math.min(one, two), Math.max(one, two)];
        const older = { size: old, root: await rootAt(whole, old) };
        const newer = { size: count, root: await rootAt(whole, count) };
        const proof = [...(await consistencyProof(whole, old, count))];
        expect(proof).toHaveLength(consistencyRanges(old, count).length);
        expect(isConsistent(older, newer, proof)).toBe(true);
        expect(isConsistent({ size: old, root: flip(older.root, changed) }, newer, proof)).toBe(false);
        expect(isConsistent(older, { size: count, root: flip(newer.root, changed) }, proof)).toBe(false);
        expect(isConsistent(older, newer, [...proof, newer.root])).toBe(false);
        if (proof.length === 0) return;
        const at = where % proof.length;
        expect(isConsistent(older, newer, proof.with(at, flip(proof[at] as Buffer, changed)))).toBe(false);
      }),
      { numRuns: 400 },
    ));
});

test('a list of known hashes finds each, and none twice', () =>
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 4_000 }), { maxLength: 6_000 }), (numbers) => {
      const known = new KnownHashes();
      const places = new Map<number, number>();
      for (const number of numbers) {
        expect(known.add(entry(1, number))).toBe(!places.has(number));
        if (!places.has(number)) places.set(number, places.size);
      }
      expect(known.length).toBe(places.size);
      for (const [number, place] of places) expect(known.indexOf(entry(1, number))).toBe(place);
      expect(known.indexOf(entry(2, 0))).toBeUndefined();
    }),
    { numRuns: 20 },
  ));

const log = signingKeyFromSeed(new Uint8Array(32).fill(1));
const witnessKey = signingKeyFromSeed(new Uint8Array(32).fill(2));
const origin = { network: 'ab'.repeat(32), node: log.author, incarnation: '0123456789abcdef' };
const signed = async (tree: MemoryTree, count: number) =>
  readCheckpoint(signCheckpoint(log, origin, { size: count, root: await rootAt(tree, count) }));

/** A log that may fork: branch 1 leaves the main one (0) after `parting` entries. */
const branches = (parting: number): readonly [MemoryTree, MemoryTree] => [
  treeOf(entriesOf(0, 0, 400)),
  treeOf(entriesOf(0, 0, parting), entriesOf(1, parting, 400)),
];

test('two checkpoints of one log prove a split exactly when neither is the beginning of the other', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 380 }),
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 1, max: 400 }),
      async (parting, one, two) => {
        const [main, other] = branches(parting);
        const [known, told] = [await signed(main, Math.max(one, two)), await signed(other, Math.min(one, two))];
        const split = await findSplit(main, known, told);
        expect(split === undefined).toBe(told.size <= parting);
        if (split === undefined) return;
        const json = splitViewJson(split);
        expect(readSplitView(json)).toEqual(split);
        // Nothing that is consistent can be made to look split.
        const honest = await signed(main, told.size);
        expect(() => readSplitView({ ...json, older: honest.note })).toThrow(
          expect.objectContaining({ code: 'RECEIPT_PROOF_BAD' }) as Error,
        );
        expect(() => readSplitView({ ...json, root: honest.root.toString('base64'), older: honest.note })).toThrow();
      },
    ),
    { numRuns: 150 },
  ));

describe('a witness', () => {
  let dir: string;
  beforeEach(() => void (dir = tempDir()));

  /** What an asker that lies at will does next. */
  type Deed =
    | { readonly kind: 'restart' }
    | { readonly kind: 'ask'; readonly branch: 0 | 1; readonly size: number; readonly honestOld: boolean };
  const deed: fc.Arbitrary<Deed> = fc.oneof(
    { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('ask' as const),
        branch: fc.constantFrom(0 as const, 1 as const),
        size: fc.integer({ min: 1, max: 400 }),
        honestOld: fc.boolean(),
      }),
    },
  );

  test(
    'cosigns no two trees of which neither begins with the other, also across restarts, and convicts who shows them',
    () =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 0, max: 300 }),
          fc.array(deed, { maxLength: 25 }),
          async (parting, deeds) => {
            const trees = branches(parting);
            const here = await mkdtemp(join(dir, 'run-'));
            const clock = createVirtualClock();
            const found: SplitView[] = [];
            let current: MemoryTree = trees[0];
            const start = async (): Promise<WitnessDesk> => {
              const splits = new SplitViews(join(here, 'split-views'), silentLogger);
              await splits.load();
              return new WitnessDesk({
                ...{ key: witnessKey, clock, log: silentLogger, splits },
                dir: join(here, 'witnessed'),
                network: () => origin.network,
                held: () => 400,
                registered: async () => new Set([log.author, witnessKey.author]),
                fetch: () => (from, to) => current.entries(from, to),
                onFailed: () => {},
                onCosigned: () => {},
                onSplit: (split) => found.push(split),
              });
            };
            let desk = await start();
            const given: { readonly branch: number; readonly size: number }[] = [];
            let lastSize = 0;
            for (const each of deeds) {
              if (each.kind === 'restart') {
                await desk.close();
                desk = await start();
                continue;
              }
              await clock.advance(1_000);
              current = trees[each.branch];
              const checkpoint = await signed(current, each.size);
              const old = each.honestOld ? Math.min(lastSize, each.size) : 0;
              const proof = await consistencyProof(current, old, each.size);
              const answer: AnswerJson = await desk.cosign(log.author, {
                ask: 'cosign',
                old,
                proof: [...proof],
                checkpoint: checkpoint.note,
              });
              if (answer.answer === 'cosigned') {
                given.push({ branch: each.branch, size: each.size });
                lastSize = each.size;
              } else if (answer.answer === 'stale') lastSize = answer.size;
            }
            await desk.close();
            for (const one of given)
              for (const two of given)
                if (one.branch !== two.branch) expect(Math.min(one.size, two.size)).toBeLessThanOrEqual(parting);
            for (const split of found) expect(readSplitView(splitViewJson(split))).toEqual(split);
            expect(found.length).toBeLessThanOrEqual(1);
            // Only who lied is convicted: also by a checkpoint that was not cosigned.
            if (deeds.every((each) => each.kind === 'restart' || each.branch === 0)) expect(found).toEqual([]);
          },
        ),
        { numRuns: 60 },
      ),
    120_000,
  );

  test.each([
    ['the first', undefined, { old: 0, size: 3 }, 'cosign'],
    ['nothing', undefined, { old: 0, size: 0 }, 'stale'],
    ['the next', 3, { old: 3, size: 9 }, 'cosign'],
    ['the same again', 3, { old: 3, size: 3 }, 'cosign'],
    ['one from elsewhere', 3, { old: 2, size: 9 }, 'stale'],
    ['an older one', 9, { old: 3, size: 3 }, 'stale'],
    ['one that was never cosigned before', undefined, { old: 3, size: 9 }, 'stale'],
  ] as const)('judges %s', async (_, last, { old, size: count }, expected) => {
    const head = async (at: number) => ({ size: at, root: await rootAt(whole, at) });
    const proof = await consistencyProof(whole, old, count);
    const before = last === undefined ? undefined : await head(last);
    expect(judge(before, { old, proof, head: await head(count) })).toBe(expected);
    if (expected === 'cosign' && count !== last)
      expect(judge(before, { old, proof: [...proof, randomBytes(32)], head: await head(count) })).toBe('unproven');
    if (count === last)
      expect(judge(before, { old, proof, head: { size: count, root: randomBytes(32) } })).toBe('split');
  });
});

describe('a log on disk', () => {
  let dir: string;
  beforeEach(() => void (dir = tempDir()));

  test(
    'keeps what was signed whatever a crash left of the rest, and notices when it is not there',
    () =>
      fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: LARGEST }),
          fc.integer({ min: 0, max: 600 }),
          fc.constantFrom('whole', 'torn', 'garbage', 'no tiles', 'bad tiles', 'bad entry'),
          async (kept, more, damage) => {
            const path = await mkdtemp(join(dir, 'log-'));
            let file = await ReceiptLog.open(path);
            await file.append(entriesOf(0, 0, kept));
            const head = { size: kept, root: await rootAt(file, kept) };
            expect(head.root).toEqual(await rootAt(whole, kept));
            await file.append(entriesOf(1, 0, more));
            await file.close();
            await harm(path, damage, kept);
            file = await ReceiptLog.open(path);
            expect(await file.keepUpTo(head)).toBe(damage !== 'bad entry');
            if (damage !== 'bad entry') {
              expect(file.size).toBe(kept);
              await file.append(entriesOf(0, kept, LARGEST));
              expect(await rootAt(file, LARGEST)).toEqual(await rootAt(whole, LARGEST));
              expect(await consistencyProof(file, kept, LARGEST)).toEqual(await consistencyProof(whole, kept, LARGEST));
            }
            await file.close();
          },
        ),
        { numRuns: 60 },
      ),
    60_000,
  );

  const harm = async (path: string, damage: string, kept: number): Promise<void> => {
    const { appendFile, open, writeFile } = await import('node:fs/promises');
    if (damage === 'torn') await appendFile(join(path, 'entries'), Buffer.alloc(7, 1));
    if (damage === 'garbage') await appendFile(join(path, 'entries'), Buffer.from(systemRandom.bytes(320)));
    if (damage === 'no tiles') await writeFile(join(path, 'tiles'), '');
    if (damage === 'bad tiles') await writeFile(join(path, 'tiles'), Buffer.alloc(32 * 6, 9));
    if (damage !== 'bad entry') return;
    const handle = await open(join(path, 'entries'), 'r+');
    await handle.write(Buffer.alloc(32, 5), 0, 32, 32 * (kept - 1));
    await handle.close();
    await writeFile(join(path, 'tiles'), '');
  };
});
