import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { createLogger } from '../../../src/base/log.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { createMemoryHub } from '../../../src/network/memory.ts';
import { createMemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import { createLedgerSync } from '../../../src/ledger/sync/ledger-sync.ts';
import { joinByInvite } from '../../../src/node/joining.ts';
import { encodeJoinAnswer, JOIN_PROTOCOL } from '../../../src/policy/admission/messages.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitFor } from '../../support/wait.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

let dir: string;
beforeEach(() => void (dir = tempDir()));

/** A node whose invite is taken by a peer that gives it no ledger. */
const letIn = async () => {
  const clock = createVirtualClock();
  const random = createSeededRandom(1);
  const hub = createMemoryHub({ clock, random: random.fork('hub') });
  const member = hub.node({ key: 'e'.repeat(64) });
  member.handle(JOIN_PROTOCOL, async (channel) => {
    await channel[Symbol.asyncIterator]().next();
    await channel.send(encodeJoinAnswer({ kind: 'welcome' }));
    await channel.finish();
  });
  const seed = Buffer.alloc(32, 5);
  const ledger = await createMemoryLedger({ seed, clock, random });
  const network = hub.node({ key: ledger.author });
  const said: string[] = [];
  const log = createLogger(({ level, text }) => said.push(`${level} ${text}`));
  const ledgerSync = createLedgerSync({ ledger, network, clock, random, log: createLogger(() => {}) });
  await clock.runWhile(network.dial({ address: member.address }), 1_000);
  const stop = new AbortController();
  const hash = 'f'.repeat(64);
  const joining = joinByInvite({
    ...{ ledger, ledgerSync, network, clock, random, log, name: 'n', signal: stop.signal },
    ...{ key: signingKeyFromSeed(seed), path: join(dir, 'join') },
    token: { net: hash, name: 'acme', seeds: [], grant: hash, time: 0, key: '1'.repeat(64), roles: [], expires: 1 },
  });
  const ended = joining.then(
    () => 'joined',
    (caught: unknown) => (caught as { code: string }).code,
  );
  // The join is kept on a real disk first.
  await waitFor(async () => said.length > 0);
  return { clock, said, stop, ended };
};

test('a node that was let in and gets no ledger says once what it waits for', async () => {
  const { clock, said, stop, ended } = await letIn();
  const isTold = (): boolean => said.some((line) => line.startsWith('warn let in, and no entry comes: '));
  await clock.runUntil(isTold, 30_000);
  await clock.advance(60_000);
  expect(said.filter((line) => line.startsWith('warn'))).toHaveLength(1);
  stop.abort(new Error('stop'));
  expect(await clock.runWhile(ended, 100)).toBe('NODE_START_STOPPED');
});

test('a node that is told to stop while it joins waits for no peer', async () => {
  const { clock, stop, ended } = await letIn();
  await clock.advance(700);
  stop.abort(new Error('stop'));
  expect(await clock.runWhile(ended, 100)).toBe('NODE_START_STOPPED');
});
