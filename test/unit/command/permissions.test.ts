import { afterEach, beforeEach, expect, it } from 'vitest';
import { CommandNodes, type CommandNode } from '../../support/command-node.ts';

const nodes = new CommandNodes();
let node: CommandNode;
beforeEach(async () => {
  node = await nodes.add();
});
afterEach(() => nodes.close());

it('permissions are those of the grants in force', async () => {
  const root = node.ledger.author;
  const network = node.ledger.network ?? '';
  expect(await node.json('get permissions')).toEqual([
    {
      public_key: root,
      name: '',
      roles: ['admin'],
      scope: {},
      grants: true,
      grant: network,
      assignment: null,
      permissions: null,
    },
  ]);
  expect(await node.text('get permissions')).toMatch(/\|every policy *\| *\|yes/);

  // Granted to a key directly; in an open network it may write by genesis as well.
  const key = 'ab'.repeat(32);
  const scope = { company: 'Acme', types: ['query'] };
  const grant = await node.ledger.append({
    ...{ op: 'grant', type: null, id: null, replaces: null },
    content: { v: 1, key, roles: ['member'], scope, grants: false, name: 'query-c' },
  });
  await node.policies.caughtUp();
  const rows = (await node.json('get permissions where name = query-c')) as Record<string, unknown>[];
  expect(rows).toMatchObject([
    { public_key: key, name: 'query-c', grant: network, grants: false },
    { public_key: key, roles: ['member'], scope, grants: false, grant: grant.entry.hash },
  ]);
  expect(await node.json('get member permissions')).toHaveLength(3);
  expect(await node.text(`get permissions where public_key = ${key}`)).toContain('companies that begin with Acme');

  await node.run(`revoke member where key = ${key}`);
  expect(await node.json(`get permissions where public_key = ${key}`)).toMatchObject([{ grant: network }]);
  await expect(node.run('get permissions where name = nobody')).rejects.toMatchObject({
    code: 'POLICY_MEMBER_UNKNOWN',
  });
});
