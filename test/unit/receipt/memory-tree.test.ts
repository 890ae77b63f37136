import { expect, test } from 'vitest';
import { fetchTree, MemoryTree } from '../../../src/receipt/memory-tree.ts';
import { HASH_BYTES, rootAt } from '../../../src/receipt/tree.ts';

const COUNT = 20_000;
const hashes = Buffer.alloc(COUNT * HASH_BYTES);
for (let at = 0; at < COUNT; at += 1) hashes.writeUInt32BE(at, at * HASH_BYTES);

test(
  'a log whose entries are given one by one costs no more than one that gives pages',
  { timeout: 5_000 },
  async () => {
    const whole = new MemoryTree();
    whole.append(hashes);
    const root = await rootAt(whole, COUNT);
    const tree = await fetchTree(async (from) => hashes.subarray(from * HASH_BYTES, (from + 1) * HASH_BYTES), {
      size: COUNT,
      root,
    });
    expect((await tree.entries(0, COUNT)).equals(hashes)).toBe(true);
    expect(await tree.tiles(0, COUNT)).toEqual(await whole.tiles(0, COUNT));
  },
);
