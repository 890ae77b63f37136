import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FILE_NUMBER_STEP_MAX, FILE_NUMBER_TOLD_MAX } from '../../src/base/limits.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import { contentHash } from '../../src/operator/file-order.ts';
import type { FileCopy, FileRecord } from '../../src/operator/file-record.ts';
import type { FileStore } from '../../src/operator/file-store.ts';

/** A store under test with a way to give it own files. */
export interface FileStoreUnderTest {
  readonly store: FileStore;
  put(content: string): Promise<{ readonly record: FileRecord; readonly duplicate: boolean }>;
  /** Behind the back of the store: rows of a file become those of another content; archive and record are lost. */
  damageRows(origin: string, file: number, content: string): Promise<void>;
  loseArchive(origin: string, file: number): Promise<void>;
  loseRecord(origin: string, file: number): Promise<void>;
  /** What the table shows, in the order of the files: `[reading, device]` of each row. */
  readings(): Promise<readonly (readonly [unknown, unknown])[]>;
  close(): Promise<void>;
}

const COLUMNS = [
  { name: 'reading', type: 'int' },
  { name: 'device', type: 'varchar' },
] as const;

export const rowsText = (from: number, count: number): string =>
  Array.from({ length: count }, (_, index) => JSON.stringify({ reading: from + index, device: 'd1' })).join('\n');

/** A copy as a peer sends it. */
export const copyOf = (origin: string, file: number, content: string, change: Partial<FileRecord> = {}): FileCopy => ({
  record: {
    origin,
    file,
    dbms: 'plant',
    table: 'readings',
    source: '0',
    instructions: '0',
    hash: contentHash('plant', 'readings', Buffer.from(content)),
    time: '2026-01-01T00:00:00.000000Z',
    rows: content.split('\n').length,
    columns: COLUMNS,
    digest: sha256Hex(content),
    status: 'stored',
    ...change,
  },
  content: Buffer.from(content),
  rebuilt: false,
});

const duplicateOf = (copy: FileCopy): FileCopy => ({
  record: { ...copy.record, status: 'duplicate', rows: 0 },
  content: new Uint8Array(),
  rebuilt: false,
});

const text = (copy: FileCopy): string => Buffer.from(copy.content).toString();

/** What every form of {@link FileStore} does. `open` gives an empty one whose own origin is `own`. */
export const describeFileStore = (name: string, open: () => Promise<FileStoreUnderTest>): void => {
  describe(`file store, ${name} form`, () => {
    let under: FileStoreUnderTest;
    let store: FileStore;

    beforeEach(async () => {
      under = await open();
      store = under.store;
    });
    afterEach(() => under.close());

    test('is empty at first', async () => {
      expect([...store.holdings()]).toEqual([]);
      expect(await store.records('own', [[1, 9]], 10)).toEqual([]);
      expect(await store.readMany('own', [[1, 9]], { files: 5, bytes: 1_000 })).toEqual([]);
      await expect(store.read('own', 1)).rejects.toMatchObject({ code: 'FILE_UNKNOWN' });
    });

    test('own files are numbered 1, 2, 3 and told; the same content again has no number', async () => {
      const told: FileRecord[] = [];
      store.notices.on('file:stored', (records) => told.push(...records));
      const first = await under.put(rowsText(0, 2));
      const again = await under.put(rowsText(0, 2));
      const second = await under.put(rowsText(2, 1));
      expect(first).toMatchObject({ duplicate: false, record: { origin: 'own', file: 1, rows: 2, status: 'stored' } });
      expect(again).toEqual({ record: first.record, duplicate: true });
      expect(second.record.file).toBe(2);
      expect(told).toEqual([first.record, second.record]);
      expect([...store.holdings()]).toEqual([['own', [[1, 2]]]]);
      expect(text(await store.read('own', 1))).toBe(rowsText(0, 2));
    });

    test('takes copies once, in any order, and tells what is new', async () => {
      const told: FileRecord[] = [];
      store.notices.on('file:stored', (records) => told.push(...records));
      const copies = [3, 1, 4].map((file) => copyOf('peer', file, rowsText(file * 10, 2)));
      expect(await store.store(copies)).toEqual(['stored', 'stored', 'stored']);
      expect(await store.store([...copies, copyOf('peer', 2, rowsText(20, 2))])).toEqual([
        'held',
        'held',
        'held',
        'stored',
      ]);
      expect([...store.holdings()]).toEqual([['peer', [[1, 4]]]]);
      expect(told.map(({ file }) => file)).toEqual([3, 1, 4, 2]);
      expect((await store.records('peer', [[2, 9]], 2)).map(({ file }) => file)).toEqual([2, 3]);
      const rows = (await store.records('peer', [[2, 9]], 9)).reduce((sum, record) => sum + record.rows, 0);
      expect(rows).toBeGreaterThan(0);
      expect(
        await store.countRows(
          new Map([
            ['peer', [[2, 9]]],
            ['nobody', [[1, 9]]],
          ]),
        ),
      ).toBe(rows);
      const read = await store.read('peer', 3);
      expect([read.record, read.rebuilt, text(read)]).toEqual([copies[0]?.record, false, rowsText(30, 2)]);
    });

    test('a copy twice in one call is stored once', async () => {
      const copy = copyOf('peer', 1, rowsText(0, 2));
      expect(await store.store([copy, copy])).toEqual(['stored', 'held']);
    });

    // Large content is looked at elsewhere than small.
    test.each([2, 40_000])('refuses content of %i rows that is not what the record names', async (rows) => {
      const copy = copyOf('peer', 1, rowsText(0, rows));
      await expect(store.store([{ ...copy, content: Buffer.from(rowsText(1, rows)) }])).rejects.toMatchObject({
        code: 'FILE_DIGEST_MISMATCH',
      });
      expect([...store.holdings()]).toEqual([]);
      expect(await store.store([copy])).toEqual(['stored']);
    });

    test('the earlier of two records with the same content keeps the rows, whichever came first', async () => {
      const content = rowsText(0, 3);
      const early = copyOf('b', 1, content, { time: '2026-01-01T00:00:00.000000Z' });
      const late = copyOf('a', 1, content, { time: '2026-01-02T00:00:00.000000Z' });
      expect(await store.store([late])).toEqual(['stored']);
      expect(await store.store([early])).toEqual(['stored']);
      expect((await store.read('a', 1)).record).toMatchObject({ status: 'duplicate', rows: 0 });
      expect((await store.read('a', 1)).content.byteLength).toBe(0);
      expect((await store.read('b', 1)).record).toMatchObject({ status: 'stored', rows: 3 });
      const later = copyOf('c', 1, content, { time: '2026-01-03T00:00:00.000000Z' });
      expect(await store.store([later])).toEqual(['duplicate']);
      expect([...store.holdings().keys()].sort()).toEqual(['a', 'b', 'c']);
    });

    test('equal times are decided by the origin', async () => {
      const content = rowsText(0, 3);
      expect(await store.store([copyOf('b', 1, content), copyOf('a', 1, content)])).toEqual(['stored', 'stored']);
      expect((await store.read('b', 1)).record.status).toBe('duplicate');
    });

    test('a duplicate without the original is an orphan and not held', async () => {
      const original = copyOf('a', 1, rowsText(0, 3));
      const copy = duplicateOf(copyOf('b', 1, rowsText(0, 3)));
      expect(await store.store([copy])).toEqual(['orphan']);
      expect([...store.holdings()]).toEqual([]);
      expect(await store.store([original, copy])).toEqual(['stored', 'duplicate']);
      expect((await store.read('b', 1)).record).toEqual(copy.record);
    });

    test('a duplicate whose original nobody has is held without rows when it is taken as such', async () => {
      const copy = duplicateOf(copyOf('own', 3, rowsText(0, 3)));
      expect(await store.store([copy], true)).toEqual(['duplicate']);
      expect(await store.store([copy])).toEqual(['held']);
      expect([...store.holdings()]).toEqual([['own', [[3, 3]]]]);
      expect(await store.read('own', 3)).toMatchObject({ record: copy.record, content: { byteLength: 0 } });
      expect((await under.put(rowsText(3, 1))).record.file).toBe(4);
      // Should the original come after all, it has its rows.
      expect(
        await store.store([copyOf('a', 1, rowsText(0, 3), { time: '2025-01-01T00:00:00.000000Z' })], true),
      ).toEqual(['stored']);
    });

    test('a put of what a peer received first is no new file', async () => {
      const copy = copyOf('peer', 1, rowsText(0, 3));
      await store.store([copy]);
      const put = await under.put(rowsText(0, 3));
      expect(put).toMatchObject({ duplicate: true, record: { origin: 'peer', file: 1 } });
      expect(store.holdings().has('own')).toBe(false);
    });

    test('own files come back from a peer, and numbering goes on after them', async () => {
      await store.store([copyOf('own', 1, rowsText(0, 1)), copyOf('own', 2, rowsText(1, 1))]);
      expect((await under.put(rowsText(2, 1))).record.file).toBe(3);
    });

    test('an own file with a number that no operator gets to is not taken, and uses up no numbers', async () => {
      await under.put(rowsText(0, 1));
      const far = copyOf('own', FILE_NUMBER_TOLD_MAX + 1, rowsText(1, 1));
      await expect(store.store([far])).rejects.toMatchObject({ code: 'FILE_NUMBER_FAR' });
      expect((await under.put(rowsText(2, 1))).record.file).toBe(2);
      await store.store([copyOf('peer', Number.MAX_SAFE_INTEGER, rowsText(3, 1))]);
      await store.store([copyOf('own', FILE_NUMBER_TOLD_MAX, rowsText(4, 1))]);
      await store.store([copyOf('own', FILE_NUMBER_TOLD_MAX + FILE_NUMBER_STEP_MAX, rowsText(5, 1))]);
      expect((await under.put(rowsText(6, 1))).record.file).toBe(FILE_NUMBER_TOLD_MAX + FILE_NUMBER_STEP_MAX + 1);
    });

    test('reads many within limits, at least one', async () => {
      const contents = [1, 2, 3, 4].map((file) => rowsText(file * 10, 2));
      await store.store(contents.map((content, index) => copyOf('peer', index + 1, content)));
      const size = Buffer.byteLength(contents[0] as string);
      const read = async (files: number, bytes: number): Promise<number[]> =>
        (
          await store.readMany(
            'peer',
            [
              [1, 2],
              [4, 9],
            ],
            { files, bytes },
          )
        ).map(({ record }) => record.file);
      expect(await read(10, 1_000_000)).toEqual([1, 2, 4]);
      expect(await read(2, 1_000_000)).toEqual([1, 2]);
      expect(await read(10, 2 * size)).toEqual([1, 2]);
      expect(await read(10, 1)).toEqual([1]);
    });

    test('a rebuilt copy is taken without its digest', async () => {
      const copy = copyOf('peer', 1, '{ "reading" : 1,  "device": "d1", "other": 2 }');
      const rebuilt: FileCopy = { ...copy, content: Buffer.from('{"reading":1,"device":"d1"}\n'), rebuilt: true };
      expect(await store.store([rebuilt])).toEqual(['stored']);
      const back = await store.read('peer', 1);
      expect([back.rebuilt, back.record]).toEqual([true, copy.record]);
      expect(JSON.parse(text(back))).toEqual({ reading: 1, device: 'd1' });
    });

    const LIMITS = { files: 10, rows: 1_000 };
    const proofs = async (): Promise<string[]> =>
      (await store.check('peer', [[1, 9]], LIMITS)).map(
        ({ file, rows, proof, archive }) => `${file} ${rows} ${proof} ${archive}`,
      );
    const readings = async (): Promise<unknown[]> => (await under.readings()).map(([reading]) => reading).sort();

    test('checks rows against the archive, within limits', async () => {
      await store.store([1, 2, 3].map((file) => copyOf('peer', file, rowsText(file * 10, 2))));
      expect(await proofs()).toEqual(['1 2 proved whole', '2 2 proved whole', '3 2 proved whole']);
      await under.damageRows('peer', 2, rowsText(77, 2));
      expect(await proofs()).toEqual(['1 2 proved whole', '2 2 refuted whole', '3 2 proved whole']);
      const checked = await store.check('peer', [[2, 9]], { files: 1, rows: 1_000 });
      expect(checked.map(({ file }) => file)).toEqual([2]);
      expect(await store.check('nobody', [[1, 9]], LIMITS)).toEqual([]);
    });

    test('equal rows have equal sums whatever file they are of, changed ones others', async () => {
      await store.store([copyOf('peer', 1, rowsText(1, 3)), copyOf('peer', 2, rowsText(1, 4))]);
      const [one, two] = await store.check('peer', [[1, 2]], LIMITS);
      expect(one?.sum).not.toBe(two?.sum);
      await under.damageRows('peer', 1, rowsText(2, 3));
      expect((await store.check('peer', [[1, 1]], LIMITS))[0]?.sum).not.toBe(one?.sum);
    });

    test('without archive rows are open until they are noted, then proved or refuted', async () => {
      await store.store([copyOf('peer', 1, rowsText(10, 2))]);
      await under.loseArchive('peer', 1);
      const [check] = await store.check('peer', [[1, 1]], LIMITS);
      expect(check).toMatchObject({ proof: 'open', archive: 'missing' });
      await store.note([{ origin: 'peer', file: 1, sum: check?.sum, damage: undefined }]);
      expect(await proofs()).toEqual(['1 2 proved missing']);
      await under.damageRows('peer', 1, rowsText(20, 2));
      expect(await proofs()).toEqual(['1 2 refuted missing']);
      await expect(store.read('peer', 1)).rejects.toMatchObject({ code: 'FILE_DAMAGED' });
    });

    test.each([
      ['changed', rowsText(77, 3)],
      ['missing', rowsText(10, 2)],
    ])('repairs rows that are %s, names them, once', async (change, damaged) => {
      const copies = [1, 2].map((file) => copyOf('peer', file, rowsText(file * 10, 3)));
      await store.store(copies);
      await under.damageRows('peer', 1, damaged);
      const mended: FileRecord[] = [];
      store.notices.on('file:mended', (record) => mended.push(record));
      const repair = await store.repair(copies[0] as FileCopy);
      expect(repair).toMatchObject({ did: 'rows', rows: 3 });
      expect(repair.changes.every((one) => one.change === change)).toBe(true);
      expect(repair.changed).toBe(repair.changes.length);
      expect(await proofs()).toEqual(['1 3 proved whole', '2 3 proved whole']);
      expect(await readings()).toEqual([10, 11, 12, 20, 21, 22]);
      expect(await store.repair(copies[0] as FileCopy)).toMatchObject({ did: 'none', changes: [] });
      expect(await readings()).toEqual([10, 11, 12, 20, 21, 22]);
      expect(mended).toEqual([copies[0]?.record]);
      expect([...store.holdings()]).toEqual([['peer', [[1, 2]]]]);
    });

    test('a lost record is found and comes back with its copy, no row twice', async () => {
      const copies = [1, 2].map((file) => copyOf('peer', file, rowsText(file * 10, 3)));
      await store.store(copies);
      await under.loseRecord('peer', 1);
      expect((await store.check('peer', [[1, 2]], LIMITS)).map(({ record }) => record?.file)).toEqual([undefined, 2]);
      expect(await store.repair(copies[0] as FileCopy)).toMatchObject({ did: 'record', rows: 3 });
      expect(await readings()).toEqual([10, 11, 12, 20, 21, 22]);
      expect(await proofs()).toEqual(['1 3 proved whole', '2 3 proved whole']);
    });

    test('a copy made from rows repairs only with the sum that is wanted', async () => {
      const copy = copyOf('peer', 1, rowsText(10, 2));
      await store.store([copy]);
      const [right] = await store.check('peer', [[1, 1]], LIMITS);
      const rebuilt = (content: string): FileCopy => ({ ...copy, content: Buffer.from(content), rebuilt: true });
      await under.damageRows('peer', 1, rowsText(20, 2));
      for (const wrong of [store.repair(rebuilt(rowsText(10, 2))), store.repair(rebuilt(rowsText(30, 2)), right?.sum)])
        await expect(wrong).rejects.toMatchObject({ code: 'FILE_SUM_MISMATCH' });
      expect(await readings()).toEqual([20, 21]);
      expect(await store.repair(rebuilt(rowsText(10, 2)), right?.sum)).toMatchObject({ did: 'rows' });
      expect(await readings()).toEqual([10, 11]);
    });

    test('what is noted as damaged is listed until it is mended', async () => {
      const copy = copyOf('peer', 1, rowsText(10, 2));
      await store.store([copy]);
      await store.note([{ origin: 'peer', file: 1, sum: undefined, damage: 'one row' }]);
      expect(store.damages()).toMatchObject([{ origin: 'peer', file: 1, table: 'readings', text: 'one row' }]);
      await store.repair(copy);
      expect(store.damages()).toEqual([]);
    });
  });
};
