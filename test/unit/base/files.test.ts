import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { makeDirectory, makePath, makePathSync, writeFileDurably } from '../../../src/base/files.ts';
import { tempDir } from '../../support/temp-dir.ts';

let dir: string;
beforeEach(() => void (dir = tempDir()));

describe('makeDirectory', () => {
  test('makes what is missing on the way, and takes what is there', async () => {
    const path = join(dir, 'a', 'b', 'c');
    await Promise.all([makeDirectory(path), makeDirectory(path), makeDirectory(join(dir, 'a'))]);
    await makeDirectory(path);
    expect(statSync(path).isDirectory()).toBe(true);
  });

  test('callers that make the same levels at once do not trip over each other', async () => {
    for (let round = 0; round < 100; round += 1) {
      const path = join(dir, String(round), 'b', 'c', 'd');
      const paths = [path, join(path, 'e'), dirname(path), path, dirname(dirname(path))];
      await Promise.all(paths.map(makeDirectory));
      expect(statSync(join(path, 'e')).isDirectory()).toBe(true);
    }
  });

  test.each(['file', 'file/below', 'x'.repeat(300)])('%s is refused as a name, not as a disk', async (name) => {
    writeFileSync(join(dir, 'file'), '');
    await expect(makeDirectory(join(dir, name))).rejects.toMatchObject({
      code: 'NODE_DIR_UNUSABLE',
      hint: 'name another directory',
    });
  });

  // A parent that is there and refuses with ENOENT: Node's recursive form never comes back from it.
  test.skipIf(!existsSync('/proc/self'))('ends where the parent is there and refuses', async () => {
    await expect(makeDirectory('/proc/holdfast/data')).rejects.toMatchObject({ code: 'NODE_DIR_UNUSABLE' });
  });
});

describe.each([
  ['makePath', makePath],
  ['makePathSync', async (path: string) => makePathSync(path)],
] as const)('%s', (_, make) => {
  test('names the levels that were missing, the outermost first', async () => {
    const [a, b, c] = [join(dir, 'a'), join(dir, 'a/b'), join(dir, 'a/b/c')];
    expect(await make(a)).toEqual([a]);
    expect(await make(c)).toEqual([b, c]);
    expect(await make(c)).toEqual([]);
    expect(await make('/')).toEqual([]);
  });

  test.each(['file', 'file/below'])('%s is refused', async (name) => {
    writeFileSync(join(dir, 'file'), '');
    await expect(make(join(dir, name))).rejects.toMatchObject({ code: name === 'file' ? 'EEXIST' : 'ENOTDIR' });
  });

  test.skipIf(!existsSync('/proc/self'))('ends where the parent is there and refuses', async () => {
    await expect(make('/proc/holdfast')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(make('/proc/holdfast/data')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

test('a file that is written durably brings its directories', async () => {
  await writeFileDurably(join(dir, 'a/b/file'), 'text');
  expect(readFileSync(join(dir, 'a/b/file'), 'utf8')).toBe('text');
});
