import { readFileSync } from 'node:fs';
import { copyFile, rename, rm } from 'node:fs/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { becomeOperator, insertPolicy } from '../../scripts/demo/network.ts';
import { CommandRefused, type NodeProcess } from '../../scripts/demo/node-process.ts';
import { holdfast } from '../support/executable.ts';
import { sensorRows } from '../support/network-fixture.ts';
import { nodeProcesses } from '../support/node-processes.ts';
import { waitFor } from '../support/wait.ts';

const COMPANY = 'Acme';

interface Member {
  readonly key: string;
  readonly grant: string;
  readonly revoked?: { readonly from: number };
}

describe('a network that lets in by invite', () => {
  const { at, keep, start } = nodeProcesses();
  let root: NodeProcess;

  const invite = async (node: NodeProcess, options: string): Promise<string> =>
    (await node.run(`create invite where ${options}`)).trim();
  const refusal = async (work: Promise<unknown>): Promise<{ err_code: number; err_text: string }> => {
    const caught: unknown = await work.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(caught instanceof CommandRefused)) throw new Error(`not refused: ${String(caught)}`);
    return JSON.parse(caught.body) as { err_code: number; err_text: string };
  };
  const members = async (node: NodeProcess): Promise<readonly Member[]> =>
    ((await node.json('get members where format = json')) as { members: readonly Member[] }).members;
  const isConnected = async (node: NodeProcess, other: NodeProcess): Promise<boolean> => {
    const { peers } = (await node.json('get synchronizer where format = json')) as {
      peers: readonly { readonly peer: string; readonly connected: boolean }[];
    };
    return peers.some(({ peer, connected }) => peer === other.facts.peer && connected);
  };

  beforeEach(async () => {
    root = await start('root', '--network', 'acme', '--company', COMPANY);
  });

  test('an operator joins, works within its grant, comes back, and is out once it is revoked', async () => {
    const cluster = await insertPolicy(root, 'cluster', { company: COMPANY, name: 'plant' });
    const token = await invite(root, `role = operator and cluster = ${cluster.id} and name = op and expires = 1 hour`);
    expect(token).toMatch(/^holdfast-invite-1\.[\w-]+$/);
    // A first start that cannot listen leaves the invite as it is.
    const places = ['--dir', at('op'), '--listen', '127.0.0.1:0', '--rest', root.facts.rest];
    const failed = await holdfast(['start', ...places, '--invite', token]);
    expect(failed).toMatchObject({ status: 1, stderr: expect.stringContaining('the port is in use') as string });
    expect(await root.json('get invites where format = json')).toMatchObject([{ status: 'open' }]);
    const op = await start('op', '--invite', token, '--company', COMPANY);
    expect(op.facts.network).toBe(root.facts.network);

    // Within its grant: its own policy, and the table and child cluster that arise from data.
    const policy = await becomeOperator(op, COMPANY, cluster.id);
    await op.put('plant', 'readings', sensorRows(0, 10));
    await waitFor(async () => (await root.run('blockchain get table')).includes('readings'));
    expect(await refusal(op.run('blockchain insert where policy = {"site": {"name": "x"}}'))).toMatchObject({
      err_code: 210,
    });
    expect((await refusal(op.run(`blockchain delete policy where id = ${cluster.id}`))).err_code).toBeGreaterThan(0);
    expect(await refusal(op.run('create invite where role = auditor'))).toMatchObject({ err_code: 210 });

    // An invite is good for one node.
    const second = await holdfast([
      'start',
      '--dir',
      at('second'),
      '--listen',
      '127.0.0.1:0',
      '--rest',
      '127.0.0.1:0',
      '--invite',
      token,
    ]);
    expect(second).toMatchObject({ status: 1, stderr: expect.stringContaining('redeemed before') as string });
    // Another invite does in the same directory.
    const other = await start('second', '--invite', await invite(root, 'role = auditor'));
    expect((await members(root)).map(({ key }) => key)).toContain(other.facts.peer);

    // Later starts need no invite.
    await op.stop();
    const back = keep(await op.restart(['--company', COMPANY]));
    await waitFor(() => isConnected(back, root));

    await root.run('revoke member where name = op and reason = "stolen"');
    await waitFor(async () => (await members(root))[0]?.revoked !== undefined);
    await waitFor(async () => !(await isConnected(root, back)));
    expect(await refusal(root.run('revoke member where name = nobody'))).toMatchObject({ err_code: 113 });
    // It cannot hear of that by the ledger, so it is told at the gate.
    await waitFor(async () => (await back.run('get status')).includes('Fault KEY_REVOKED'), { timeoutMs: 20_000 });
    // It comes back again and again to hear that: nobody asks it anything all the same, and no list calls it a peer.
    expect(await refusal(root.run('run client () sql plant "select count(*) from readings"'))).toMatchObject({
      err_code: 203,
      err_text: expect.stringContaining('op: its key has no grant any more (revoked') as string,
    });
    expect(await root.run('get data nodes')).toMatch(/op .*revoked/);
    expect(await root.run('get connections')).toContain('its key was revoked');
    expect(await root.run('test network')).toMatch(/op: .*was revoked/);
    // By its address where this node has dialled it: which of the two was first is chance.
    const told = await back.run('get synchronizer');
    expect(told.replace(`at ${root.facts.listen}`, root.facts.peer.slice(0, 16) + '…')).toMatch(
      /KEY_REVOKED.*was revoked, says the node [0-9a-f]{16}…/,
    );
    // With no more than their word, it may go on writing what its grant allows, and is warned each time.
    const written = await holdfast([
      'exec',
      '--dir',
      at('op'),
      `blockchain update where id = ${policy.id} and policy = {"operator": {"note": "x"}}`,
    ]);
    expect(written).toMatchObject({ status: 0, stderr: expect.stringContaining('key was revoked') as string });
    const denied = await refusal(back.run('blockchain insert where policy = {"site": {"name": "x"}}'));
    expect(denied.err_text).toContain('key was revoked');
  }, 120_000);

  test('a member that was away and one that joined meanwhile find each other while nobody else is up', async () => {
    const away = await start('away', '--invite', await invite(root, 'role = auditor'));
    await away.stop();
    const fresh = await start('fresh', '--invite', await invite(root, 'role = admin'));
    await insertPolicy(fresh, 'site', { name: 'meanwhile' });
    await root.stop();
    const back = keep(await away.restart(['--seed', fresh.facts.listen]));
    await waitFor(async () => (await back.run('blockchain get site')).includes('meanwhile'), { timeoutMs: 20_000 });
    await waitFor(async () => (await isConnected(back, fresh)) && (await isConnected(fresh, back)));
    expect((await members(back)).map(({ key }) => key)).toContain(fresh.facts.peer);
  }, 120_000);

  test('a rotated key keeps id, member number, policies and data; the old one is out', async () => {
    const cluster = await insertPolicy(root, 'cluster', { company: COMPANY, name: 'plant' });
    const op = await start('op', '--invite', await invite(root, `role = operator and cluster = ${cluster.id}`));
    const policy = await becomeOperator(op, COMPANY, cluster.id);
    await op.put('plant', 'readings', sensorRows(0, 10));
    await waitFor(async () => (await root.run('blockchain get table')).includes('readings'));
    const rotated = await op.run('rotate key');
    await waitFor(async () => (await root.run('get members')).includes('handed to a new key'));
    await expect(op.run('blockchain delete policy where id = x')).rejects.toThrow();
    // It is cut off from all: that is one fault, and names what ends it.
    await waitFor(async () => !(await isConnected(op, root)), { timeoutMs: 20_000 });
    const { faults } = (await op.json('get processes where format = json')) as { faults: readonly object[] };
    expect(faults).toEqual([
      expect.objectContaining({
        code: 'KEY_ROTATED',
        nextStep: expect.stringContaining('start the node again') as string,
      }),
    ]);
    await op.stop();
    const back = keep(await op.restart(['--script', at('op', 'operator.al')]));
    expect(back.facts.peer).not.toBe(op.facts.peer);
    expect(rotated).toContain(back.facts.peer);
    const ofRoot = async () =>
      (
        (await root.json(`blockchain get operator where id = ${policy.id}`)) as { operator: Record<string, unknown> }[]
      )[0]?.operator;
    await waitFor(async () => (await ofRoot())?.['peer'] === back.facts.peer, { timeoutMs: 20_000 });
    expect(await ofRoot()).toMatchObject({ id: policy.id, member: policy['member'], name: 'op' });
    await waitFor(() => isConnected(root, back));
    await waitFor(async () => /Operator +\|Running/.test(await back.run('get processes')), { timeoutMs: 20_000 });
    await back.put('plant', 'readings', sensorRows(10, 10));
    const count = 'run client () sql plant format = json "select count(*) from readings"';
    await waitFor(async () => (await root.run(count)).includes('20'), { timeoutMs: 20_000 });
    await root.run('revoke member where name = op');
    await waitFor(async () => !(await isConnected(root, back)));
  }, 120_000);

  test('the root may rotate its key too, and stays the root', async () => {
    const before = await start('before', '--invite', await invite(root, 'role = auditor'));
    await root.run('rotate key');
    await root.stop();
    // As a kill leaves it that comes after the ledger has the rotation and before the new key is in its place.
    await rename(at('root', 'node.key'), at('root', 'node.key.next'));
    await copyFile(at('root', 'node.key.former'), at('root', 'node.key'));
    const again = keep(await root.restart([]));
    expect(again.facts.peer).not.toBe(root.facts.peer);
    await waitFor(() => isConnected(again, before), { timeoutMs: 20_000 });
    await insertPolicy(again, 'site', { name: 'after' });
    await waitFor(async () => (await before.run('blockchain get site')).includes('after'), { timeoutMs: 20_000 });
    const after = await start('after', '--invite', await invite(again, 'role = auditor'));
    await waitFor(async () => (await after.run('blockchain get site')).includes('after'));
    await again.run('revoke member where name = before');
    await waitFor(async () => !(await isConnected(again, before)));
  }, 120_000);

  test('a lost key is replaced: who joins with that invite stands in for it', async () => {
    const cluster = await insertPolicy(root, 'cluster', { company: COMPANY, name: 'plant' });
    const one = await start('one', '--invite', await invite(root, `role = operator and cluster = ${cluster.id}`));
    const two = await start('two', '--invite', await invite(root, `role = operator and cluster = ${cluster.id}`));
    const policy = await becomeOperator(one, COMPANY, cluster.id);
    await becomeOperator(two, COMPANY, cluster.id);
    await one.put('plant', 'readings', sensorRows(0, 10));
    const rowsOf = async (node: NodeProcess): Promise<string> =>
      node.run('sql plant format = json "select count(*) from readings"');
    await waitFor(async () => (await rowsOf(two)).includes('10'), { timeoutMs: 20_000 });
    await one.stop('SIGKILL');
    await rm(at('one'), { recursive: true });

    expect(await refusal(two.run('create invite where replaces = one'))).toMatchObject({ err_code: 210 });
    const made = await holdfast(['exec', '--dir', at('root'), 'create invite where replaces = one']);
    expect(made.stderr).toMatch(/the key of one ends now/);
    const token = made.stdout.trim();
    const fresh = await start('fresh', '--recover', '--operator', policy.id, '--invite', token);
    await waitFor(() => /^recovered .*missing=0$/m.test(readFileSync(at('fresh', 'node.log'), 'utf8')), {
      timeoutMs: 60_000,
    });
    expect(await rowsOf(fresh)).toContain('10');
    const found = (await two.json(`blockchain get operator where id = ${policy.id}`)) as { operator: object }[];
    expect(found[0]?.operator).toMatchObject({
      peer: fresh.facts.peer,
      replaces: one.facts.peer,
      member: policy['member'],
    });
    const list = await members(root);
    expect(list.find(({ key }) => key === one.facts.peer)?.revoked).toBeDefined();
    expect(list.find(({ key }) => key === fresh.facts.peer)?.revoked).toBeUndefined();
  }, 180_000);

  test('who has no invite reads nothing and writes nothing', async () => {
    await insertPolicy(root, 'cluster', { company: COMPANY, name: 'secret' });
    const stranger = await start('stranger', '--seed', root.facts.listen);
    // It dials the seed, is let go again, and dials anew: twice says that it was there.
    await waitFor(async () => /127\.0\.0\.1/.test(await stranger.run('get connections')));
    const said = (): string => readFileSync(at('stranger', 'node.log'), 'utf8');
    await waitFor(() => /^warn join: .*by invite only.*--invite LINE/m.test(said()));
    expect(stranger.facts.network).toBeNull();
    expect((await stranger.run('blockchain get cluster')).trim()).toBe('[]');
    expect(await refusal(stranger.run('blockchain insert where policy = {"site": {"name": "x"}}'))).toMatchObject({
      err_code: 17,
    });
    for (const command of ['get status', 'get synchronizer'])
      expect(await stranger.run(command)).toContain(`the network at ${root.facts.listen} admits by invite`);
    expect(await root.run('get synchronizer where format = json')).not.toContain(stranger.facts.peer);
  }, 120_000);

  test('a node of another network that names it as its seed says so', async () => {
    const first = await start('other', '--network', 'other');
    await first.stop();
    const other = keep(await first.restart(['--seed', root.facts.listen]));
    for (const command of ['get status', 'get synchronizer', 'get connections'])
      await waitFor(async () =>
        (await other.run(command)).includes(`belongs to the network ${String(root.facts.network)}`),
      );
    const log = readFileSync(at('other', 'node.log'), 'utf8');
    expect(log).toMatch(/^warn join: .*belongs to the network/m);
  }, 120_000);

  test('an admin that was let in lets in others, within what it was given; a deleted and an expired invite let in nobody', async () => {
    const admin = await start(
      'admin',
      '--invite',
      await invite(root, 'role = admin and company = Acme and grants = true'),
    );
    expect(await refusal(admin.run('create invite where role = admin'))).toMatchObject({ err_code: 210 });
    const reader = await start('reader', '--invite', await invite(admin, 'role = auditor and company = Acme'));
    expect(reader.facts.network).toBe(root.facts.network);
    await insertPolicy(admin, 'cluster', { company: 'Acme East', name: 'c' });
    expect(
      await refusal(admin.run('blockchain insert where policy = {"cluster": {"company": "Other", "name": "d"}}')),
    ).toMatchObject({ err_code: 210 });
    await waitFor(async () => (await reader.run('blockchain get cluster')).includes('Acme East'));
    expect(
      await refusal(reader.run('blockchain insert where policy = {"cluster": {"company": "Acme", "name": "e"}}')),
    ).toMatchObject({ err_code: 210 });

    const deleted = await invite(root, 'role = auditor');
    const list = (await root.json('get invites where format = json')) as { grant: string; status: string }[];
    await root.run(`delete invite where id = ${list.find(({ status }) => status === 'open')?.grant ?? ''}`);
    const expired = await invite(root, 'role = auditor and expires = 1 second');
    const joining = (token: string, name: string) =>
      holdfast(['start', '--dir', at(name), '--listen', '127.0.0.1:0', '--rest', '127.0.0.1:0'], {
        environment: { HOLDFAST_INVITE: token },
      });
    expect(await joining(deleted, 'x')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('taken back') as string,
    });
    await waitFor(async () => (await root.run('get invites')).includes('expired'));
    expect(await joining(expired, 'y')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('expired') as string,
    });
    expect(await joining('holdfast-invite-1.rubbish', 'z')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('cannot be read') as string,
    });
  }, 120_000);
});
