import { beforeEach, expect, test } from 'vitest';
import { type CommandNode, type CommandNodes, commandNodes } from '../../support/command-node.ts';

let nodes: CommandNodes;
let node: CommandNode;
beforeEach(async () => {
  nodes = commandNodes();
  node = await nodes.add();
});

test.each([
  ['replaces = one and cluster = c', 'cluster would do nothing'],
  ['replaces = one and type = query', 'type would do nothing'],
  ['replaces = one and company = Acme', 'company would do nothing'],
  ['replaces = one and grants = true', 'grants would do nothing'],
  ['role = auditor and type = query', 'auditor writes no policy of type query'],
  ['role = archive and role = auditor and type = query', 'archive and auditor writes no policy of type query'],
  ['role = operator and type = query', 'operator writes no policy of type query'],
  ['role = admin and role = operator', 'an admin may all that the role operator may'],
  ['role = auditor and role = admin', 'an admin may all that the role auditor may'],
  ['role = auditor and seed = 0.0.0.0:32148', 'nobody can be reached at the seed 0.0.0.0:32148'],
  ['role = auditor and seed = [::]:32148', 'nobody can be reached at the seed'],
  ['role = auditor and seed = 10.0.0.1:0', 'nobody can be reached at the seed'],
  ['role = auditor and seed = 224.0.0.1:32148', 'nobody can be reached at the seed'],
  ['role = auditor and seed = 255.255.255.255:32148', 'nobody can be reached at the seed'],
  ['role = auditor and seed = 10.0.0.999:32148', 'nobody can be reached at the seed'],
  ['role = auditor and seed = a_b-:32148', 'nobody can be reached at the seed'],
])('create invite where %s is refused', async (options, message) => {
  await expect(node.run(`create invite where ${options}`)).rejects.toMatchObject({
    code: 'COMMAND_VALUE',
    message: expect.stringContaining(message) as string,
  });
  expect(node.policies.members.invites()).toHaveLength(0);
});

test.each([
  'role = operator and type = table and type = operator',
  'role = auditor and role = member and type = query',
  'role = admin and type = query and grants = true',
  'role = admin and role = archive',
  'role = archive and seed = attic.example.org:32148 and seed = [2001:db8::1]:32148',
])('create invite where %s is not', async (options) => {
  expect(await node.json(`create invite where ${options}`)).toMatchObject({ invite: expect.any(String) as string });
});
