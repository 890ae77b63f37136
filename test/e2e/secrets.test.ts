import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { type Canary, canary, keyCanary, leaksBelow, leaksIn } from '../support/canaries.ts';
import { createCa, createCertificate, HAS_OPENSSL } from '../support/certificates.ts';
import { holdfast } from '../support/executable.ts';
import { nodeProcesses } from '../support/node-processes.ts';
import { waitFor } from '../support/wait.ts';

const LOUD = fileURLToPath(new URL('../support/loud-node.ts', import.meta.url));

const { at, keep } = nodeProcesses();

/** A real node with a home of its own that prints its whole log. */
const start = async (name: string, ...args: readonly string[]): Promise<NodeProcess> =>
  keep(
    await NodeProcess.start({
      ...{ dir: at(name), name, args, through: [process.execPath, LOUD] },
      ...{ log: at('logs', `${name}.log`), environment: { HOME: at('home') } },
    }),
  );

interface Asked {
  readonly method?: 'GET' | 'POST';
  /** The header by which the request says who sends it; by default with the token. */
  readonly by?: string;
}

/** What a request gets, also where it is refused. */
const answer = async (
  { facts, authorization }: NodeProcess,
  command: string,
  { method = 'GET', by = authorization }: Asked = {},
): Promise<string> => {
  const headers = { 'User-Agent': 'AnyLog/1.23', Authorization: by, command };
  const response = await fetch(`http://${facts.rest}/`, { method, headers });
  return `${JSON.stringify([...response.headers])}\n${await response.text()}`;
};

/** Signs that mean something in a command, within a password that nobody put into quotes. */
const SIGNS = [
  '=',
  ',',
  ' ',
  '(',
  ')',
  '{',
  ']',
  '>',
  '"',
  "'",
  '!',
  '==',
  ' and ',
  ' and x = ',
  ' x = ',
  ' #',
  '|',
  ';',
  '$',
  '\\',
];

/** Lines with a password in them that a node may refuse: each slip that a person makes. No user is named twice. */
const slips = (prefix: string, password: string, other: string): readonly string[] =>
  [
    `id add user where name = ann and password = ${password}`,
    `id add user where name = NEW and password = ${password} and typ = admin`,
    `id add user where name = NEW and password = ${password} and type = root`,
    `id add user where name = NEW password = ${password}`,
    `id add user where password = ${password} name = NEW`,
    `id add user where name = NEW and password = ${password} and password = ${password}`,
    `id add user where name = NEW and password ${password}`,
    `id add user where name = NEW and key = ${password}`,
    `id add user where name = NEW, password = ${password}`,
    `id add user name = NEW and password = ${password}`,
    `id add user NEW ${password}`,
    `id add user where name = NEW:x and password = ${password}`,
    `id adduser where name = NEW and password = ${password}`,
    `id update user password where name = ann and passwd = ${password}`,
    `if 1 == 1 then id add user where name = NEW password = ${password}`,
    `x = id add user where name = NEW password = ${password}`,
    `run client (${other}) id add user where name = NEW and password = ${password}`,
    // Refused for its name, so that no hash is made.
    ...SIGNS.flatMap((sign) => [
      `id update user password where name = nobody and password = ${password}${sign}${password}`,
      `id update user password where password = ${sign}${password} and name = nobody`,
    ]),
  ].map((line, index) => line.replace('NEW', `${prefix}${index}`));

interface Listed {
  readonly examples: readonly string[];
}

/** Each example of each command, but those that speak with other machines or take their time. */
const examples = async (node: NodeProcess): Promise<readonly string[]> =>
  ((await node.json('get commands where format = json')) as readonly Listed[])
    .flatMap((command) => command.examples)
    .map((line) => line.replaceAll('…', ''))
    .filter((line) => !/\d+\.\d+\.\d+|run client|^wait|^blockchain wait|sync/.test(line));

interface World {
  readonly node: NodeProcess;
  readonly invite: string;
  readonly secrets: readonly Canary[];
  readonly typed: readonly Canary[];
}
const [PASSWORD, SECOND, WRONG] = ['Kx7-first-horse-9w', 'Qz4-second-mule-3v', 'Jv8-wrong-donkey-5t'];

let world: World;
beforeEach(async () => {
  mkdirSync(at('logs'));
  const node = await start('node-1', '--network', 'n', '--admission', 'invite');
  const invite = (await node.run('create invite where role = operator and name = node-2')).trim();
  const { key } = JSON.parse(Buffer.from(invite.split('.')[1] ?? '', 'base64url').toString()) as { key: string };
  world = {
    ...{ node, invite },
    typed: [canary('password', PASSWORD), canary('second password', SECOND), canary('wrong password', WRONG)],
    secrets: [
      canary('token', readFileSync(at('node-1', 'rest.token'), 'utf8').trim()),
      keyCanary('key', at('node-1', 'node.key')),
      canary('invite', invite),
      canary('key of the invite', Buffer.from(key, 'hex')),
      canary('key of the invite as text', key),
    ],
  };
}, 60_000);

/** What the logs hold, with what each secret is called. */
const logged = (canaries: readonly Canary[]): readonly string[] =>
  readdirSync(at('logs')).flatMap((name) => leaksIn(readFileSync(at('logs', name)), canaries));

test('no secret of a node or its users is in an answer, a refusal, a line of the log or another file than its own', async () => {
  const { node, invite, secrets, typed } = world;
  const all = [...secrets, ...typed];
  await node.run(`id add user where name = ann and password = ${PASSWORD}`);
  await node.run(`id update user password where name = ann and password = ${SECOND}`);
  const basic = (password: string): Asked => ({ by: `Basic ${Buffer.from(`ann:${password}`).toString('base64')}` });
  const joined = await start('node-2', '--invite', invite, '--seed', node.facts.listen);
  const said = new Map<string, string>();
  const ask = async (who: string, command: string, init?: Asked): Promise<void> =>
    void said.set(`${who}: ${command}`, await answer(node, command, init));
  await ask('wrong password', 'get status', basic(WRONG));
  await ask('wrong token', 'get status', { by: `Bearer ${WRONG}` });
  const linesOf = (prefix: string): readonly string[] => slips(prefix, PASSWORD, joined.facts.listen);
  for (const line of linesOf('typed')) await ask('typed', line, { method: 'POST' });
  mkdirSync(at('node-1', 'local_scripts'), { recursive: true });
  const script = (name: string, ...lines: readonly string[]): string => {
    writeFileSync(at('node-1', 'local_scripts', name), `${lines.join('\n')}\n`);
    return name;
  };
  for (const [index, line] of linesOf('script').entries())
    await ask('script', `process ${script(`${index}.al`, 'on error ignore', line)}`, { method: 'POST' });
  for (const [index, line] of linesOf('thread').entries()) {
    await ask('thread', `thread ${script(`thread-${index}.al`, line)}`, { method: 'POST' });
    await waitFor(async () => !(await node.run('get user threads')).includes('|Running'));
  }
  const backup = await holdfast(['backup', at('copy'), '--node', node.facts.rest], {
    environment: { HOME: at('home') },
  });
  expect(backup.status).toBe(0);
  said.set('backup', `${backup.stdout}${backup.stderr}`);
  for (const line of await examples(node)) {
    await ask('token', line);
    await ask('user', line, basic(SECOND));
  }
  expect([...said].flatMap(([what, text]) => leaksIn(text, all).map((leak) => `${what}: ${leak}`))).toEqual([]);
  expect(logged(all)).toEqual([]);
  expect(leaksBelow(at('node-1'), all).filter((leak) => !leak.startsWith('local_scripts/'))).toEqual([
    'node.key: key',
    'rest.token: token',
  ]);
  expect(leaksBelow(at('node-2'), all)).toEqual([]);
  expect(leaksBelow(at('copy'), all).filter((leak) => !leak.startsWith('local_scripts/'))).toEqual(['node.key: key']);
  expect(said.size).toBeGreaterThan(500);
}, 120_000);

test.skipIf(!HAS_OPENSSL)(
  'the key of its TLS is in nothing that a node says or writes (skipped where openssl is missing)',
  async () => {
    createCertificate(createCa(at('ca')), at('ca'), 'node');
    mkdirSync(at('tls'));
    cpSync(at('ca', 'node.pem'), at('tls', 'cert.pem'));
    cpSync(at('ca', 'node.key'), at('tls', 'key.pem'));
    const pem = readFileSync(at('tls', 'key.pem'), 'utf8');
    await start('node-3', '--network', 'n', '--rest-tls', at('tls'));
    const all = [
      keyCanary('TLS key', at('tls', 'key.pem')),
      ...pem
        .split('\n')
        .filter((line) => line.length > 20 && !line.startsWith('-'))
        .map((line) => canary('a line of the TLS key', line)),
    ];
    const exec = async (command: string): Promise<string> => {
      const { stdout, stderr } = await holdfast(['exec', '--dir', at('node-3'), command], {
        environment: { HOME: at('home') },
      });
      return stdout + stderr;
    };
    const said = [await exec('get status'), await exec('get processes where format = json')];
    const log = readFileSync(at('logs', 'node-3.log'));
    expect(said.flatMap((text) => leaksIn(text, all))).toEqual([]);
    expect(leaksIn(log, all)).toEqual([]);
    expect(leaksBelow(at('node-3'), all)).toEqual([]);
    expect(leaksIn(pem, all).length).toBeGreaterThan(1);
  },
  60_000,
);
