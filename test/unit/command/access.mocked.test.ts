import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createLogger, type LogRecord, silentLogger } from '../../../src/base/log.ts';
import { PASSWORD_PAUSE_MS, PASSWORD_TRIES_MAX } from '../../../src/base/limits.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { Access, type ShownCertificate } from '../../../src/command/access/access.ts';
import { findRunning, noteRunning } from '../../../src/command/access/running-nodes.ts';
import { keepToken, readToken } from '../../../src/command/access/token-file.ts';
import { Users } from '../../../src/command/access/users.ts';
import type { User } from '../../../src/command/access/users-file.ts';
import { createSession } from '../../../src/command/executor.ts';
import { type CommandNodes, commandNodes } from '../../support/command-node.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

vi.mock('node:crypto', async (load) => (await import('../../support/cheap-scrypt.ts')).withCheapScrypt(await load()));

const HERE = '127.0.0.1';
const ANN: User = { name: 'ann', type: 'user', expires: undefined };

let dir: string;
let clock: VirtualClock;
beforeEach(() => {
  dir = tempDir();
  clock = createVirtualClock();
});

const openUsers = (): Promise<Users> => Users.open(join(dir, 'users.json'), { clock, random: systemRandom });
const basic = (name: string, password: string): string =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

const MEMBER: ShownCertificate = { key: 'a'.repeat(64), subject: 'CN=ann', untilMs: 1e15, wrong: undefined };

describe('access', () => {
  const open = async (authentication: 'on' | 'off' = 'on', log = silentLogger): Promise<Access> =>
    new Access({
      ...{ token: 'a-token', tokenPath: '/dir/rest.token', users: await openUsers(), authentication, log, clock },
      certificateMember: (key) => (key === MEMBER.key ? 'ann' : undefined),
    });

  it('lets in the token and users, nobody else, and says where the token is', async () => {
    const access = await open();
    await access.users.add(ANN, 'secret: 1');
    await access.users.add({ ...ANN, name: 'bob', type: 'admin' }, 'ß');
    expect(await access.admit('Bearer a-token', HERE)).toEqual({ by: 'token', name: '', admin: true });
    expect(await access.admit('bearer  a-token ', HERE)).toMatchObject({ by: 'token' });
    expect(await access.admit(basic('ann', 'secret: 1'), HERE)).toMatchObject({
      by: 'user',
      name: 'ann',
      admin: false,
    });
    expect(await access.admit(basic('bob', 'ß'), HERE)).toMatchObject({ by: 'user', name: 'bob', admin: true });
    for (const wrong of [
      undefined,
      '',
      'a-token',
      'Bearer',
      'Bearer a-toke',
      'Bearer a-token2',
      'Bearer a-token, Bearer b',
      'Digest a-token',
      `Basic ${Buffer.from('ann').toString('base64')}`,
      'Basic %%%',
    ])
      await expect(access.admit(wrong, HERE)).rejects.toMatchObject({
        code: 'ACCESS_DENIED',
        hint: expect.stringContaining('/dir/rest.token') as string,
      });
    for (const [name, password] of [
      ['ann', 'secret'],
      ['ann', ''],
      ['nobody', 'secret: 1'],
      ['', ''],
    ] as const)
      await expect(access.admit(basic(name, password), HERE)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
  });

  it('lets in who shows a certificate that a CA has signed and a member policy names, and no other', async () => {
    const access = await open();
    expect(await access.admit(undefined, HERE, MEMBER)).toEqual({
      ...{ by: 'certificate', name: 'ann', admin: false, key: MEMBER.key, untilMs: MEMBER.untilMs },
    });
    // What is said in the header goes before what the connection shows.
    expect(await access.admit('Bearer a-token', HERE, MEMBER)).toMatchObject({ by: 'token' });
    await expect(access.admit('Bearer wrong', HERE, MEMBER)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    for (const other of [
      { ...MEMBER, wrong: 'unable to verify the first certificate' },
      { ...MEMBER, untilMs: clock.wallMs() - 1 },
      { ...MEMBER, key: 'b'.repeat(64) },
    ])
      await expect(access.admit(undefined, HERE, other)).rejects.toMatchObject({
        code: 'ACCESS_CERTIFICATE',
        message: expect.stringContaining('CN=ann') as string,
      });
  });

  it('knows of whom it let in whether that still holds', async () => {
    const access = await open();
    const users = { ann: { ...ANN, expires: clock.wallMs() + 10 }, bob: { ...ANN, name: 'bob', key: 'b'.repeat(64) } };
    await access.users.add(users.ann, 'secret: 1');
    await access.users.add(users.bob, undefined);
    const until = { ...MEMBER, untilMs: clock.wallMs() + 10 };
    const [token, ann, bob, member] = [
      await access.admit('Bearer a-token', HERE),
      await access.admit(basic('ann', 'secret: 1'), HERE),
      await access.admit(undefined, HERE, { ...until, key: 'b'.repeat(64) }),
      await access.admit(undefined, HERE, until),
    ];
    for (const person of [token, ann, bob, member]) expect(access.current(person)).toBe(person);
    expect(access.current({ ...member, key: 'c'.repeat(64) })).toBeUndefined();
    await access.users.remove('bob');
    expect(access.current(bob)).toBeUndefined();
    await access.users.add({ ...users.bob, type: 'admin' }, undefined);
    expect(access.current(bob)).toBeUndefined();
    await clock.advance(11);
    expect([token, ann, member].map((person) => access.current(person))).toEqual([token, undefined, undefined]);
    access.require(false);
    const anyone = await access.admit(undefined, HERE);
    expect(access.current(anyone)).toBe(anyone);
    access.require(true);
    expect(access.current(anyone)).toBeUndefined();
  });

  it('takes a user of the same name, or with another password, for another', async () => {
    const access = await open();
    await access.users.add(ANN, 'one');
    const ann = await access.admit(basic('ann', 'one'), HERE);
    const again = await access.admit(basic('ann', 'one'), HERE);
    for (const person of [ann, again]) expect(access.current(person)).toBe(person);
    await access.users.remove('ann');
    await access.users.add(ANN, 'one');
    expect(access.current(ann)).toBeUndefined();
    const anew = await access.admit(basic('ann', 'one'), HERE);
    expect(access.current(anew)).toBe(anew);
    await access.users.setPassword('ann', 'two');
    expect(access.current(anew)).toBeUndefined();
    // Who is known by a key alone is the same as long as the key is.
    const bob = { ...ANN, name: 'bob', key: MEMBER.key };
    await access.users.add(bob, undefined);
    const byKey = await access.admit(undefined, HERE, MEMBER);
    await access.users.remove('bob');
    await access.users.add(bob, undefined);
    expect(access.current(byKey)).toBe(byKey);
  });

  it('lets in everybody while it is off, and says so', async () => {
    const records: LogRecord[] = [];
    const access = await open(
      'off',
      createLogger((record) => records.push(record)),
    );
    expect(records).toMatchObject([
      { level: 'warn', text: expect.stringContaining('authentication is off') as string },
    ]);
    expect(await access.admit(undefined, HERE)).toMatchObject({ by: 'anyone' });
    access.require(true);
    await expect(access.admit(undefined, HERE)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    access.require(false);
    expect(records).toHaveLength(2);
  });
});

describe('users', () => {
  it('are kept over a start, without their passwords, for the node’s user alone', async () => {
    const users = await openUsers();
    await users.add(ANN, 'secret');
    expect(statSync(join(dir, 'users.json')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dir, 'users.json'), 'utf8')).not.toContain('secret');
    const again = await openUsers();
    expect(again.list()).toEqual([ANN]);
    expect(await again.verify('ann', 'secret', HERE)).toMatchObject({ name: 'ann' });
  });

  it('a new password, an end and a removal hold at once, also for who was let in before', async () => {
    const users = await openUsers();
    await users.add({ ...ANN, expires: clock.wallMs() + 1_000 }, 'one');
    expect(await users.verify('ann', 'one', HERE)).toBeDefined();
    await users.setPassword('ann', 'two');
    expect(await users.verify('ann', 'one', HERE)).toBeUndefined();
    expect(await users.verify('ann', 'two', HERE)).toBeDefined();
    await clock.advance(1_000);
    expect(await users.verify('ann', 'two', HERE)).toBeUndefined();
    await users.remove('ann');
    await users.add(ANN, 'three');
    expect(await users.verify('ann', 'two', HERE)).toBeUndefined();
    expect(await users.verify('ann', 'three', HERE)).toBeDefined();
  });

  it('after some wrong passwords a name waits at the address that they came from; others, and who was let in before, do not', async () => {
    const users = await openUsers();
    await users.add(ANN, 'right');
    await users.add({ ...ANN, name: 'bob' }, 'right');
    await users.add({ ...ANN, name: 'carl' }, 'right');
    await users.verify('ann', 'right', HERE);
    for (let index = 0; index < PASSWORD_TRIES_MAX; index += 1)
      expect(await users.verify('bob', `wrong ${index}`, HERE)).toBeUndefined();
    await expect(users.verify('bob', 'right', HERE)).rejects.toMatchObject({ code: 'ACCESS_TRIES' });
    expect(await users.verify('ann', 'right', HERE)).toBeDefined();
    expect(await users.verify('carl', 'right', HERE)).toBeDefined();
    expect(await users.verify('bob', 'right', '10.0.0.9')).toBeDefined();
    await users.setPassword('bob', 'other');
    await expect(users.verify('bob', 'other', HERE)).rejects.toMatchObject({ code: 'ACCESS_TRIES' });
    await clock.advance(PASSWORD_PAUSE_MS);
    expect(await users.verify('bob', 'other', HERE)).toBeDefined();
  });

  it('guesses side by side are counted as well; a client that begins with many requests makes one', async () => {
    const users = await openUsers();
    await users.add(ANN, 'right');
    const many = Array.from({ length: 20 }, () => users.verify('ann', 'right', HERE));
    expect(await Promise.all(many)).toEqual(many.map(() => expect.objectContaining({ name: 'ann' }) as User));
    const guesses = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => users.verify('ann', `guess ${index}`, HERE)),
    );
    expect(guesses.filter(({ status }) => status === 'fulfilled')).toHaveLength(PASSWORD_TRIES_MAX);
  });

  it('wrong wishes are refused and change nothing', async () => {
    const users = await openUsers();
    await users.add(ANN, 'x');
    await expect(users.add(ANN, 'y')).rejects.toMatchObject({ code: 'ACCESS_USER_EXISTS' });
    for (const name of ['', 'a:b', 'a|b', 'a\nb', 'x'.repeat(129)])
      await expect(users.add({ ...ANN, name }, 'y')).rejects.toMatchObject({ code: 'ACCESS_USER_NAME' });
    for (const password of ['', 'x'.repeat(129)])
      await expect(users.add({ ...ANN, name: 'bob' }, password)).rejects.toMatchObject({ code: 'ACCESS_PASSWORD' });
    await expect(users.setPassword('bob', 'x')).rejects.toMatchObject({ code: 'ACCESS_USER_UNKNOWN' });
    await expect(users.remove('bob')).rejects.toMatchObject({ code: 'ACCESS_USER_UNKNOWN' });
    expect(users.list()).toEqual([ANN]);
  });

  it('a user of a certificate needs no password, is found by its key until its time is over, also after a start', async () => {
    const users = await openUsers();
    const key = 'c'.repeat(64);
    const carol = { name: 'carol', type: 'admin' as const, expires: clock.wallMs() + 1_000, key };
    await users.add(carol, undefined);
    await expect(users.add({ ...ANN, key }, undefined)).rejects.toMatchObject({ code: 'ACCESS_USER_EXISTS' });
    await expect(users.add(ANN, undefined)).rejects.toMatchObject({ code: 'ACCESS_PASSWORD' });
    const again = await openUsers();
    expect(again.list()).toEqual([carol]);
    expect(again.certified(key)).toEqual(carol);
    expect(again.certified('d'.repeat(64))).toBeUndefined();
    expect(await again.verify('carol', '', HERE)).toBeUndefined();
    await clock.advance(1_001);
    expect(again.certified(key)).toBeUndefined();
  });

  it.each(['', '{}', '{"v":2,"users":[]}', '{"v":1,"users":[{"name":"a"}]}'])(
    'a damaged file is named: %s',
    async (text) => {
      writeFileSync(join(dir, 'users.json'), text);
      await expect(openUsers()).rejects.toMatchObject({ code: 'NODE_DIR_UNUSABLE' });
    },
  );
});

describe('the token’s file', () => {
  it('is made once, for its user alone', async () => {
    const path = join(dir, 'rest.token');
    const token = await keepToken(path, systemRandom);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await keepToken(path, systemRandom)).toBe(token);
    expect(await readToken(path)).toBe(token);
    expect(await readToken(join(dir, 'nothing'))).toBeUndefined();
  });

  it('is made anew where others could have read it, or where it holds nothing of use', async () => {
    const path = join(dir, 'rest.token');
    const token = await keepToken(path, systemRandom);
    chmodSync(path, 0o644);
    const second = await keepToken(path, systemRandom);
    expect(second).not.toBe(token);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    writeFileSync(path, 'short\n');
    expect(await keepToken(path, systemRandom)).toMatch(/^[\w-]{43}$/);
  });
});

describe('running nodes', () => {
  it('are found by any address that reaches them, while their process lives', async () => {
    const path = join(dir, 'nodes');
    const pid = process.pid;
    const forget = await noteRunning(path, { rest: '127.0.0.1:1001', dir: '/a', pid });
    await noteRunning(path, { rest: '0.0.0.0:1002', dir: '/b', pid });
    await noteRunning(path, { rest: '[::1]:1003', dir: '/c', pid });
    expect(statSync(path).mode & 0o777).toBe(0o700);
    for (const [address, found] of [
      ['127.0.0.1:1001', '/a'],
      ['localhost:1001', '/a'],
      ['127.0.0.1:1002', '/b'],
      [`${hostname()}:1002`, '/b'],
      ['localhost:1003', '/c'],
      ['127.0.0.1:1003', undefined],
      ['203.0.113.7:1001', undefined],
      ['203.0.113.7:1002', undefined],
      ['127.0.0.1:1004', undefined],
    ] as const)
      expect([address, (await findRunning(path, address))?.dir]).toEqual([address, found]);
    await forget();
    expect(await findRunning(path, '127.0.0.1:1001')).toBeUndefined();
  });

  it('one whose process is gone is not trusted, and its note is removed by the next', async () => {
    const path = join(dir, 'nodes');
    const gone = 2 ** 22 + 1; // above what Linux and macOS give
    await noteRunning(path, { rest: '127.0.0.1:1', dir: '/a', pid: process.pid });
    const note = join(path, `${encodeURIComponent('127.0.0.1:1')}.json`);
    writeFileSync(note, JSON.stringify({ rest: '127.0.0.1:1', dir: '/a', pid: gone, machine: hostname() }));
    writeFileSync(join(path, 'rubbish.json'), '{');
    expect(await findRunning(path, '127.0.0.1:1')).toBeUndefined();
    await noteRunning(path, { rest: '127.0.0.1:2', dir: '/b', pid: process.pid });
    expect(existsSync(note)).toBe(false);
    expect((await findRunning(path, '127.0.0.1:2'))?.dir).toBe('/b');
  });

  it('takes back its own note only', async () => {
    const path = join(dir, 'nodes');
    const forget = await noteRunning(path, { rest: '127.0.0.1:1', dir: '/a', pid: 1 });
    await noteRunning(path, { rest: '127.0.0.1:1', dir: '/b', pid: process.pid });
    await forget();
    expect((await findRunning(path, '127.0.0.1:1'))?.dir).toBe('/b');
  });
});

describe('commands', () => {
  let nodes: CommandNodes;
  beforeEach(() => (nodes = commandNodes()));

  it('manage users, show and set authentication; a user that is no admin may not', async () => {
    const node = await nodes.add();
    const person = (admin: boolean) =>
      createSession({ caller: 'rest', isolated: true, person: { by: 'user', name: 'x', admin } });
    await node.run('id add user where name = ann and password = "a b c d e" and expiration = 30 days', person(true));
    await node.run('id add user where name = root and type = admin and password = long-enough');
    expect(await node.json('get users')).toMatchObject([
      { name: 'ann', type: 'user', expires: expect.stringMatching(/^20/) as string },
      { name: 'root', type: 'admin', expires: null },
    ]);
    expect(await node.context.access.admit(basic('ann', 'a b c d e'), HERE)).toMatchObject({ name: 'ann' });
    await node.run('id update user password where name = ann and password = another-one');
    expect(await node.context.access.admit(basic('ann', 'another-one'), HERE)).toMatchObject({ name: 'ann' });
    await node.run('id remove user where name = ann');
    for (const [wrong, code] of [
      ['id add user where name = z and password = 7letter', 'ACCESS_PASSWORD'],
      ['id update user password where name = root and password = x', 'ACCESS_PASSWORD'],
      ['id add user where name = z and password = long-enough and expiration = 0 days', 'COMMAND_VALUE'],
    ] as const)
      await expect(node.run(wrong)).rejects.toMatchObject({ code });
    expect(await node.json('get users')).toHaveLength(1);
    await node.run(`id add user where name = carol and type = admin and key = ${'C'.repeat(64)}`);
    const shown = { ...MEMBER, key: 'c'.repeat(64), subject: 'CN=carol' };
    expect(await node.context.access.admit(undefined, HERE, shown)).toEqual({
      by: 'user',
      name: 'carol',
      admin: true,
      key: 'c'.repeat(64),
      untilMs: MEMBER.untilMs,
    });
    expect(await node.text('get users')).toContain('c'.repeat(64));
    for (const wrong of ['', ' and key = beef'])
      await expect(node.run(`id add user where name = dan${wrong}`)).rejects.toMatchObject({
        code: expect.stringMatching(/COMMAND_OPTION_MISSING|COMMAND_VALUE/) as string,
      });

    expect(await node.json('get authentication')).toEqual({ node: 'on', user: 'on' });
    expect(await node.json('get status')).not.toHaveProperty('authentication');
    await node.run('set authentication off');
    expect(await node.json('get authentication')).toEqual({ node: 'on', user: 'off' });
    expect(await node.text('get status')).toMatch(/running\nAuthentication: off\./);
    expect(await node.text('get status')).not.toMatch(/not/i);
    expect(await node.json('get status')).toMatchObject({ authentication: 'off' });
    await node.run('set user authentication on');
    expect(await node.text('get status')).not.toContain('Authentication');
    await expect(node.run('set node authentication off')).rejects.toMatchObject({ code: 'COMMAND_UNSUPPORTED' });

    for (const command of [
      'set authentication off',
      'id add user where name = y and password = z',
      'id remove user where name = root',
      'id update user password where name = root and password = z',
      'create invite where role = auditor',
      'revoke member where name = z',
      'rotate key',
      'drop table t where dbms = plant',
      `blockchain erase where entry = ${'0'.repeat(64)} and reason = r`,
      'blockchain snapshot',
      'blockchain prune',
      'exit node',
      'run backup where dir = /tmp/x',
    ]) {
      await expect(node.run(command, person(false))).rejects.toMatchObject({ code: 'ACCESS_REFUSED' });
      await expect(node.run(`if 1 == 1 then ${command}`, person(false))).rejects.toMatchObject({
        code: 'ACCESS_REFUSED',
      });
    }
    expect((await node.run('get status', person(false))).text).toContain('running');
  });

  it('a start script that is remembered does not open a REST that other machines reach', async () => {
    const node = await nodes.add({ address: '10.0.0.1:7848', name: 'a' });
    const { facts } = node.context;
    Object.assign(facts, { scriptRemembered: true, restAddress: () => '10.0.0.1:32149' });
    await expect(node.run('set authentication off')).rejects.toMatchObject({
      code: 'ACCESS_REFUSED',
      message: expect.stringContaining('10.0.0.1:32149') as string,
      hint: expect.stringContaining('--script') as string,
    });
    expect(node.context.access.required).toBe(true);
    Object.assign(facts, { restAddress: () => '127.0.0.1:32149' });
    await node.run('set authentication off');
    expect(node.context.access.required).toBe(false);
    Object.assign(facts, { scriptRemembered: false, restAddress: () => '10.0.0.1:32149' });
    await node.run('set authentication off');
  });
});
