import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { tempDir } from '../../support/temp-dir.ts';

const LAUNCHER = readFileSync(fileURLToPath(new URL('../../../src/holdfast.mjs', import.meta.url)), 'utf8');
const CHECKOUT: Readonly<Record<string, string>> = {
  'package.json': '{"type": "module"}',
  'src/holdfast.mjs': LAUNCHER,
  'src/main.ts': "console.log('source')",
  'src/node/node.ts': '',
  'scripts/demo/demo.ts': '',
};

let root: string;
/** Writes a file as if some seconds ago, and its folders with it. */
const put = (path: string, text: string, secondsAgo: number): void => {
  const at = join(root, path);
  const time = Date.now() / 1000 - secondsAgo;
  mkdirSync(dirname(at), { recursive: true });
  writeFileSync(at, text);
  for (let touched = at; touched !== root; touched = dirname(touched)) utimesSync(touched, time, time);
};
const build = (): void => put('dist/main.mjs', "console.log('built')", 50);
const run = (): string => execFileSync(process.execPath, [join(root, 'src/holdfast.mjs')], { encoding: 'utf8' }).trim();

beforeEach(() => {
  root = tempDir();
  for (const [path, text] of Object.entries(CHECKOUT)) put(path, text, 100);
});

describe('which program the executable runs', () => {
  test('the source where nothing was built', () => {
    expect(run()).toBe('source');
  });

  test('what was built from this source', () => {
    build();
    expect(run()).toBe('built');
  });

  test.each(Object.entries(CHECKOUT))('the source where %s was changed since', (path, text) => {
    build();
    put(path, text, 10);
    expect(run()).toBe('source');
  });

  test('the source where a file went since', () => {
    put('src/node/gone.ts', '', 100);
    build();
    rmSync(join(root, 'src/node/gone.ts'));
    expect(run()).toBe('source');
  });
});
