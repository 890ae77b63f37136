import { expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Archive } from '../../../src/ledger/archive/port.ts';
import { createMemoryDisk, createMemoryLedger, type MemoryDisk } from '../../../src/ledger/memory-ledger.ts';
import { EVERYTHING } from '../../../src/policy/moment.ts';
import type { Policies } from '../../../src/policy/policies.ts';
import type { Pruning } from '../../../src/policy/pruning.ts';
import { snapshotKey } from '../../../src/policy/snapshot/act.ts';
import type { SavedState } from '../../../src/policy/snapshot/saved.ts';
import { createMemoryArchive } from '../../support/memory-archive.ts';
import { nodeOn, type TestNode } from '../../support/policy-node.ts';
import { stateHash } from '../../support/state-hash.ts';

const ATTIC = { key: 'f'.repeat(64), name: 'attic' };
const SEED = Buffer.alloc(32, 7);

interface Pruner extends TestNode {
  readonly pruning: Pruning;
}

/** A node that may drop bodies, on what is on its disk. */
const start = async (
  disk: MemoryDisk,
  archive: Archive,
  saved = new Map<string, SavedState>(),
  mayBegin = (): void => {},
): Promise<Pruner> => {
  const ledger = await createMemoryLedger({ seed: SEED, disk });
  if (ledger.network === undefined) await ledger.createNetwork('test', 'open');
  ledger.allowAppend();
  const states = { save: async (key: string, state: SavedState) => void saved.set(key, state) };
  const node = nodeOn(ledger, {
    clock: systemClock,
    pruning: { archive, states, saved, mayBegin, bodies: ledger.bodies },
  });
  const { pruning } = node.policies;
  if (pruning === undefined) throw new Error('it drops nothing');
  return { ...node, pruning };
};

/** A network with policies that changed, and a snapshot of all; an archive that has every body and the leaves. */
const settled = async () => {
  const disk = createMemoryDisk();
  const archive = createMemoryArchive([ATTIC]);
  const saved = new Map<string, SavedState>();
  const node = await start(disk, archive, saved);
  const { policies } = node;
  const site = (id: string, a: number) => policies.insert({ site: { id, a, b: 'same' } });
  await site('one', 1);
  await site('two', 1);
  await site('gone', 1);
  const frontier = [...node.ledger.heads().values()].sort();
  for (const a of [2, 3, 4]) await policies.update('one', { a });
  await policies.delete('gone');
  await policies.snapshots.make();
  for (const { entry } of await node.ledger.follow(0, 100)) archive.kept.set(entry.hash, entry.raw.body);
  const [report] = policies.snapshots.list();
  const key = snapshotKey(report ?? { frontier: [], root: '', logs: '' });
  archive.states.set(key, (await policies.snapshots.leaves(key)) ?? []);
  return { ...node, disk, archive, saved, frontier, key };
};

const bookOf = ({ book }: Policies) => ({ hash: stateHash(book), policies: book.ofType() });

test('a node drops what a snapshot has settled: the book stays, also after a start, and writes go on', async () => {
  const { policies, pruning, ledger, disk, archive, saved } = await settled();
  const before = bookOf(policies);
  expect(await pruning.preview()).toHaveLength(3);
  const { bodies, bytes } = await pruning.prune();
  expect([bodies, bytes > 100]).toEqual([3, true]);
  expect(pruning.archived()).toHaveLength(3);
  expect(bookOf(policies)).toEqual(before);
  await policies.update('one', { b: 'other' });
  const after = bookOf(policies);
  expect(await pruning.prune()).toEqual({ bodies: 0, bytes: 0 });
  await ledger.close();
  const again = await start(disk, archive, saved);
  await again.policies.caughtUp();
  expect(bookOf(again.policies)).toEqual(after);
  expect(again.pruning.need()).toBeUndefined();
});

test('what needs a dropped body says who has it, and the history shows what is left', async () => {
  const { policies, pruning, frontier } = await settled();
  await pruning.prune();
  await expect(policies.past({ kind: 'frontier', heads: frontier })).rejects.toMatchObject({
    code: 'ENTRY_ARCHIVED',
    message: 'the policies of that moment: archived, ask attic',
  });
  const versions = await policies.history('one');
  expect(versions.map(({ op, archived }) => [op, archived])).toEqual([
    ['insert', undefined],
    ['update', 'body'],
    ['update', 'body'],
    ['update', 'before'],
  ]);
  expect(versions.at(-1)?.changes).toEqual([{ attribute: 'a', before: undefined, after: 4 }]);
  const [dropped = ''] = pruning.archived();
  await expect(policies.erase({ entry: dropped, reason: 'r' })).rejects.toMatchObject({ code: 'ENTRY_ARCHIVED' });
});

test('everything comes back from an archive; what it does not have stays archived', async () => {
  const { policies, pruning, archive, frontier } = await settled();
  const [lost = ''] = (await pruning.prune(), pruning.archived());
  const body = archive.kept.get(lost)!;
  archive.kept.delete(lost);
  expect(await pruning.fill()).toMatchObject({ bodies: 2 });
  expect(pruning.archived()).toEqual([lost]);
  archive.kept.set(lost, Buffer.from('{"content":{},"salt":""}'));
  expect(await pruning.fill()).toMatchObject({ bodies: 0 });
  archive.kept.set(lost, body);
  expect(await pruning.fill()).toMatchObject({ bodies: 1 });
  expect(pruning.archived()).toEqual([]);
  expect((await policies.past({ kind: 'frontier', heads: frontier })).book.get('one')?.value['a']).toBe(1);
});

test('a node that lost what it kept gives no answer until others tell the state, and the bodies when it is filled', async () => {
  const { policies, pruning, ledger, disk, archive, key } = await settled();
  const before = bookOf(policies);
  await pruning.prune();
  await ledger.close();
  const again = await start(disk, archive);
  await expect(again.policies.caughtUp()).rejects.toMatchObject({ code: 'ENTRY_ARCHIVED' });
  expect(() => again.pruning.assertKnown()).toThrow('the policies in force: archived, ask attic');
  const leaves = archive.states.get(key) ?? [];
  archive.states.set(key, leaves.slice(1));
  expect(await again.pruning.askForLeaves()).toBe(false);
  archive.states.set(key, leaves);
  expect(await again.pruning.askForLeaves()).toBe(true);
  again.pruning.assertKnown();
  await again.policies.caughtUp();
  expect(bookOf(again.policies)).toEqual(before);
  await again.pruning.fill();
  expect(bookOf(again.policies)).toEqual(before);
  expect((await again.policies.history('one')).map(({ archived }) => archived)).toEqual(Array(4).fill(undefined));
});

test('an erasure in what is settled needs the history: the state before is served without what was erased', async () => {
  const { policies, pruning, ledger } = await settled();
  await pruning.prune();
  const target = (await ledger.follow(0, 100)).find(({ entry }) => entry.header.id === 'two')!.entry.hash;
  await policies.erase({ entry: target, reason: 'r' });
  await policies.caughtUp();
  expect(pruning.need()?.message).toContain('history needed');
  expect(policies.book.get('two')?.value).not.toHaveProperty('a');
  expect(policies.book.get('one')?.value['a']).toBe(4);
  await expect(policies.snapshots.make()).rejects.toMatchObject({ code: 'ENTRY_ARCHIVED' });
  await expect(policies.past(EVERYTHING)).rejects.toMatchObject({ code: 'ENTRY_ARCHIVED' });
  await pruning.fill();
  expect(pruning.need()).toBeUndefined();
  expect(policies.book.get('one')?.value['a']).toBe(4);
  expect((await pruning.prune()).bodies).toBe(3);
});

test('what has gone when dropping fails is known to be gone', async () => {
  const { policies, pruning, ledger } = await settled();
  const [, first = ''] = (await ledger.follow(0, 100)).flatMap(({ entry }) =>
    entry.header.op === 'update' ? [entry.hash] : [],
  );
  const archiveAll = ledger.bodies.archive.bind(ledger.bodies);
  ledger.bodies.archive = async (hashes) => {
    await archiveAll(hashes.filter((hash) => hash === first));
    throw new Error('the disk is full');
  };
  await expect(pruning.prune()).rejects.toThrow('the disk is full');
  expect([pruning.count, pruning.archived()]).toEqual([1, [first]]);
  ledger.bodies.archive = archiveAll;
  expect(await pruning.prune()).toMatchObject({ bodies: 2 });
  await pruning.fill();
  expect(policies.book.get('one')?.value['a']).toBe(4);
  expect(pruning.count).toBe(0);
});

test('what is settled while others are asked whether they have what goes stays', async () => {
  const { policies, pruning } = await settled();
  const settleMore = async (): Promise<void> => {
    for (const a of [5, 6]) await policies.update('two', { a });
    await policies.snapshots.make();
  };
  expect(await pruning.prune(undefined, settleMore)).toMatchObject({ bodies: 3 });
  expect(await pruning.preview()).toHaveLength(1);
});

test('what came back when fetching it back fails is taken up, at once or by the next attempt', async () => {
  const { pruning, ledger } = await settled();
  await pruning.prune();
  const [first = ''] = pruning.archived();
  const restoreAll = ledger.bodies.restore.bind(ledger.bodies);
  ledger.bodies.restore = async (bodies) => {
    await restoreAll(bodies.filter(({ hash }) => hash === first));
    throw new Error('the disk is full');
  };
  const byHash = ledger.byHash.bind(ledger);
  ledger.byHash = async () => {
    throw new Error('the disk cannot be read');
  };
  await expect(pruning.fill()).rejects.toThrow('the disk is full');
  expect(pruning.count).toBe(3);
  ledger.byHash = byHash;
  await expect(pruning.fill()).rejects.toThrow('the disk is full');
  expect(pruning.count).toBe(2);
  ledger.bodies.restore = restoreAll;
  expect(await pruning.fill()).toMatchObject({ bodies: 2 });
  expect(pruning.count).toBe(0);
});

test('one at a time, only where others have it, and only while nothing else needs the files', async () => {
  const { pruning, ledger, disk, archive, saved } = await settled();
  const isNowhere = async (): Promise<never> => {
    expect(pruning.busy).toBe(true);
    await expect(pruning.fill()).rejects.toMatchObject({ code: 'POLICY_PRUNING_BUSY' });
    throw new Error('nobody has it');
  };
  await expect(pruning.prune(undefined, isNowhere)).rejects.toThrow('nobody has it');
  expect([pruning.busy, pruning.count]).toEqual([false, 0]);
  await ledger.close();
  const again = await start(disk, archive, saved, () => {
    throw new Error('a backup is being made');
  });
  await expect(again.pruning.prune()).rejects.toThrow('a backup is being made');
  await expect(again.pruning.fill()).rejects.toThrow('a backup is being made');
  expect(again.pruning.busy).toBe(false);
});
