import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { NodeProcess } from '../../scripts/demo/node-process.ts';

/** The node processes of each test of a file or suite, in a directory of its own; both are gone after it. */
export const nodeProcesses = () => {
  let dir = '';
  let nodes: NodeProcess[] = [];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'holdfast-nodes-'));
    nodes = [];
  });
  afterEach(async () => {
    await Promise.all(nodes.map((node) => node.stop('SIGKILL')));
    await rm(dir, { recursive: true, force: true });
  });
  const at = (...names: readonly string[]): string => join(dir, ...names);
  /** One that is ended with the test. */
  const keep = (node: NodeProcess): NodeProcess => {
    nodes.push(node);
    return node;
  };
  const start = async (name: string, ...args: readonly string[]): Promise<NodeProcess> =>
    keep(await NodeProcess.start({ dir: at(name), name, args }));
  return { at, keep, start };
};
