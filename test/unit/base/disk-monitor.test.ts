import { afterEach, beforeEach, expect, test } from 'vitest';
import { sleep } from '../../../src/base/clock.ts';
import { type DiskFiles, DiskMonitor } from '../../../src/base/disk-monitor.ts';
import { writeFault } from '../../../src/base/disk.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const MB = 1_048_576;
let clock: VirtualClock;
let free: number;
let refusal: Error | undefined;
/** How long each write waits for a thread, and then takes until it is on the disk. */
let poolMs: number;
let writeMs: number;
let writes: number;
let isProbeClosed: boolean;
let disk: DiskMonitor;
const systemError = (code: string): Error => Object.assign(new Error(`${code}: made by the test`), { code });
const files: DiskFiles = {
  space: async () => ({ free, used: 1_000 * MB - free, total: 1_000 * MB, inodes: undefined }),
  mayWrite: async () => {
    if (refusal !== undefined) throw refusal;
  },
  probe: () => ({
    async write(atDisk) {
      writes += 1;
      for (const ms of [0, writeMs]) {
        await sleep(clock, poolMs);
        atDisk(true);
        await sleep(clock, ms);
        atDisk(false);
      }
    },
    async close() {
      isProbeClosed = true;
    },
  }),
};

beforeEach(async () => {
  clock = createVirtualClock();
  [free, refusal, poolMs, writeMs, writes, isProbeClosed] = [500 * MB, undefined, 0, 4, 0, false];
  disk = await DiskMonitor.start({ dir: '/data', clock, log: silentLogger, files });
});
afterEach(() => clock.runWhile(disk.close(), 120_000));

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

/** So many seconds in which somebody writes all the time, or every few seconds. */
const busy = async (seconds: number, everySeconds = 1): Promise<void> => {
  for (let second = 0; second < seconds; second += everySeconds) {
    disk.assertRoom(1);
    await clock.advance(everySeconds * 1_000);
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

test.each([1_500, 60_000])('a thread that is free only after %d ms makes no slow disk', async (ms) => {
  poolMs = ms;
  for (let second = 0; second < 20; second += 1) {
    await busy(1);
    expect(disk.status().state).toBe('ok');
  }
  expect(writes).toBeGreaterThan(0);
});

test('a slow disk is named to one who writes every few seconds; what was tried long ago does not count', async () => {
  writeMs = 500;
  await busy(4, 2);
  await clock.advance(60_000);
  await busy(4, 2);
  expect(disk.status().state).toBe('ok');
  await busy(2, 2);
  expect(disk.status()).toMatchObject({ state: 'slow', cause: 'a small write takes 500 ms to be on the disk' });
});

test('a stop waits for a write under way before it gives the file back', async () => {
  writeMs = 2_000;
  await busy(1);
  let isClosed = false;
  const closing = disk.close().then(() => (isClosed = true));
  await clock.advance(1_500);
  expect([isClosed, isProbeClosed]).toEqual([false, false]);
  await clock.advance(500);
  await closing;
  expect(isProbeClosed).toBe(true);
  expect(disk.status().state).toBe('ok');
});
