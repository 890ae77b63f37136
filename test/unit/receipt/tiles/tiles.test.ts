import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hash } from 'node:crypto';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../../src/base/log.ts';
import { merkleJoin, merkleLeaf, merkleRoot } from '../../../../src/codec/merkle.ts';
import { readCheckpoint } from '../../../../src/receipt/checkpoint.ts';
import { EntryFiles } from '../../../../src/receipt/tiles/entry-files.ts';
import {
  bundlePath,
  edgeTiles,
  newTiles,
  numberPath,
  TILE_WIDTH,
  tilePath,
} from '../../../../src/receipt/tiles/layout.ts';

import { ArchivingNode, ENTRIES, SECRET } from '../../../support/archiving-node.ts';
import { tempDir } from '../../../support/temp-dir.ts';

let dir: string;
beforeEach(() => void (dir = tempDir()));

const filesUnder = (at = dir): string[] =>
  readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
const linesOf = (): string[] =>
  filesUnder(join(dir, 'entries'))
    .sort()
    .flatMap((path) => readFileSync(path, 'utf8').split('\n').slice(0, -1));
const bodiesOf = (): string[] => linesOf().map((line) => line.split('\t')[2]?.trim() ?? '');
const saying = (text: string): string[] => filesUnder().filter((path) => readFileSync(path).includes(text));

/** The root as a reader of C2SP tlog-tiles finds it, from the bundles of entries and from the tiles. */
const readLog = (
  at: string,
): { readonly size: number; readonly byEntries: string; readonly byTiles: string; readonly signed: string } => {
  const { size, root } = readCheckpoint(readFileSync(join(at, 'checkpoint'), 'utf8'));
  const leaves: Buffer[] = [];
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const bundle = readFileSync(join(at, bundlePath({ level: 0, index, width })));
    for (let offset = 0; offset < bundle.length; offset += 34) {
      expect(bundle.readUInt16BE(offset)).toBe(32);
      leaves.push(merkleLeaf(bundle.subarray(offset + 2, offset + 34)));
    }
  }
  const parts = edgeTiles(size).flatMap((tile) => {
    const bytes = readFileSync(join(at, tilePath(tile)));
    expect(bytes.length).toBe(tile.width * 32);
    return Array.from({ length: tile.width }, (_, each) => ({
      size: TILE_WIDTH ** tile.level,
      root: bytes.subarray(each * 32, each * 32 + 32),
    }));
  });
  return {
    size,
    byEntries: merkleRoot(leaves).toString('hex'),
    byTiles: merkleJoin(parts).toString('hex'),
    signed: root.toString('hex'),
  };
};
const logOf = (node: ArchivingNode) => readLog(join(dir, 'log', node.incarnation));

describe('layout', () => {
  test.each([
    [0, '000'],
    [999, '999'],
    [1_000, 'x001/000'],
    [1_234_067, 'x001/x234/067'],
  ])('number %i is %s', (number, path) => expect(numberPath(number)).toBe(path));

  test('grown step by step a tree has the tiles of one that came at once, each written once', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 6 }), (steps) => {
        const grown = new Set<string>();
        let size = 0;
        for (const step of steps) {
          for (const tile of newTiles(size, size + step)) {
            expect(grown.has(tilePath(tile))).toBe(false);
            grown.add(tilePath(tile));
          }
          size += step;
        }
        for (const tile of newTiles(0, size)) expect(grown.has(tilePath(tile))).toBe(true);
        const covered = edgeTiles(size).reduce((sum, { level, width }) => sum + width * TILE_WIDTH ** level, 0);
        expect(covered).toBe(size);
      }),
    );
  });
});

describe('an archive', () => {
  test('has every entry as it was signed, and the tree of the checkpoint, however it came to it', async () => {
    const node = new ArchivingNode(dir);
    await node.settle();
    for (const [from, to] of [
      [0, 1],
      [1, 5],
      [5, 256],
      [256, 600],
      [600, 700],
    ] as const) {
      node.add(ENTRIES.slice(from, to));
      if (from === 256) node.restart();
      await node.settle();
      const { size, byEntries, byTiles, signed } = logOf(node);
      expect([size, byEntries, byTiles]).toEqual([to, signed, signed]);
    }
    expect(linesOf()).toHaveLength(700);
    for (const [at, line] of linesOf().entries()) {
      const [header = '', signature = '', body = ''] = line.split('\t');
      expect(hash('sha256', header)).toBe(ENTRIES[at]!.hash);
      expect(hash('sha256', body)).toBe(ENTRIES[at]!.header.body);
      expect(signature).toBe(Buffer.from(ENTRIES[at]!.raw.signature).toString('base64'));
    }
    expect(filesUnder().filter((path) => /\.(new|p)$/.test(path))).toEqual([]);
    expect(node.archiver.state()).toEqual({ published: 700, signed: 700, absent: 0, bodiless: 0, damaged: 0 });
  });

  test('a full tile and a full file of entries never change', async () => {
    const node = new ArchivingNode(dir);
    node.add(ENTRIES.slice(0, 300));
    await node.settle();
    const full = ['entries/000', `log/${node.incarnation}/tile/0/000`, `log/${node.incarnation}/tile/entries/000`];
    const before = full.map((path) => statSync(join(dir, path)).ino);
    node.add(ENTRIES.slice(300));
    node.restart();
    await node.settle();
    expect(full.map((path) => statSync(join(dir, path)).ino)).toEqual(before);
  });

  test('another log of receipts has its own tiles; no entry is kept twice', async () => {
    const node = new ArchivingNode(dir);
    node.add(ENTRIES.slice(0, 300));
    await node.settle();
    const first = logOf(node);
    node.incarnation = 'fedcba9876543210';
    node.order.reverse();
    node.add(ENTRIES.slice(300, 310));
    await node.settle();
    expect(linesOf()).toHaveLength(310);
    expect(logOf(node)).toMatchObject({ size: 310, byEntries: node.root.toString('hex') });
    expect(readLog(join(dir, 'log/0123456789abcdef'))).toEqual(first);
  });

  test('tiles that were changed are made anew before anything is published', async () => {
    const node = new ArchivingNode(dir);
    node.add(ENTRIES.slice(0, 300));
    await node.settle();
    const path = join(dir, 'log', node.incarnation, 'tile/1/000.p/1');
    writeFileSync(path, Buffer.alloc(32));
    node.restart();
    node.add(ENTRIES.slice(300, 310));
    const published = readFileSync(join(dir, 'log', node.incarnation, 'checkpoint'), 'utf8');
    await expect(node.settle()).rejects.toThrow('do not make the root');
    expect(readFileSync(join(dir, 'log', node.incarnation, 'checkpoint'), 'utf8')).toBe(published);
    await node.settle();
    expect(logOf(node)).toMatchObject({ size: 310, byTiles: node.root.toString('hex') });
  });

  test('an entry that the ledger cannot read now is taken up later', async () => {
    const node = new ArchivingNode(dir);
    node.add(ENTRIES.slice(0, 10));
    node.held.delete(ENTRIES[4]!.hash);
    await node.settle();
    expect(node.archiver.state()).toMatchObject({ published: 10, absent: 1 });
    node.held.set(ENTRIES[4]!.hash, ENTRIES[4]!);
    await node.settle();
    expect(node.archiver.state()).toMatchObject({ absent: 0 });
    expect(linesOf()).toHaveLength(10);
  });
});

describe('an erased body', () => {
  const erased = ENTRIES[3]!;
  const says = `${SECRET} 3.`;

  test('goes from a full file and from one that is not, and comes back where its erasure turns out to be none', async () => {
    const node = new ArchivingNode(dir);
    node.add(ENTRIES.slice(0, 300));
    await node.settle();
    node.erased.add(erased.hash).add(ENTRIES[299]!.hash);
    await node.settle();
    expect(saying(says)).toEqual([]);
    expect(saying(`${SECRET} 299.`)).toEqual([]);
    expect(bodiesOf().filter((body) => body === '')).toHaveLength(2);
    // What is written behind it does not bring it back.
    node.add(ENTRIES.slice(300, 310));
    await node.settle();
    expect(saying(`${SECRET} 299.`)).toEqual([]);
    node.restart();
    await node.settle();
    expect(node.archiver.state()).toMatchObject({ bodiless: 2, damaged: 0 });
    node.erased.delete(erased.hash);
    await node.settle();
    expect(saying(says)).toHaveLength(1);
    expect(linesOf()).toHaveLength(310);
    expect(logOf(node)).toMatchObject({ size: 310 });
  });

  test('is not left behind by a crash in the middle: neither of a write nor of its erasure', async () => {
    const node = new ArchivingNode(dir);
    node.add(ENTRIES.slice(0, 10));
    await node.settle();
    const path = join(dir, 'entries/000');
    const whole = readFileSync(path);
    // A write that was cut off before its name was changed, and half an erasure.
    writeFileSync(`${path}.new`, whole);
    const at = whole.indexOf(says);
    writeFileSync(path, Buffer.concat([whole.subarray(0, at - 20), Buffer.alloc(15, ' '), whole.subarray(at - 5)]));
    node.erased.add(erased.hash);
    node.restart();
    await node.settle();
    expect(saying(says)).toEqual([]);
    expect(linesOf().filter((line) => line.trim() !== '')).toHaveLength(10);
    expect(node.archiver.state()).toMatchObject({ damaged: 1, bodiless: 1 });
    node.restart();
    await node.settle();
    expect(node.archiver.state()).toMatchObject({ damaged: 0, bodiless: 1 });
  });

  test('is not left behind in what a write that was cut off would have become', async () => {
    const node = new ArchivingNode(dir);
    node.add(ENTRIES.slice(0, 300));
    await node.settle();
    for (const file of ['000', '001'])
      writeFileSync(join(dir, `entries/${file}.new`), readFileSync(join(dir, 'entries/000')));
    node.erased.add(erased.hash);
    node.restart();
    await node.settle();
    expect(saying(says)).toEqual([]);
  });

  test('is not taken up where it is erased before', async () => {
    const node = new ArchivingNode(dir);
    node.erased.add(erased.hash);
    node.add(ENTRIES.slice(0, 10));
    await node.settle();
    expect(saying(says)).toEqual([]);
    expect(linesOf()).toHaveLength(10);
  });
});

describe('damage', () => {
  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['a bit of a header', (bytes) => flipped(bytes, 30)],
    ['a newline that is lost', (bytes) => flipped(bytes, bytes.indexOf(10))],
    [
      'a newline that came in',
      (bytes) => Buffer.concat([bytes.subarray(0, 40), Buffer.from('\n'), bytes.subarray(40)]),
    ],
    ['an end that is cut off', (bytes) => bytes.subarray(0, -40)],
    ['nothing left', () => Buffer.alloc(0)],
  ])('%s: what was there is written anew, and the other files stay', async (_, spoil) => {
    const node = new ArchivingNode(dir);
    node.add(ENTRIES);
    await node.settle();
    const path = join(dir, 'entries/000');
    const next = readFileSync(join(dir, 'entries/001'));
    writeFileSync(path, spoil(readFileSync(path)));
    node.restart();
    await node.settle();
    expect(readFileSync(join(dir, 'entries/001'))).toEqual(next);
    const held = new Set(linesOf().map((line) => hash('sha256', line.split('\t')[0] ?? '')));
    for (const entry of ENTRIES) expect(held.has(entry.hash)).toBe(true);
    const { lines } = await EntryFiles.open(join(dir, 'entries'), silentLogger);
    expect(lines).toBe(linesOf().length);
  });

  test('a last line that was cut off goes, and is written anew', async () => {
    const node = new ArchivingNode(dir);
    node.add(ENTRIES.slice(0, 10));
    await node.settle();
    const path = join(dir, 'entries/000');
    writeFileSync(path, readFileSync(path).subarray(0, -40));
    node.erased.add(ENTRIES[9]!.hash);
    node.restart();
    await node.settle();
    expect(saying(`${SECRET} 9.`)).toEqual([]);
    expect(linesOf()).toHaveLength(10);
  });

  test('where nothing can be written nothing is lost: the next step goes on', async () => {
    const node = new ArchivingNode(dir);
    node.add(ENTRIES.slice(0, 10));
    mkdirSync(join(dir, 'entries/000.new'), { recursive: true });
    await expect(node.settle()).rejects.toThrow();
    rmSync(join(dir, 'entries/000.new'), { recursive: true });
    await node.settle();
    expect(logOf(node)).toMatchObject({ size: 10 });
    expect(linesOf()).toHaveLength(10);
  });
});

const flipped = (bytes: Buffer, at: number): Buffer => {
  const other = Buffer.from(bytes);
  other[at] = other[at]! ^ 0x01;
  return other;
};
