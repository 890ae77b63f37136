import { execFileSync, fork, type ForkOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const LAUNCHER = fileURLToPath(new URL('../../../src/holdfast.mjs', import.meta.url));
const PROGRAM = `
const told = JSON.stringify({ flags: process.execArgv, args: process.argv.slice(2), process: process.pid, malloc: [process.env['MALLOC_ARENA_MAX'], process.env['MALLOC_MMAP_THRESHOLD_'], process.env['MALLOC_TRIM_THRESHOLD_']] });
if (process.send === undefined) console.log(told);
else process.send(told, () => process.disconnect());
`;

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-bounded-'));
  for (const folder of ['src', 'scripts/demo']) mkdirSync(join(root, folder), { recursive: true });
  copyFileSync(LAUNCHER, join(root, 'src/holdfast.mjs'));
  writeFileSync(join(root, 'package.json'), '{"type": "module"}');
  writeFileSync(join(root, 'src/main.ts'), PROGRAM);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Told {
  readonly flags: readonly string[];
  readonly args: readonly string[];
  readonly process: number;
  readonly malloc: readonly (string | null)[];
}
const read = (text: string): Told => JSON.parse(text) as Told;
/** What the program sees that the executable runs. */
const run = (
  args: readonly string[],
  flags: readonly string[] = [],
  options = '',
  environment: Readonly<Record<string, string>> = {},
): Told =>
  read(
    execFileSync(process.execPath, [...flags, join(root, 'src/holdfast.mjs'), ...args], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: options, ...environment },
    }),
  );

describe('what V8 and malloc keep', () => {
  test('is bounded in a node, which keeps its arguments and the flags of Node', () => {
    const { flags, args, malloc } = run(['start', '--dir', 'a b', ''], ['--no-warnings']);
    expect(flags).toEqual(['--max-semi-space-size=8', '--no-warnings']);
    expect(args).toEqual(['start', '--dir', 'a b', '']);
    expect(malloc).toEqual(['2', '65536', '1048576']);
  });

  test('of malloc is what the node was told where it was told something', () => {
    expect(run(['start'], [], '', { MALLOC_ARENA_MAX: '4' }).malloc).toEqual(['4', '65536', '1048576']);
  });

  test('is left alone in every other command, and where Node was told another bound', () => {
    expect(run(['get', 'status', 'start'])).toMatchObject({ flags: [], malloc: [null, null, null] });
    expect(run(['start'], ['--max-semi-space-size=4']).flags).toEqual(['--max-semi-space-size=4']);
    expect(run(['start'], [], '--max-semi-space-size=4').flags).toEqual([]);
  });

  test('is left alone where a parent would lose its channel', async () => {
    const options: ForkOptions = { execArgv: [], env: { ...process.env, NODE_OPTIONS: '' } };
    const child = fork(join(root, 'src/holdfast.mjs'), ['start'], options);
    const [told] = (await once(child, 'message')) as [string];
    expect(read(told)).toEqual({ flags: [], args: ['start'], process: child.pid, malloc: [null, null, null] });
    await once(child, 'exit');
  });

  test('costs no second process: a signal to the one that was started reaches the node', async () => {
    const child = spawn(process.execPath, [join(root, 'src/holdfast.mjs'), 'start']);
    const [text] = (await once(child.stdout, 'data')) as [Buffer];
    expect(read(text.toString())).toMatchObject({ flags: ['--max-semi-space-size=8'], process: child.pid });
    await once(child, 'exit');
  });
});
