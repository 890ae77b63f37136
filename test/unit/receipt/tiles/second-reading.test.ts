import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArchivingNode, ENTRIES } from '../../../support/archiving-node.ts';

const PROGRAM = fileURLToPath(new URL('../../../../scripts/audit/tiles.py', import.meta.url));
const PYTHON = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']).status === 0;

const check = (dir: string): { readonly status: number | null; readonly said: string } => {
  const { status, stdout, stderr } = spawnSync('python3', [PROGRAM, dir, '--signatures', '100'], { encoding: 'utf8' });
  return { status, said: stdout + stderr };
};

describe.skipIf(!PYTHON)('the archive, read by a program that shares no code with this one', () => {
  let dir: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'holdfast-tiles-'));
    const node = new ArchivingNode(dir);
    node.add(ENTRIES.slice(0, 300));
    await node.settle();
    node.add(ENTRIES.slice(300, 600));
    node.erased.add(ENTRIES[17]!.hash);
    await node.settle();
    node.incarnation = 'fedcba9876543210';
    await node.settle();
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test('holds', () => {
    const { status, said } = check(dir);
    expect(said).toContain('600 entries, 599 with their body; 6 of 600 signatures checked');
    expect(said.match(/600 leaves, their tiles and the signed root agree/g)).toHaveLength(2);
    expect(status).toBe(0);
  });

  test.each([
    ['a header', 'entries/001', 20],
    ['a body', 'entries/000', -30],
    ['a signature', 'entries/000', 460],
    ['a leaf', 'log/0123456789abcdef/tile/entries/001', 40],
    ['a tile of leaves', 'log/0123456789abcdef/tile/0/002.p/88', 3],
    ['a tile above', 'log/0123456789abcdef/tile/1/000.p/2', 33],
    ['a checkpoint', 'log/fedcba9876543210/checkpoint', 160],
  ])('%s that was changed is found', (_, file, at) => {
    const path = join(dir, file);
    const sound = readFileSync(path);
    const changed = Buffer.from(sound);
    const place = at < 0 ? sound.indexOf('\n') - 40 : at;
    changed[place] = changed[place]! ^ 0x01;
    writeFileSync(path, changed);
    const { status, said } = check(dir);
    writeFileSync(path, sound);
    expect([status, said]).toEqual([1, expect.any(String)]);
  });
});
