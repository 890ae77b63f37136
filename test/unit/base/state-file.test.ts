import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unwatchedDisk } from '../../../src/base/disk.ts';
import { createLogger } from '../../../src/base/log.ts';
import { StateFile } from '../../../src/base/state-file.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';
import { waitFor } from '../../support/wait.ts';

let dir: string;
let path: string;
let clock: VirtualClock;
let file: StateFile;
let told: string[];
let said: string[];
let isFull: boolean;

beforeEach(async () => {
  dir = tempDir();
  path = join(dir, 'node.json');
  clock = createVirtualClock();
  [told, said] = [[], []];
  isFull = false;
  file = new StateFile(path, {
    clock,
    disk: {
      ...unwatchedDisk,
      failed: (part) => told.push(`failed ${part}`),
      works: (part) => told.push(`works ${part}`),
    },
    log: createLogger(({ level, text }) => said.push(`${level} ${text}`)),
    hasRoom: async () => !isFull,
  });
});
afterEach(() => file.close());

test('the last room of a full disk is left to others', async () => {
  isFull = true;
  await file.keep('one');
  await clock.advance(1_000);
  expect(await readdir(dir)).toEqual([]);
  expect(new Set(told)).toEqual(new Set(['failed file node.json']));
  isFull = false;
  await waitFor(async () => {
    await clock.advance(500);
    return told.at(-1) === 'works file node.json';
  });
  expect(await readFile(path, 'utf8')).toBe('one');
});

test('what cannot be written is written later, the newest only, and said once', async () => {
  // A directory in its place: the rename fails, as on a disk that takes nothing.
  await mkdir(join(path, 'in-the-way'), { recursive: true });
  await file.keep('one');
  await file.keep('two');
  expect(told).toEqual(['failed file node.json', 'failed file node.json']);
  expect(await readdir(dir), 'no half of it is left').toEqual(['node.json']);
  await clock.advance(250);
  await waitFor(() => told.length === 3);
  await rm(path, { recursive: true });
  await waitFor(async () => {
    await clock.advance(500);
    return (await readFile(path, 'utf8')) === 'two';
  });
  await waitFor(() => told.at(-1) === 'works file node.json');
  expect(said).toEqual([
    expect.stringMatching(/^error .*node\.json cannot be written now; it is tried again: /),
    expect.stringMatching(/^info .*node\.json is written again$/),
  ]);
  expect(clock.pending).toBe(0);
});

test('closing ends the attempts', async () => {
  await mkdir(path);
  await file.keep('one');
  expect(clock.pending).toBe(1);
  await file.close();
  expect(clock.pending).toBe(0);
  await rmdir(path);
});
