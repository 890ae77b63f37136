import { scrypt } from 'node:crypto';
import { readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { diskProbe } from '../../../src/base/disk-probe.ts';
import { tempDir } from '../../support/temp-dir.ts';

let dir: string;
beforeEach(() => {
  dir = tempDir();
});

test('a write begins when a thread is free for it', async () => {
  const probe = diskProbe(dir);
  await probe.write(() => {});
  let ended = 0;
  // More than there are threads.
  const others = Array.from({ length: 32 }, () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    scrypt('password', 'salt', 32, { N: 1_024 }, () => {
      ended += 1;
      resolve(undefined);
    });
    return promise;
  });
  const heard: (readonly [isAtDisk: boolean, ended: number])[] = [];
  await probe.write((isAtDisk) => heard.push([isAtDisk, ended]));
  await Promise.all(others);
  // All had been taken by then, and the other threads may still have been at the last ones.
  expect(heard[0]?.[1]).toBeGreaterThan(16);
  // The write itself and the sync.
  expect(heard.map(([isAtDisk]) => isAtDisk)).toEqual([true, false, true, false]);
  await probe.close();
});

test.runIf(process.platform === 'linux')('after a write that failed the file is opened again', async () => {
  const path = join(dir, 'disk.probe');
  await symlink('/dev/full', path);
  const probe = diskProbe(dir);
  await expect(probe.write(() => {})).rejects.toMatchObject({ code: 'ENOSPC' });
  await rm(path);
  await probe.write(() => {});
  expect(await readFile(path, 'utf8')).toBe('disk');
  await probe.close();
});
