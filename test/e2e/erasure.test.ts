import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insertPolicy } from '../../scripts/demo/network.ts';
import { CommandRefused, NodeProcess } from '../../scripts/demo/node-process.ts';
import { holdfast } from '../support/executable.ts';
import { NetworkFixture } from '../support/network-fixture.ts';
import { waitFor } from '../support/wait.ts';

const SECRETS = ['Jane-Doe-4711', '+49-555-0100'];

/** Files below a directory that hold one of the secrets. */
const filesWith = (dir: string, secrets: readonly string[] = SECRETS): readonly string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const bytes = readFileSync(path);
      return secrets.some((secret) => bytes.includes(secret));
    });

interface Version {
  readonly entry: string;
  readonly op: string;
  readonly erased?: { readonly entry: string; readonly authorName?: string; readonly reason: string };
}

describe('an entry that is erased on one of four nodes', () => {
  let network: NetworkFixture;
  let root: NodeProcess;
  let other: NodeProcess;
  let contact = '';
  let entries: readonly Version[] = [];
  let frontier = '';
  let rootBefore = '';
  let erasedBy = '';

  const join4 = async (name: string, invite?: string): Promise<NodeProcess> => {
    const args = invite === undefined ? ['--network', 'erase'] : ['--invite', invite];
    const node = await NodeProcess.start({ dir: join(network.dir, name), name, args });
    network.nodes.set(name, node);
    return node;
  };
  const invite = async (): Promise<string> =>
    (await root.run('create invite where role = member and type = contact and type = query')).trim();
  const historyOn = async (node: NodeProcess): Promise<readonly Version[]> =>
    (await node.json(`blockchain history where id = ${contact} and format = json`)) as readonly Version[];
  const stateRootOn = async (node: NodeProcess): Promise<string> =>
    /state root ([0-9a-f]{64})/.exec(await node.run(`blockchain get contact as of ${frontier}`))?.[1] ?? '';
  const refusal = async (node: NodeProcess, entry: string): Promise<string> => {
    try {
      await node.run(`blockchain erase where entry = ${entry} and reason = "asked for"`);
    } catch (caught) {
      if (caught instanceof CommandRefused) return caught.body;
      throw caught;
    }
    return '';
  };

  beforeAll(async () => {
    network = await NetworkFixture.create();
    root = await join4('root');
    other = await join4('other', await invite());
    await join4('away', await invite());
    const policy = { name: SECRETS[0], phone: SECRETS[1], desk: 'D12' };
    contact = (await insertPolicy(other, 'contact', policy)).id;
    await other.run(`blockchain update where id = ${contact} and policy = {"contact": {"desk": "D13"}}`);
    await network.settled();
    entries = await historyOn(root);
    frontier = (await root.run('get frontier')).trim();
    rootBefore = await stateRootOn(root);
    for (const name of ['root', 'other', 'away'])
      expect(filesWith(network.node(name).options.dir).length).toBeGreaterThan(0);
    await network.kill('away');
    erasedBy = /entry ([0-9a-f]{64})/.exec(
      await other.run(`blockchain erase where entry = ${entries[0]?.entry} and reason = "asked for by the person"`),
    )![1]!;
    await network.settled();
  }, 120_000);
  afterAll(() => network.close(), 30_000);

  const isGoneOn = (node: NodeProcess): Promise<boolean> =>
    waitFor(() => filesWith(node.options.dir).length === 0, { what: () => filesWith(node.options.dir).join(' ') });

  test('is gone from the disks of all that hear of it, and stays gone over a restart', async () => {
    for (const node of [root, other]) await isGoneOn(node);
    await root.stop();
    root = await root.restart();
    network.nodes.set('root', root);
    expect(filesWith(root.options.dir)).toEqual([]);
    expect(await root.run(`blockchain get contact where id = ${contact}`)).not.toContain(SECRETS[0]);
    expect(await root.run(`blockchain get contact where id = ${contact}`)).toContain('D13');
  }, 60_000);

  test('goes from the disk of a node that was down meanwhile, once that is back', async () => {
    const away = await network.node('away').restart();
    network.nodes.set('away', away);
    await network.settled();
    await isGoneOn(away);
    expect(await away.run(`blockchain get contact where id = ${contact}`)).not.toContain(SECRETS[1]);
  }, 60_000);

  test('never reaches one that joins later, which holds the rest and proves it', async () => {
    const late = await join4('late', await invite());
    await network.settled();
    expect(filesWith(late.options.dir)).toEqual([]);
    for (const node of [root, other, network.node('away'), late]) {
      const [first, second] = await historyOn(node);
      expect(first).toMatchObject({
        entry: entries[0]?.entry,
        erased: { entry: erasedBy, reason: 'asked for by the person', attributes: ['desk', 'name', 'phone'] },
      });
      expect(second?.erased).toBeUndefined();
      expect(await stateRootOn(node)).toBe(rootBefore);
      expect(await node.json('blockchain audit where format = json')).toMatchObject({
        sound: true,
        checked: { erased: 1 },
      });
      const { erasures } = (await node.json('get erasures where format = json')) as { erasures: readonly unknown[] };
      expect(erasures).toMatchObject([
        { entry: erasedBy, effect: 'in-force', target: { entry: entries[0]?.entry, type: 'contact', id: contact } },
      ]);
    }
    expect(await root.run(`blockchain history where id = ${contact}`)).toContain('desk, name, phone erased by');
  }, 60_000);

  test('leaves a bundle that is sound without it', async () => {
    const out = join(network.dir, 'erased.tar');
    expect(await holdfast(['audit', 'export', '--dir', root.options.dir, '--out', out])).toMatchObject({ status: 0 });
    expect(filesWith(network.dir)).toEqual([]);
    const sound = await holdfast(['audit', 'verify', out, '--json']);
    expect(sound.status, sound.stdout + sound.stderr).toBe(0);
    expect(JSON.parse(sound.stdout)).toMatchObject({ sound: true });
  }, 60_000);

  test('is in no backup that is made afterwards', async () => {
    const backup = join(network.dir, 'backup');
    expect(await holdfast(['backup', '--dir', root.options.dir, backup])).toMatchObject({ status: 0 });
    expect(filesWith(backup)).toEqual([]);
  }, 60_000);

  test('what may not be erased is refused with its reason', async () => {
    const log = (await root.json('blockchain log where limit = 100 and format = json')) as {
      entries: readonly Version[];
    };
    const entryOf = (op: string): string => log.entries.find((entry) => entry.op === op)?.entry ?? '';
    expect(await refusal(root, 'f'.repeat(64))).toContain('POLICY_ENTRY_UNKNOWN');
    expect(await refusal(root, entries[0]?.entry ?? '')).toContain('POLICY_ENTRY_ERASED');
    for (const op of ['genesis', 'grant', 'join', 'erase'])
      expect(await refusal(root, entryOf(op))).toContain('POLICY_ENTRY_KEPT');
    expect(await refusal(network.node('away'), entries[1]?.entry ?? '')).toContain('POLICY_ERASE_NOT_OWNER');
    const cluster = (await insertPolicy(root, 'cluster', { company: 'c', name: 'k' })).id;
    const [inserted] = (await root.json(`blockchain history where id = ${cluster} and format = json`)) as Version[];
    expect(await refusal(root, inserted?.entry ?? '')).toContain('POLICY_ENTRY_NEEDED');
    // An admin may erase what another wrote.
    expect(await refusal(root, entries[1]?.entry ?? '')).toBe('');
    await network.settled();
    await waitFor(async () => !(await other.run(`blockchain get contact where id = ${contact}`)).includes('D13'));
  }, 60_000);
});
