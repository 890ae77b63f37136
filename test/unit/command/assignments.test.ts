import { beforeEach, describe, expect, it } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import type { JsonObject } from '../../../src/codec/json.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { isInForce } from '../../../src/policy/authority/members.ts';
import { type CommandNode, type CommandNodes, commandNodes } from '../../support/command-node.ts';

const [B, C, D] = [2, 3, 4].map((byte) => signingKeyFromSeed(new Uint8Array(32).fill(byte)).author) as [
  string,
  string,
  string,
];

let nodes: CommandNodes;
let node: CommandNode;
beforeEach(async () => {
  nodes = commandNodes();
  node = await nodes.add({ address: '10.0.0.1:7848', name: 'a' });
});

const insertText = (type: string, value: JsonObject): string =>
  `blockchain insert where policy = ${JSON.stringify({ [type]: value })}`;
const insert = async (type: string, value: JsonObject, on = node): Promise<string> => {
  const { json } = await on.run(insertText(type, value));
  return (json as Record<string, { id: string }>)[type]?.id ?? '';
};
const update = (id: string, value: JsonObject) =>
  node.text(`blockchain update where id = ${id} and policy = ${JSON.stringify({ assignment: value })}`);
const WRITERS = { name: 'writers', roles: ['member'], types: ['site'] };
/** Who holds something now, by what it may write. */
const granted = (): readonly (readonly [string, string])[] =>
  node.policies.members
    .list()
    .filter(isInForce)
    .map(({ key, rights }): readonly [string, string] => [key, rights.roles.join()])
    .sort();
/** The ledger refuses to take the entry after `count` more. */
const failAfter = (count: number): (() => void) => {
  const append = node.ledger.append.bind(node.ledger);
  let left = count;
  node.ledger.append = (proposal) => {
    left -= 1;
    return left < 0 ? Promise.reject(fault('DISK_NO_ROOM', 'full')) : append(proposal);
  };
  return () => {
    node.ledger.append = append;
  };
};

describe('an assignment of permissions with roles', () => {
  it('grants to its members what the permissions say, and says so; what is left out or deleted is revoked', async () => {
    const permissions = await insert('permissions', WRITERS);
    await insert('member', { type: 'node', name: 'b', public_key: B });
    const said = await node.text(insertText('assignment', { id: 'as', permissions, members: [B, C] }));
    expect(said).toMatch(new RegExp(`^granted: ${B} may write as member \\([0-9a-f]{64}\\)\ngranted: ${C} `));
    expect(granted()).toEqual(
      [
        [B, 'member'],
        [C, 'member'],
      ].sort(),
    );
    expect(await node.json(`get permissions where name = b`)).toMatchObject([
      { public_key: B, name: 'b' }, // what open admission gives
      {
        ...{ public_key: B, roles: ['member'], scope: { types: ['site'] }, assignment: 'as', grants: false },
        ...{ grant: expect.stringMatching(/^[0-9a-f]{64}$/) as string, permissions: { id: permissions } },
      },
    ]);
    expect(await update('as', { members: [C, D] })).toMatch(
      new RegExp(`^revoked: what ${B} writes from its entry 1 on .*\ngranted: ${D} `),
    );
    expect(granted()).toEqual(
      [
        [C, 'member'],
        [D, 'member'],
      ].sort(),
    );
    expect(await node.text('blockchain delete policy where id = as')).toMatch(/^revoked: .*\nrevoked: /);
    expect(granted()).toEqual([]);
  });

  it('another set of permissions takes the place of the one before; equal grants of two assignments end with the last', async () => {
    const permissions = await insert('permissions', WRITERS);
    const admins = await insert('permissions', { name: 'admins', roles: ['admin'], grants: true });
    await insert('assignment', { id: 'one', permissions, members: [B] });
    await insert('assignment', { id: 'two', permissions, members: [B], company: 'x' });
    await update('one', { permissions: admins });
    expect(granted()).toEqual([
      [B, 'admin'],
      [B, 'member'],
    ]);
    await update('one', { members: [] });
    expect(granted()).toEqual([[B, 'member']]);
    await node.run('blockchain delete policy where id = two');
    expect(granted()).toEqual([]);
  });

  it('nothing is written where a part may not be: rights that the node lacks, certificates, unknown permissions', async () => {
    const other = await nodes.add({ address: '10.0.0.2:7848', name: 'other' });
    const permissions = await insert('permissions', WRITERS);
    const doors = await insert('permissions', { name: 'doors', enable: ['get'] });
    const malformed = await insert('permissions', { name: 'bad', roles: ['member', 'member'] });
    await insert('member', { type: 'certificate', name: 'ann', public_key: C });
    await nodes.settled();
    const { size } = node.ledger;
    const refused = async (value: JsonObject, code: string, on = node) =>
      expect(on.run(insertText('assignment', value))).rejects.toMatchObject({ code });
    await refused({ permissions, members: [B] }, 'POLICY_NOT_AUTHORISED', other);
    await refused({ permissions, members: [B, C] }, 'POLICY_NOT_AUTHORISED');
    await refused({ permissions: 'nothing', members: [B] }, 'POLICY_PERMISSIONS_UNKNOWN');
    await refused({ permissions: malformed, members: [B] }, 'POLICY_STRUCTURE');
    await refused({ permissions, members: ['x'] }, 'POLICY_STRUCTURE');
    await refused({ permissions, members: [B.toUpperCase()] }, 'POLICY_STRUCTURE');
    expect([node.ledger.size, other.ledger.size]).toEqual([size, size]);
    await insert('assignment', { permissions: doors, members: [B, C] }, other);
    expect(granted()).toEqual([]);
  });

  it('what was broken off is seen, and the same command again completes it', async () => {
    const permissions = await insert('permissions', WRITERS);
    const assignment = { id: 'as', permissions, members: [B, C] };
    const broken = async (count: number, command: () => Promise<unknown>): Promise<void> => {
      const mend = failAfter(count);
      await expect(command()).rejects.toMatchObject({ code: 'DISK_NO_ROOM' });
      mend();
    };
    const again = () => node.run(insertText('assignment', assignment));
    await broken(2, again);
    expect(granted()).toEqual([[B, 'member']]);
    expect(await node.text(`get permissions where public_key = ${C}`)).toContain(
      'missing: repeat the command of the assignment as',
    );
    await again();
    expect(granted()).toEqual(
      [
        [B, 'member'],
        [C, 'member'],
      ].sort(),
    );
    await expect(again()).rejects.toMatchObject({ code: 'POLICY_ID_TAKEN' });

    await broken(1, () => update('as', { members: [D] }));
    await broken(2, () => update('as', { members: [D] }));
    await update('as', { members: [D] });
    expect(granted()).toEqual([[D, 'member']]);
    await broken(1, () => node.run('blockchain delete policy where id = as'));
    await node.run('blockchain delete policy where id = as');
    expect(granted()).toEqual([]);
    expect(node.policies.book.get('as')).toBeUndefined();
  });

  it('what somebody revoked is not given back by a change for others', async () => {
    const permissions = await insert('permissions', WRITERS);
    await insert('assignment', { id: 'as', permissions, members: [B] });
    await node.run(`revoke member where key = ${B} and reason = stolen`);
    await update('as', { members: [B, C] });
    expect(granted()).toEqual([[C, 'member']]);
    expect(await node.text(`get permissions where public_key = ${B}`)).toContain(
      'take the key out of the assignment as',
    );
    await update('as', { members: [C] });
    await update('as', { members: [B, C] });
    expect(granted()).toEqual(
      [
        [B, 'member'],
        [C, 'member'],
      ].sort(),
    );
  });

  it('a root key needs no grant', async () => {
    const permissions = await insert('permissions', WRITERS);
    await insert('assignment', { id: 'as', permissions, members: [node.ledger.author] });
    expect(granted()).toEqual([]);
    expect(await node.json('get permissions')).toMatchObject([{}, { assignment: 'as', grant: 'root' }]);
  });
});

describe('permissions and members', () => {
  it('what is assigned is neither deleted nor granted otherwise; what it lets run may change', async () => {
    const permissions = await insert('permissions', WRITERS);
    await insert('assignment', { id: 'as', permissions, members: [B] });
    const change = (value: JsonObject) =>
      node.run(`blockchain update where id = ${permissions} and policy = ${JSON.stringify({ permissions: value })}`);
    await expect(change({ roles: ['admin'] })).rejects.toMatchObject({ code: 'POLICY_IN_USE' });
    await expect(change({ types: ['pump'] })).rejects.toMatchObject({ code: 'POLICY_IN_USE' });
    await expect(node.run(`blockchain delete policy where id = ${permissions}`)).rejects.toMatchObject({
      code: 'POLICY_IN_USE',
    });
    await change({ enable: ['get'], types: ['site'] });
    await node.run('blockchain delete policy where id = as');
    await node.run(`blockchain delete policy where id = ${permissions}`);
  });

  it('only a root key is a member of type root; a key is one member', async () => {
    const root = { type: 'root', name: 'r', public_key: node.ledger.author };
    await expect(insert('member', { ...root, public_key: B })).rejects.toMatchObject({ code: 'POLICY_ROOT_KEY' });
    await insert('member', root);
    await insert('member', { type: 'node', name: 'b', public_key: B });
    await expect(insert('member', { type: 'user', name: 'c', public_key: B })).rejects.toMatchObject({
      code: 'POLICY_NOT_UNIQUE',
    });
    await expect(insert('member', { type: 'king', name: 'c', public_key: C })).rejects.toMatchObject({
      code: 'POLICY_STRUCTURE',
    });
    expect(await node.json('get permissions where name = r')).toMatchObject([
      { public_key: node.ledger.author, name: 'r' },
    ]);
  });
});
