import { readdir, readFile, writeFile, appendFile, mkdir, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asFault, fault } from '../../../src/base/errors.ts';
import { FILE_BYTES_MAX } from '../../../src/base/limits.ts';
import { rowsText } from '../../conformance/file-store.ts';
import { openOperator, type OperatorFixture } from '../../support/operator-fixture.ts';
import { allRows } from '../../support/table-rows.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';
import { waitFor } from '../../support/wait.ts';

let fixture: OperatorFixture;
beforeEach(async () => {
  fixture = await openOperator();
});
afterEach(() => fixture.close());

const readings = async (table = 'readings'): Promise<unknown[]> =>
  (await allRows(fixture.sqlite, 'plant', table)).map((row) => row['reading']);

/** The names in the watch directory and in what was taken from it. */
const watched = async (): Promise<string[]> =>
  (await readdir(fixture.options.watchDir, { recursive: true })).filter((name) => name !== '.taken');

describe('put', () => {
  test('makes the table from the data; the rows are visible when it resolves', async () => {
    const { record, duplicate } = await fixture.put(rowsText(0, 3));
    expect([record.file, record.rows, record.source, duplicate]).toEqual([1, 3, 'test', false]);
    expect(await readings()).toEqual([0, 1, 2]);
    expect(fixture.registry.tables.get('plant.readings')).toEqual([
      { name: 'reading', type: 'int' },
      { name: 'device', type: 'varchar' },
    ]);
    expect(fixture.operator.status()).toMatchObject({ files: 1, rows: 3, duplicates: 0, failed: 0 });
  });

  test('the same content again is no new file', async () => {
    const first = await fixture.put(rowsText(0, 3));
    expect(await fixture.put(rowsText(0, 3))).toEqual({ record: first.record, duplicate: true });
    expect(await readings()).toHaveLength(3);
  });

  test('many at once, also of a new table, all get in once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 200 }, (_, at) => fixture.put(rowsText(at * 10, 10))));
    expect(outcomes.map(({ record }) => record.file).sort((a, b) => a - b)).toEqual(outcomes.map((_, at) => at + 1));
    expect(new Set(await readings()).size).toBe(2_000);
    expect(new Set(outcomes.map(({ record }) => record.time)).size).toBe(200);
  });

  test('a failure names the line, is kept with its reason, and changes nothing', async () => {
    const bad = `${rowsText(0, 50)}\n{"reading": broken\n${rowsText(50, 50)}`;
    await expect(fixture.put(bad)).rejects.toThrow(/^line 51: not JSON/);
    const [failure] = fixture.operator.failures(10);
    expect(failure).toMatchObject({ dbms: 'plant', table: 'readings', code: 'INGEST_ROW_JSON', line: 51 });
    expect(failure?.path).toMatch(/plant\.readings\.err_6\.\d+\.json$/);
    expect(await readFile(failure?.path ?? '', 'utf8')).toBe(bad);
    expect(fixture.operator.status()).toMatchObject({ files: 0, failed: 1, lastFailure: failure });
    expect((await fixture.put(rowsText(0, 1))).record.file).toBe(1);
  });

  test.each([
    ['database', '../x', 'readings', 'INGEST_DBMS_NAME'],
    ['database of the node', 'almgm', 'readings', 'INGEST_DBMS_NAME'],
    ['table', 'plant', "x'; drop table holdfast_files; --", 'INGEST_NAME'],
    ['table of the node', 'plant', 'holdfast_files', 'INGEST_NAME'],
    ['table with NUL', 'plant', 'a\0', 'INGEST_NAME'],
    ['table with - first', 'plant', '-a', 'INGEST_NAME'],
  ])('a hostile name of a %s is refused', async (_, dbms, table, code) => {
    const request = { dbms, table, source: '0', instructions: '0', content: Buffer.from('{"a":1}') };
    await expect(fixture.operator.put(request)).rejects.toMatchObject({ code });
    await expect(fixture.operator.stream(request)).rejects.toMatchObject({ code });
  });

  test('tables with odd but possible names', async () => {
    for (const table of ['select', '__proto__', 'größe', '2026-data', 'a$b']) {
      await fixture.put(rowsText(0, 2), table);
      expect(await readings(table)).toEqual([0, 1]);
    }
  });

  test('data larger than a file may be is refused', async () => {
    await expect(fixture.put(new Uint8Array(FILE_BYTES_MAX + 1))).rejects.toMatchObject({ code: 'INGEST_FILE_BYTES' });
  });

  test('limit_tables and create_table = false', async () => {
    fixture = await fixture.restarted({ limitTables: ['plant.readings'], createTable: false });
    await expect(fixture.put(rowsText(0, 1), 'other')).rejects.toMatchObject({ code: 'INGEST_TABLE_EXCLUDED' });
    await expect(fixture.put(rowsText(0, 1))).rejects.toMatchObject({ code: 'INGEST_TABLE_UNDECLARED' });
    fixture.registry.tables.set('plant.readings', [{ name: 'reading', type: 'int' }]);
    await fixture.put(rowsText(0, 1));
    expect(fixture.operator.status().leftOut).toBe(1);
  });

  test('takes no streaming rows either where it must not write', async () => {
    await fixture.close();
    const replaced = fault('OPERATOR_REPLACED', 'another node took over');
    fixture = await openOperator({ ports: { mayWrite: () => Promise.reject(replaced) } });
    await expect(fixture.stream(rowsText(0, 1))).rejects.toMatchObject({ code: 'OPERATOR_REPLACED' });
    expect(fixture.operator.buffers()).toEqual([]);
  });

  test('waits until own files may be numbered', async () => {
    await fixture.close();
    const clock = createVirtualClock();
    const allowed = Promise.withResolvers<undefined>();
    fixture = await openOperator({ ports: { clock, numberingAllowed: allowed.promise } });
    let done = false;
    const put = fixture.put(rowsText(0, 1)).then(() => (done = true));
    await waitFor(() => fixture.registry.tables.size === 1);
    await clock.advance(20_000);
    expect(done).toBe(false);
    allowed.resolve(undefined);
    await put;
  });

  test('tells the sender when that takes too long, and holds a bounded number of bytes meanwhile', async () => {
    await fixture.close();
    const clock = createVirtualClock();
    fixture = await openOperator({ ports: { clock, numberingAllowed: new Promise(() => {}) } });
    fixture.registry.tables.set('plant.readings', [{ name: 'reading', type: 'int' }]);
    const content = Buffer.alloc(40 * 1_048_576, ' ');
    content.write('{"reading":1}');
    const puts = Array.from({ length: 3 }, () => fixture.put(content));
    const codes = Promise.all(puts.map((put) => put.catch((caught: unknown) => asFault(caught).code)));
    await waitFor(() => fixture.operator.status().queued === 2);
    expect(await clock.runWhile(codes, 31_000)).toEqual(Array(3).fill('OPERATOR_NUMBERING_WAITS'));
    expect(fixture.operator.status()).toMatchObject({ files: 0, failed: 0, queued: 0 });
  });

  test('stops also while it waits for that', async () => {
    await fixture.close();
    fixture = await openOperator({ ports: { numberingAllowed: new Promise(() => {}) } });
    const put = expect(fixture.put(rowsText(0, 1))).rejects.toMatchObject({ code: 'OPERATOR_CLOSED' });
    await fixture.drop('plant.readings.json', rowsText(1, 1));
    await waitFor(() => fixture.operator.status().queued === 1);
    await fixture.operator.close();
    await put;
    expect(fixture.operator.failures(1)).toEqual([]);
    expect((await watched()).some((name) => name.endsWith('plant.readings.json'))).toBe(true);
  });

  test("what cannot be published is the put's failure", async () => {
    await fixture.close();
    const declare = async (): Promise<never> => {
      throw fault('OPERATOR_NO_CLUSTER', 'no cluster');
    };
    fixture = await openOperator({ ports: { registry: { columns: () => undefined, isHeld: () => false, declare } } });
    await expect(fixture.put(rowsText(0, 1))).rejects.toMatchObject({ code: 'OPERATOR_NO_CLUSTER' });
    expect(fixture.operator.failures(1)).toEqual([]);
  });
});

describe('watch directory', () => {
  test('takes up files that are moved in, in any documented form', async () => {
    await fixture.drop('plant.readings.json', rowsText(0, 1));
    await fixture.drop('plant.readings.src.0.0.json.gz', gzipSync(rowsText(1, 1)));
    await fixture.drop('plant.readings.src.gz', gzipSync(rowsText(2, 1)));
    await fixture.drop('PLANT.Readings.src.0.0.7.12.260101000000.json', rowsText(3, 1));
    await fixture.drop('plant.readings.src.0.0.8.12.260101000000.json', rowsText(4, 1));
    await fixture.drop('plant.readings.src.0.0.0.0.0.json', rowsText(5, 1));
    await waitFor(async () => (await readings()).length === 6);
    await waitFor(async () => (await watched()).length === 0);
    expect(fixture.operator.failures(9)).toEqual([]);
  });

  test('what lies there at the start is taken up', async () => {
    await fixture.operator.close();
    await fixture.drop('plant.readings.json', rowsText(0, 2));
    fixture = await fixture.restarted();
    await waitFor(async () => (await readings()).length === 2);
  });

  test('a file written in place is taken when nothing more comes', async () => {
    await fixture.close();
    const clock = createVirtualClock();
    fixture = await openOperator({ ports: { clock } });
    const path = join(fixture.options.watchDir, 'plant.readings.json');
    await writeFile(path, '');
    for (let part = 0; part < 6; part += 1) {
      await appendFile(path, `${rowsText(part, 1)}\n`);
      await utimes(path, clock.wallMs() / 1_000, clock.wallMs() / 1_000);
      await clock.advance(400);
      expect(fixture.operator.status().files).toBe(0);
    }
    await clock.runUntil(() => fixture.operator.status().files === 1, 10_000);
    expect(await readings()).toHaveLength(6);
  });

  test('what fails goes to the error directory with its reason and holds up no other', async () => {
    await fixture.put(rowsText(0, 1));
    await fixture.drop('plant.readings.0.json', `${rowsText(0, 5)}\n{"reading":"x"}`);
    await fixture.drop('noname.json', '{}');
    await fixture.drop('a.b.c.d.e.f.json', '{}');
    await fixture.drop('plant.re adings.json', '{}');
    await fixture.drop('plant.readings.1.json.gz', 'not gzip');
    await fixture.drop(`plant.readings.${'x'.repeat(230)}.json`, '[]');
    await fixture.drop('plant.readings.2.json', rowsText(0, 1));
    await fixture.drop('plant.readings.3.json', rowsText(5, 1));
    await waitFor(() => fixture.operator.failures(99).length >= 7);
    await waitFor(async () => (await readings()).length === 2);
    await waitFor(async () => (await watched()).length === 0);
    const codes = fixture.operator.failures(99).map(({ code, line }) => `${code} ${line ?? ''}`.trim());
    expect(codes).toEqual(
      expect.arrayContaining([
        'INGEST_ROW_VALUE 6',
        'INGEST_FILE_NAME',
        'INGEST_NAME',
        'INGEST_FILE_ZIP',
        'INGEST_DUPLICATE',
        'INGEST_EMPTY',
      ]),
    );
    const names = await readdir(fixture.options.errDir);
    expect(names.some((name) => /^plant\.readings\.2\.err_86\.\d+\.json$/.test(name))).toBe(true);
    expect(names.some((name) => /^noname\.err_119\.\d+\.json$/.test(name))).toBe(true);
    expect(names.filter((name) => name.endsWith('.reason.json')).length * 2).toBe(names.length);
    expect(fixture.operator.status()).toMatchObject({ failed: codes.length, repeated: 1 });
    fixture = await fixture.restarted();
    expect(fixture.operator.status()).toMatchObject({ failed: codes.length, repeated: 0 });
    expect(
      fixture.operator
        .failures(99)
        .map(({ code }) => code)
        .sort(),
    ).toEqual(codes.map((code) => code.split(' ')[0]).sort());
  });

  test('a gzip bomb is refused within its bound', async () => {
    const bomb = gzipSync(Buffer.alloc(FILE_BYTES_MAX + 1_000, 0x20));
    await fixture.drop('plant.readings.json.gz', bomb);
    await waitFor(() => fixture.operator.failures(1)[0]?.code === 'INGEST_FILE_BYTES', { timeoutMs: 20_000 });
  });

  test('leaves alone what is not meant for it', async () => {
    const { watchDir } = fixture.options;
    await mkdir(join(watchDir, 'plant.readings.json'));
    await symlink('/etc/passwd', join(watchDir, 'plant.passwd.json'));
    await writeFile(join(watchDir, '.plant.readings.json'), rowsText(0, 1));
    await writeFile(join(watchDir, 'plant.readings.tmp'), rowsText(0, 1));
    await fixture.drop('plant.readings.0.json', rowsText(0, 1));
    await waitFor(async () => (await readings()).length === 1);
    expect((await readdir(watchDir)).length).toBe(5);
    const left = ['plant.passwd.json', 'plant.readings.json', 'plant.readings.tmp'];
    await waitFor(() => fixture.operator.status().leftInWatch.length === left.length);
    expect(fixture.operator.status().leftInWatch).toEqual(left);
    expect(fixture.operator.failures(1)).toEqual([]);
  });

  test('a file taken by a process that died is finished, once', async () => {
    const { watchDir } = fixture.options;
    await fixture.put(rowsText(0, 2));
    await fixture.operator.close();
    for (const [id, from] of [
      ['1-1', 0],
      ['1-2', 2],
    ] as const) {
      await mkdir(join(watchDir, '.taken', id), { recursive: true });
      await writeFile(join(watchDir, '.taken', id, 'plant.readings.json'), rowsText(from, 2));
    }
    fixture = await fixture.restarted();
    await waitFor(async () => (await watched()).length === 0);
    expect(await readings()).toEqual([0, 1, 2, 3]);
    expect(fixture.operator.failures(1)).toEqual([]);
  });

  test('an archived file of a streaming buffer that is dropped again is known', async () => {
    await fixture.stream(rowsText(0, 2));
    await fixture.operator.flush();
    const [record] = await fixture.operator.store.records('own', [[1, 1]], 1);
    const { content } = await fixture.operator.store.read('own', 1);
    await fixture.drop(`plant.readings.0.${record?.hash}.0.7.1.260101000000.json`, content);
    await waitFor(() => fixture.operator.failures(1)[0]?.code === 'INGEST_DUPLICATE');
    expect(await readings()).toHaveLength(2);
  });

  test('a failure of the machine is tried again', async () => {
    await fixture.close();
    let broken = true;
    const tables = new Map([['plant.readings', [{ name: 'reading', type: 'int' }]]]);
    const columns = (dbms: string, table: string) => tables.get(`${dbms}.${table}`);
    const declare = async (dbms: string, table: string) => {
      if (broken) throw fault('LEDGER_DISK', 'disk full');
      return columns(dbms, table) ?? [];
    };
    fixture = await openOperator({ ports: { registry: { columns, isHeld: () => true, declare } } });
    await fixture.drop('plant.readings.json', rowsText(0, 1));
    await waitFor(() => fixture.operator.status().queued === 0 && broken);
    broken = false;
    await waitFor(async () => (await readings()).length === 1);
    expect(fixture.operator.failures(1)).toEqual([]);
  });
});

describe('streaming', () => {
  test('rows wait in the buffer until a flush makes a file of them', async () => {
    expect(await fixture.stream(rowsText(0, 2))).toEqual({ rows: 2 });
    await fixture.stream(JSON.stringify([{ reading: 2 }, { reading: 3 }], undefined, 1));
    expect(fixture.operator.buffers()).toMatchObject([
      { dbms: 'plant', table: 'readings', rows: 4, streamingPuts: 2, streamingRows: 4 },
    ]);
    expect(fixture.operator.status().files).toBe(0);
    await fixture.operator.flush();
    expect(await readings()).toEqual([0, 1, 2, 3]);
    expect(fixture.operator.buffers()).toMatchObject([{ rows: 0, bytes: 0 }]);
    await fixture.operator.flush();
    expect(fixture.operator.status().files).toBe(1);
  });

  test('equal readings at another time are other data', async () => {
    for (let round = 0; round < 2; round += 1) {
      await fixture.stream(rowsText(0, 2));
      await fixture.operator.flush();
    }
    expect(await readings()).toEqual([0, 1, 0, 1]);
  });

  test('rows that do not fit are refused at once, all of the call', async () => {
    await fixture.stream(rowsText(0, 1));
    await expect(fixture.stream('{"reading":1}\n{"reading":"x"}')).rejects.toMatchObject({ code: 'INGEST_ROW_VALUE' });
    await fixture.operator.flush();
    expect(await readings()).toEqual([0]);
  });

  test('by volume, by time, at once', async () => {
    fixture.operator.setThreshold({ bytes: 100 }, 'plant', 'readings');
    await fixture.stream(rowsText(0, 2));
    expect(fixture.operator.status().files).toBe(0);
    await fixture.stream(rowsText(2, 3));
    await waitFor(async () => (await readings()).length === 5);
    fixture.operator.setThreshold({ bytes: 10_000, seconds: 0.05 });
    await fixture.stream('{"a":1}', 'other');
    await waitFor(() => fixture.operator.status().files === 2);
    fixture.operator.setThreshold({ writeImmediate: true });
    await fixture.stream('{"a":2}', 'other');
    expect(await allRows(fixture.sqlite, 'plant', 'other')).toHaveLength(2);
    expect(() => fixture.operator.setThreshold({ seconds: -1 })).toThrow(/not a threshold/);
    expect(() => fixture.operator.setThreshold({ seconds: 1 }, 'plant')).toThrow(/one table or for all/);
    fixture.operator.setThreshold({ seconds: 0, bytes: 0 });
    expect(fixture.operator.buffers().find(({ table }) => table === 'other')?.threshold).toMatchObject({
      seconds: 60,
      bytes: 10_240,
    });
  });

  test('a restart takes the buffer up again', async () => {
    await fixture.stream(rowsText(0, 3));
    fixture = await fixture.restarted();
    expect(fixture.operator.buffers()).toMatchObject([{ dbms: 'plant', table: 'readings', rows: 3 }]);
    await fixture.operator.flush('plant', 'readings');
    expect(await readings()).toEqual([0, 1, 2]);
  });

  test('a buffer that a changed table no longer fits goes to the error directory, whole', async () => {
    await fixture.stream('{"reading":"x"}');
    fixture.registry.tables.set('plant.readings', [{ name: 'reading', type: 'int' }]);
    await fixture.operator.flush();
    const [failure] = fixture.operator.failures(1);
    expect(failure).toMatchObject({ code: 'INGEST_ROW_VALUE', table: 'readings' });
    expect(await readFile(failure?.path ?? '', 'utf8')).toBe('{"reading":"x"}\n');
    expect(fixture.operator.buffers()).toMatchObject([{ rows: 0 }]);
    await fixture.stream(rowsText(1, 1));
    await fixture.operator.flush();
    expect(await readings()).toEqual([1]);
  });

  test('many callers at once', async () => {
    fixture.operator.setThreshold({ bytes: 500, writeImmediate: true });
    await Promise.all(Array.from({ length: 100 }, (_, at) => fixture.stream(rowsText(at, 1))));
    expect((await readings()).sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 100 }, (_, at) => at),
    );
  });
});
