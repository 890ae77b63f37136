import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { apply } from '../../../src/operator/store/apply.ts';
import type { FileJob } from '../../../src/operator/store/jobs.ts';
import { WriteDirectory } from '../../../src/sqlite/databases.ts';
import { sqliteFault } from '../../../src/sqlite/sqlite-faults.ts';
import type { WriteConnection } from '../../../src/sqlite/sqlite.ts';
import { rowsText } from '../../conformance/file-store.ts';
import { fault } from '../../../src/base/errors.ts';
import type { FileRecord } from '../../../src/operator/file-record.ts';
import { CommitFaults, FailingDirectory, openFailingSqlite } from '../../support/failing-commits.ts';
import { openFileStore } from '../../support/file-store-fixture.ts';
import { openOperator } from '../../support/operator-fixture.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitFor } from '../../support/wait.ts';

let dir: string;
beforeEach(() => void (dir = tempDir()));

const newFile = (dbms: string, reading: number): FileJob => ({
  kind: 'new',
  ...{ dbms, table: 'readings', source: '0', instructions: '0', knownHash: undefined },
  columns: [{ name: 'reading', type: 'int' }],
  time: `2026-06-01T00:00:00.${String(reading).padStart(6, '0')}Z`,
  content: Buffer.from(rowsText(reading, 1)),
});

test('the number of a file whose commit failed is given to no other: it may be there when the database is open again', () => {
  const faults = new CommitFaults();
  const databases = new FailingDirectory({ dir, clock: systemClock, durable: false }, faults);
  const put = (...jobs: readonly FileJob[]): readonly unknown[] => {
    const { results } = apply(databases, {
      origin: 'own',
      members: new Map([['own', 7]]),
      ownFrom: 1,
      heard: [],
      jobs,
    });
    databases.rest();
    return results.map((result) => (result.kind === 'stored' ? result.record.file : result.kind));
  };
  expect(put(newFile('a', 1), newFile('b', 2))).toEqual([1, 2]);
  faults.next.set('a', 'kept');
  expect(put(newFile('a', 3), newFile('b', 4))).toEqual(['failed', 4]);
  expect(put(newFile('b', 5))).toEqual([5]);
  databases.mend();
  const filesOf = (name: string): unknown => databases.read(name).all('select file from holdfast_files order by file');
  expect(filesOf('a')).toEqual([[1], [3]]);
  expect(filesOf('b')).toEqual([[2], [4], [5]]);
  databases.close();
});

test('from where own numbers go on holds for a writer that begins anew, too', () => {
  for (const [ownFrom, number] of [
    [1_000, 1_000],
    [1_000, 1_001],
    [5, 1_002],
  ] as const) {
    const databases = new WriteDirectory({ dir, clock: systemClock, durable: false });
    const job = newFile('a', number);
    expect(
      apply(databases, { origin: 'own', members: new Map([['own', 7]]), ownFrom, heard: [], jobs: [job] }).results,
    ).toMatchObject([{ kind: 'stored', record: { file: number } }]);
    databases.close();
  }
});

test('no memory for a file is no fault of the file', () => {
  class Scarce extends WriteDirectory {
    override write(name: string): WriteConnection {
      const db = super.write(name);
      const run = (): never => {
        throw sqliteFault(new BetterSqlite3.SqliteError('out of memory', 'SQLITE_NOMEM'), name);
      };
      return new Proxy(db, {
        get: (target, key) => {
          const value: unknown = key === 'run' ? run : Reflect.get(target, key, target);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    }
  }
  const databases = new Scarce({ dir, clock: systemClock, durable: false });
  const { results } = apply(databases, {
    origin: 'own',
    members: new Map([['own', 7]]),
    ownFrom: 1,
    heard: [],
    jobs: [newFile('a', 1)],
  });
  expect(results).toMatchObject([{ kind: 'failed', fault: { code: 'SQLITE_OVERLOADED' } }]);
  databases.close();
});

describe('a commit that failed and is there when its database is open again', () => {
  const faults = new CommitFaults();
  const opened = async () => {
    const fixture = await openFileStore({ dir, faults });
    const told: number[] = [];
    fixture.store.notices.on('file:stored', (records: readonly FileRecord[]) =>
      told.push(...records.map(({ file }) => file)),
    );
    const held = (): unknown => fixture.store.holdings().get('own');
    // What is unsure is looked at before.
    const settled = (): Promise<void> => fixture.queue.between(async () => {});
    await fixture.put(rowsText(1, 2));
    return { fixture, told, held, settled };
  };

  test('is held and told to the peers when its sender gives it again', async () => {
    const { fixture, told, held } = await opened();
    faults.next.set('plant', 'kept');
    await expect(fixture.put(rowsText(3, 2))).rejects.toMatchObject({ code: 'SQLITE_DISK_FAILED' });
    expect(held()).toEqual([[1, 1]]);
    expect(await fixture.put(rowsText(3, 2))).toMatchObject({ duplicate: true, record: { file: 2 } });
    expect([held(), told]).toEqual([[[1, 2]], [1, 2]]);
    await fixture.close();
  });

  test.each(['kept', 'lost'] as const)('is looked for without being given again: %s', async (way) => {
    const { fixture, told, held, settled } = await opened();
    faults.next.set('plant', way);
    await expect(fixture.put(rowsText(3, 2))).rejects.toMatchObject({ code: 'SQLITE_DISK_FAILED' });
    await fixture.put(rowsText(5, 2), { dbms: 'other' });
    await settled();
    expect([held(), told]).toEqual(way === 'kept' ? [[[1, 3]], [1, 3, 2]] : [[[1, 1], [3, 3]], [1, 3]]); // prettier-ignore
    expect(fixture.store.totals).toMatchObject(way === 'kept' ? { files: 3, rows: 6 } : { files: 2, rows: 4 });
    await fixture.close();
  });

  test('is found also when the look fails the first time', async () => {
    const { fixture, held, settled } = await opened();
    faults.next.set('plant', 'kept');
    await expect(fixture.put(rowsText(3, 2))).rejects.toMatchObject({ code: 'SQLITE_DISK_FAILED' });
    const { sqlite } = fixture;
    const read = sqlite.read.bind(sqlite);
    sqlite.read = () => Promise.reject(fault('SQLITE_OVERLOADED', 'too many calls wait'));
    await fixture.put(rowsText(5, 2), { dbms: 'other' });
    await settled();
    sqlite.read = read;
    await settled();
    expect(held()).toEqual([[1, 3]]);
    await fixture.close();
  });

  test('is found after the thread of the writer ended in it', async () => {
    const { fixture, told, held, settled } = await opened();
    const { sqlite } = fixture;
    const write = sqlite.write.bind(sqlite);
    sqlite.write = async (...call) => {
      await write(...call);
      throw fault('SQLITE_THREAD_DIED', 'the thread sqlite-writer ended during the call');
    };
    await expect(fixture.put(rowsText(3, 2))).rejects.toMatchObject({ code: 'SQLITE_THREAD_DIED' });
    sqlite.write = write;
    await settled();
    expect([held(), told]).toEqual([[[1, 2]], [1, 2]]);
    await fixture.close();
  });

  test('counts in its streaming buffer, and is flushed', async () => {
    const fixture = await openOperator({ dir, ports: { sqlite: openFailingSqlite(join(dir, 'dbms'), faults) } });
    await fixture.put(rowsText(1, 2));
    await fixture.stream(rowsText(3, 1));
    faults.next.set('plant', 'kept');
    await expect(fixture.stream(rowsText(4, 2))).rejects.toMatchObject({ code: 'SQLITE_DISK_FAILED' });
    expect(fixture.operator.buffers()).toMatchObject([{ rows: 1 }]);
    await fixture.put(rowsText(9, 1), 'others');
    await waitFor(() => fixture.operator.buffers().some(({ rows }) => rows === 3));
    await fixture.operator.flush();
    expect(fixture.operator.status().rows).toBe(6);
    await fixture.close();
  });
});
