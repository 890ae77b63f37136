import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { unwatchedDisk } from '../../../src/base/disk.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { createMemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import { createMemoryHub } from '../../../src/network/memory.ts';
import { Parts } from '../../../src/node/parts.ts';
import { nodePaths } from '../../../src/node/paths.ts';
import { markFilesOlder } from '../../../src/node/restore/mark.ts';
import type { OperatorOptions } from '../../../src/operator/operator.ts';
import { createPolicies } from '../../../src/policy/ledger-policies.ts';
import type { Policies } from '../../../src/policy/policies.ts';
import { openInlineSqlite } from '../../../src/sqlite/inline.ts';
import { followTopology } from '../../../src/topology/derive.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const open: { close(): Promise<void> }[] = [];
let dir: string;
let clock: VirtualClock;
let parts: Parts;
let policies: Policies;
let options: OperatorOptions;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-parts-'));
  const paths = nodePaths(dir);
  const ledger = await createMemoryLedger();
  await ledger.createNetwork('test', 'open');
  policies = createPolicies({ ledger, ownKey: ledger.author, clock: systemClock, holders: () => new Set() });
  const network = createMemoryHub({ clock: systemClock, random: systemRandom }).node({ key: 'a' });
  const sqlite = openInlineSqlite({ dir: join(dir, 'dbms') });
  const topology = followTopology(policies.book);
  clock = createVirtualClock();
  const outside = { clock, random: systemRandom, log: silentLogger, disk: unwatchedDisk, asked: Promise.resolve() };
  parts = new Parts({ ...outside, network, policies, sqlite, topology, paths, mayWrite: async () => {} });
  open.push(parts, sqlite, policies, ledger, network);
  const directories = { watchDir: paths.watch, errDir: paths.error, archiveDir: paths.archive, prepDir: paths.prep };
  const flags = { createTable: true, updateTsdInfo: true, archive: true, distributor: false };
  options = { policy: 'own', ...flags, threads: 1, limitTables: [], ...directories };
});
afterEach(async () => {
  for (const part of open.splice(0)) await part.close();
  await rm(dir, { recursive: true, force: true });
});

test('an operator whose sharing cannot start does not go on alone', async () => {
  const flag = join(nodePaths(dir).state, 'filled-own');
  await mkdir(flag, { recursive: true });
  await expect(parts.control.startOperator(options)).rejects.toMatchObject({
    message: expect.stringContaining('EISDIR') as string,
  });
  expect(parts.operator).toBeUndefined();
  expect(clock.pending, 'the watch directory is not looked at any more').toBe(0);
  await rmdir(flag);
  await parts.control.startOperator(options);
  expect(parts.operator).toBeDefined();
  expect(clock.pending).toBeGreaterThan(0);
});

test('a restored operator looks again where the ledger cannot be read just then', async () => {
  await markFilesOlder(nodePaths(dir), '{}');
  const failing = vi.spyOn(policies, 'caughtUp').mockRejectedValue(new Error('EIO'));
  await parts.control.startOperator(options);
  await clock.advance(10_000);
  expect(parts.replication?.filled).toBe(false);
  failing.mockRestore();
  await clock.runUntil(() => parts.replication?.filled === true, 10_000, 'it answers');
});

test('starts and stops that come together go one after the other', async () => {
  const outcomes = await Promise.allSettled([
    parts.control.startOperator(options),
    parts.control.startOperator(options),
    parts.control.stopOperator(),
    parts.control.startOperator(options),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  expect(outcomes[1]).toMatchObject({ reason: { code: 'COMMAND_RUNNING' } });
  expect(parts.operator).toBeDefined();
  await Promise.all([parts.control.startOperator(options).catch(() => {}), parts.close()]);
  expect(parts.operator).toBeUndefined();
});
