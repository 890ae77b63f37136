import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import type * as FsPromises from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { BackupSource } from '../../../src/node/backup/backup-job.ts';
import { Backups } from '../../../src/node/backup/backups.ts';
import { backupSource } from '../../support/backup-source.ts';
import { tempDir } from '../../support/temp-dir.ts';

/** Directories below it are made when the test lets them, as on the disk of a machine that does not answer. */
let silent: string;
let answers: PromiseWithResolvers<void>;
vi.mock('node:fs/promises', async (original) => {
  const whole = await original<typeof FsPromises>();
  const whenAnswered = async (path: string, options?: Parameters<typeof whole.mkdir>[1]): Promise<unknown> => {
    if (path === silent) await answers.promise;
    return whole.mkdir(path, options);
  };
  return { ...whole, mkdir: vi.fn(whenAnswered) };
});

let root: string;
let source: BackupSource;
let backups: Backups;
beforeEach(async () => {
  root = tempDir();
  silent = join(root, 'silent');
  answers = Promise.withResolvers();
  source = await backupSource(root);
  backups = new Backups(() => source);
});
afterEach(async () => {
  await backups.close();
  await source.sqlite.close();
});

const ended = async (): Promise<unknown> => {
  await vi.waitFor(() => expect(backups.isRunning).toBe(false), { timeout: 20_000 });
  return backups.status;
};

test('one that fails at its start is shown, and does not block the next', async () => {
  writeFileSync(join(root, 'file'), '');
  await expect(backups.start(join(root, 'file/copy'))).rejects.toMatchObject({ code: 'BACKUP_FAILED' });
  expect(await ended()).toMatchObject({
    state: 'failed',
    dir: join(root, 'file/copy'),
    error: { code: 'BACKUP_FAILED' },
  });
  await backups.start(join(root, 'next'));
  expect(await ended()).toMatchObject({ state: 'done', dir: join(root, 'next') });
});

// Node's recursive mkdir never comes back from it.
test.skipIf(!existsSync('/proc/self'))('one into a directory that no call can make ends', async () => {
  await expect(backups.start('/proc/holdfast-copy')).rejects.toMatchObject({ code: 'BACKUP_FAILED' });
  expect(await ended()).toMatchObject({ state: 'failed', dir: '/proc/holdfast-copy' });
});

test('one whose disk does not answer is shown, can be ended, and does not block the next', async () => {
  const begun = expect(backups.start(silent)).rejects.toMatchObject({ code: 'BACKUP_STOPPED' });
  expect(backups.status).toMatchObject({ state: 'running', dir: silent });
  await expect(backups.start(join(root, 'next'))).rejects.toMatchObject({ code: 'BACKUP_RUNNING' });
  expect(backups.status).toMatchObject({ state: 'running', dir: silent });
  await backups.stop();
  await begun;
  expect(await ended()).toMatchObject({ state: 'failed', error: { code: 'BACKUP_STOPPED' } });
  // It would write into the same directory once its disk answers.
  await expect(backups.start(silent)).rejects.toMatchObject({ code: 'BACKUP_RUNNING' });
  await backups.start(join(root, 'next'));
  expect(await ended()).toMatchObject({ state: 'done', dir: join(root, 'next') });
  answers.resolve();
  await vi.waitFor(() => backups.start(silent), { timeout: 20_000 });
  expect(await ended()).toMatchObject({ state: 'done', dir: silent });
  expect(readdirSync(silent)).not.toContain('INCOMPLETE');
});
