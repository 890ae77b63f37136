import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { hash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { merkleJoin, merkleLeaf } from '../../src/codec/merkle.ts';
import { readCheckpoint } from '../../src/receipt/checkpoint.ts';
import { bundlePath, edgeTiles, TILE_WIDTH, tilePath } from '../../src/receipt/tiles/layout.ts';
import { ArchivingNode, ENTRIES } from '../support/archiving-node.ts';

/** What happens to a node, one thing after the other. */
type Happening =
  | { readonly is: 'entries'; readonly count: number }
  | { readonly is: 'erase' | 'restore'; readonly which: number }
  | { readonly is: 'step' | 'restart' | 'another log' | 'settle' };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ is: fc.constant('entries' as const), count: fc.integer({ min: 1, max: 280 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constantFrom('erase' as const, 'restore' as const),
      which: fc.nat(ENTRIES.length - 1),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      is: fc.constantFrom(
        'step' as const,
        'step' as const,
        'restart' as const,
        'another log' as const,
        'settle' as const,
      ),
    }),
  },
);

const linesOf = (dir: string): readonly string[] => {
  const at = join(dir, 'entries');
  const files = existsSync(at) ? readdirSync(at).sort() : [];
  return files.flatMap((file) => readFileSync(join(at, file), 'utf8').split('\n').slice(0, -1));
};

/** Whatever is published can be read from the files alone: tree, leaves, and an entry for each leaf. */
const checkPublished = (dir: string): void => {
  if (!existsSync(join(dir, 'log'))) return;
  const held = new Set(linesOf(dir).map((line) => hash('sha256', line.split('\t')[0] ?? '')));
  for (const name of readdirSync(join(dir, 'log'))) {
    const at = join(dir, 'log', name);
    if (!readdirSync(at).includes('checkpoint')) continue;
    const { size, root } = readCheckpoint(readFileSync(join(at, 'checkpoint'), 'utf8'));
    const parts = edgeTiles(size).flatMap((tile) => {
      const bytes = readFileSync(join(at, tilePath(tile)));
      return Array.from({ length: tile.width }, (_, each) => ({
        size: TILE_WIDTH ** tile.level,
        root: bytes.subarray(each * 32, each * 32 + 32),
      }));
    });
    expect(merkleJoin(parts).equals(root)).toBe(true);
    for (let index = 0; index * TILE_WIDTH < size; index += 1) {
      const tile = { level: 0, index, width: Math.min(TILE_WIDTH, size - index * TILE_WIDTH) };
      const [bundle, hashes] = [bundlePath(tile), tilePath(tile)].map((path) => readFileSync(join(at, path)));
      for (let leaf = 0; leaf < tile.width; leaf += 1) {
        const entry = bundle!.subarray(leaf * 34 + 2, leaf * 34 + 34);
        expect(merkleLeaf(entry).equals(hashes!.subarray(leaf * 32, leaf * 32 + 32))).toBe(true);
        expect(held.has(entry.toString('hex'))).toBe(true);
      }
    }
  }
};

/** After all is done: each entry once, with its body unless that is erased. */
const checkEntries = (dir: string, node: ArchivingNode): void => {
  const lines = linesOf(dir);
  const bodies = new Map(lines.map((line) => [hash('sha256', line.split('\t')[0] ?? ''), line.split('\t')[2]?.trim()]));
  expect(lines).toHaveLength(node.held.size);
  for (const [entry, { header }] of node.held)
    if (node.erased.has(entry)) expect(bodies.get(entry)).toBe('');
    else expect(hash('sha256', bodies.get(entry) ?? '')).toBe(header.body);
};

test('R1 R3 whatever happens, what is published is there, and what is erased is not', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 4, maxLength: 24 }), async (happenings) => {
      const dir = mkdtempSync(join(tmpdir(), 'holdfast-tiles-'));
      try {
        const node = new ArchivingNode(dir);
        let [added, logs] = [0, 0];
        for (const next of happenings) {
          if (next.is === 'entries') {
            node.add(ENTRIES.slice(added, added + next.count));
            added = Math.min(ENTRIES.length, added + next.count);
          } else if (next.is === 'erase') node.erased.add(ENTRIES[next.which]?.hash ?? '');
          else if (next.is === 'restore') node.erased.delete(ENTRIES[next.which]?.hash ?? '');
          else if (next.is === 'step') await node.archiver.step();
          else if (next.is === 'restart') node.restart();
          else if (next.is === 'settle') {
            await node.settle();
            if (node.order.length > 0) checkEntries(dir, node);
          } else {
            logs += 1;
            node.incarnation = logs.toString(16).padStart(16, '0');
            node.order.reverse();
          }
          if (next.is !== 'entries') checkPublished(dir);
        }
        await node.settle();
        if (node.order.length > 0) checkEntries(dir, node);
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    }),
    { numRuns: 25 },
  );
}, 60_000);
