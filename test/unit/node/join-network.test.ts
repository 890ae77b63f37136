import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { unwatchedDisk } from '../../../src/base/disk.ts';
import { createLogger, type LogRecord } from '../../../src/base/log.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { createMemoryLedger, type MemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import { createMemoryHub } from '../../../src/network/memory.ts';
import { resolveConfig } from '../../../src/node/config.ts';
import { joinNetwork } from '../../../src/node/join-network.ts';
import { inviteUnused, type JoiningPorts } from '../../../src/node/joining.ts';
import { nodePaths } from '../../../src/node/paths.ts';
import { encodeToken, type InviteToken } from '../../../src/policy/admission/token.ts';
import { createPolicies } from '../../../src/policy/ledger-policies.ts';
import type { Policies } from '../../../src/policy/policies.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { tempDir } from '../../support/temp-dir.ts';

const SEED = Buffer.alloc(32, 2);
const INVITE = 'ab'.repeat(32);

describe('a start with an invite', () => {
  let dir: string;
  let ledger: MemoryLedger;
  let policies: Policies;
  let logged: LogRecord[];

  beforeEach(async () => {
    dir = tempDir();
    logged = [];
    ledger = await createMemoryLedger({ seed: SEED });
    policies = createPolicies({ ledger, ownKey: ledger.author, clock: systemClock, holders: () => new Set<string>() });
  });
  afterEach(() => policies.close());

  /** The node is told to stop as soon as it begins to join. */
  const start = async (tryRest: () => Promise<void>): Promise<unknown> => {
    const hub = createMemoryHub({ clock: systemClock, random: createSeededRandom(1) });
    const token: InviteToken = {
      ...{ net: ledger.network ?? 'cd'.repeat(32), name: 'n', seeds: [], grant: INVITE, time: 1, key: INVITE },
      ...{ roles: ['operator'], expires: 2 },
    };
    const config = resolveConfig({ dir, name: 'op', listen: '127.0.0.1:43100', invite: encodeToken(token) }, {});
    const log = createLogger((record) => logged.push(record));
    const ports = {
      ...{ ledger, policies, network: hub.node({ key: ledger.author }), key: signingKeyFromSeed(SEED) },
      ledgerSync: {} as JoiningPorts['ledgerSync'],
      disk: unwatchedDisk,
    };
    return joinNetwork(ports, config, nodePaths(dir), { log, stop: AbortSignal.abort(), tryRest }).catch(
      (caught: unknown) => caught,
    );
  };

  test('uses up nothing where REST cannot listen', async () => {
    expect(await start(() => Promise.reject(new Error('the port is in use')))).toMatchObject({
      message: 'the port is in use',
    });
    expect(existsSync(nodePaths(dir).join)).toBe(false);
    expect(existsSync(nodePaths(dir).start)).toBe(false);
  });

  test('is remembered before its join is made, so that the next needs the directory alone', async () => {
    expect(await start(() => Promise.resolve())).toMatchObject({ code: 'NODE_START_STOPPED' });
    expect(existsSync(nodePaths(dir).join)).toBe(true);
    expect(JSON.parse(readFileSync(nodePaths(dir).start, 'utf8'))).toEqual({ name: 'op', listen: '127.0.0.1:43100' });
  });

  test('says that it does not use it where the node is a member already', async () => {
    await ledger.createNetwork('n', 'invite');
    await policies.caughtUp();
    expect(await start(() => Promise.reject(new Error('REST is not tried twice')))).toBeUndefined();
    expect(logged).toMatchObject([
      {
        ...{ level: 'warn', text: expect.stringMatching(/not used.*is a member already/) as string },
        data: { hint: expect.stringContaining(`delete invite where id = ${INVITE}`) as string },
      },
    ]);
  });
});

test('the invite that let a node in is no other one, also under a new key', () => {
  const joined = [{ key: 'former', invite: INVITE }];
  expect(inviteUnused(joined, { keys: ['now', 'former'], isMember: true }, INVITE)).toBeUndefined();
  expect(inviteUnused(joined, { keys: ['now'], isMember: true }, INVITE)?.text).toContain('is a member already');
  const out = inviteUnused(joined, { keys: ['former'], isMember: false }, 'cd'.repeat(32));
  expect(out).toMatchObject({ text: expect.stringContaining('a member no more') as string });
  expect(out?.hint).toContain('--dir NEW --invite LINE');
});
