import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { insertPolicy } from '../../scripts/demo/network.ts';
import type { NodeProcess } from '../../scripts/demo/node-process.ts';
import { nodeProcesses } from '../support/node-processes.ts';
import { waitFor } from '../support/wait.ts';

const SECRET = 'Jane-Doe-4711';
const PROGRAM = fileURLToPath(new URL('../../scripts/audit/tiles.py', import.meta.url));

/** Files of a directory that hold the secret. */
const saying = async (at: string): Promise<readonly string[]> => {
  const found: string[] = [];
  for (const entry of await readdir(at, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && (await readFile(path)).includes(SECRET)) found.push(path);
  }
  return found;
};

const { at, keep, start } = nodeProcesses();

test(
  'a node that joins as an archive is known to keep everything, also as static files, an erased body apart',
  { timeout: 120_000 },
  async () => {
    const root = await start('root', '--network', 'acme', '--company', 'Acme');
    const invite = await root.run('create invite where role = archive and name = attic');
    const attic = await start('attic', '--invite', invite.trim());
    const isKnown = async (): Promise<boolean> =>
      (
        (await root.json('get archives where format = json')) as { archives: readonly { says: boolean }[] }
      ).archives.some(({ says }) => says);
    await waitFor(isKnown, { timeoutMs: 30_000 });
    expect(await root.json('get archives where format = json')).toMatchObject({
      missing: 0,
      archives: [
        {
          key: attic.facts.peer,
          name: expect.stringMatching(/^attic/) as string,
          role: true,
          says: true,
          connected: true,
        },
      ],
    });
    // It writes nothing.
    await expect(attic.run('blockchain insert where policy = {"site": {"name": "x"}}')).rejects.toThrow('210');
    // Its static files come by themselves, and go on after a kill.
    const files = at('attic', 'tiles');
    const published = async (node: NodeProcess): Promise<boolean> => {
      const { tiles } = (await node.json('get archives where format = json')) as { tiles: { published: number } };
      return tiles.published === Number(/(\d+) entries/.exec(await node.run('get processes'))?.[1]);
    };
    await waitFor(() => published(attic), { timeoutMs: 20_000 });
    await attic.stop('SIGKILL');
    const { id } = await insertPolicy(root, 'site', { name: SECRET });
    const back = keep(await attic.restart([]));
    await waitFor(() => published(back), { timeoutMs: 20_000 });
    expect(await saying(files)).toHaveLength(1);
    const history = (await root.json(`blockchain history where id = ${id} and format = json`)) as readonly {
      readonly entry: string;
    }[];
    await root.run(`blockchain erase where entry = ${history[0]?.entry} and reason = "asked for"`);
    await waitFor(async () => (await saying(files)).length === 0, { timeoutMs: 20_000 });
    await waitFor(() => published(back), { timeoutMs: 20_000 });
    const { stdout, status } = spawnSync('python3', [PROGRAM, files, '--signatures', '1'], { encoding: 'utf8' });
    if (status !== null) expect([status, stdout]).toEqual([0, expect.stringContaining('the signed root agree')]);
    await back.stop();
    await waitFor(async () => (await root.run('get archives')).includes('away'));
  },
);
