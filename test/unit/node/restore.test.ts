import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { BackupJob } from '../../../src/node/backup/backup-job.ts';
import { copyFile, hashFile } from '../../../src/node/backup/copy-file.ts';
import type { Holdings } from '../../../src/operator/file-record.ts';
import { formatAbout, sumLine, parseAbout, parseSums } from '../../../src/node/backup/manifest.ts';
import { createDirectories, nodePaths } from '../../../src/node/paths.ts';
import { missingOf, progressOf } from '../../../src/node/recover/report.ts';
import { openInlineSqlite } from '../../../src/sqlite/inline.ts';
import { filesMarkOf, takeRestored } from '../../../src/node/restore/mark.ts';
import { type AskedView, whyNotYet } from '../../../src/node/restore/unasked.ts';
import { tempDir } from '../../support/temp-dir.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('whether a restored node may write', () => {
  const asked: AskedView = {
    dialled: [{ address: 'x:1', connected: true, own: false }],
    connected: ['x'],
    exchanged: () => true,
    isClear: () => true,
    behind: false,
    nameOf: (peer) => `node-${peer}`,
  };
  test('only when every peer that is named was asked, gave back what it held, and knows no twin', () => {
    expect(whyNotYet(asked)).toBeUndefined();
    expect(
      whyNotYet({ ...asked, dialled: [...asked.dialled, { address: 'self:1', connected: false, own: true }] }),
    ).toBeUndefined();
  });
  test.each<[string, Partial<AskedView>, RegExp]>([
    ['one that is away', { dialled: [{ address: 'y:2', connected: false, own: false }] }, /^y:2 cannot be reached/],
    [
      'one that is away and has a name',
      { dialled: [{ address: 'y:2', connected: false, own: false, key: 'y' }] },
      /^node-y at y:2 cannot/,
    ],
    ['nobody known', { dialled: [], connected: [] }, /no peer is known/],
    ['one that was not asked', { exchanged: () => false }, /^node-x did not say yet what/],
    ['entries still to come', { behind: true }, /not all back/],
    ['a twin still possible', { isClear: () => false }, /^node-x did .* original .* still runs/],
  ])('not with %s', (_, change, text) => {
    expect(whyNotYet({ ...asked, ...change })).toMatch(text);
  });
});

describe('the directory of a backup', () => {
  let dir: string;
  beforeEach(async () => {
    dir = tempDir();
    await createDirectories(nodePaths(dir), silentLogger);
  });

  const backUp = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [path, text] of Object.entries(files)) await writeFile(join(dir, path), text);
    const sums = Object.entries(files)
      .map(([path, text]) => sumLine(path, sha256(text)))
      .join('');
    await writeFile(join(dir, 'SHA256SUMS'), sums);
    const node = 'a'.repeat(64);
    const about = { version: '1', time: '2026-01-01', node, name: 'n', network: null, files: 1, bytes: 1 };
    await writeFile(join(dir, 'backup.json'), formatAbout({ ...about, sums: sha256(sums) }));
  };
  const take = (rule: 'ask' | 'alone' = 'ask') => takeRestored(nodePaths(dir), rule, silentLogger);

  test('becomes that of a restored node, and stays so over starts until the mark is cleared', async () => {
    await backUp({ 'node.key': 'key' });
    expect(await take()).toBeDefined();
    await writeFile(join(dir, 'node.key'), 'changed since');
    const mark = await take();
    expect(mark).toBeDefined();
    expect(filesMarkOf(nodePaths(dir))).toBeDefined();
    await mark?.clear();
    expect(await take()).toBeUndefined();
    await filesMarkOf(nodePaths(dir))?.clear();
    expect(filesMarkOf(nodePaths(dir))).toBeUndefined();
  });

  test('told to be alone it has no mark any more', async () => {
    await backUp({ 'node.key': 'key' });
    expect(await take('alone')).toBeUndefined();
    expect(await take()).toBeUndefined();
    expect(filesMarkOf(nodePaths(dir))).toBeUndefined();
  });

  test('told to be alone it waits for no files either, where it waits for those alone', async () => {
    await backUp({ 'node.key': 'key' });
    await (await take())?.clear();
    expect(await take('alone')).toBeUndefined();
    expect(filesMarkOf(nodePaths(dir))).toBeUndefined();
  });

  test('that is damaged or incomplete is refused; a damaged archived file is only dropped', async () => {
    await backUp({ 'node.key': 'key', 'data/archive/one': 'content' });
    await writeFile(join(dir, 'data/archive/one'), 'conten');
    expect(await take()).toBeDefined();
    expect(existsSync(join(dir, 'data/archive/one'))).toBe(false);
    await backUp({ 'node.key': 'key' });
    await writeFile(join(dir, 'node.key'), 'kex');
    await expect(take()).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
    await writeFile(join(dir, 'backup.incomplete'), '');
    await expect(take()).rejects.toMatchObject({ code: 'BACKUP_INCOMPLETE' });
  });

  test('a manifest that is changed, newer or leads out of the directory is refused', () => {
    expect(() => parseAbout('{')).toThrow(expect.objectContaining({ code: 'BACKUP_DAMAGED' }));
    const line = `${'0'.repeat(64)}  `;
    expect(() => parseSums(`${line}../x\n`)).toThrow(expect.objectContaining({ code: 'BACKUP_DAMAGED' }));
    expect(() => parseSums(`${line}/x\n`)).toThrow(expect.objectContaining({ code: 'BACKUP_DAMAGED' }));
    const sums = new Map([
      ['b', 'f'.repeat(64)],
      ['a b', '0'.repeat(64)],
    ]);
    const lines = [...sums].map(([path, sum]) => sumLine(path, sum));
    expect(parseSums(lines.join(''))).toEqual(sums);
  });

  test('a backup goes only into a new or empty directory outside of the node’s own', async () => {
    const sqlite = openInlineSqlite({ dir: join(dir, 'n', 'data', 'dbms') });
    const about = { clock: systemClock, version: '1', node: 'a'.repeat(64), name: 'n', network: null };
    const source = {
      ...about,
      paths: nodePaths(join(dir, 'n')),
      sqlite,
      archive: dir,
      script: undefined,
      configuration: {},
    };
    await expect(new BackupJob(source, dir).prepare()).rejects.toMatchObject({ code: 'BACKUP_DIR_NOT_EMPTY' });
    for (const [bad, message] of [
      [join(dir, 'n', 'inside'), /outside of/],
      ['relative', /^"relative" is not an absolute path/],
    ] as const)
      await expect(new BackupJob(source, bad).prepare()).rejects.toMatchObject({
        code: 'BACKUP_DIR',
        message: expect.stringMatching(message) as unknown,
      });
    const job = new BackupJob(source, join(dir, 'new'));
    await job.prepare();
    job.stop();
    await job.run();
    expect(job.status).toMatchObject({ state: 'failed', error: { code: 'BACKUP_STOPPED' } });
    expect(await readdir(join(dir, 'new'))).toEqual([]);
    await sqlite.close();
  });

  test('files are copied with their hash, up to a length, and never over another', async () => {
    await writeFile(join(dir, 'from'), 'one\ntwo');
    const copied = await copyFile(join(dir, 'from'), join(dir, 'sub', 'to'), { bytes: 4, mode: 0o600 });
    expect(copied).toEqual({ sha256: sha256('one\n'), bytes: 4 });
    expect(await hashFile(join(dir, 'sub', 'to'))).toEqual(copied);
    expect(await readFile(join(dir, 'sub', 'to'), 'utf8')).toBe('one\n');
    expect((await stat(join(dir, 'sub', 'to'))).mode & 0o777).toBe(0o600);
    await expect(copyFile(join(dir, 'from'), join(dir, 'sub', 'to'))).rejects.toMatchObject({ code: 'EEXIST' });
  });
});

describe('what a recovery says', () => {
  const own: Holdings = new Map([
    [
      'op1',
      [
        [1, 3],
        [6, 7],
      ],
    ],
  ]);
  const operators = new Map([
    ['op1', { name: 'one', compared: false }],
    ['op2', { name: 'two', compared: true }],
  ]);
  test('how far it is, by origin', () => {
    const known: Holdings = new Map([...own, ['op2', [[1, 9]]]]);
    expect(progressOf(own, known, new Map([['op1', 50]]))).toEqual([
      { origin: 'op1', files: 5, filesKnown: 5, rows: 50 },
      { origin: 'op2', files: 0, filesKnown: 9, rows: 0 },
    ]);
  });
  test('what nobody gave back: gaps, tables, peers, and everything where there is no peer', () => {
    const view = { own, operators, self: 'op1', tables: ['d.t', 'd.u'], tablesHeld: new Set(['d.t']) };
    expect(missingOf(view)).toEqual(['2 files of one: 4-5', 'the table d.u: nobody gave back a file of it']);
    const away = new Map([...operators, ['op3', { name: 'three', compared: false }]]);
    expect(missingOf({ ...view, operators: away })[0]).toMatch(/^three was not reached/);
    const alone = new Map([['op1', { name: 'one', compared: false }]]);
    expect(missingOf({ ...view, operators: alone })[0]).toMatch(/no other operator/);
    const whole = { ...view, own: new Map([['op1', [[1, 3] as const]]]), tables: ['d.t'] };
    expect(missingOf(whole)).toEqual([]);
  });
});
