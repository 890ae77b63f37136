import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type * as FsPromises from 'node:fs/promises';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BACKUP_SMALL_BYTES } from '../../../src/base/limits.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { BackupJob, type BackupSource } from '../../../src/node/backup/backup-job.ts';
import { copying } from '../../../src/node/backup/copy-small.ts';
import { parseAbout, parseSums } from '../../../src/node/backup/manifest.ts';
import { nodePaths } from '../../../src/node/paths.ts';
import { takeRestored } from '../../../src/node/restore/mark.ts';
import { backupSource } from '../../support/backup-source.ts';
import { tempDir } from '../../support/temp-dir.ts';

vi.mock('node:fs/promises', async (original) => {
  const whole = await original<typeof FsPromises>();
  return { ...whole, open: vi.fn(whole.open) };
});

let root: string;
let source: BackupSource;
let job: BackupJob;
beforeEach(async () => {
  root = tempDir();
  source = await backupSource(root);
  job = new BackupJob(source, join(root, 'copy'));
});
afterEach(() => source.sqlite.close());

/** Puts a file into the archive. */
const archived = (path: string, content: string | Buffer): void => {
  const whole = join(root, 'node/data/archive', path);
  mkdirSync(join(whole, '..'), { recursive: true });
  writeFileSync(whole, content);
};

test('an archive of many files is copied with its sums, and not file by file on the event loop', async () => {
  for (let file = 0; file < 600; file += 1)
    archived(`26/0${1 + (file % 2)}/07/plant.${file}.json.gz`, `content ${file}`);
  archived('26/01/08/large.json.gz', Buffer.alloc(BACKUP_SMALL_BYTES + 1, 7));
  archived('26/01/08/whole.json.gz', Buffer.alloc(BACKUP_SMALL_BYTES, 8));
  vi.mocked(open).mockClear();
  await job.prepare();
  await job.run();
  expect(job.status).toMatchObject({ state: 'done', error: undefined });
  expect(vi.mocked(open).mock.calls.length).toBeLessThan(50);
  const copy = join(root, 'copy');
  const text = readFileSync(join(copy, 'SHA256SUMS'), 'utf8');
  const sums = parseSums(text);
  expect([...sums.keys()].filter((path) => path.startsWith('data/archive/'))).toHaveLength(602);
  for (const [path, sum] of sums)
    expect(
      createHash('sha256')
        .update(readFileSync(join(copy, path)))
        .digest('hex'),
    ).toBe(sum);
  const about = parseAbout(readFileSync(join(copy, 'backup.json'), 'utf8'));
  expect(about).toMatchObject({ files: sums.size, sums: createHash('sha256').update(text).digest('hex') });
  expect(readFileSync(join(copy, 'data/archive/26/02/07/plant.599.json.gz'), 'utf8')).toBe('content 599');
  expect(await takeRestored(nodePaths(copy), 'ask', silentLogger)).toBeDefined();
});

test('a copy that fails leaves an empty directory and says why', async () => {
  archived('26/01/07/a.json.gz', 'a');
  await job.prepare();
  // Somebody else writes into the directory.
  mkdirSync(join(root, 'copy/data/archive/26/01/07'), { recursive: true });
  writeFileSync(join(root, 'copy/data/archive/26/01/07/a.json.gz'), 'b');
  await job.run();
  expect(job.status).toMatchObject({ state: 'failed', error: { code: 'BACKUP_FAILED' } });
  expect(job.status.error?.message).toMatch(/EEXIST/);
  expect(await readdir(join(root, 'copy'))).toEqual([]);
});

test('a full disk keeps its code on the way from the thread, a file that has gone is passed over', async () => {
  archived('26/01/07/a.json.gz', 'a');
  archived('26/01/07/b.json.gz', 'b');
  const from = join(root, 'node/data/archive');
  const to = join(root, 'there');
  const paths = ['26/01/07/gone', '26/01/07/a.json.gz', '26/01/07/a.json.gz', '26/01/07/b.json.gz'];
  expect(await source.sqlite.read(copying, 'copyFiles', from, to, paths)).toMatchObject([
    { is: 'missing' },
    { is: 'copied', bytes: 1 },
    { is: 'failed', code: 'EEXIST' },
  ]);
  expect(await source.sqlite.read(copying, 'sumBytes', from, paths)).toBe(3);
});
