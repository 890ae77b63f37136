import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { bundleOf, NODES, ROOT_KEY, witnessedHistory } from '../../support/bundles.ts';

const PYTHON = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']).status === 0;
const PROGRAM = fileURLToPath(new URL('../../../scripts/audit/verify.py', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'holdfast-root-'));
afterAll(() => rmSync(dir, { recursive: true }));

test.skipIf(!PYTHON)(
  'the second reader holds a bundle to the root that is demanded (skipped without Python)',
  async () => {
    const file = join(dir, 'bundle.tar');
    writeFileSync(file, await bundleOf(witnessedHistory(), { by: NODES[0]! }));
    const run = (...args: readonly string[]) => {
      const { status, stdout } = spawnSync('python3', [PROGRAM, '--no-signatures', ...args], { encoding: 'utf8' });
      return { status, says: stdout.split('\t').slice(1).join(' ') };
    };
    const sound = { status: 0, says: expect.stringContaining('sound') as string };
    expect(run(file)).toEqual(sound);
    expect(run('--root', ROOT_KEY.toUpperCase(), file)).toEqual(sound);
    expect(run(file, '--root', NODES[1]!.author)).toEqual({
      status: 1,
      says: `fault Fault: ${NODES[1]!.author} is no root of this network; its roots: ${ROOT_KEY}\n`,
    });
    expect(run(file, '--root')).toEqual({ status: 2, says: '' });
  },
);
