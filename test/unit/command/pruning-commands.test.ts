import { beforeEach, expect, test } from 'vitest';
import { verifyBundle } from '../../../src/bundle/verify.ts';
import type { ArchiveSource } from '../../../src/ledger/archive/client.ts';
import type { TilesStatus } from '../../../src/receipt/tiles/tiles-service.ts';
import { type CommandNode, type CommandNodes, commandNodes } from '../../support/command-node.ts';
import { createMemoryArchive, type MemoryArchive } from '../../support/memory-archive.ts';
import { codeOf } from '../../support/policy-node.ts';
import { stateHash } from '../../support/state-hash.ts';

const ATTIC: ArchiveSource = {
  ...{ key: 'f'.repeat(64), name: 'attic', connected: true, role: true, says: true, lacked: false },
};
const INSERT = 'blockchain insert where policy = {"site": {"id": "one", "name": "here", "a": 1}}';

let nodes: CommandNodes;
let node: CommandNode;
let archive: MemoryArchive;
let keepers: readonly ArchiveSource[];
let tiles: TilesStatus | undefined;
/** What happens while others are asked whether they have everything. */
let meanwhile: () => void;

beforeEach(async () => {
  nodes = commandNodes();
  archive = createMemoryArchive([ATTIC]);
  [keepers, tiles, meanwhile] = [[ATTIC], undefined, () => {}];
  node = await nodes.add({
    archive,
    archiving: {
      sources: () => keepers,
      tiles: () => tiles,
      async confirmed() {
        meanwhile();
        return keepers;
      },
    },
  });
  node.parts.holders = [ATTIC.key];
  await node.run(INSERT);
  for (const a of [2, 3, 4]) await node.policies.update('one', { a });
});

const settle = async (): Promise<void> => {
  await node.run('blockchain snapshot');
  for (const { entry } of await node.ledger.follow(0, 100)) archive.kept.set(entry.hash, entry.raw.body);
};

test('what is settled goes on command and comes back on command; the policies stay', async () => {
  await settle();
  const before = stateHash(node.policies.book);
  expect(await node.json('get status')).toMatchObject({ history: { complete: true, archived: 0, snapshot: null } });
  expect(await node.text('get snapshots')).toContain('held: the complete history');
  expect(await node.text('blockchain prune where dry = true')).toMatch(
    /^nothing is dropped yet: 2 bodies could go by snapshot [0-9a-f]{64}\nkept by: attic$/,
  );
  expect(node.policies.pruning?.count).toBe(0);
  const busy: unknown[] = [];
  meanwhile = () => busy.push(node.policies.pruning?.busy);
  expect(await node.json('blockchain prune')).toMatchObject({
    dry: false,
    bodies: 2,
    archived: 2,
    holders: [ATTIC.key],
  });
  // Whoever asks this node meanwhile is told that it does not keep everything.
  expect(busy).toEqual([true]);
  expect(stateHash(node.policies.book)).toBe(before);
  expect(await node.text('get snapshots')).toMatch(/held: pruned by snapshot [0-9a-f]{64}, 2 bodies archived/);
  const status = await node.text('get status');
  expect(status).toMatch(/\nHistory: held: pruned by snapshot [0-9a-f]{64}, 2 bodies archived/);
  expect(status).not.toMatch(/not/i);
  expect(await node.json('get status')).toMatchObject({ history: { complete: false, archived: 2 } });
  expect(await node.text('blockchain prune')).toContain('dropped 0 bodies');

  // Who is to keep everything needs it from somebody; others begin with the snapshot.
  expect(await faultOf('create invite where role = archive')).toBe('POLICY_PRUNING_ALONE');
  expect(await node.json('create invite where role = auditor')).toHaveProperty('token');
  expect(await node.json('create invite where role = archive and seed = 10.0.0.9:32148')).toMatchObject({
    token: expect.any(String) as string,
  });

  const [lost = ''] = node.policies.pruning?.archived() ?? [];
  const body = archive.kept.get(lost)!;
  archive.kept.delete(lost);
  await expect(node.run('blockchain fill history')).rejects.toMatchObject({
    code: 'ENTRY_ARCHIVED',
    message: expect.stringMatching(/^1 body came back.*; 1 body is lacking still/) as string,
    hint: expect.stringContaining('attic') as string,
    data: { bodies: 1, lacking: 1 },
  });
  archive.kept.set(lost, body);
  expect(await node.json('blockchain fill history')).toMatchObject({ bodies: 1, lacking: 0 });
  expect(await node.text('blockchain fill history')).toContain('0 bodies came back, 0 bytes\nthe history is complete');
  expect(stateHash(node.policies.book)).toBe(before);
});

const faultOf = (command: string): Promise<string> => codeOf(node.run(command));

const exported = async (): Promise<Buffer> => {
  const pieces: Uint8Array[] = [];
  const { file } = await node.run('blockchain export', { ...node.session, caller: 'rest' });
  for await (const piece of file ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
};

test('what a pruned node exports is whole: what it lacks is borrowed for that, and proven', async () => {
  await settle();
  const before = verifyBundle(await exported());
  await node.run('blockchain prune');
  const after = verifyBundle(await exported());
  expect(after).toMatchObject({ sound: true, root: before.root, checked: before.checked });
  expect(node.policies.pruning?.count).toBe(2);
  // Who gives another body than the author signed gives none.
  const [one = ''] = node.policies.pruning?.archived() ?? [];
  archive.kept.set(one, Buffer.from('{"content":{},"salt":"00"}'));
  await expect(exported()).rejects.toMatchObject({
    code: 'ENTRY_ARCHIVED',
    message: expect.stringMatching(/1 are without body.*ask attic/) as string,
  });
});

test('what is being read counts as being made, to its end: that holds in memory what was borrowed', async () => {
  await settle();
  const begin = async (): Promise<AsyncIterator<Uint8Array>> => {
    const { file } = await node.run('blockchain export', { ...node.session, caller: 'rest' });
    return file![Symbol.asyncIterator]();
  };
  const [one, two] = [await begin(), await begin()];
  await two.next();
  await expect(begin()).rejects.toMatchObject({ code: 'BUNDLE_BUSY' });
  // Of one nothing was read, the other is broken off.
  await one.return?.();
  await two.return?.();
  expect((await exported()).byteLength).toBeGreaterThan(0);
  expect((await exported()).byteLength).toBeGreaterThan(0);
});

test('who keeps everything is away, or was never met; how far this node is behind is said', async () => {
  keepers = [ATTIC, { ...ATTIC, key: 'e'.repeat(64), name: 'cellar', connected: false }];
  const before = await node.json('get archives');
  expect(before).toMatchObject({ behind: 0, archives: [{ state: 'connected' }, { state: 'never met' }] });
  const met = { peer: 'e'.repeat(64), connected: false, behind: 7, ahead: 0, lastExchangeMs: 1 };
  Object.assign(node.context.ledgerSync, { peers: () => [met] });
  expect(await node.json('get archives')).toMatchObject({ behind: 7, archives: [{}, { state: 'away' }] });
  expect(await node.text('get archives')).toMatch(/others hold 7 entries that are still to come here.*\nheld:/);
});

test('nothing goes while no snapshot is in force', async () => {
  for (const command of ['blockchain prune', 'blockchain prune where dry = true'])
    expect(await faultOf(command)).toBe('POLICY_PRUNING_UNSETTLED');
});

test('nothing goes that might be nowhere else', async () => {
  await settle();
  keepers = [];
  expect(await faultOf('blockchain prune')).toBe('POLICY_PRUNING_ALONE');
  expect(await faultOf('blockchain prune where dry = true')).toBe('POLICY_PRUNING_ALONE');
  keepers = [ATTIC];
  // It has everything that it holds, which is less.
  node.parts.holders = [];
  expect(await faultOf('blockchain prune')).toBe('POLICY_PRUNING_ALONE');
  expect(node.policies.pruning?.count).toBe(0);
});

test('a node that keeps the history for others drops nothing', async () => {
  await settle();
  tiles = { dir: 't', published: 0, signed: 0, absent: 0, bodiless: 0, damaged: 0, failure: undefined };
  expect(await faultOf('blockchain prune')).toBe('POLICY_PRUNING_ARCHIVE');
});

test('files of the ledger stay as they are under a backup', async () => {
  await settle();
  await node.run('run backup where dir = "/b"');
  expect(await faultOf('blockchain prune')).toBe('BACKUP_RUNNING');
  expect(await faultOf('blockchain fill history')).toBe('BACKUP_RUNNING');
  await node.run('exit backup');
  expect((await node.json('blockchain prune')) as object).toMatchObject({ bodies: 2 });
});

test('a book that lacks history is a fault of the node, with whom to ask', async () => {
  await settle();
  await node.run('blockchain prune');
  const held = await node.ledger.follow(0, 100);
  const insert = held.find(({ entry }) => entry.header.op === 'insert')!.entry.hash;
  // What follows without it, bodies would tell that are elsewhere.
  await node.policies.erase({ entry: insert, reason: 'r' });
  const { faults } = (await node.json('get status')) as { readonly faults: readonly { readonly code: string }[] };
  expect(faults.map(({ code }) => code)).toContain('HISTORY_NEEDED');
  expect(await node.text('get status')).toMatch(/Fault HISTORY_NEEDED: .*ask attic.*blockchain fill history/);
  expect(await faultOf('blockchain prune')).toBe('ENTRY_ARCHIVED');
});
