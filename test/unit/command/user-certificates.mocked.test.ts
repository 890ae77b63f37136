import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { beforeEach, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import type { Person, ShownCertificate } from '../../../src/command/access/access.ts';
import { allows, plainAct, restrictionOf } from '../../../src/command/access/door.ts';
import { createSession } from '../../../src/command/executor.ts';
import { type CommandNode, type CommandNodes, commandNodes } from '../../support/command-node.ts';

vi.mock('node:crypto', async (load) => (await import('../../support/cheap-scrypt.ts')).withCheapScrypt(await load()));

const KEY = 'c'.repeat(64);
const CERTIFICATE: ShownCertificate = { key: KEY, subject: 'CN=ann', untilMs: 1e15, wrong: undefined };
const PASSWORD = `Basic ${Buffer.from('ann:a long secret').toString('base64')}`;

let nodes: CommandNodes;
let node: CommandNode;
beforeEach(async () => {
  nodes = commandNodes();
  node = await nodes.add({ address: '10.0.0.1:7848', name: 'a' });
});

const insert = async (type: string, value: JsonObject): Promise<string> => {
  const { json } = await node.run(`blockchain insert where policy = ${JSON.stringify({ [type]: value })}`);
  return (json as Record<string, { id: string }>)[type]?.id ?? '';
};
const run = (person: Person, line: string) => node.run(line, createSession({ isolated: true, caller: 'rest', person }));
/** The same person, by each way in. */
const admitted = async (): Promise<readonly Person[]> => [
  await node.context.access.admit(undefined, '127.0.0.1', CERTIFICATE),
  await node.context.access.admit(PASSWORD, '127.0.0.1'),
];
const ACCESS_REFUSED = { code: 'ACCESS_REFUSED' };

it('what is assigned to its key holds for a user, by certificate and by password, and for an admin', async () => {
  await node.run(`id add user where name = ann and type = admin and password = "a long secret" and key = ${KEY}`);
  for (const ann of await admitted()) await run(ann, 'get users');
  const permissions = await insert('permissions', { name: 'readers', enable: ['*'], disable: ['get version'] });
  await insert('assignment', { permissions, members: [KEY] });
  for (const ann of await admitted()) {
    await run(ann, 'get node name');
    await expect(run(ann, 'get version')).rejects.toMatchObject(ACCESS_REFUSED);
    // It would make itself another user, without the assignment.
    await expect(run(ann, 'id add user where name = eve and password = "a long one"')).rejects.toMatchObject(
      ACCESS_REFUSED,
    );
  }
});

it('who was let in as a user with a key is another once the key is gone', async () => {
  await node.run(`id add user where name = ann and password = "a long secret" and key = ${KEY}`);
  const [byKey, byPassword] = (await admitted()) as [Person, Person];
  for (const ann of [byKey, byPassword]) expect(node.context.access.current(ann)).toBe(ann);
  await node.run('id remove user where name = ann');
  await node.run('id add user where name = ann and password = "a long secret"');
  for (const ann of [byKey, byPassword]) expect(node.context.access.current(ann)).toBeUndefined();
});

it('id validate says of the key of a user what the door would', async () => {
  const readers = await insert('permissions', { name: 'readers', enable: ['get'] });
  await node.run(`id add user where name = ann and permissions = ${readers} and key = ${KEY}`);
  const valid = (command: string) => node.text(`id validate where key = ${KEY} and command = "${command}"`);
  expect([await valid('get status'), await valid('flush buffers'), await valid('id add user')]).toEqual([
    'true',
    'false',
    'false',
  ]);
  await node.run('id remove user where name = ann');
  await node.run(`id add user where name = ann and type = admin and key = ${KEY}`);
  expect([await valid('flush buffers'), await valid('id add user')]).toEqual(['true', 'true']);
});

it('a user may do just what both its own permissions and those of its key allow', async () => {
  const WORDS = ['get', 'sql', 'put', '*'];
  const DATABASES = ['plant', '-plant', '*', 'other'];
  const permissions = fc.record({
    enable: fc.subarray(WORDS, { minLength: 1 }),
    disable: fc.subarray(['get', 'sql']),
    databases: fc.subarray(DATABASES),
  });
  await fc.assert(
    fc.asyncProperty(fc.option(permissions), fc.array(permissions, { maxLength: 2 }), async (own, assigned) => {
      // Each run with names and a key of its own: what was inserted before stays.
      const key = createHash('sha256')
        .update(JSON.stringify([own, assigned]))
        .digest('hex');
      const ids = await Promise.all([own, ...assigned].map(async (each) => (each === null ? undefined : named(each))));
      for (const id of ids.slice(1)) await insert('assignment', { permissions: id ?? '', members: [key] });
      const user: Person = { by: 'user', name: 'ann', admin: false, ...(ids[0] ? { permissions: ids[0] } : {}) };
      const restrictions = [{ ...user, key }, user, { ...user, permissions: undefined, key }].map(
        ({ permissions: of, ...person }) =>
          restrictionOf(node.context, of === undefined ? person : { ...person, permissions: of }),
      );
      for (const dbms of ['plant', 'other', 'third'])
        for (const words of ['get status', 'sql', 'put']) {
          const act = plainAct(words, [{ dbms, table: 't' }]);
          const [both, ofUser, ofKey] = restrictions.map((restriction) => allows(restriction, act));
          expect(both).toBe(ofUser && ofKey);
        }
    }),
    { numRuns: 60 },
  );
});

let count = 0;
const named = (value: JsonObject): Promise<string> => insert('permissions', { name: `p${(count += 1)}`, ...value });
