import { readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { fault } from '../../../src/base/errors.ts';
import { reading } from '../../../src/operator/store/read-procedures.ts';
import { scrubbing } from '../../../src/operator/store/scrub-reads.ts';
import { writing } from '../../../src/operator/store/write-procedures.ts';
import { copyOf, rowsText } from '../../conformance/file-store.ts';
import { flipBytes, sabotage } from '../../support/damage.ts';
import { openOperator } from '../../support/operator-fixture.ts';
import { selectRows } from '../../support/table-rows.ts';
import { waitFor } from '../../support/wait.ts';
import { type FileStoreFixture, openFileStore } from '../../support/file-store-fixture.ts';

/** A page of rows, which no start reads. */
const WITHIN = 20 * 4_096;

describe('a damaged database file', () => {
  let fixture: FileStoreFixture;
  beforeEach(async () => {
    fixture = await openFileStore();
    await fixture.store.store([1, 2, 3].map((file) => copyOf('peer', file, rowsText(file * 1_000, 400))));
    await fixture.put(rowsText(0, 5));
    await fixture.put(rowsText(0, 5), { dbms: 'other' });
  });
  afterEach(() => fixture.close());

  const database = (): string => join(fixture.dir, 'dbms', 'plant.sqlite');
  const aside = (): string[] => readdirSync(join(fixture.dir, 'dbms')).filter((name) => /\.damaged-\d+$/.test(name));
  const damagedAndReopened = async (at: number): Promise<void> => {
    await fixture.queue.close();
    await fixture.store.archived();
    await fixture.sqlite.close();
    sabotage(database(), () => {});
    flipBytes(database(), at, 4_096);
    fixture = await openFileStore({ dir: fixture.dir });
  };

  test('that cannot be opened is set aside at a start; the other databases are as before', async () => {
    await damagedAndReopened(0);
    expect(aside()).toHaveLength(1);
    expect([...fixture.store.holdings()]).toEqual([['own', [[2, 2]]]]);
    expect(await fixture.store.store([copyOf('peer', 1, rowsText(1_000, 400))])).toEqual(['stored']);
    expect((await fixture.put(rowsText(7, 1))).record.file).toBeGreaterThan(2);
  });

  test('with damage within is set aside when it is met, and what was in it is lost, told, and not numbered again', async () => {
    await damagedAndReopened(WITHIN);
    let told = 0;
    fixture.store.notices.on('file:lost', () => (told += 1));
    expect(await fixture.store.setDatabaseAside('other')).toBeUndefined();
    expect(await fixture.store.setDatabaseAside('plant')).toMatch(/plant\.sqlite\.damaged-\d+$/);
    expect([told, aside().length]).toEqual([1, 1]);
    expect([...fixture.store.holdings()]).toEqual([['own', [[2, 2]]]]);
    expect(await fixture.store.setDatabaseAside('plant')).toBeUndefined();
    expect((await fixture.put(rowsText(7, 1))).record.file).toBe(3);
  });

  test('is being lost from the first look until that was told: nobody answers from what is damaged or not there', async () => {
    await damagedAndReopened(WITHIN);
    const { sqlite, store } = fixture;
    const read = sqlite.read.bind(sqlite);
    const write = sqlite.write.bind(sqlite);
    const seen: [string, boolean][] = [];
    sqlite.read = async (...call) => {
      seen.push([call[1], store.losing()]);
      return read(...call);
    };
    sqlite.write = async (...call) => {
      seen.push([call[1], store.losing()]);
      return write(...call);
    };
    store.notices.on('file:lost', () => seen.push(['file:lost', store.losing()]));
    await store.setDatabaseAside('other');
    expect(seen).toEqual([['judge', true]]);
    const looked = store.setDatabaseAside('third');
    expect([store.losing(), store.losing('third'), store.losing('plant')]).toEqual([true, true, false]);
    await looked;
    expect(store.losing()).toBe(false);
    await store.setDatabaseAside('plant');
    expect(Object.fromEntries(seen)).toMatchObject({
      judge: true,
      setDamagedAside: true,
      holdings: true,
      'file:lost': true,
    });
    expect(store.losing()).toBe(false);
  });

  test('that is large is looked through by a reader: data is taken meanwhile', async () => {
    await damagedAndReopened(WITHIN);
    const { sqlite, store } = fixture;
    const write = sqlite.write.bind(sqlite);
    const read = sqlite.read.bind(sqlite);
    sqlite.write = (...call) => (call[1] === 'judge' ? Promise.resolve({ found: 'large' } as never) : write(...call));
    const taken: number[] = [];
    sqlite.read = async (...call) => {
      if (call[1] === 'judge') taken.push((await fixture.put(rowsText(100, 1), { dbms: 'other' })).record.rows);
      return read(...call);
    };
    expect(await store.setDatabaseAside('other')).toBeUndefined();
    expect(await store.setDatabaseAside('plant')).toMatch(/plant\.sqlite\.damaged-\d+$/);
    expect(taken).toHaveLength(2);
  });

  test('that a reader found damaged is not looked through again by the writer, and one that was made anew meanwhile stays', async () => {
    await damagedAndReopened(WITHIN);
    const { sqlite } = fixture;
    const verdict = await sqlite.read(scrubbing, 'judge', 'plant');
    expect(verdict).toMatchObject({ found: 'damaged' });
    // Another file under the name, as whole as can be; the damaged one is still there, so that it is another one
    // indeed.
    renameSync(database(), `${database()}.away`);
    await fixture.put(rowsText(0, 1));
    expect(await sqlite.write(writing, 'setDamagedAside', 'plant', verdict)).toBeUndefined();
    expect(aside()).toEqual([]);
    const whole = await sqlite.read(scrubbing, 'judge', 'plant');
    expect(whole).toEqual({ found: 'whole' });
    const { dev, ino } = statSync(database(), { bigint: true });
    const same = { found: 'damaged', file: `${dev}:${ino}` } as const;
    expect(await sqlite.write(writing, 'setDamagedAside', 'plant', same)).toBeDefined();
  });

  test('that was found whole is left alone for a while after a long look, and then looked at again', async () => {
    const { sqlite, dir } = fixture;
    await fixture.queue.close();
    await fixture.store.archived();
    await sqlite.close();
    let nowMs = 0;
    fixture = await openFileStore({ dir, clock: { ...systemClock, monotonicMs: () => nowMs } });
    const write = fixture.sqlite.write.bind(fixture.sqlite);
    let looks = 0;
    fixture.sqlite.write = async (...call) => {
      if (call[1] === 'judge') {
        looks += 1;
        nowMs += 1_000;
      }
      return write(...call);
    };
    const meet = async (atMs: number): Promise<number> => {
      nowMs = atMs;
      await fixture.store.setDatabaseAside('plant');
      return looks;
    };
    expect([await meet(0), await meet(20_000), await meet(21_000)]).toEqual([1, 1, 2]);
  });

  test('counts as being lost until what is held could be read again', async () => {
    await damagedAndReopened(WITHIN);
    const { sqlite, store } = fixture;
    const read = sqlite.read.bind(sqlite);
    let told = 0;
    store.notices.on('file:lost', () => (told += 1));
    sqlite.read = (...call) =>
      call[1] === 'holdings' ? Promise.reject(fault('SQLITE_OVERLOADED', 'no room')) : read(...call);
    expect(await store.setDatabaseAside('plant')).toBeDefined();
    // Between other work, so that what was to be tried at once is over.
    await fixture.queue.between(async () => {});
    expect([store.losing(), told]).toEqual([true, 0]);
    sqlite.read = read;
    await fixture.put(rowsText(100, 1), { dbms: 'other' });
    await waitFor(() => !store.losing());
    expect(told).toBe(1);
    expect(store.holdings()).toEqual(await read(reading, 'holdings'));
  });

  test('files that are stored meanwhile are held afterwards', async () => {
    await damagedAndReopened(WITHIN);
    const { sqlite } = fixture;
    const read = sqlite.read.bind(sqlite);
    const puts: Promise<unknown>[] = [];
    // The reader's answer is on its way for some turns of the event loop.
    sqlite.read = async (...call) => {
      const found = await read(...call);
      if (call[1] === 'holdings') {
        puts.push(fixture.put(rowsText(100, 1), { dbms: 'other' }));
        for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      }
      return found;
    };
    await fixture.store.setDatabaseAside('plant');
    sqlite.read = read;
    await Promise.all(puts);
    expect([...fixture.store.holdings()]).toEqual([['own', [[2, 3]]]]);
    expect(fixture.store.holdings()).toEqual(await sqlite.read(reading, 'holdings'));
    expect(fixture.store.totals).toMatchObject(await sqlite.read(reading, 'totals'));
  });

  test('whose index of the buffers is damaged is set aside at a start: the operator starts', async () => {
    await fixture.queue.close();
    await fixture.store.archived();
    const [page] = await selectRows(
      fixture.sqlite,
      'plant',
      `select rootpage from sqlite_schema where name = 'holdfast_buffers_table'`,
    );
    await fixture.sqlite.close();
    sabotage(database(), () => {});
    flipBytes(database(), (Number(page?.['rootpage']) - 1) * 4_096, 4_096);
    const operator = await openOperator({ dir: fixture.dir });
    expect(aside()).toHaveLength(1);
    await operator.close();
    fixture = await openFileStore({ dir: fixture.dir });
  });

  test('two damaged databases are both set aside when both are met at once', async () => {
    await damagedAndReopened(WITHIN);
    flipBytes(join(fixture.dir, 'dbms', 'other.sqlite'), 4_096, 4_096);
    const paths = await Promise.all(['plant', 'other'].map((dbms) => fixture.store.setDatabaseAside(dbms)));
    expect(paths).toEqual([
      expect.stringMatching(/plant\.sqlite\.damaged-\d+$/),
      expect.stringMatching(/other\.sqlite\.damaged-\d+$/),
    ]);
  });
});
