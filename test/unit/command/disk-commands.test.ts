import { statfsSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { type CommandNode, type CommandNodes, commandNodes } from '../../support/command-node.ts';

let nodes: CommandNodes;
let node: CommandNode;
beforeEach(async () => {
  nodes = commandNodes();
  node = await nodes.add();
});

test('get disk shows the space of the node’s disk, and of a path', async () => {
  const usage = (await node.json('get disk usage')) as Record<string, number>;
  const { blocks, bfree, bsize } = statfsSync(node.context.facts.directories.root);
  expect(usage).toMatchObject({ path: node.context.facts.directories.root, total: blocks * bsize });
  expect((usage['used'] ?? 0) / ((blocks - bfree) * bsize)).toBeCloseTo(1, 1);
  expect(Number(await node.text('get disk total /'))).toBe(statfsSync('/').blocks * statfsSync('/').bsize);
  expect(Number(await node.text('get disk percentage .'))).toBeGreaterThanOrEqual(0);
  expect(await node.text('get disk usage .')).toMatch(/used .* free /);
});

test('get disk refuses what it does not know, and a path that is not there', async () => {
  await expect(node.text('get disk speed')).rejects.toMatchObject({ code: 'COMMAND_VALUE' });
  await expect(node.text('get disk usage /no/such/place')).rejects.toMatchObject({ code: 'COMMAND_VALUE' });
});
