import { mkdir, mkdtemp, readdir, rename, rm, unlink, writeFile } from 'node:fs/promises';
import type * as FsPromises from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { systemClock, type Clock } from '../../../src/base/clock.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { ErrorDirectory } from '../../../src/operator/error-directory.ts';
import { WatchDirectory } from '../../../src/operator/watch.ts';
import { waitFor } from '../../support/wait.ts';

vi.mock('node:fs/promises', async (original) => {
  const whole = await original<typeof FsPromises>();
  return { ...whole, unlink: vi.fn(whole.unlink) };
});

/** Waits that take a hundredth of their time. */
const hastyClock: Clock = { ...systemClock, after: (ms, task) => systemClock.after(ms / 100, task) };

test.each([
  ['written in place', (from: string, to: string) => writeFile(to, '').then(() => rename(from, to))],
  ['moved in', rename],
])('a stored file that was %s and cannot be removed is no fault any more when it is gone', async (_, give) => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-watch-'));
  await mkdir(join(dir, 'watch'));
  await writeFile(join(dir, 'data'), '{"n":1}');
  const errors = await ErrorDirectory.open(join(dir, 'error'), silentLogger);
  const taken: string[] = [];
  const watching = await WatchDirectory.start(join(dir, 'watch'), 1, {
    ...{ clock: hastyClock, log: silentLogger, errors },
    ingest: async (_name, content) => ({ duplicate: taken.push(Buffer.from(content).toString()) > 1 }),
  });
  onTestFinished(async () => {
    await watching.close();
    await rm(dir, { recursive: true, force: true });
  });
  vi.mocked(unlink).mockRejectedValue(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }));
  await give(join(dir, 'data'), join(dir, 'watch', 'plant.readings.json'));
  await waitFor(() => watching.failure?.includes('is stored and cannot be removed yet') === true);
  vi.mocked(unlink).mockReset();
  await waitFor(() => watching.failure === undefined);
  expect(await readdir(join(dir, 'watch', '.taken'))).toEqual([]);
  expect([taken, errors.count]).toEqual([['{"n":1}'], 0]);
});
