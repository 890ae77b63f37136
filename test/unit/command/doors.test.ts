import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/codec/json.ts';
import type { Person } from '../../../src/command/access/access.ts';
import { checkAsker } from '../../../src/command/access/door.ts';
import { createSession, type CommandOutput } from '../../../src/command/executor.ts';
import { type CommandNode, type CommandNodes, commandNodes } from '../../support/command-node.ts';

let nodes: CommandNodes;
let node: CommandNode;
beforeEach(async () => {
  nodes = commandNodes();
  node = await nodes.add({ address: '10.0.0.1:7848', name: 'a', environment: { HOLDFAST_NAME: 'n' } });
});

const insert = async (type: string, value: JsonObject, on = node): Promise<string> => {
  const { json } = await on.run(`blockchain insert where policy = ${JSON.stringify({ [type]: value })}`);
  return (json as Record<string, { id: string }>)[type]?.id ?? '';
};
const permit = (value: JsonObject): Promise<string> => insert('permissions', { name: 'guest', ...value });

/** What a user of that permissions policy runs over REST, all lines of one request. */
const as = async (permissions: string, ...lines: readonly string[]): Promise<CommandOutput> => {
  const person: Person = { by: 'user', name: 'ann', admin: true, permissions };
  const session = createSession({ isolated: true, caller: 'rest', person });
  let output: CommandOutput = { text: '', json: undefined };
  for (const line of lines) output = await node.run(line, session);
  return output;
};
const REFUSED = { code: 'ACCESS_REFUSED', hint: expect.stringContaining('get member permissions') as string };

describe('a user with permissions', () => {
  it('runs what is enabled, and is told what is missing', async () => {
    const id = await permit({ enable: ['get', 'blockchain get'], disable: ['get dictionary'] });
    expect((await as(id, 'get node name')).text).toBe('a');
    expect((await as(id, '  GET   Node  name ')).text).toBe('a');
    await as(id, 'ledger get permissions');
    await expect(as(id, 'blockchain read permissions')).rejects.toMatchObject(REFUSED);
    await expect(as(id, 'get dictionary')).rejects.toMatchObject({
      message: `the permissions guest (${id}) disable: get dictionary`,
    });
    await expect(as(id, 'flush buffers')).rejects.toMatchObject({ message: /do not enable: flush buffers/ });
    for (const line of ['ledger insert where policy = {}', 'blockchain  ADD {"a": {}}', 'drop policy where id = x'])
      await expect(as(id, line)).rejects.toMatchObject({ code: expect.stringMatching(/ACCESS_REFUSED/) as string });
  });

  it('an alias is the command that it stands for, whichever of the two is named', async () => {
    const id = await permit({ enable: ['*'], disable: ['time file get', 'job status'], databases: ['*'] });
    for (const line of ['get tsd details', 'time file get', 'query status', 'job status'])
      await expect(as(id, line)).rejects.toMatchObject(REFUSED);
    const more = await permit({ name: 'other', enable: ['*'], disable: ['blockchain get member'] });
    await expect(as(more, 'blockchain get *')).rejects.toMatchObject(REFUSED);
    await as(more, 'blockchain read *');
    await as(more, 'get version');
  });

  it.each<readonly [JsonObject, string, string]>([
    [{ enable: ['get', 'flush bufers'] }, '"flush bufers" in enable', 'Maybe: flush buffers'],
    [{ enable: ['blockchain get operator'] }, '"blockchain get operator" in enable', 'Maybe: blockchain get'],
    [{ enable: [] }, 'enable is an empty list', 'see: help'],
    [{ enable: ['get', 'create invite'] }, '"create invite" in enable names only commands of admins', 'see: help'],
    [{ enable: ['*'], disable: ['get tsd nonsense'] }, '"get tsd nonsense" in disable', 'see: help'],
  ])('is not given %j: it would do nothing', async (value, message, hint) => {
    const refusal = { code: 'POLICY_STRUCTURE', message: expect.stringContaining(message) as string };
    await expect(permit(value)).rejects.toMatchObject({ ...refusal, hint: expect.stringContaining(hint) as string });
    const id = await permit({ enable: ['*', 'put', 'run client', 'Ledger  GET', 'time file'], disable: ['sql'] });
    const policy = JSON.stringify({ permissions: value });
    await expect(node.run(`blockchain update where id = ${id} and policy = ${policy}`)).rejects.toMatchObject(refusal);
    // Another program may have written it: it stands, and is told.
    await node.context.policies.insert({ permissions: { name: 'foreign', ...value } });
    expect(await node.text('blockchain test')).toContain(message);
  });

  it('finds no way around by scripts, assignments, conditions, blocks, nested commands or other nodes', async () => {
    const id = await permit({
      enable: ['get status', 'echo', 'process', 'run client', 'blockchain wait', 'drop policy'],
    });
    mkdirSync(node.context.facts.directories.scripts, { recursive: true });
    writeFileSync(join(node.context.facts.directories.scripts, 'x.al'), 'get status\nget version\n');
    for (const line of [
      'process x.al',
      'x = get version',
      'x[] = get version',
      'if not !nothing then get version',
      '<get\n version>',
      'get !node_name',
      '!node_name',
      'blockchain wait where command = "blockchain get *"',
      'drop policy where id = blockchain get permissions bring [*][id]',
      'run client (10.0.0.1:7848) get version',
      'run client (10.0.0.1:7848) get !node_name',
      'run client (10.0.0.1:7848) x = get version',
      'run client (10.0.0.1:7848) if not !nothing then get version',
      'run client (10.0.0.1:7848) run client (10.0.0.1:7848) get version',
      'run client (permissions) get status',
      'run client () sql plant "select * from t"',
    ])
      await expect(as(id, line), line).rejects.toMatchObject({ code: 'ACCESS_REFUSED' });
    await expect(as(id, 'run client (10.0.0.1:7848)', 'get version')).rejects.toMatchObject({ code: 'ACCESS_REFUSED' });
    expect((await as(id, 'run client (10.0.0.1:7848) get status')).text).toContain('running');
    // What it may run may be made of what it may not.
    const tester = await permit({ name: 'tester', enable: ['test network'] });
    await insert('query', { company: 'c', name: 'q', ip: '10.0.0.1', port: 7848 });
    expect(await as(tester, 'test network metadata version')).toMatchObject({ json: [{ status: '+' }] });
    await expect(as(tester, 'get metadata version')).rejects.toMatchObject(REFUSED);
  });

  it('cannot free itself: it writes no permissions, assignments or members, whatever is enabled', async () => {
    const id = await permit({ enable: ['*'], databases: ['*'] });
    const assignment = await insert('assignment', { permissions: id, members: [] });
    for (const line of [
      'blockchain insert where policy = {"permissions": {"name": "all", "enable": ["*"]}}',
      'blockchain add {"member": {"type": "user", "name": "x"}}',
      `blockchain update where id = ${id} and policy = {"permissions": {"databases": ["*"]}}`,
      `blockchain replace policy ${id} with {"permissions": {"name": "x", "enable": ["*"]}}`,
      `blockchain delete policy where id = ${assignment}`,
      `blockchain drop policy where id = blockchain get assignment bring [*][id]`,
    ])
      await expect(as(id, line), line).rejects.toMatchObject({
        code: 'ACCESS_REFUSED',
        message: /only an admin may write policies of type/,
      });
    for (const line of [
      'ledger push {"assignment": {}}',
      'blockchain insert where policy = {"site": {}}',
      'flush buffers',
    ])
      await expect(as(id, `run client (10.0.0.1:7848) ${line}`)).rejects.toMatchObject({
        message: /changes nothing there/,
      });
    await as(id, 'blockchain insert where policy = {"site": {"name": "s"}}');
    await as(id, 'blockchain delete policy where id = blockchain get site bring [*][id]');
  });

  it('reads of the node’s variables and environment what it may list, whatever command names them', async () => {
    await node.run('secret = 4711');
    const id = await permit({ enable: ['echo', 'get error', 'run client', 'blockchain insert'] });
    for (const line of [
      'echo !secret',
      'get error !secret',
      'x = !secret',
      'if !secret = 4711 then echo yes',
      'run client (10.0.0.1:7848) echo !secret',
      'run client (10.0.0.1:!secret) echo x',
      'blockchain insert where policy = {"site": {"name": !secret}}',
    ])
      await expect(as(id, line), line).rejects.toMatchObject({ ...REFUSED, message: /do not enable: get dictionary/ });
    expect((await as(id, 'secret = mine', 'echo !secret !nothing')).text).toBe('mine !nothing');
    const lister = await permit({ name: 'lister', enable: ['echo', 'get dictionary'] });
    expect((await as(lister, 'echo !secret')).text).toBe('4711');
    await expect(as(lister, 'echo $HOLDFAST_NAME')).rejects.toMatchObject({ message: /do not enable: get env var/ });
    expect((await as(await permit({ name: 'env', enable: ['echo', 'get env'] }), 'echo $HOLDFAST_NAME')).text).toBe(
      'n',
    );
  });

  it('what it assigns stays in its request, unless it may set', async () => {
    const id = await permit({ enable: ['echo'] });
    expect((await as(id, 'x = 1', 'echo !x')).text).toBe('1');
    expect(await node.text('echo !x')).not.toBe('1');
    await as(await permit({ name: 'setter', enable: ['echo', 'set'] }), 'x = 1');
    expect(await node.text('echo !x')).toBe('1');
  });

  it('reaches the databases and tables that are named, however a command names them', async () => {
    const id = await permit({ enable: ['*'], databases: ['plant'], tables: ['*', '-plant.secret'] });
    for (const line of [
      'sql plant "select * from t"',
      'sql PLANT "select * from T"',
      'run client () sql plant "select * from t"',
      'get columns where dbms = plant and table = t',
      // What it lists is in reach, see reach.test.ts.
      'get rows count where table = t',
      'get tables where dbms = *',
    ])
      await as(id, line).catch((caught: unknown) =>
        expect(caught, line).toMatchObject({ code: 'COMMAND_TABLE_UNKNOWN' }),
      );
    for (const line of [
      'sql plant "select * from secret"',
      'sql plant "select * from SECRET"',
      'sql plant select * from "secret"',
      'sql plant include = (secret) "select * from t"',
      'sql plant include = (other.t) "select * from t"',
      'run client () sql plant include = (Plant.Secret) "select * from t"',
      'sql other "select * from t"',
      'run client () sql other "select * from t"',
      'run client (10.0.0.1:7848) sql other "select * from t"',
      'get columns where dbms_name = other and table_name = t',
      'run client (10.0.0.1:7848) get columns where dbms = other and table = t',
      'connect dbms other',
      'disconnect dbms other',
      'info table other t exists',
      'info table plant secret exists',
      'create table t where dbms = other',
      'test network table other.t',
      'flush buffers',
      'set buffer threshold where time = 1 second',
    ])
      await expect(as(id, line), line).rejects.toMatchObject(REFUSED);
    await expect(as(id, 'drop table t where dbms = plant')).rejects.toMatchObject({ message: /only an admin/ });
    // A variable that means something else on the other node.
    await node.run('d = plant');
    await expect(as(id, 'run client (10.0.0.1:7848) get columns where dbms = !!d and table = t')).rejects.toThrow();
    await expect(
      as(id, 'e = "!d"', 'run client (10.0.0.1:7848) get columns where dbms = !e and table = t'),
    ).rejects.toThrow();
    expect(node.parts.queries.every(({ request }) => request.dbms === 'plant')).toBe(true);
  });

  it('puts rows where it may', async () => {
    const id = await permit({ enable: ['put'], databases: ['plant'] });
    const put = (dbms: string, person: Person) =>
      node.executor.put(
        { dbms, table: 't', mode: 'file', source: '0', instructions: '0', content: Buffer.from('{}') },
        person,
      );
    const ann: Person = { by: 'user', name: 'ann', admin: false, permissions: id };
    await expect(put('plant', ann)).rejects.toMatchObject({ code: 'COMMAND_NO_OPERATOR' });
    await expect(put('other', ann)).rejects.toMatchObject(REFUSED);
    await expect(
      put('plant', { ...ann, permissions: await permit({ name: 'r', enable: ['get'] }) }),
    ).rejects.toMatchObject(REFUSED);
    await expect(put('other', { by: 'token', name: '', admin: true })).rejects.toMatchObject({
      code: 'COMMAND_NO_OPERATOR',
    });
  });

  it('without a policy in force may do nothing; a change of it holds at once', async () => {
    const id = await permit({ enable: ['get'] });
    await node.run(`blockchain update where id = ${id} and policy = {"permissions": {"enable": ["echo"]}}`);
    await expect(as(id, 'get version')).rejects.toMatchObject(REFUSED);
    await node.run(`blockchain delete policy where id = ${id}`);
    for (const gone of [id, '__proto__', '', 'constructor'])
      await expect(as(gone, 'echo x')).rejects.toMatchObject({ message: /no policy in force, so nothing/ });
  });

  it('is made with an id or an unambiguous name', async () => {
    const id = await permit({ enable: ['get'] });
    const user = (permissions: string) =>
      `id add user where name = ann and password = long-enough and permissions = ${permissions}`;
    await node.run(user('guest'));
    expect(await node.json('get users')).toMatchObject([{ name: 'ann', permissions: id }]);
    const admitted = await node.context.access.admit(
      `Basic ${Buffer.from('ann:long-enough').toString('base64')}`,
      '::1',
    );
    expect(admitted).toMatchObject({ permissions: id });
    await expect(node.run(`${user('guest')} and type = admin`)).rejects.toMatchObject({ code: 'COMMAND_OPTION' });
    await node.run('id remove user where name = ann');
    await permit({ enable: ['sql'] });
    for (const wrong of ['guest', 'nobody'])
      await expect(node.run(user(wrong))).rejects.toMatchObject({ code: 'POLICY_PERMISSIONS_UNKNOWN' });
  });
});

describe('a certificate', () => {
  const key = 'c'.repeat(64);
  const person: Person = { by: 'certificate', name: 'ann', admin: false, key };
  const run = (line: string) => node.run(line, createSession({ isolated: true, caller: 'rest', person }));

  it('may do what is assigned to its key, at doors of the company that the assignment names', async () => {
    await expect(run('get status')).rejects.toMatchObject({ code: 'ACCESS_REFUSED', message: /nothing is assigned/ });
    const id = await permit({ enable: ['get'] });
    await insert('assignment', { permissions: id, members: [key], company: 'Other' });
    await expect(run('get status')).rejects.toMatchObject({ message: /nothing is assigned/ });
    await insert('assignment', { permissions: id, members: [key], company: 'Lit San' });
    expect((await run('get node name')).text).toBe('a');
    await expect(run('echo x')).rejects.toMatchObject(REFUSED);
    const roles = await permit({ name: 'roles', roles: ['auditor'] });
    await insert('assignment', { permissions: roles, members: [key] });
    expect((await run('get node name')).text).toBe('a');
    const denying = await permit({ name: 'deny', disable: ['get'] });
    await insert('assignment', { permissions: denying, members: [key] });
    await expect(run('get node name')).rejects.toMatchObject({ message: /deny .* disable/ });
  });
});

describe('a node', () => {
  it('that is assigned permissions is held to them where it sends commands and asks for rows', async () => {
    const b = await nodes.add({ address: '10.0.0.2:7848', name: 'b' });
    await nodes.settled();
    const ask = (command: string) => b.text(`run client (10.0.0.1:7848) ${command}`);
    expect(await ask('get version')).toContain('AnyLog');
    const id = await permit({ enable: ['get node name', 'sql'], databases: ['plant'] });
    await insert('assignment', { permissions: id, members: [b.ledger.author] });
    await nodes.settled();
    expect(await ask('get node name')).toBe('a');
    await expect(ask('get version')).rejects.toMatchObject({ code: 'ACCESS_REFUSED' });
    const rows = (key: string, dbms: string) => () => checkAsker(node.context, key, dbms, () => 't');
    expect(rows(b.ledger.author, 'Plant')).not.toThrow();
    expect(rows(b.ledger.author, 'other')).toThrow(/no permissions held reach/);
    expect(rows(node.ledger.author, 'other')).not.toThrow();
    // `never` stays never: permissions only take away.
    await node.run(`blockchain update where id = ${id} and policy = {"permissions": {"enable": ["*"]}}`);
    await nodes.settled();
    await expect(ask('exit node')).rejects.toMatchObject({ code: 'COMMAND_REMOTE_REFUSED' });
  });

  it('id validate answers as the door would', async () => {
    const b = await nodes.add({ address: '10.0.0.2:7848', name: 'b' });
    const certificate = 'c'.repeat(64);
    await insert('member', { type: 'certificate', name: 'ann', public_key: certificate });
    const id = await permit({ enable: ['get', 'sql'], databases: ['plant'] });
    await insert('assignment', { permissions: id, members: [b.ledger.author, certificate] });
    await nodes.settled();
    const valid = async (key: string, rest: string) =>
      node.text(`id validate where key = ${key} and command = ${rest}`);
    for (const key of [b.ledger.author, certificate]) {
      expect(await valid(key, '"get status"')).toBe('true');
      expect(await valid(key, 'sql and dbms = plant and table = t')).toBe('true');
      expect(await valid(key, 'sql and dbms = other and table = t')).toBe('false');
      expect(await valid(key, 'sql')).toBe('false');
      expect(await valid(key, `'sql plant "select * from t"'`)).toBe('true');
      expect(await valid(key, `'sql other "select * from t"'`)).toBe('false');
      expect(await valid(key, '"drop table" and dbms = plant')).toBe('false');
    }
    expect(await valid(node.ledger.author, '"get version"')).toBe('true');
    expect(await valid(node.ledger.author, '"exit node"')).toBe('false');
    await expect(valid(certificate, '"nonsense"')).rejects.toMatchObject({ code: 'COMMAND_UNKNOWN' });
  });
});
