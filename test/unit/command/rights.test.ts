import { mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
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

describe('the directories of an operator', () => {
  const PATHS = ['watch_dir', 'err_dir', 'error_dir', 'archive_dir', 'prep_dir'] as const;
  const operator = async (): Promise<string> => {
    await node.run(insert({ cluster: { name: 'c', company: 'mine' } }));
    const cluster = await idOf('cluster');
    await node.run(insert({ operator: { name: 'o', company: 'mine', ip: '10.0.0.1', port: 7848, cluster } }));
    return `run operator where policy = ${await idOf('operator')}`;
  };

  it('are named by admins and scripts of the node; a plain user runs the operator with its own', async () => {
    const run = await operator();
    const elsewhere = join(node.context.facts.directories.root, '..', 'elsewhere');
    for (const name of PATHS)
      expect(await post(basic('ann'), `${run} and ${name} = "${elsewhere}"`), name).toMatchObject(REFUSED);
    expect(node.parts.operator).toBeUndefined();
    expect(await post(basic('ann'), `${run} and create_table = true`)).toMatchObject({ status: 200 });
    for (const authorization of [TOKEN, basic('carol')]) {
      await node.run('exit operator');
      expect(await post(authorization, `${run} and watch_dir = "${elsewhere}"`)).toMatchObject({ status: 200 });
      expect(node.parts.operator?.status().options.watchDir).toBe(elsewhere);
    }
    await node.run('exit operator');
    await node.run(`${run} and archive_dir = "${elsewhere}"`);
  });

  it('no other node names', async () => {
    const run = await operator();
    const b = await nodes.add({ address: '10.0.0.2:7848', name: 'b' });
    await b.run(insert({ query: { company: 'c', name: 'b', ip: '10.0.0.2', port: 7848 } }));
    await nodes.settled();
    for (const name of PATHS)
      await expect(b.run(`run client (10.0.0.1:7848) ${run} and ${name} = "/tmp/x"`), name).rejects.toMatchObject({
        ...{ code: 'ACCESS_REFUSED', message: `only an admin may say ${name === 'error_dir' ? 'err_dir' : name} here` },
      });
    await b.run(`run client (10.0.0.1:7848) ${run}`);
    expect(node.parts.operator).toBeDefined();
  });

  it('what the node keeps is not watched, whoever says so; below its watch directory it may', async () => {
    const run = await operator();
    const { root, archive, watch, databases } = node.context.facts.directories;
    const link = join(root, '..', `link-${process.pid}`);
    symlinkSync(root, link);
    const out = `${root}-out`;
    try {
      for (const more of [
        ...[root, archive, databases, `${root}/local_scripts/new`, `${watch}/..`, link, `${link}/archive`].map(
          (path) => `watch_dir = "${path}"`,
        ),
        `watch_dir = "${out}" and archive_dir = "${out}"`,
        `err_dir = "${watch}"`,
      ])
        await expect(node.run(`${run} and ${more}`), more).rejects.toMatchObject({ code: 'COMMAND_VALUE' });
    } finally {
      unlinkSync(link);
    }
    expect(node.parts.operator).toBeUndefined();
    for (const path of [watch, `${watch}/of-machines`, out]) {
      await node.run(`${run} and watch_dir = "${path}"`);
      await node.run('exit operator');
    }
  });
});
