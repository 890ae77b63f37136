import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { waitFor } from '../support/wait.ts';

let dir: string;
let nodes: NodeProcess[];
const start = async (name: string, ...args: readonly string[]): Promise<NodeProcess> => {
  const node = await NodeProcess.start({ dir: join(dir, name), name, args });
  nodes.push(node);
  return node;
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-archive-'));
  nodes = [];
});
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.stop('SIGKILL')));
  await rm(dir, { recursive: true, force: true });
});

test('a node that joins as an archive is known to keep everything', async () => {
  const root = await start('root', '--network', 'acme', '--company', 'Acme');
  const invite = await root.run('create invite where role = archive and name = attic');
  const attic = await start('attic', '--invite', invite.trim());
  await waitFor(async () => (await root.run('get archives')).includes('role archive, says so'));
  expect(await root.json('get archives where format = json')).toMatchObject({
    missing: 0,
    archives: [{ key: attic.facts.peer, name: 'attic', role: true, says: true, connected: true }],
  });
  // It writes nothing.
  await expect(attic.run('blockchain insert where policy = {"site": {"name": "x"}}')).rejects.toThrow('210');
  await attic.stop();
  await waitFor(async () => (await root.run('get archives')).includes('away'));
});
