import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { asFault } from '../../../src/base/errors.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { readUsers } from '../../../src/command/access/users-file.ts';
import { Users } from '../../../src/command/access/users.ts';
import { resolveConfig } from '../../../src/node/config.ts';
import { loadIdentity } from '../../../src/node/identity.ts';
import { encodeToken } from '../../../src/policy/admission/token.ts';
import { readTlsFiles } from '../../../src/rest/tls.ts';
import { type Canary, canary, leaksIn } from '../../support/canaries.ts';
import { createCa, createCertificate, HAS_OPENSSL } from '../../support/certificates.ts';
import { tempDir } from '../../support/temp-dir.ts';

let dir: string;
beforeEach(() => void (dir = tempDir()));

/** Pieces of eight signs: what cannot be read whole may be told in part. */
const pieces = (secret: string): readonly Canary[] =>
  Array.from({ length: Math.floor(secret.length / 8) }, (_, index) => {
    const piece = secret.slice(index * 8, index * 8 + 8);
    return canary(piece, piece);
  });

/** Everything that a refusal tells anywhere: in a terminal, in a log, as JSON. */
const refusalOf = async (ask: () => unknown): Promise<string> => {
  try {
    await ask();
  } catch (caught) {
    const { stack, hint, data, cause } = asFault(caught);
    return [stack, hint, JSON.stringify(data), cause instanceof Error ? cause.stack : String(cause)].join('\n');
  }
  throw new Error(`nothing is refused: ${ask.toString()}`);
};

const spoiled = (text: string, secret: string): readonly string[] => [
  text.replace(secret, secret.slice(0, -9)),
  text.replace(secret, `${secret.slice(0, 30)}%${secret.slice(30)}`),
  text.replace(secret, `${secret}" "`),
  secret,
  '',
];

test('a key that cannot be read is told in no part', async () => {
  const path = join(dir, 'node.key');
  await loadIdentity(path);
  const text = readFileSync(path, 'utf8');
  const [, secret = ''] = /-----\n(\S+)\n-----/.exec(text) ?? [];
  // What all keys of a kind begin with is no secret.
  const all = pieces(secret.slice(24));
  for (const wrong of spoiled(text, secret)) {
    writeFileSync(path, wrong);
    expect(leaksIn(await refusalOf(() => loadIdentity(path)), all)).toEqual([]);
  }
  expect(leaksIn(text, all)).toHaveLength(5);
});

test('of users that cannot be read no hash is told', async () => {
  const path = join(dir, 'users.json');
  const users = await Users.open(path, { clock: systemClock, random: systemRandom });
  await users.add({ name: 'ann', type: 'user', expires: undefined }, 'long-enough');
  const text = readFileSync(path, 'utf8');
  const [, secret = ''] = /"hash": *"([0-9a-f]+)"/.exec(text) ?? [];
  const all = pieces(secret);
  for (const wrong of spoiled(text, secret)) {
    writeFileSync(path, wrong);
    expect(leaksIn(await refusalOf(() => readUsers(path)), all)).toEqual([]);
  }
  expect(leaksIn(text, all).length).toBeGreaterThan(3);
});

test('an invite that stands in the wrong place, or is not whole, is told in no part', async () => {
  const path = join(dir, 'config.json');
  const hash = 'ab'.repeat(32);
  const invite = encodeToken({
    ...{ net: hash, name: 'n', seeds: ['127.0.0.1:1'], grant: hash, time: 1, roles: ['operator'], expires: 2 },
    key: Array.from({ length: 32 }, (_, index) => (index * 37 + 11).toString(16).slice(-2).padStart(2, '0')).join(''),
  });
  const all = pieces(invite.slice('holdfast-invite-1.'.length));
  const given = (options: Record<string, string | readonly string[]>): unknown =>
    resolveConfig({ dir, ...options }, {});
  const told = (config: unknown): unknown => {
    writeFileSync(path, typeof config === 'string' ? config : JSON.stringify(config));
    return given({ config: path });
  };
  const refusals = [
    () => given({ invite: invite.slice(0, -9) }),
    () => given({ invite: invite.slice(20) }),
    () => given({ invite, network: 'n' }),
    () => given({ invite: ['', invite] }),
    () => given({ seed: [invite] }),
    () => given({ name: invite }),
    () => given({ rest: invite }),
    () => told({ invite: [invite] }),
    () => told({ invite: { line: invite } }),
    () => told({ inviet: invite }),
    () => told({ seed: invite }),
    () => told({ [invite]: 'invite' }),
    () => told(invite),
    () => told(`{"invite": ${invite}}`),
    () => told(`{"invite": "${invite}" x`),
    () => told(`{"invite": "${invite}`),
  ];
  for (const ask of refusals) expect(leaksIn(await refusalOf(ask), all), ask.toString()).toEqual([]);
  expect(leaksIn(invite, all).length).toBeGreaterThan(30);
});

test.skipIf(!HAS_OPENSSL)(
  'a TLS key that cannot be read is told in no part (skipped where openssl is missing)',
  async () => {
    createCertificate(createCa(dir), dir, 'node');
    copyFileSync(join(dir, 'node.pem'), join(dir, 'cert.pem'));
    const text = readFileSync(join(dir, 'node.key'), 'utf8');
    const [, secret = ''] = /-----\n(\S+)\n/.exec(text) ?? [];
    const all = pieces(secret.slice(12));
    for (const wrong of spoiled(text, secret)) {
      writeFileSync(join(dir, 'key.pem'), wrong);
      const said = await refusalOf(() => readTlsFiles(dir, { clock: systemClock, log: silentLogger }));
      expect(leaksIn(said, all)).toEqual([]);
    }
    expect(leaksIn(text, all).length).toBeGreaterThan(5);
  },
);
