import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { backUpDatabases } from '../../src/sqlite/backup.ts';
import type { CopyProgress, Sqlite } from '../../src/sqlite/sqlite.ts';
import { reading, streaming, writing } from '../support/sqlite-procedures.ts';

/** What every form of the SQLite port must do. `open` gives one over that directory. */
export const describeSqlite = (form: string, open: (dir: string) => Sqlite): void => {
  describe(`sqlite port: ${form}`, () => {
    let dir: string;
    let sqlite: Sqlite;
    beforeEach(() => {
      dir = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
      sqlite = open(dir);
    });
    afterEach(async () => {
      await sqlite.close();
      rmSync(dir, { recursive: true, force: true });
    });
    const rowsOf = (name = 'd') => sqlite.read(reading, 'all', name, 'SELECT a FROM t ORDER BY a');
    const filled = async (...values: readonly number[]): Promise<void> => {
      await sqlite.write(writing, 'create', 'd');
      await sqlite.write(
        writing,
        'insert',
        'd',
        values.map((value) => [value, `text ${value}`] as const),
      );
    };

    test('what is written is read, in WAL mode, as values of SQLite', async () => {
      await sqlite.write(writing, 'create', 'd');
      const values = [null, 1.5, 'x', 2n ** 60n, Uint8Array.of(1, 2)];
      await sqlite.write(
        writing,
        'insert',
        'd',
        values.map((value, index) => [index, value] as const),
      );
      const read = await sqlite.read(reading, 'all', 'd', 'SELECT a, b FROM t ORDER BY a');
      expect(read.map((row) => (row[1] instanceof Uint8Array ? [...row[1]] : row[1]))).toEqual([
        null,
        1.5,
        'x',
        2n ** 60n,
        [1, 2],
      ]);
      expect(read.map((row) => row[0])).toEqual([0, 1, 2, 3, 4]);
      expect(await sqlite.read(reading, 'get', 'd', 'SELECT journal_mode FROM pragma_journal_mode')).toEqual(['wal']);
      expect(await sqlite.read(reading, 'all', 'd', 'SELECT b FROM t WHERE a = ?', [1])).toEqual([[1.5]]);
      expect(await sqlite.read(reading, 'get', 'd', 'SELECT b FROM t WHERE a = 77')).toBeUndefined();
    });

    test('columns have name and declared type', async () => {
      await filled(1);
      expect(await sqlite.read(reading, 'columns', 'd', 'SELECT a, count(*) AS n FROM t')).toEqual([
        { name: 'a', type: 'integer' },
        { name: 'n', type: null },
      ]);
    });

    test('a transaction that throws leaves nothing, and the error comes through whole', async () => {
      await filled(1);
      await expect(sqlite.write(writing, 'fail', 'd')).rejects.toMatchObject({
        name: 'HoldfastError',
        code: 'TEST_REFUSED',
        message: 'refused',
        data: { row: 9 },
        hint: 'try another',
      });
      expect(await rowsOf()).toEqual([[1]]);
    });

    test('a savepoint undoes only its own work', async () => {
      await sqlite.write(writing, 'create', 'd');
      await sqlite.write(writing, 'savepoint', 'd');
      expect(await rowsOf()).toEqual([[1], [3]]);
    });

    test('writes keep their order', async () => {
      await sqlite.write(writing, 'create', 'd');
      const values = Array.from({ length: 50 }, (_, index) => index);
      expect(await Promise.all(values.map((value) => sqlite.write(writing, 'one', 'd', value)))).toEqual(values);
      expect(await sqlite.read(reading, 'all', 'd', 'SELECT a FROM t ORDER BY rowid')).toEqual(values.map((v) => [v]));
    });

    test('a reader refuses whatever is not a single SELECT', async () => {
      await filled(1);
      for (const sql of [
        'INSERT INTO t VALUES (1, 1)',
        'INSERT INTO t VALUES (1, 1) RETURNING a',
        'WITH x AS (SELECT 1) DELETE FROM t',
        'DROP TABLE t',
        "ATTACH 'other.sqlite' AS other",
        "VACUUM INTO 'copy.sqlite'",
        'PRAGMA journal_mode = DELETE',
        'PRAGMA table_info(t)',
        'EXPLAIN SELECT 1',
        'BEGIN',
      ])
        await expect(sqlite.read(reading, 'all', 'd', sql), sql).rejects.toMatchObject({ code: 'SQLITE_NOT_A_QUERY' });
      expect(await rowsOf()).toEqual([[1]]);
      expect(readdirSync(dir).filter((file) => !file.startsWith('d.sqlite'))).toEqual([]);
    });

    test('a statement that SQLite refuses is SQLITE_STATEMENT', async () => {
      await filled(1);
      for (const sql of ['selec 1', 'SELECT 1; SELECT 2', 'SELECT * FROM missing', '', 'SELECT ?'])
        await expect(sqlite.read(reading, 'all', 'd', sql), sql).rejects.toMatchObject({ code: 'SQLITE_STATEMENT' });
      expect(await rowsOf()).toEqual([[1]]);
    });

    test('comments before a query are no hindrance', async () => {
      await filled(1);
      expect(await sqlite.read(reading, 'all', 'd', '/* a */ -- b\n  VALUES (5)')).toEqual([[5]]);
    });

    test('a name that is none never becomes a path', async () => {
      const names = [
        '',
        '..',
        '../d',
        'a/b',
        'A',
        'a b',
        'a\0',
        'con',
        'lpt1',
        'x'.repeat(65),
        '__proto__/',
        'd.sqlite',
      ];
      for (const name of names) {
        const refused = { code: 'SQLITE_NAME' };
        await expect(sqlite.write(writing, 'create', name), name).rejects.toMatchObject(refused);
        await expect(sqlite.read(reading, 'all', name, 'SELECT 1'), name).rejects.toMatchObject(refused);
        await expect(sqlite.write(writing, 'drop', name), name).rejects.toMatchObject(refused);
      }
      expect(readdirSync(dir)).toEqual([]);
    });

    test('names lists databases; reading one that is not there makes none', async () => {
      await expect(rowsOf('absent')).rejects.toMatchObject({ code: 'SQLITE_NO_DATABASE' });
      await sqlite.write(writing, 'create', 'b');
      await sqlite.write(writing, 'create', '__proto__');
      writeFileSync(join(dir, 'Not A Database.sqlite'), '');
      expect(await sqlite.read(reading, 'names')).toEqual(['__proto__', 'b']);
    });

    test('a dropped database is gone for readers that had it open, and may be made anew', async () => {
      await filled(1);
      expect(await rowsOf()).toEqual([[1]]);
      await sqlite.write(writing, 'drop', 'd');
      await expect(rowsOf()).rejects.toMatchObject({ code: 'SQLITE_NO_DATABASE' });
      expect(readdirSync(dir)).toEqual([]);
      await filled(2);
      expect(await rowsOf()).toEqual([[2]]);
    });

    test('holdfast_deadline() ends a statement that would run on, and only that one', async () => {
      await filled(...Array.from({ length: 300 }, (_, index) => index));
      const endless = 'SELECT count(*) FROM t x, t y, t z, t w WHERE holdfast_deadline(w.a)';
      const startMs = performance.now();
      await expect(sqlite.read(reading, 'deadline', 'd', endless, 50)).rejects.toMatchObject({
        code: 'SQLITE_DEADLINE',
      });
      expect(performance.now() - startMs).toBeLessThan(5_000);
      expect(await sqlite.read(reading, 'all', 'd', 'SELECT count(*) FROM t WHERE holdfast_deadline()')).toEqual([
        [300],
      ]);
    });

    test('a stream gives each item when it is asked for, while writes go on', async () => {
      await filled(1, 2, 3);
      const seen: unknown[] = [];
      for await (const row of sqlite.stream(streaming, 'rows', 'd')) {
        seen.push(row[0]);
        if (seen.length === 1) await sqlite.write(writing, 'insert', 'd', [[4, 4]]);
      }
      expect(seen).toEqual([1, 2, 3]);
      expect(await rowsOf()).toEqual([[1], [2], [3], [4]]);
    });

    test('more streams than readers, reads between them: none blocks another', async () => {
      await filled(1, 2, 3);
      const streams = Array.from({ length: 6 }, () => sqlite.stream(streaming, 'rows', 'd')[Symbol.asyncIterator]());
      for (const stream of streams) expect(await stream.next()).toEqual({ done: false, value: [1] });
      expect(await rowsOf()).toEqual([[1], [2], [3]]);
      for (const stream of streams) expect(await stream.next()).toEqual({ done: false, value: [2] });
      for (const stream of streams) await stream.return?.();
    });

    test('what a procedure returns is the last item of its stream', async () => {
      for (const yielded of [0, 2]) {
        const items: number[] = [];
        for await (const item of sqlite.stream(streaming, 'ending', yielded)) items.push(item);
        expect(items).toEqual(Array.from({ length: yielded + 1 }, (_, at) => at + 1));
      }
    });

    test('leaving a stream early ends its statement', async () => {
      await filled(1, 2, 3);
      const mark = join(dir, 'mark');
      for await (const row of sqlite.stream(streaming, 'marked', 'd', mark)) {
        expect(row).toEqual([1]);
        break;
      }
      expect(existsSync(mark)).toBe(true);
    });

    test('a stream that fails in the middle says so after the items before', async () => {
      const stream = sqlite.stream(streaming, 'failing')[Symbol.asyncIterator]();
      expect(await stream.next()).toEqual({ done: false, value: 1 });
      await expect(stream.next()).rejects.toMatchObject({ code: 'TEST_REFUSED' });
      expect(await stream.next()).toEqual({ done: true, value: undefined });
    });

    test('a full disk fails the write as a whole; reads and other databases go on', async () => {
      await filled(1);
      await expect(sqlite.write(writing, 'fill', 'd', 100)).rejects.toMatchObject({ code: 'SQLITE_DISK_FAILED' });
      expect(await rowsOf()).toEqual([[1]]);
      await sqlite.write(writing, 'create', 'other');
      await sqlite.write(writing, 'insert', 'other', [[5, 5]]);
      expect(await rowsOf('other')).toEqual([[5]]);
    });

    test('a damaged file is SQLITE_CORRUPT and harms no other database', async () => {
      await filled(1);
      writeFileSync(join(dir, 'bad.sqlite'), 'this is not a database, whatever its name says'.repeat(100));
      await expect(rowsOf('bad')).rejects.toMatchObject({ code: 'SQLITE_CORRUPT' });
      await expect(sqlite.write(writing, 'create', 'bad')).rejects.toMatchObject({ code: 'SQLITE_CORRUPT' });
      expect(await rowsOf()).toEqual([[1]]);
    });

    test('a copy made beside running writes holds each database whole, as it was at the begin', async () => {
      await filled(...Array.from({ length: 3_000 }, (_, index) => index));
      await sqlite.write(writing, 'create', 'other');
      await sqlite.write(writing, 'insert', 'other', [[5, 5]]);
      const target = join(dir, 'copy');
      mkdirSync(target);
      const copy = backUpDatabases(sqlite, target, systemClock);
      const first = await copy.next();
      expect(first.value).toMatchObject({ bytesTotal: expect.any(Number) as number });
      let next = 10_000;
      const write = (): Promise<unknown> => sqlite.write(writing, 'insert', 'd', [[(next += 1), 'x'.repeat(10_000)]]);
      let last: CopyProgress | undefined;
      for await (const progress of copy) {
        await write();
        last = progress;
      }
      expect(last).toEqual({ databases: 2, bytes: last?.bytesTotal, bytesTotal: last?.bytesTotal });
      expect(readdirSync(target).sort()).toEqual(['d.sqlite', 'other.sqlite']);
      expect(next).toBeGreaterThan(10_000);
      const copied = open(target);
      const rows = await copied.read(reading, 'get', 'd', 'SELECT count(*), max(a) FROM t');
      expect(rows).toEqual([3_000, 2_999]);
      expect(await copied.read(reading, 'all', 'other', 'SELECT a FROM t')).toEqual([[5]]);
      await copied.close();
    });

    test('a copy that is ended early stops; one that cannot be written fails with the reason', async () => {
      await filled(1);
      mkdirSync(join(dir, 'copy'));
      for await (const progress of backUpDatabases(sqlite, join(dir, 'copy'), systemClock)) {
        expect(progress.bytesTotal).toBeGreaterThan(0);
        break;
      }
      await sqlite.write(writing, 'insert', 'd', [[2, 2]]);
      expect(await rowsOf()).toEqual([[1], [2]]);
      const nowhere = backUpDatabases(sqlite, join(dir, 'missing'), systemClock);
      await expect(nowhere.next().then(() => nowhere.next())).rejects.toMatchObject({ code: 'SQLITE_STATEMENT' });
    });

    test('byte arrays come whole; what is not ours becomes INTERNAL', async () => {
      const bytes = await sqlite.read(reading, 'bytes', 1_000_000);
      expect([bytes.byteLength, bytes[999_999]]).toEqual([1_000_000, 7]);
      await expect(sqlite.read(reading, 'throwPlain')).rejects.toMatchObject({ code: 'INTERNAL', message: 'plain' });
      await expect(sqlite.read(reading, 'unclonable')).rejects.toMatchObject({ code: 'SQLITE_PROCEDURE' });
    });

    test('what was written is there after closing and opening again; a closed port refuses', async () => {
      await filled(1, 2);
      await sqlite.close();
      await expect(rowsOf()).rejects.toMatchObject({ code: 'SQLITE_CLOSED' });
      sqlite = open(dir);
      expect(await rowsOf()).toEqual([[1], [2]]);
    });
  });
};
