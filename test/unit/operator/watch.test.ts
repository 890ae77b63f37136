import { mkdir, open, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { fault } from '../../../src/base/errors.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { ErrorDirectory } from '../../../src/operator/error-directory.ts';
import { WatchDirectory } from '../../../src/operator/watch.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitFor } from '../../support/wait.ts';

let dir: string;
let errors: ErrorDirectory;
let watching: WatchDirectory;
let taken: string[];
const start = (clock = systemClock, before = (): void => {}): Promise<WatchDirectory> =>
  WatchDirectory.start(join(dir, 'watch'), 1, {
    clock,
    log: silentLogger,
    errors,
    ingest: async (_name, content) => {
      before();
      taken.push(Buffer.from(content).toString());
      return { duplicate: false };
    },
  });
beforeEach(async () => {
  dir = tempDir();
  await mkdir(join(dir, 'watch'));
  errors = await ErrorDirectory.open(join(dir, 'error'), silentLogger);
  taken = [];
  watching = await start();
});
afterEach(() => watching.close());

const left = (): Promise<string[]> => readdir(join(dir, 'watch', '.taken'));

describe('watch directory', () => {
  test('a file whose writer had only paused is kept whole as a failure', async () => {
    const file = await open(join(dir, 'watch', 'plant.readings.json'), 'w');
    await file.write('{"n":1}\n');
    await waitFor(() => taken.length === 1);
    await file.write('{"n":2}\n');
    await file.close();
    await watching.close();
    const [failure] = errors.failures(9);
    expect(failure).toMatchObject({ code: 'INGEST_FILE_CHANGED', dbms: 'plant', table: 'readings' });
    expect(failure?.text).toMatch(/had 8 bytes when it was stored and has 16 now/);
    expect(await readFile(failure?.path ?? '', 'utf8')).toBe('{"n":1}\n{"n":2}\n');
    expect(taken).toEqual(['{"n":1}\n']);
    expect(await left()).toEqual([]);
  });

  test.skipIf(process.platform !== 'linux')('one whose name is no UTF-8 is told as left there', async () => {
    await writeFile(join(dir, 'watch', 'plant.\ufffd.json'), '{"n":1}');
    const name = Buffer.concat(['plant.r', [0xff], '.json'].map((part) => Buffer.from(part as string)));
    await writeFile(Buffer.concat([Buffer.from(join(dir, 'watch', '/')), name]), '{"n":2}');
    await waitFor(() => watching.left.length === 1);
    expect(watching.left).toEqual(['plant.r\ufffd.json']);
    await waitFor(() => errors.count === 1);
  });

  test('one that stays as it was is removed, at the latest when the watching ends', async () => {
    await writeFile(join(dir, 'watch', 'plant.readings.json'), '{"n":1}');
    await waitFor(() => taken.length === 1);
    await watching.close();
    expect(await left()).toEqual([]);
    expect(errors.count).toBe(0);
  });

  test.each([
    ['for which a table cannot be written anew for want of room', 'FILE_TABLE_NO_ROOM'],
    ['whose rows wait for the drop of their table', 'FILE_DROP_WAITS'],
  ])('one %s is no failure of the file: it is tried until it is stored', async (_, code) => {
    await watching.close();
    let tries = 0;
    const soon = { ...systemClock, after: (_: number, task: () => void) => systemClock.after(1, task) };
    watching = await start(soon, () => {
      tries += 1;
      if (tries < 3) throw fault(code, 'not now');
    });
    await writeFile(join(dir, 'watch', 'plant.readings.json'), '{"n":1}');
    await waitFor(() => taken.length === 1);
    await watching.close();
    expect([tries, errors.count, await left()]).toEqual([3, 0, []]);
  });

  test('a file from a clock that goes ahead is taken', async () => {
    const path = join(dir, 'watch', 'plant.readings.json');
    await writeFile(path, '{"n":1}');
    const tomorrow = new Date(Date.now() + 86_400_000);
    await utimes(path, tomorrow, tomorrow);
    await waitFor(() => taken.length === 1);
  });

  test('says why it takes nothing up, until it does or nothing waits any more', async () => {
    // No directory can be made where a file is.
    await watching.close();
    await rm(join(dir, 'watch', '.taken'), { recursive: true });
    watching = await start();
    await rm(join(dir, 'watch', '.taken'), { recursive: true });
    await writeFile(join(dir, 'watch', '.taken'), 'in the way');
    await writeFile(join(dir, 'watch', 'plant.readings.json'), '{"n":1}');
    await waitFor(() => watching.failure !== undefined);
    expect(watching.failure).toMatch(/no file of .* is taken up now; .*ENOTDIR/);
    await rm(join(dir, 'watch', 'plant.readings.json'));
    await waitFor(() => watching.failure === undefined);
    await rm(join(dir, 'watch', '.taken'));
    await mkdir(join(dir, 'watch', '.taken'));
  });

  test('a failed file that cannot be moved leaves no reason behind', async () => {
    const table = { dbms: 'plant', table: 'readings' };
    const taking = errors.take({ path: join(dir, 'nowhere.json') }, table, new Error('bad'), Date.now());
    await expect(taking).rejects.toThrow(/ENOENT/);
    expect(await readdir(join(dir, 'error'))).toEqual([]);
  });
});
