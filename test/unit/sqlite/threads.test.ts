import { afterEach, beforeEach, expect, test } from 'vitest';
import { SQLITE_WAITING_MAX } from '../../../src/base/limits.ts';
import { createLogger, type LogRecord } from '../../../src/base/log.ts';
import type { Sqlite } from '../../../src/sqlite/sqlite.ts';
import { startSqliteThreads } from '../../../src/sqlite/threads.ts';
import { reading, streaming, writing } from '../../support/sqlite-procedures.ts';
import { tempDir } from '../../support/temp-dir.ts';

let dir: string;
let sqlite: Sqlite;
let logged: LogRecord[];
beforeEach(async () => {
  dir = tempDir();
  logged = [];
  sqlite = startSqliteThreads({ dir, log: createLogger((record) => logged.push(record)) });
  await sqlite.write(writing, 'create', 'd');
  await sqlite.write(writing, 'insert', 'd', [[1, 1], [2, 2], [3, 3]]); // prettier-ignore
});
afterEach(() => sqlite.close());
const rows = () => sqlite.read(reading, 'all', 'd', 'SELECT a FROM t ORDER BY a');

test('a reader that dies rejects its own call alone and is started again', async () => {
  const died = sqlite.read(reading, 'die');
  const others = Array.from({ length: 20 }, rows);
  await expect(died).rejects.toMatchObject({ code: 'SQLITE_THREAD_DIED' });
  for (const other of others) expect(await other).toEqual([[1], [2], [3]]);
  expect(logged.map(({ level }) => level)).toEqual(['error']);
});

test('a writer that dies is started again and finds what was written', async () => {
  await expect(sqlite.write(writing, 'die')).rejects.toMatchObject({ code: 'SQLITE_THREAD_DIED' });
  await sqlite.write(writing, 'insert', 'd', [[4, 4]]);
  expect(await rows()).toEqual([[1], [2], [3], [4]]);
});

test('a stream whose thread dies fails; it is never silently short', async () => {
  const streams = [1, 2].map(() => sqlite.stream(streaming, 'rows', 'd')[Symbol.asyncIterator]());
  for (const stream of streams) await stream.next();
  for (let index = 0; index < 2; index += 1) await sqlite.read(reading, 'die').catch(() => {});
  const ends = await Promise.allSettled(streams.map((stream) => stream.next()));
  expect(ends.some((end) => end.status === 'rejected')).toBe(true);
  for (const end of ends) {
    if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'SQLITE_THREAD_DIED' });
    else expect(end.value).toEqual({ done: false, value: [2] });
  }
});

test('one stream after the other finds the same thread; one beside another takes a thread of its own', async () => {
  const begin = async () => {
    const items = sqlite.stream(streaming, 'threads')[Symbol.asyncIterator]();
    const thread: unknown = (await items.next()).value;
    return { items, thread };
  };
  const first = await begin();
  const beside = await begin();
  expect(beside.thread).not.toBe(first.thread);
  await first.items.return?.();
  const second = await begin();
  expect(second.thread).toBe(first.thread);
  while ((await second.items.next()).done !== true);
  expect((await begin()).thread).toBe(first.thread);
});

test('calls beyond the bound are refused, all others are answered', async () => {
  const results = await Promise.allSettled(Array.from({ length: SQLITE_WAITING_MAX + 50 }, rows));
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  expect(refused.length).toBeGreaterThan(0);
  for (const reason of refused) expect(reason).toMatchObject({ code: 'SQLITE_OVERLOADED' });
  expect(results.length - refused.length).toBeGreaterThanOrEqual(SQLITE_WAITING_MAX);
  expect(await rows()).toHaveLength(3);
});

test('closing ends a query that would run on, and rejects what waits', async () => {
  await sqlite.write(
    writing,
    'insert',
    'd',
    Array.from({ length: 500 }, (_, index) => [index, index] as const),
  );
  const endless = 'SELECT count(*) FROM t x, t y, t z, t w WHERE holdfast_deadline(w.a)';
  const running = [1, 2, 3].map(() => sqlite.read(reading, 'deadline', 'd', endless, 60_000));
  const ends = Promise.allSettled(running);
  await new Promise((resolve) => setImmediate(resolve));
  await sqlite.close();
  // Not by their own deadline, a minute away.
  for (const end of await ends) expect(end).toMatchObject({ status: 'rejected', reason: { code: 'SQLITE_CLOSED' } });
});

test('arguments that cannot cross threads are a typed error and harm nothing', async () => {
  const odd = (() => 1) as unknown as string;
  await expect(sqlite.read(reading, 'all', odd, 'SELECT 1')).rejects.toMatchObject({ code: 'SQLITE_PROCEDURE' });
  await expect(sqlite.read({ ...reading, module: 'data:text/javascript,' }, 'names')).rejects.toMatchObject({
    code: 'SQLITE_PROCEDURE',
  });
  expect(await rows()).toHaveLength(3);
});
