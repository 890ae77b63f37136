import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FileCopy } from '../../../src/operator/file-record.ts';
import { copyOf, rowsText } from '../../conformance/file-store.ts';
import { archivedFiles, flipBytes, sabotage } from '../../support/damage.ts';
import { type FileStoreFixture, openFileStore } from '../../support/file-store-fixture.ts';
import { allRows } from '../../support/table-rows.ts';

const LIMITS = { files: 100, rows: 100_000 };

describe('repair in SQLite', () => {
  let fixture: FileStoreFixture;
  let copies: FileCopy[];
  let members: Map<string, number>;
  const database = (): string => join(fixture.dir, 'dbms', 'plant.sqlite');
  const run = (sql: string, ...values: unknown[]): void => sabotage(database(), (db) => db.prepare(sql).run(...values));
  const check = async (): Promise<string[]> =>
    (await fixture.store.check('peer', [[1, 9]], LIMITS)).map(({ file, proof }) => `${file} ${proof}`);
  /** Every row but its `row_id`. */
  const rows = async (): Promise<string[]> =>
    (await allRows(fixture.sqlite, 'plant', 'readings')).map((row) => JSON.stringify({ ...row, row_id: 0 })).sort();
  const repairAll = async (): Promise<string[]> => {
    const did: string[] = [];
    for (const copy of copies) did.push((await fixture.store.repair(copy)).did);
    return did;
  };

  beforeEach(async () => {
    members = new Map([
      ['own', 7],
      ['peer', 8],
    ]);
    fixture = await openFileStore({ members });
    copies = [1, 2, 3].map((file) => copyOf('peer', file, rowsText(file * 100, 5)));
    await fixture.store.store(copies);
    await fixture.store.archived();
  });
  afterEach(() => fixture.close());

  test.each([
    ['a value', 'update readings set reading = 0 where row_id = 7'],
    ['its type', `update readings set device = 7 where row_id = 7`],
    ['the time of a row', `update readings set insert_timestamp = '2001-01-01 00:00:00.000000' where row_id = 7`],
    ['its member', `update readings set tsd_name = '9' where row_id = 7`],
    ['its file', 'update readings set tsd_id = 9 where row_id = 7'],
    ['a row that is gone', 'delete from readings where row_id = 7'],
    ['the number of rows', 'update holdfast_files set rows = 6 where file = 2'],
    ['the first row', 'update holdfast_files set first_row = 7 where file = 2'],
    ['the last row, over those of the next file', 'update holdfast_files set last_row = 12 where file = 2'],
    ['no place of rows', 'update holdfast_files set first_row = null where file = 2'],
    ['the record', 'delete from holdfast_files where file = 2'],
  ])('%s: found, mended, no row lost or doubled', async (_, damage) => {
    const before = await rows();
    run(damage);
    expect(await check()).toEqual(['1 proved', '2 refuted', '3 proved']);
    const did = await repairAll();
    expect([did[0], did[2]]).toEqual(['none', 'none']);
    expect(did[1]).not.toBe('none');
    expect(await rows()).toEqual(before);
    expect(await check()).toEqual(['1 proved', '2 proved', '3 proved']);
    expect(await repairAll()).toEqual(['none', 'none', 'none']);
    expect(await fixture.store.strays()).toEqual([]);
  });

  test('a repair names the columns that were changed', async () => {
    run(`update readings set reading = -4, device = 'x' where row_id = 8`);
    const { changes } = await fixture.store.repair(copies[1] as FileCopy);
    expect(changes).toEqual([
      { row: 3, change: 'changed', was: 'reading = -4, device = "x"', now: 'reading = 202, device = "d1"' },
    ]);
  });

  test('a repair looks through the records once, not for each row of the file', async () => {
    const large = copyOf('peer', 9, rowsText(10_000, 2_000));
    const timed = async (work: () => Promise<unknown>): Promise<number> => {
      const beganMs = performance.now();
      await work();
      return performance.now() - beganMs;
    };
    const storedMs = await timed(() => fixture.store.store([large]));
    // As many other files of the table, far behind.
    run(`with recursive n(n) as (select 1 union all select n + 1 from n where n < 5000)
      insert into holdfast_files select 'other', n, table_name, source, instructions, hash || n, digest, time, 1, mapping,
        status, 100000 + n, 100000 + n, 100000 + n from holdfast_files, n where origin = 'peer' and file = 9`);
    run(`update readings set reading = -4 where tsd_id = 9`);
    const mendedMs = await timed(async () => expect(await fixture.store.repair(large)).toMatchObject({ did: 'rows' }));
    expect(mendedMs).toBeLessThan(1_000 + 8 * storedMs);
    expect(await check()).toEqual(['1 proved', '2 proved', '3 proved', '9 proved']);
  });

  test('a repair names rows with the name of its file that no file has, and keeps them aside', async () => {
    run(`insert into readings values (50, '2026-01-01 00:00:00.000000', '8', 2, 5, 'stray')`);
    run(`update readings set reading = -4 where row_id = 8`);
    const { changes, changed } = await fixture.store.repair(copies[1] as FileCopy);
    const stray =
      'row_id = 50, insert_timestamp = "2026-01-01 00:00:00.000000", tsd_name = "8", tsd_id = 2, reading = 5, device = "stray"';
    expect(changes).toEqual([
      { row: 3, change: 'changed', was: 'reading = -4', now: 'reading = 202' },
      { row: 50, change: 'extra', was: stray, now: 'kept in holdfast_aside' },
    ]);
    expect(changed).toBe(2);
    expect(keptAside()).toEqual(['{"reading":5,"device":"stray"}']);
  });

  test('a lost record that a peer returns after a start does not double its rows', async () => {
    const before = await rows();
    run('delete from holdfast_files where file = 2');
    await fixture.queue.close();
    await fixture.sqlite.close();
    const { dir } = fixture;
    fixture = await openFileStore({ dir });
    expect([...fixture.store.holdings()]).toEqual([
      [
        'peer',
        [
          [1, 1],
          [3, 3],
        ],
      ],
    ]);
    expect(await fixture.store.store([copies[1] as FileCopy])).toEqual(['stored']);
    expect(await rows()).toEqual(before);
  });

  test('rows without a file are found and kept aside, and nothing else is', async () => {
    const before = await rows();
    run(`insert into readings values (50, '2026-01-01 00:00:00.000000', '8', 2, 5, 'stray')`);
    run(`insert into readings values (-3, '2026-01-01 00:00:00.000000', '8', 2, 6, 'stray')`);
    const [strays] = await fixture.store.strays();
    expect(strays).toEqual({ dbms: 'plant', table: 'readings', rows: [-3, 50], count: 2 });
    expect(await fixture.store.setAside({ dbms: 'plant', table: 'readings', count: 3, rows: [-3, 50, 7] })).toBe(2);
    expect(await rows()).toEqual(before);
    const kept = await allRows(fixture.sqlite, 'plant', 'readings').then(() => keptAside());
    expect(kept).toEqual(['{"reading":6,"device":"stray"}', '{"reading":5,"device":"stray"}']);
  });

  const keptAside = (): string[] => {
    const found: string[] = [];
    sabotage(database(), (db) => {
      for (const { content } of db.prepare('select content from holdfast_aside order by id').all() as {
        content: string;
      }[]) {
        const { reading, device } = JSON.parse(content) as { reading: number; device: string };
        found.push(JSON.stringify({ reading, device }));
      }
    });
    return found;
  };

  test('an archived file is found, and its damage too, after the member number of its origin has changed', async () => {
    const archive = join(fixture.dir, 'archive');
    members.set('peer', 12);
    const first = async (): Promise<string> => (await fixture.store.check('peer', [[1, 1]], LIMITS))[0]?.archive ?? '';
    expect(await first()).toBe('whole');
    const old = archivedFiles(archive).find((name) => name.includes('.8.1.')) ?? '';
    flipBytes(old, 20, 4);
    expect(await first()).toBe('damaged');
    await fixture.store.repair(copies[0] as FileCopy);
    expect(await first()).toBe('whole');
    expect(readdirSync(join(old, '..'))).toContain(`${basename(old)}.damaged`);
    expect(archivedFiles(archive).some((name) => name.includes('.12.1.'))).toBe(true);
  });

  test('a damaged archived file that nobody has whole is put aside: the rows take its place', async () => {
    const old = archivedFiles(join(fixture.dir, 'archive')).find((name) => name.includes('.8.1.')) ?? '';
    const [{ sum } = { sum: '' }] = await fixture.store.check('peer', [[1, 1]], LIMITS);
    flipBytes(old, 20, 4);
    const made = await fixture.store.read('peer', 1);
    expect(made.rebuilt).toBe(true);
    await fixture.store.repair(made, sum);
    expect((await fixture.store.check('peer', [[1, 1]], LIMITS))[0]?.archive).toBe('missing');
    expect(readdirSync(join(old, '..'))).toContain(`${basename(old)}.damaged`);
  });

  test('a damaged archived file is put away and written again', async () => {
    const path = archivedFiles(join(fixture.dir, 'archive')).find((name) => name.includes('.8.1.')) ?? '';
    flipBytes(path, 20, 4);
    expect((await fixture.store.check('peer', [[1, 1]], LIMITS))[0]).toMatchObject({
      proof: 'open',
      archive: 'damaged',
    });
    await fixture.store.repair(copies[0] as FileCopy);
    expect((await fixture.store.check('peer', [[1, 1]], LIMITS))[0]).toMatchObject({
      proof: 'proved',
      archive: 'whole',
    });
    expect(readdirSync(join(path, '..')).filter((name) => name.endsWith('.damaged'))).toHaveLength(1);
    writeFileSync(path, 'nothing');
    await expect(
      fixture.store.repair({ ...(copies[0] as FileCopy), content: Buffer.from('{}') }),
    ).rejects.toMatchObject({
      code: 'FILE_DIGEST_MISMATCH',
    });
  });

  test('rows of every kind of value are as their content makes them', async () => {
    const types = ['int', 'float', 'bool', 'timestamp', 'date', 'time', 'varchar', 'decimal(10,2)', 'uuid', 'numeric'];
    const columns = types.map((type, at) => ({ name: `c${at}`, type }));
    const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(1e17));
    const value = [
      fc.oneof(number, fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }).map(String)),
      number,
      fc.boolean(),
      fc.constantFrom('2026-01-01T00:00:00Z', 1_700_000_000, '1999-12-31 23:59:59.5'),
      fc.constant('2026-02-03'),
      fc.constantFrom('01:02:03', '23:59:59.25'),
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('12', '1e5', ' 7')),
      number,
      fc.constantFrom('0012', '12345678901234567890', 'a-b'),
      fc.oneof(number, fc.constant('3.0')),
    ];
    const row = fc.record(Object.fromEntries(value.map((of, at) => [`c${at}`, of])), { requiredKeys: [] });
    let file = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), async (list) => {
        file += 1;
        const content = `${JSON.stringify({ c0: file })}\n${list.map((one) => JSON.stringify(one)).join('\n')}`;
        await fixture.store.store([copyOf('kinds', file, content, { columns, table: 'kinds' })]);
        const [found] = await fixture.store.check('kinds', [[file, file]], LIMITS);
        expect(found).toMatchObject({ rows: list.length + 1, proof: 'proved' });
      }),
      { numRuns: 60 },
    );
  });

  test('whatever is damaged at random, after repair from copies all is as it was', async () => {
    const before = await rows();
    const row = fc.integer({ min: 1, max: 15 });
    const file = fc.integer({ min: 1, max: 3 });
    const damage = fc.oneof(
      row.map((id) => `update readings set reading = reading + 1 where row_id = ${id}`),
      row.map((id) => `delete from readings where row_id = ${id}`),
      row.map((id) => `update readings set tsd_id = 99 where row_id = ${id}`),
      file.map((id) => `update holdfast_files set rows = rows + 1 where file = ${id}`),
      file.map((id) => `update holdfast_files set last_row = last_row - 2 where file = ${id}`),
      file.map((id) => `update holdfast_files set first_row = first_row + 1 where file = ${id}`),
      file.map((id) => `delete from holdfast_files where file = ${id}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 5 }), async (damages) => {
        for (const sql of damages) run(sql);
        await repairAll();
        for (const strays of await fixture.store.strays()) await fixture.store.setAside(strays);
        expect(await rows()).toEqual(before);
        expect(await check()).toEqual(['1 proved', '2 proved', '3 proved']);
      }),
      { numRuns: 40 },
    );
  }, 30_000);
});
