import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { createCa, createCertificate, HAS_OPENSSL } from '../support/certificates.ts';
import { holdfast } from '../support/executable.ts';
import { waitFor } from '../support/wait.ts';

describe.skipIf(!HAS_OPENSSL)('REST of a real node over TLS (skipped where openssl is missing)', () => {
  let dir: string;
  let node: NodeProcess;
  const at = (name: string): string => join(dir, name);
  const put = (name: string): void => {
    copyFileSync(at(`${name}.pem`), at('tls/cert.pem'));
    copyFileSync(at(`${name}.key`), at('tls/key.pem'));
  };
  const exec = (args: readonly string[], command = 'get node name', environment: NodeJS.ProcessEnv = {}) =>
    holdfast(['exec', ...args, command], { environment: { HOME: at('home'), ...environment } });

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'holdfast-tls-'));
    const ca = createCa(dir);
    for (const name of ['node-cert', 'renewed', 'ann']) createCertificate(ca, dir, name);
    createCertificate(createCa(dir, 'other-ca'), dir, 'stranger');
    mkdirSync(at('tls'));
    put('node-cert');
    copyFileSync(at('ca.pem'), at('tls/ca.pem'));
    node = await NodeProcess.start({
      ...{ dir: at('node'), name: 'node-1', args: ['--network', 'n', '--rest-tls', at('tls')] },
      environment: { HOME: at('home') },
    });
  }, 60_000);
  afterAll(async () => {
    await node.stop('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });

  test('exec of the same user needs nothing; of another a CA and the token; plain HTTP is told what to do', async () => {
    const { rest } = node.facts;
    const found = { status: 0, stdout: 'node-1\n', stderr: '' };
    expect(await exec(['--node', rest])).toEqual(found);
    expect(await exec(['--dir', at('node')])).toEqual(found);
    const other = { HOME: at('other'), HOLDFAST_TOKEN: readFileSync(at('node/rest.token'), 'utf8').trim() };
    expect(await exec(['--node', rest, '--ca', at('ca.pem')], undefined, other)).toEqual(found);
    expect(await exec(['--node', rest], undefined, { ...other, HOLDFAST_TLS_CA: at('ca.pem') })).toEqual(found);
    const plain = await exec(['--node', rest], undefined, other);
    expect(plain).toMatchObject({ status: 1, stderr: expect.stringContaining('--ca FILE') as string });
    const unknown = await exec(['--node', `https://${rest}`], undefined, other);
    expect(unknown).toMatchObject({ status: 1, stderr: expect.stringContaining('--ca FILE') as string });
  }, 60_000);

  test('a client certificate is let in once a member policy names it, by the key that the refusal gives, and runs what is assigned to it', async () => {
    const show = (name: string) => ['--node', node.facts.rest, '--cert', at(`${name}.pem`), '--key', at(`${name}.key`)];
    expect(await exec(show('stranger'))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('(error 97)') as string,
    });
    const refused = await exec(show('ann'));
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(/no member policy .*CN=ann/) as string });
    const policy = /\{"member".*\}/.exec(refused.stderr)?.[0].replace('…', 'ann') ?? '';
    const key = /[0-9a-f]{64}/.exec(policy)?.[0] ?? '';
    const own = async (command: string): Promise<void> =>
      expect(await exec(['--dir', at('node')], command)).toMatchObject({ status: 0 });
    const insert = (text: string): Promise<void> => own(`blockchain insert where policy = ${text}`);
    await insert(policy);
    expect(await exec(show('ann'))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('(error 212)') as string,
    });
    await insert(
      '{"permissions": {"id": "readers", "name": "readers", "enable": ["get", "sql"], "databases": ["plant"]}}',
    );
    await insert(`{"assignment": {"id": "as", "permissions": "readers", "members": ["${key}"]}}`);
    const write = await exec(show('ann'), 'flush buffers');
    expect(write).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('do not enable: flush buffers') as string,
    });
    expect(await exec(show('ann'))).toEqual({ status: 0, stdout: 'node-1\n', stderr: '' });
    // As an admin of this node: in its own list of users, and once nothing is assigned to its key any more.
    const add = `id add user where name = carol and type = admin and key = ${key}`;
    expect(await exec(show('ann'), add)).toMatchObject({ status: 1 });
    await own(add);
    const invite = 'create invite where role = auditor';
    expect(await exec(show('ann'), invite)).toMatchObject({
      ...{ status: 1, stderr: expect.stringContaining('only an admin may') as string },
    });
    await own('blockchain delete policy where id = as');
    expect(await exec(show('ann'), invite)).toMatchObject({ status: 0 });
  }, 60_000);

  test('SIGHUP takes up a renewed certificate; a wrong file stops a start with its name', async () => {
    put('renewed');
    node.signal('SIGHUP');
    await waitFor(() => readFileSync(at('node/node.log'), 'utf8').includes('read its certificate and key again'));
    expect(await exec(['--dir', at('node')])).toMatchObject({ status: 0 });
    rmSync(at('tls/key.pem'));
    const started = await holdfast([
      'start',
      '--dir',
      at('node-2'),
      '--rest-tls',
      at('tls'),
      '--listen',
      '127.0.0.1:0',
    ]);
    expect(started).toMatchObject({ status: 1, stderr: expect.stringContaining(at('tls/key.pem')) as string });
  }, 60_000);
});
