import { beforeEach, expect, it } from 'vitest';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { makeEntry } from '../../../src/entry/make.ts';
import { type CommandNode, type CommandNodes, commandNodes } from '../../support/command-node.ts';

let nodes: CommandNodes;
let node: CommandNode;
beforeEach(async () => {
  nodes = commandNodes();
  node = await nodes.add();
});

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

it('whoever revokes is told whom the member had let in, and how that ends', async () => {
  const [thief, second] = [signingKeyFromSeed(new Uint8Array(32).fill(7)), 'cd'.repeat(32)];
  const granting = (key: string, name: string) => ({
    ...{ op: 'grant', type: null, id: null, replaces: null },
    content: { v: 1, key, roles: ['admin'], scope: {}, grants: true, name },
  });
  const { entry } = await node.ledger.append(granting(thief.author, 'thief'));
  const { network = '' } = node.ledger;
  const { header } = entry;
  const own = makeEntry(thief, {
    ...{ net: network, seq: 1, prev: null, parents: [entry.hash], time: header.time + 1, cap: entry.hash },
    ...{ ...granting(second, 'helper'), salt: new Uint8Array(16) },
  });
  await node.ledger.offer([own.raw], thief.author);
  await node.policies.caughtUp();
  const { text, json } = await node.run('revoke member where name = thief');
  expect(text).toBe(
    `revoked: what thief (${thief.author}) writes from its entry 2 on is void\n` +
      `still a member, let in by it: helper (admin); to end that: revoke member where grant = ${own.hash}`,
  );
  expect(json).toEqual({
    key: thief.author,
    from: 2,
    remain: [
      {
        key: second,
        name: 'helper',
        roles: ['admin'],
        grant: own.hash,
        end: `revoke member where grant = ${own.hash}`,
      },
    ],
  });
  expect(await node.json(`revoke member where grant = ${own.hash}`)).toEqual({ key: second, from: 1, remain: [] });
});
