import { beforeEach, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { joinEntry } from '../../../src/policy/admission/entry.ts';
import type { Scope } from '../../../src/policy/authority/rights.ts';
import { createMemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import { cluster, COMPANY, nodeOn, operator, pass, type TestNode } from '../../support/policy-node.ts';

const [B, INVITE] = [Buffer.alloc(32, 2), Buffer.alloc(32, 9)];

let root: TestNode;
let b: TestNode;
let clusters: readonly string[];
beforeEach(async () => {
  const ledger = await createMemoryLedger({ seed: Buffer.alloc(32, 1) });
  await ledger.createNetwork('n', 'invite');
  root = nodeOn(ledger);
  const made = [await root.policies.insert(cluster('c-1')), await root.policies.insert(cluster('c-2'))];
  clusters = made.map(({ id }) => id);
});

/** `b` joins by an invite with that scope, and has an operator policy in the first cluster. */
const joins = async (scope: Scope): Promise<string> => {
  const { ledger, members } = { ...root, members: root.policies.members };
  const expires = (Date.now() + 3_600_000) * 1_000;
  const wish = { roles: ['operator' as const], scope, grants: false, name: 'b', expires };
  const { entry } = await members.invite({ ...wish, key: signingKeyFromSeed(INVITE).author });
  const { hash, header } = entry;
  const token = { net: header.net, name: 'n', seeds: [], grant: hash, time: header.time, key: INVITE.toString('hex') };
  const made = { nowMicros: Date.now() * 1_000, salt: new Uint8Array(16), name: 'b' };
  const key = signingKeyFromSeed(B);
  await ledger.offer([joinEntry(key, { ...token, roles: ['operator'], expires }, made).raw], key.author);
  await root.policies.caughtUp();
  b = nodeOn(await createMemoryLedger({ seed: B }), { isOwn: () => true });
  await pass(root, b);
  b.ledger.allowAppend();
  const { id } = await b.policies.insert(operator(clusters[0] ?? '', 7848));
  await pass(b, root);
  return id;
};

const hintOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (caught: unknown) => (caught as { hint: string }).hint,
  );
const COMMAND = /blockchain insert where policy = (\{.*?\})(?= ;)/g;
/** Does what a hint says is to be typed at the root. */
const follow = async (hint: string): Promise<number> => {
  const policies = [...hint.matchAll(COMMAND)].map(([, policy = '']) => JSON.parse(policy) as JsonObject);
  for (const policy of policies) await root.policies.insert(policy);
  return policies.length;
};

test.each(['the operator', 'the root'])(
  'what the refusal of %s says lets it move, and stay in its company',
  async (who) => {
    const id = await joins({ cluster: clusters[0] ?? '' });
    const move = { cluster: clusters[1] ?? '' };
    const hint = await hintOf((who === 'the root' ? root : b).policies.update(id, move));
    expect(hint).toContain(who === 'the root' ? 'then run the command on that node' : 'then here this command again');
    expect(await follow(hint)).toBe(2);
    await pass(root, b);
    await b.policies.update(id, move);
    expect(b.policies.book.get(id)?.value).toMatchObject(move);
    await expect(b.policies.update(id, { company: 'Other' })).rejects.toMatchObject({ code: 'POLICY_NOT_AUTHORISED' });
    await pass(b, root);
    expect(root.policies.book.get(id)?.value).toMatchObject({ ...move, company: COMPANY });
    expect(await hintOf(root.policies.update(id, { cluster: clusters[0] ?? '' }))).toBe('run the command on that node');
  },
);

test('where the permissions are there, only the assignment is to be typed', async () => {
  const id = await joins({ cluster: clusters[0] ?? '' });
  const move = { cluster: clusters[1] ?? '' };
  const [, permissions = ''] = [...(await hintOf(root.policies.update(id, move))).matchAll(COMMAND)][0] ?? [];
  await root.policies.insert(JSON.parse(permissions) as JsonObject);
  await pass(root, b);
  expect(await follow(await hintOf(b.policies.update(id, move)))).toBe(1);
  await pass(root, b);
  await b.policies.update(id, move);
});

test('nothing is said of it where the grant is wide enough, the cluster is unknown, or it is no move', async () => {
  const id = await joins({ company: COMPANY });
  const [, to = ''] = clusters;
  expect(await hintOf(root.policies.update(id, { cluster: to }))).toBe('run the command on that node');
  expect(await hintOf(root.policies.update(id, { cluster: 'x' }))).toBe('run the command on that node');
  expect(await hintOf(root.policies.update(id, { note: 'x' }))).toBe('run the command on that node');
  expect(await hintOf(b.policies.insert(cluster('c-3')))).toMatch(/^see what it may do with: get permissions; /);
  await b.policies.update(id, { cluster: to });
});
