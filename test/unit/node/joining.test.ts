import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/base/clock.ts';
import { createLogger, type LogRecord } from '../../../src/base/log.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { createMemoryLedger, type MemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import type { PeerSync } from '../../../src/ledger/sync/sync.ts';
import { createMemoryHub, type MemoryHub } from '../../../src/network/memory.ts';
import { loadIdentity } from '../../../src/node/identity.ts';
import { calledOtherwise, forgetRefused, joinByInvite, type JoiningPorts } from '../../../src/node/joining.ts';
import { nodePaths } from '../../../src/node/paths.ts';
import { openDoor } from '../../../src/policy/admission/protocol.ts';
import type { InviteToken } from '../../../src/policy/admission/token.ts';
import { createPolicies } from '../../../src/policy/ledger-policies.ts';
import type { Policies } from '../../../src/policy/policies.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitFor } from '../../support/wait.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const HOUR_MS = 3_600_000;

describe('a machine that joins by an invite, its clock right or wrong', () => {
  let dir: string;
  let clock: VirtualClock;
  let hub: MemoryHub;
  let rootLedger: MemoryLedger;
  let rootPolicies: Policies;
  let token: InviteToken;
  let logged: LogRecord[];
  let stopped: AbortController;

  /** By how much the joiner's clock is off. */
  let offMs: number;
  const wrong = (): Clock => ({
    wallMs: () => clock.wallMs() + offMs,
    monotonicMs: () => clock.monotonicMs(),
    after: (ms, run) => clock.after(ms, run),
  });

  beforeEach(async () => {
    dir = tempDir();
    clock = createVirtualClock();
    hub = createMemoryHub({ clock, random: createSeededRandom(1) });
    logged = [];
    stopped = new AbortController();
    rootLedger = await createMemoryLedger({ seed: Buffer.alloc(32, 1), clock });
    await rootLedger.createNetwork('n', 'invite');
    rootPolicies = createPolicies({
      ...{ ledger: rootLedger, ownKey: rootLedger.author, clock, holders: () => new Set<string>() },
    });
    await rootPolicies.caughtUp();
    const expires = (clock.wallMs() + 24 * HOUR_MS) * 1_000;
    const wish = { roles: ['auditor' as const], scope: {}, grants: false, name: undefined, expires };
    const { entry } = await rootPolicies.members.invite({
      ...wish,
      key: signingKeyFromSeed(Buffer.alloc(32, 9)).author,
    });
    const { hash, header } = entry;
    const key = Buffer.alloc(32, 9).toString('hex');
    token = { net: header.net, name: 'n', seeds: [], grant: hash, time: header.time, key, roles: ['auditor'], expires };
  });
  afterEach(async () => {
    stopped.abort();
    await rootPolicies.close();
  });

  const joining = async (reach: 'connected' | 'dials' = 'connected'): Promise<{ readonly done: Promise<unknown> }> => {
    const inside = hub.node({ key: rootLedger.author });
    openDoor({
      ...{ network: inside, ledger: rootLedger, clock },
      authority: rootPolicies.book.authority,
      caughtUp: () => rootPolicies.caughtUp(),
    });
    const own = wrong();
    const ledger = await createMemoryLedger({ seed: Buffer.alloc(32, 2), clock: own });
    const network = hub.node({ key: ledger.author });
    if (reach === 'connected') await clock.runWhile(network.dial({ address: inside.address }), 1_000);
    else network.keepDialled([{ address: inside.address }]);
    const syncNow = async (): Promise<void> => {
      const raws = (await rootLedger.follow(0, 1_000)).map(({ entry }) => entry.raw);
      await ledger.offer(raws, rootLedger.author);
    };
    const done = joinByInvite({
      ...{ token, ledger, network, name: 'x', path: join(dir, 'join.json') },
      ...{ key: signingKeyFromSeed(Buffer.alloc(32, 2)), clock: own, random: createSeededRandom(3) },
      ledgerSync: { syncNow, peers: () => [] as readonly PeerSync[] } as JoiningPorts['ledgerSync'],
      log: createLogger((record) => logged.push(record)),
      signal: stopped.signal,
    }).catch((caught: unknown) => caught);
    return { done };
  };
  const warned = (): readonly string[] => logged.flatMap(({ level, text }) => (level === 'warn' ? [text] : []));

  test('nothing is wrong, and it says nothing while it dials', async () => {
    offMs = 0;
    hub = createMemoryHub({ clock, random: createSeededRandom(1), delayMs: { min: 300, max: 400 } });
    const { done } = await joining('dials');
    // Files are written before; no time passes meanwhile.
    await waitFor(() => logged.length > 0);
    expect(await clock.runWhile(done, 120_000)).toBeUndefined();
    expect(warned()).toEqual([]);
  });

  test('hours behind: it says so, and goes on once the clock is set', async () => {
    offMs = -2 * HOUR_MS;
    const { done } = await joining();
    await clock.runUntil(() => warned().length > 0, 20_000);
    expect(warned()).toMatchObject([expect.stringMatching(/clock of this machine is behind \(it says .*Set it/)]);
    offMs = 0;
    expect(await clock.runWhile(done, 120_000)).toBeUndefined();
  });

  test('refused for good, it may come with another invite, and then as a stranger', async () => {
    offMs = 0;
    const paths = nodePaths(dir);
    const [same, other] = [{ grant: token.grant }, { grant: 'ab'.repeat(32) }];
    const keyAfter = async (invite: { readonly grant: string } | undefined): Promise<string> => {
      await forgetRefused(paths, invite);
      return (await loadIdentity(paths.key)).key;
    };
    const first = await keyAfter(undefined);
    await rootPolicies.members.deleteInvite(token.grant);
    const { done } = await joining();
    expect(await clock.runWhile(done, 20_000)).toMatchObject({
      code: 'JOIN_INVITE_VOID',
      hint: expect.stringContaining('another invite') as string,
    });
    for (const invite of [undefined, same]) expect(await keyAfter(invite)).toBe(first);
    mkdirSync(join(paths.ledger, 'journal', 'x'), { recursive: true });
    expect(await keyAfter(other)).toBe(first);
    rmSync(paths.ledger, { recursive: true });
    // One that was not refused for good may be in force somewhere.
    const noted = readFileSync(paths.join, 'utf8');
    writeFileSync(paths.join, noted.replace('"refused":true', '"refused":false'));
    expect(await keyAfter(other)).toBe(first);
    writeFileSync(paths.join, noted);
    expect(await keyAfter(other)).not.toBe(first);
    expect(existsSync(paths.join)).toBe(false);
  });

  test('hours ahead: the refusal says what helps', async () => {
    offMs = 2 * HOUR_MS;
    const { done } = await joining();
    expect(await clock.runWhile(done, 20_000)).toMatchObject({
      code: 'JOIN_CLOCK',
      hint: expect.stringMatching(/set the clock of this machine.*empty directory/) as string,
    });
  });
});

test('a name in the invite that is not the one of the start is told', () => {
  const members = [
    { key: 'a', name: 'other' },
    { key: 'b', name: 'fred' },
    { key: 'c', name: undefined },
  ];
  expect(calledOtherwise(members, 'b', 'fritz')).toMatch(/calls this node fred.*the name fritz/);
  for (const [key, name] of [
    ['b', 'fred'],
    ['c', 'fritz'],
    ['d', 'fritz'],
  ] as const)
    expect(calledOtherwise(members, key, name)).toBeUndefined();
});
