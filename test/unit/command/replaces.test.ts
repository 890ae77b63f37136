import { beforeEach, expect, test } from 'vitest';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { joinEntry } from '../../../src/policy/admission/entry.ts';
import type { Membership } from '../../../src/policy/authority/members.ts';
import { decodeToken } from '../../../src/policy/admission/token.ts';
import { type CommandNode, type CommandNodes, commandNodes } from '../../support/command-node.ts';

let nodes: CommandNodes;
let root: CommandNode;
let lost: CommandNode;
let policy: string;

/** Grants as a root gives them, here without an invite. */
const grantTo = (key: string, more: object) =>
  root.ledger.append({
    ...{ op: 'grant', type: null, id: null, replaces: null },
    content: { v: 1, key, scope: {}, grants: false, ...more },
  });

beforeEach(async () => {
  nodes = commandNodes();
  root = await nodes.add({ address: '10.0.0.1:7848', name: 'a' });
  lost = await nodes.add({ address: '10.0.0.2:7848', name: 'b' });
  await grantTo(lost.ledger.author, { roles: ['member'], scope: { types: ['query'] }, name: 'query-b' });
  await nodes.settled();
  const value = { company: 'c', name: 'query-b', ip: '10.0.0.2', port: 7848, peer: lost.ledger.author };
  await lost.run(`blockchain insert where policy = ${JSON.stringify({ query: value })}`);
  await nodes.settled();
  policy = root.policies.book.ofType('query')[0]?.id ?? '';
});

const successor = (of: string, from: CommandNode = root): Promise<string> =>
  from.text(`create invite where replaces = ${of}`);
const statuses = async (): Promise<readonly string[]> =>
  ((await root.json('get invites')) as { status: string }[]).map(({ status }) => status);

/** Whoever has the line joins by it; its key. */
const joinBy = async (line: string, number: number): Promise<string> => {
  const key = signingKeyFromSeed(new Uint8Array(32).fill(number));
  const own = { nowMicros: Date.now() * 1_000, salt: new Uint8Array(16), name: 'query-b' };
  await root.ledger.offer([joinEntry(key, decodeToken(line), own).raw], key.author);
  await root.policies.caughtUp();
  return key.author;
};
const holding = (key: string): Membership => {
  const found = root.policies.members.list().find((member) => member.key === key);
  if (found === undefined) throw new Error(`${key} was granted nothing`);
  return found;
};
const standsInFor = ({ grant }: Membership) => root.policies.book.authority.rightsOf({ cap: grant })?.former;

test('where the line for a successor was lost, another is made, by name, key or policy: the last one alone lets in', async () => {
  const key = lost.ledger.author;
  const first = await successor('query-b');
  const from = holding(key).revoked?.from;
  expect(from).toBe(2);
  for (const of of [key, policy, holding(key).grant]) await successor(of);
  const last = await successor('query-b');
  expect(await statuses()).toEqual(['deleted', 'deleted', 'deleted', 'deleted', 'open']);
  expect(await root.json('get invites')).toMatchObject(
    Array(5).fill({ name: 'query-b', replaces: holding(key).grant }),
  );
  expect(holding(key).revoked?.from).toBe(from);

  expect(holding(await joinBy(first, 3)).void).toMatchObject({ rule: 'revoked' });
  const joined = holding(await joinBy(last, 4));
  expect(joined).toMatchObject({ void: undefined, name: 'query-b', rights: { roles: ['member'] } });
  expect(standsInFor(joined)).toEqual([key]);

  const redeemed = { code: 'POLICY_INVITE_REDEEMED', hint: expect.stringContaining(joined.key) as string };
  for (const of of [key, policy]) await expect(successor(of)).rejects.toMatchObject(redeemed);
  // The name is that of both: which one is meant has to be said.
  await expect(successor('query-b')).rejects.toMatchObject({ code: 'POLICY_MEMBER_UNKNOWN' });
  expect(holding(joined.key).revoked).toBeUndefined();
  await successor(joined.key);
  expect(holding(joined.key).revoked).toBeDefined();
});

test('who was revoked before is replaced as well', async () => {
  await root.run('revoke member where name = query-b');
  const joined = holding(await joinBy(await successor('query-b'), 3));
  expect(standsInFor(joined)).toEqual([lost.ledger.author]);
});

test('who is revoked is not revoked again', async () => {
  // Of the grant, and of what an open network gives everybody.
  for (let times = 0; times < 2; times += 1) await root.run('revoke member where name = query-b');
  await expect(root.run('revoke member where name = query-b')).rejects.toMatchObject({
    code: 'POLICY_MEMBER_UNKNOWN',
    message: `${lost.ledger.author} is revoked already`,
  });
});

test('who holds several grants has to be named by one of them, and they are said', async () => {
  const key = 'cd'.repeat(32);
  const grants: string[] = [];
  for (const roles of [['member'], ['auditor']]) grants.push((await grantTo(key, { roles, name: 'two' })).entry.hash);
  await nodes.settled();
  await expect(successor('two')).rejects.toMatchObject({
    code: 'POLICY_MEMBER_UNKNOWN',
    hint: expect.stringContaining(`${grants[0]} (member); ${grants[1]} (auditor)`) as string,
  });
});

test('who may not take the earlier invite back makes no second one, and is told who may', async () => {
  const admin = await nodes.add({ address: '10.0.0.3:7848', name: 'admin' });
  const { entry } = await grantTo(admin.ledger.author, { roles: ['admin'], grants: true, name: 'admin' });
  await nodes.settled();
  const content = { v: 1, key: 'ab'.repeat(32), roles: ['auditor'], scope: {}, grants: false, name: 'reader' };
  const cap = entry.hash;
  await admin.ledger.append({ ...{ op: 'grant', type: null, id: null, replaces: null }, cap, content });
  await nodes.settled();
  await successor('reader');
  await nodes.settled();
  await expect(successor('reader', admin)).rejects.toMatchObject({
    code: 'POLICY_NOT_AUTHORISED',
    hint: expect.stringContaining(root.ledger.author) as string,
  });
  expect(await statuses()).toEqual(['open']);
});
