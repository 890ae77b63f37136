import type * as Os from 'node:os';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startCollecting } from '../../../src/base/collection.ts';
import { localAddresses } from '../../../src/base/host.ts';
import { COLLECTION_LOOK_MS } from '../../../src/base/limits.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

vi.mock('node:os', async (original) => {
  const whole = await original<typeof Os>();
  return { ...whole, networkInterfaces: vi.fn(whole.networkInterfaces) };
});

const emfile = (): never => {
  throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
};

test('a process without a free file descriptor goes on looking at its memory', async () => {
  const rss = vi.spyOn(process.memoryUsage, 'rss').mockImplementation(emfile);
  onTestFinished(() => rss.mockRestore());
  const clock = createVirtualClock();
  const collecting = startCollecting({ clock, busyMs: () => 0, collect: () => {} });
  await clock.advance(3 * COLLECTION_LOOK_MS);
  expect(rss).toHaveBeenCalledTimes(3);
  await collecting.close();
});

test('a process without a free file descriptor has the addresses that it had', () => {
  const before = localAddresses();
  expect(before.length).toBeGreaterThan(0);
  vi.mocked(networkInterfaces).mockImplementationOnce(emfile);
  expect(localAddresses()).toEqual(before);
});
