import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { findTarget } from '../../../src/cli/target.ts';
import { tempDir } from '../../support/temp-dir.ts';

const REST = '127.0.0.1:31999';

describe('the node of a directory', () => {
  let dir: string;
  beforeEach(async () => {
    dir = tempDir();
    await writeFile(join(dir, 'rest.token'), 'ab'.repeat(32), { mode: 0o600 });
  });

  const saysOf = (pid: number): Promise<void> => writeFile(join(dir, 'node.json'), JSON.stringify({ rest: REST, pid }));
  const target = (node?: string) => findTarget({ dir, ...(node === undefined ? {} : { node }) }, () => undefined);

  test('is shown its token while it runs', async () => {
    await saysOf(process.pid);
    expect(await target()).toMatchObject({ node: REST, token: expect.any(String) as string });
  });

  test('that has ended is not: somebody else may listen where it did', async () => {
    const ended = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(ended, 'exit');
    await saysOf(ended.pid ?? 0);
    await expect(target()).rejects.toMatchObject({
      code: 'CLI_NODE_DIR',
      message: expect.stringContaining(`no process ${ended.pid} of this user is here`) as string,
      hint: expect.stringContaining('holdfast start --dir') as string,
    });
    await rm(join(dir, 'node.json'));
    await expect(target()).rejects.toMatchObject({
      code: 'CLI_NODE_DIR',
      message: expect.stringContaining('no node runs in') as string,
      hint: expect.stringContaining('holdfast start --dir') as string,
    });
    await saysOf(ended.pid ?? 0);
    // Whoever names the address as well has said whom to ask.
    expect(await target(REST)).toMatchObject({ node: REST, token: expect.any(String) as string });
  });

  test('is told from the address where it listens for other nodes, which hangs up on commands', async () => {
    const listen = '127.0.0.1:31998';
    await writeFile(join(dir, 'node.json'), JSON.stringify({ rest: REST, pid: process.pid, listen }));
    await expect(target(listen)).rejects.toMatchObject({
      code: 'CLI_NODE_ADDRESS',
      message: `${listen} is where the node listens for other nodes, commands go to its REST address`,
      hint: `--node ${REST}`,
    });
    expect(await target(REST)).toMatchObject({ node: REST });
  });
});
