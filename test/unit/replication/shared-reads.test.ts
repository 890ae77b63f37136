import { expect, test } from 'vitest';
import type { FileRanges } from '../../../src/operator/file-record.ts';
import type { FileStore } from '../../../src/operator/file-store.ts';
import { SharedReads } from '../../../src/replication/shared-reads.ts';
import { copyOf } from '../../conformance/file-store.ts';

const FILES = 2_000;
/** What small buffers are cut from. */
const PIECE = new Uint8Array(65_536).map((_, at) => at);

/** A store that gives each file as a view of a larger piece, as what was read from a disk or came in a frame is. */
const storeOfViews = (): { readonly store: Pick<FileStore, 'origin' | 'readMany'>; readonly read: number[] } => {
  const read: number[] = [];
  const readMany: FileStore['readMany'] = (origin, ranges, { files }) => {
    const found = ranges
      .flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at))
      .slice(0, files);
    read.push(...found);
    return Promise.resolve(
      found.map((file) => ({ ...copyOf(origin, file, `${file}`), content: PIECE.subarray(file, file + 10) })),
    );
  };
  return { store: { origin: 'own', readMany }, read };
};
const turnOf = (
  ...ranges: FileRanges
): { readonly ranges: FileRanges; readonly files: number; readonly bytes: number } => ({
  ranges,
  files: 64,
  bytes: 1_000_000,
});

test('what one peer was sent the next is given from memory: of each file what it is long, and of few files', async () => {
  const { store, read } = storeOfViews();
  const shared = new SharedReads(store, () => true);
  for (let file = 1; file <= FILES; file += 1) await shared.read(turnOf([file, file]));
  expect(read).toHaveLength(FILES);
  const again = await shared.read(turnOf([FILES - 9, FILES]));
  expect(read).toHaveLength(FILES);
  expect(again.map(({ record }) => record.file)).toEqual(Array.from({ length: 10 }, (_, at) => FILES - 9 + at));
  for (const { record, content } of again) {
    expect([...content]).toEqual([...PIECE.subarray(record.file, record.file + 10)]);
    expect(content.buffer.byteLength).toBe(content.byteLength);
  }
  await shared.read(turnOf([1, 1]));
  expect(read).toHaveLength(FILES + 1);
});

test('nothing is kept where there is no other peer', async () => {
  const { store, read } = storeOfViews();
  const shared = new SharedReads(store, () => false);
  await shared.read(turnOf([1, 3]));
  await shared.read(turnOf([1, 3]));
  expect(read).toEqual([1, 2, 3, 1, 2, 3]);
});
