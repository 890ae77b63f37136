import { existsSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { makeDirectory } from '../../../src/base/files.ts';
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
