import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { createSession } from '../../../src/command/executor.ts';
import { startRest, type RestServer } from '../../../src/rest/rest.ts';
import { type CommandNode, CommandNodes } from '../../support/command-node.ts';

let nodes: CommandNodes;
let node: CommandNode;
let rest: RestServer;
beforeEach(async () => {
  nodes = new CommandNodes();
  node = await nodes.add({ address: '10.0.0.1:7848', name: 'a' });
  const { access, clock } = node.context;
  const { executor } = node;
  rest = await startRest({
    ...{ host: '127.0.0.1', port: 0, node: 'a', executor, access, clock, log: silentLogger, tls: undefined },
  });
  for (const [name, type] of [
    ['ann', 'user'],
    ['carol', 'admin'],
  ])
    await node.run(`id add user where name = ${name} and type = ${type} and password = long-enough`);
});
afterEach(async () => {
  await rest.close();
  await nodes.close();
});

interface Sent {
  readonly status: number;
  readonly text: string;
}

const TOKEN = 'Bearer secret';
const basic = (name: string): string => `Basic ${Buffer.from(`${name}:long-enough`).toString('base64')}`;
const post = async (authorization: string, command: string): Promise<Sent> => {
  const headers = { 'User-Agent': 'AnyLog/1.23', Authorization: authorization, command };
  const response = await fetch(`http://${rest.address}/`, { method: 'POST', headers });
  return { status: response.status, text: await response.text() };
};
const insert = (policy: object): string => `blockchain insert where policy = ${JSON.stringify(policy)}`;
const idOf = async (type: string): Promise<string> => node.text(`blockchain get ${type} bring.first [*][id]`);
const REFUSED = { status: 403, text: expect.stringContaining('only an admin may') as string };
const KEY = 'a'.repeat(64);

describe('policies that give rights', () => {
  const EVIL = { permissions: { name: 'evil', roles: ['admin'], grants: true } };
  const CERTIFICATE = { member: { type: 'certificate', name: 'me', public_key: KEY } };
  const CONFIG = { config: { name: 'c', script: ['set authentication off'] } };

  /** Every way to write them. */
  const ways = async (): Promise<readonly string[]> => {
    for (const policy of [{ permissions: { name: 'readers', enable: ['get'] } }, CERTIFICATE, CONFIG])
      await node.run(insert(policy));
    const permissions = await idOf('permissions');
    await node.run(insert({ assignment: { permissions, members: [] } }));
    const [member, assignment, config] = [await idOf('member'), await idOf('assignment'), await idOf('config')];
    return [
      insert(EVIL),
      insert({ assignment: { permissions, members: [KEY] } }),
      insert({ member: { ...CERTIFICATE.member, public_key: 'b'.repeat(64) } }),
      insert({ config: { ...CONFIG.config, name: 'd' } }),
      insert({ site: { name: 'd', script: ['set authentication off'] } }),
      `blockchain add ${JSON.stringify(EVIL)}`,
      `ledger push ${JSON.stringify(EVIL)}`,
      `blockchain commit to ledger ${JSON.stringify(EVIL)}`,
      `blockchain update where id = ${permissions} and policy = {"permissions": {"databases": ["*"]}}`,
      `blockchain update where id = ${assignment} and policy = {"assignment": {"members": ["${KEY}"]}}`,
      `blockchain update where id = ${config} and policy = {"config": {"script": null}}`,
      `blockchain replace policy ${permissions} with {"permissions": {"name": "readers", "enable": ["*"]}}`,
      `blockchain delete policy where id = ${member}`,
      `blockchain drop policy where id = ${assignment}`,
      'drop policy where id = blockchain get permissions bring [*][id]',
      `blockchain drop policy {"permissions": {"id": "${permissions}", "name": "readers"}}`,
      `if 1 = 1 then ${insert(EVIL)}`,
      `x = ${insert(EVIL)}`,
      `run client (10.0.0.1:7848) ${insert(EVIL)}`,
    ];
  };

  it('are written by admins and the start script, and by no plain user of REST, in whatever words', async () => {
    const lines = await ways();
    const { version } = node.ledger;
    for (const line of lines) expect(await post(basic('ann'), line), line).toMatchObject(REFUSED);
    mkdirSync(node.context.facts.directories.scripts, { recursive: true });
    writeFileSync(join(node.context.facts.directories.scripts, 'evil.al'), `${insert(EVIL)}\n`);
    expect(await post(basic('ann'), 'process evil.al')).toMatchObject(REFUSED);
    expect(node.ledger.version).toBe(version);
    expect(await node.json('get members')).toMatchObject({ members: [] });
    for (const admin of [TOKEN, basic('carol')])
      expect(await post(admin, insert({ permissions: { name: admin.slice(0, 5), enable: ['get'] } }))).toEqual({
        ...{ status: 200, text: '' },
      });
    expect(await post(basic('carol'), 'process evil.al')).toMatchObject({ status: 200 });
  });

  it('all others a plain user writes, changes and ends', async () => {
    for (const line of [
      insert({ cluster: { name: 'c1', company: 'mine' } }),
      insert({ query: { name: 'q', company: 'mine', ip: '10.0.0.9', port: 1 } }),
      insert({ config: { name: 'plain' } }),
      insert({ site: { name: 's' } }),
    ])
      expect(await post(basic('ann'), line), line).toMatchObject({ status: 200 });
    const site = await idOf('site');
    for (const line of [
      `blockchain update where id = ${site} and policy = {"site": {"name": "t"}}`,
      `blockchain delete policy where id = ${site}, ${await idOf('config')}`,
    ])
      expect(await post(basic('ann'), line), line).toMatchObject({ status: 200 });
  });

  it('no other node has them written, however it is registered', async () => {
    const b = await nodes.add({ address: '10.0.0.2:7848', name: 'b' });
    await b.run(insert({ query: { company: 'c', name: 'b', ip: '10.0.0.2', port: 7848 } }));
    await nodes.settled();
    const lines = await ways();
    await nodes.settled();
    const { version } = node.ledger;
    const sent = lines.filter((line) => line.startsWith('blockchain') || line.startsWith('ledger'));
    expect(sent.length).toBeGreaterThan(10);
    for (const line of sent)
      await expect(b.run(`run client (10.0.0.1:7848) ${line}`), line).rejects.toMatchObject({
        code: 'ACCESS_REFUSED',
        message: expect.stringContaining('only an admin may') as string,
      });
    expect(node.ledger.version).toBe(version);
    await b.run(`run client (10.0.0.1:7848) ${insert({ site: { name: 's' } })}`);
    expect(node.ledger.version).not.toBe(version);
  });

  it('the start script writes them', async () => {
    await node.run(insert(EVIL), createSession());
    expect(await idOf('permissions')).not.toBe('');
  });
});
