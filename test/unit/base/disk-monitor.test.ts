import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DiskFiles, DiskMonitor } from '../../../src/base/disk-monitor.ts';
import { writeFault } from '../../../src/base/disk.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const MB = 1_048_576;
let clock: VirtualClock;
let free: number;
let refusal: Error | undefined;
/** How long each write takes until it is on the disk. */
let writeMs: number;
let writes: number;
let disk: DiskMonitor;
const systemError = (code: string): Error => Object.assign(new Error(`${code}: made by the test`), { code });
const files: DiskFiles = {
  space: async () => ({ free, used: 1_000 * MB - free, total: 1_000 * MB, inodes: undefined }),
  mayWrite: async () => {
    if (refusal !== undefined) throw refusal;
  },
  write: () => {
    writes += 1;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    clock.after(writeMs, () => resolve(undefined));
    return promise;
  },
};

beforeEach(async () => {
  clock = createVirtualClock();
  [free, refusal, writeMs, writes] = [500 * MB, undefined, 4, 0];
  disk = await DiskMonitor.start({ dir: '/data', clock, log: silentLogger, files });
});
afterEach(() => disk.close());

test('data is refused before the disk is full, and taken again once there is room', async () => {
  expect(disk.status()).toMatchObject({ state: 'ok', reserveBytes: 50 * MB, cause: undefined });
  disk.assertRoom(100 * MB);
  // What was taken since the last look counts.
  expect(() => disk.assertRoom(200 * MB)).toThrow(expect.objectContaining({ code: 'DISK_NO_ROOM' }) as Error);
  free = 40 * MB;
  await clock.advance(1_000);
  expect(disk.status()).toMatchObject({ state: 'low', sinceMs: clock.wallMs(), freeBytes: 40 * MB });
  expect(() => disk.assertRoom(0)).toThrow(expect.objectContaining({ code: 'DISK_NO_ROOM' }) as Error);
  free = 500 * MB;
  await clock.advance(1_000);
  expect(disk.status()).toMatchObject({ state: 'ok', nextStep: undefined });
  disk.assertRoom(1);
});

test.each([
  [{ bytes: 300 * MB }, 300 * MB],
  [{ share: 0.25 }, 250 * MB],
  [{ bytes: 0 }, 0],
])('the reserve may be given: %j', async (reserve, reserveBytes) => {
  const given = await DiskMonitor.start({ dir: '/data', clock, log: silentLogger, files, reserve });
  expect(given.status()).toMatchObject({ reserveBytes });
  given.assertRoom((free - reserveBytes) / 2);
  expect(() => given.assertRoom(1)).toThrow(expect.objectContaining({ code: 'DISK_NO_ROOM' }) as Error);
  await given.close();
});

test.each([
  ['EROFS', 'read-only'],
  ['EACCES', 'failing'],
])('a directory that cannot be written to (%s) is %s within a second', async (code, state) => {
  refusal = systemError(code);
  await clock.advance(1_000);
  expect(disk.status()).toMatchObject({ state, cause: expect.stringContaining(code) as string });
});

test('a part that cannot write shows with cause and next step until it writes again', () => {
  disk.failed('ledger', writeFault('LEDGER_DISK_FAILED', 'no write', systemError('EIO')));
  expect(disk.status()).toMatchObject({ state: 'failing', nextStep: expect.stringContaining('by itself') as string });
  disk.failed('databases', writeFault('SQLITE_DISK_FAILED', 'no write', systemError('ENOSPC')));
  expect(disk.status()).toMatchObject({ state: 'full', lastError: { part: 'databases', code: 'ENOSPC' } });
  disk.works('databases');
  expect(disk.status().state).toBe('failing');
  disk.works('ledger');
  expect(disk.status()).toMatchObject({ state: 'ok', lastError: { part: 'databases' } });
});

/** So many seconds in which somebody writes all the time. */
const busy = async (seconds: number): Promise<void> => {
  for (let second = 0; second < seconds; second += 1) {
    disk.assertRoom(1);
    await clock.advance(1_000);
  }
};

test('a slow disk is named within five seconds of writing, and no longer once it is fast', async () => {
  await busy(10);
  expect(disk.status().state).toBe('ok');
  writeMs = 300;
  await busy(4);
  expect(disk.status()).toMatchObject({
    state: 'slow',
    cause: 'a small write takes 300 ms to be on the disk',
    nextStep: expect.stringContaining('iotop') as string,
  });
  // What is worse is told first.
  disk.failed('ledger', systemError('EIO'));
  expect(disk.status().state).toBe('failing');
  disk.works('ledger');
  expect(disk.status().state).toBe('slow');
  writeMs = 4;
  // It is looked at until then, though nobody writes any more.
  await clock.advance(4_000);
  expect(disk.status()).toMatchObject({ state: 'ok', cause: undefined });
});

test('one write that waited makes no slow disk, and an idle node writes nothing to see it', async () => {
  await busy(1);
  writeMs = 900;
  await busy(1);
  writeMs = 4;
  await busy(8);
  expect(disk.status().state).toBe('ok');
  const before = writes;
  await clock.advance(3_600_000);
  expect(writes).toBe(before);
});

test('a disk on which a write hangs is slow before that ends', async () => {
  writeMs = 60_000;
  await busy(5);
  expect(disk.status()).toMatchObject({ state: 'slow', cause: 'a small write waits for the disk since 4 s' });
  expect(writes).toBe(1);
});
