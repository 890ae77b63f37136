import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLogger } from '../../../src/base/log.ts';
import type { FileJob, JobResult } from '../../../src/operator/store/jobs.ts';
import { writing } from '../../../src/operator/store/write-procedures.ts';
import type { Column } from '../../../src/topology/topology.ts';
import { leaveReal } from '../../support/damage.ts';
import { type FileStoreFixture, openFileStore } from '../../support/file-store-fixture.ts';
import { selectRows } from '../../support/table-rows.ts';
import { tempDir } from '../../support/temp-dir.ts';

const columns = (type: string): readonly Column[] => [{ name: 'v', type }];
const NO_ROOM = { code: 'FILE_TABLE_NO_ROOM' };

let dir: string;
let fixture: FileStoreFixture;
let free: number;
let warnings: string[];

const open = (): Promise<FileStoreFixture> => {
  warnings = [];
  const log = createLogger(({ level, text }) => level === 'warn' && warnings.push(text));
  return openFileStore({ dir, log, freeBytes: () => free });
};
const values = (): Promise<unknown> =>
  selectRows(fixture.sqlite, 'plant', 'select v, typeof(v) as t from readings order by row_id');
const INT = { v: 5, t: 'integer' };
const TEXT = { v: 'a', t: 'text' };

beforeEach(async () => {
  dir = tempDir();
  free = Number.POSITIVE_INFINITY;
  fixture = await open();
});
afterEach(() => fixture.close());

test('a file for which the table is written anew is refused where the disk has no room for that, and no other', async () => {
  await fixture.put('{"v":5}\n', { columns: columns('int') });
  free = 10_000;
  const [text, more] = await Promise.allSettled([
    fixture.put('{"v":"a"}\n', { columns: columns('varchar') }),
    fixture.put('{"v":6}\n', { columns: columns('int') }),
  ]);
  expect([text, more]).toMatchObject([{ reason: NO_ROOM }, { status: 'fulfilled' }]);
  await expect(fixture.put('{"v":"a"}\n', { columns: columns('varchar') })).rejects.toMatchObject(NO_ROOM);
  free = 1_000_000;
  await fixture.put('{"v":"a"}\n', { columns: columns('varchar') });
  expect(await values()).toEqual([INT, { v: 6, t: 'integer' }, TEXT]);
});

test('rows of a buffer that need it stay there until the disk has room', async () => {
  await fixture.put('{"v":5}\n', { columns: columns('int') });
  const about = { dbms: 'plant', table: 'readings', columns: columns('varchar'), time: '2026-01-01T00:00:00.000000Z' };
  const apply = async (job: FileJob): Promise<JobResult | undefined> => {
    const batch = { origin: 'own', members: new Map<string, number>(), ownFrom: 1, heard: [], jobs: [job] };
    return (await fixture.sqlite.write(writing, 'apply', batch)).results[0];
  };
  const content = Buffer.from('{"v":"a"}\n');
  await apply({ kind: 'append', ...about, content, source: '0', instructions: '0' });
  free = 10_000;
  const flush = { kind: 'flush', ...about, bytesMax: 1_000 } as const;
  const failed = await apply(flush);
  expect(failed).toMatchObject({ kind: 'failed', fault: NO_ROOM });
  expect(failed).not.toHaveProperty('buffer');
  free = 1_000_000;
  expect(await apply(flush)).toMatchObject({ kind: 'stored', record: { rows: 1 } });
  expect(await values()).toEqual([INT, TEXT]);
});

test('what other tables take in the database does not count', async () => {
  const other = Array.from({ length: 2_000 }, (_, at) => `{"w":"${'x'.repeat(100)}${at}"}\n`).join('');
  await fixture.put(other, { table: 'other', columns: [{ name: 'w', type: 'varchar' }] });
  await fixture.put('{"v":5}\n', { columns: columns('int') });
  free = 100_000;
  await fixture.put('{"v":"a"}\n', { columns: columns('varchar') });
  expect(await values()).toEqual([INT, TEXT]);
  await expect(
    fixture.put('{"w":1}\n', { table: 'other', columns: [{ name: 'w', type: 'int' }] }),
  ).rejects.toMatchObject(NO_ROOM);
});

test('a copy that has other rows than its record says is refused before the table is written anew', async () => {
  await fixture.put('{"v":"a"}\n', { columns: columns('varchar') });
  const [copy] = await fixture.store.readMany('own', [[1, 1]], { files: 1, bytes: 1_000 });
  const peer = await openFileStore({ origin: 'peer', freeBytes: () => 0 });
  await peer.put('{"v":5}\n', { columns: columns('int') });
  await expect(peer.store.store([{ ...copy!, record: { ...copy!.record, rows: 2 } }])).rejects.toMatchObject({
    code: 'FILE_RECORD_INVALID',
  });
  await expect(peer.store.store([copy!])).rejects.toMatchObject(NO_ROOM);
  await peer.close();
});

test('a database of an earlier version stays as it is while there is no room, and takes data', async () => {
  await fixture.put('{"v":5}\n', { columns: columns('float') });
  await fixture.put('{"v":6}\n', { columns: columns('int') });
  await fixture.close();
  leaveReal(join(dir, 'dbms', 'plant.sqlite'));
  free = 0;
  fixture = await open();
  await fixture.put('{"v":7.5}\n', { columns: columns('float') });
  await fixture.put('{"w":1}\n', { columns: [{ name: 'w', type: 'int' }] });
  expect(warnings).toEqual([expect.stringContaining('at a later start')]);
  expect(await values()).toMatchObject([{ t: 'real' }, { t: 'real' }, { t: 'real' }, { t: 'null' }]);
  await fixture.close();
  free = 1_000_000;
  fixture = await open();
  await fixture.put('{"w":2}\n', { columns: [{ name: 'w', type: 'int' }] });
  expect(warnings).toEqual([]);
  expect(await values()).toMatchObject([{ t: 'integer' }, { t: 'integer' }, { v: 7.5 }, { t: 'null' }, { t: 'null' }]);
});
