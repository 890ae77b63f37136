import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insertPolicy } from '../../scripts/demo/network.ts';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { readCheckpoint } from '../../src/receipt/checkpoint.ts';
import { holdfast } from '../support/executable.ts';
import { followHowTo, HOW_TO_TOOLS } from '../support/how-to.ts';
import { NetworkFixture } from '../support/network-fixture.ts';
import { waitFor } from '../support/wait.ts';

interface ReceiptsReply {
  readonly origin: string;
  readonly size: number;
  readonly checkpoint: string;
  readonly cosignatures: readonly { readonly name: string | null; readonly time: string }[];
  readonly failure: string | null;
}
interface KnownReply {
  readonly knownAt: {
    readonly node: string;
    readonly size: number;
    readonly entries: number;
    readonly root: string;
    readonly checkpoint: string;
    readonly source: string;
    readonly final: boolean;
  };
  readonly result: readonly Readonly<Record<string, { readonly name?: string }>>[];
}
interface BundleReply {
  readonly receipts: {
    readonly witnesses: readonly { readonly witness: string }[];
    readonly proofs: readonly unknown[];
  };
}
interface SettledReply {
  readonly settled: boolean;
  readonly named: number;
  readonly registered: number;
}

const names = ['one', 'two', 'three'] as const;

describe('three nodes and their receipts', () => {
  let network: NetworkFixture;
  let lamp = '';
  /** A second at which all nodes had witnessed checkpoints of the lamp, and not of what comes later. */
  let then = '';

  const receipts = (name: string): Promise<ReceiptsReply> =>
    network.node(name).json('get receipts where format = json') as Promise<ReceiptsReply>;
  const entries = async (name: string): Promise<number> =>
    ((await network.node(name).json('get synchronizer where format = json')) as { entries: number }).entries;
  /** All of what a node holds is in a checkpoint that both others cosigned. */
  const witnessed = (name: string): Promise<true> =>
    waitFor(
      async () => {
        const { size, cosignatures } = await receipts(name);
        return size === (await entries(name)) && cosignatures.length === 2;
      },
      { timeoutMs: 20_000 },
    );
  const known = (asked: string, on: string): Promise<KnownReply> =>
    network
      .node(asked)
      .json(`blockchain get lamp known at "${then}" on ${on} where format = json`) as Promise<KnownReply>;
  /** Starts an ended node in its directory and at its address. */
  const again = async (name: string): Promise<void> => {
    const { options, facts } = network.node(name);
    const args = ['--seed', network.node('one').facts.listen];
    network.nodes.set(name, await NodeProcess.start({ ...options, listen: facts.listen, args }));
  };
  const nextSecond = async (): Promise<string> => {
    const now = Math.floor(Date.now() / 1_000);
    await waitFor(() => Date.now() >= (now + 2) * 1_000);
    return new Date((now + 1) * 1_000).toISOString();
  };

  beforeAll(async () => {
    network = await NetworkFixture.create();
    await network.start(...names);
    for (const name of names) {
      const node = network.node(name);
      const [ip = '', port = ''] = node.facts.listen.split(':');
      await insertPolicy(node, 'query', { name, company: 'Acme', ip, port: Number(port) });
    }
    lamp = (await insertPolicy(network.node('one'), 'lamp', { name: 'first' })).id;
    await network.settled();
    await Promise.all(names.map(witnessed));
    then = await nextSecond();
    await insertPolicy(network.node('two'), 'lamp', { name: 'second' });
    await network.settled();
    await Promise.all(names.map(witnessed));
  }, 120_000);
  afterAll(() => network.close(), 30_000);

  test('show a checkpoint that both others cosigned, and it verifies', async () => {
    for (const name of names) {
      const reply = await receipts(name);
      const checkpoint = readCheckpoint(reply.checkpoint);
      expect(checkpoint.origin.node).toBe(network.node(name).facts.peer);
      expect(checkpoint.cosignatures.map(({ witness }) => witness).sort()).toEqual(
        names
          .filter((other) => other !== name)
          .map((other) => network.node(other).facts.peer)
          .sort(),
      );
      expect(reply.failure).toBeNull();
      expect(await network.node(name).run('get receipts')).toContain(reply.origin);
    }
    expect(await network.node('one').run('get split views')).toContain('No node');
    expect(await network.node('one').json('get split views where format = json')).toEqual([]);
  });

  test('tell what one of them knew, all the same', async () => {
    const [first, second, third] = [await known('one', 'two'), await known('two', 'two'), await known('three', 'two')];
    expect(first.result.map((policy) => policy['lamp']?.name)).toEqual(['first']);
    expect(second).toEqual(first);
    expect(third).toEqual(first);
    expect(first.knownAt).toMatchObject({ node: network.node('two').facts.peer, final: true });
    expect(first.knownAt.entries).toBe(first.knownAt.size);
    const text = await network.node('one').run(`blockchain get lamp bring [*][name] known at "${then}" on two`);
    expect(text).toMatch(/^Known at .* on two: \d+ policies of \d+ entries; state root [0-9a-f]{64}; its checkpoint/);
    expect(text).toContain('cosigned by');
    expect(text).toMatch(/first\s*$/);
    await expect(known('one', 'nobody')).rejects.toThrow('nobody');
    await expect(network.node('one').run('blockchain get lamp known at "2030-01-01" on two')).rejects.toThrow(
      /yet to come|known/,
    );
    await expect(network.node('one').run('blockchain get lamp known at "2001-01-01" on two')).rejects.toThrow(
      /what two knew then is not known here: two: .*; this node: /,
    );
  });

  test('agree on what is settled, and with global', async () => {
    const command = `blockchain settled where id = ${lamp} and format = json`;
    for (const name of names) {
      const reply = (await network.node(name).json(command)) as SettledReply;
      expect(reply).toMatchObject({ settled: true, named: 3, registered: 3 });
      const [policy] = (await network.node(name).json(`blockchain get lamp where id = ${lamp}`)) as {
        lamp: { ledger: string };
      }[];
      expect(policy?.lamp.ledger).toBe('global');
    }
    expect(await network.node('one').run(`blockchain settled where id = ${lamp}`)).toContain(': settled, 3 of 3');
  });

  test('export a bundle that says what it had when, by the word of both others', async () => {
    const bundle = join(network.dir, 'bundle.tar');
    const one = network.node('one');
    const exported = await holdfast(['audit', 'export', '--dir', one.options.dir, '--out', bundle, '--id', lamp]);
    expect(exported).toMatchObject({ status: 0, stderr: '' });
    const { stdout } = await holdfast(['audit', 'verify', bundle, '--root', one.facts.peer, '--json']);
    const report = JSON.parse(stdout) as BundleReply;
    const others = ['two', 'three'].map((name) => network.node(name).facts.peer).sort();
    const wordsOf = (witnesses: readonly { readonly witness: string }[]): string[] =>
      witnesses.map(({ witness }) => witness).sort();
    expect(report).toMatchObject({ sound: true, receipts: { size: await entries('one'), later: 0 } });
    expect(wordsOf(report.receipts.witnesses)).toEqual(others);
    expect(report.receipts.proofs).toHaveLength(1);
    const text = await holdfast(['audit', 'verify', bundle]);
    expect(text.stdout).toMatch(/at the latest at 20\d\d-\S+Z, by the word of [0-9a-f]{64}/);
    const two = network.node('two').facts.peer;
    const known = join(network.dir, 'known.tar');
    const asked = ['--known-at', then, '--on', 'two', '--id', lamp];
    expect(await holdfast(['audit', 'export', '--dir', one.options.dir, '--out', known, ...asked])).toMatchObject({
      status: 0,
    });
    const proven = await holdfast(['audit', 'verify', known, '--root', one.facts.peer, '--json']);
    expect(JSON.parse(proven.stdout)).toMatchObject({ sound: true, known: { node: two }, checked: { policies: 1 } });
    if (!HOW_TO_TOOLS) return;
    const dir = join(network.dir, 'unpacked');
    await mkdir(dir);
    const steps = followHowTo(bundle, dir);
    const said = (begin: string): string | undefined => steps.find(({ command }) => command.startsWith(begin))?.said;
    expect(said('sort receipts')).toBe('');
    expect(steps.filter((step) => step.said === 'Signature Verified Successfully\n')).toHaveLength(2);
    const words = said("sed -n '6") ?? '';
    expect(words.match(/Success/g)).toHaveLength(2);
    for (const key of others) expect(words).toContain(`keys/${key}.pem`);
  });

  test('a node that is killed and started again goes on with its log; while it is gone its witnesses tell what it knew', async () => {
    const before = await receipts('three');
    const told = await known('one', 'three');
    await network.kill('three');
    await waitFor(async () => {
      const now = await known('one', 'three');
      expect({ ...now.knownAt, checkpoint: '', cosignatures: [], source: '' }).toEqual({
        ...told.knownAt,
        checkpoint: '',
        cosignatures: [],
        source: '',
      });
      expect(now.result).toEqual(told.result);
      return now.knownAt.source !== network.node('three').facts.peer;
    });
    await again('three');
    await insertPolicy(network.node('one'), 'lamp', { name: 'third' });
    await network.settled();
    await witnessed('three');
    const after = await receipts('three');
    expect(after.origin).toBe(before.origin);
    expect(after.size).toBeGreaterThan(before.size);
    expect(await known('one', 'three')).toMatchObject({ result: told.result });
    expect(await network.node('one').json('get split views where format = json')).toEqual([]);
    const kept = await readFile(
      join(network.node('three').options.dir, 'receipts', 'own', after.origin.split('/').at(-1) ?? '', 'signed'),
      'utf8',
    );
    expect(readCheckpoint(kept).size).toBe(after.size);
  });

  test('a directory without its receipts begins another log, and nobody is accused', async () => {
    const before = await receipts('two');
    const { options } = network.node('two');
    await network.kill('two');
    await rm(join(options.dir, 'receipts'), { recursive: true });
    await again('two');
    await witnessed('two');
    const after = await receipts('two');
    expect(after.origin).not.toBe(before.origin);
    expect(after.origin.split('/').slice(0, 3)).toEqual(before.origin.split('/').slice(0, 3));
    // What it knew before is with its witnesses.
    expect((await known('one', 'two')).result.map((policy) => policy['lamp']?.name)).toEqual(['first']);
    for (const name of names) expect(await network.node(name).json('get split views where format = json')).toEqual([]);
  });

  test('what one knew is told and proven as before when the policies of all its witnesses are deleted', async () => {
    const one = network.node('one');
    const before = await known('one', 'two');
    for (const name of ['one', 'three']) {
      const [policy] = (await one.json(`blockchain get query where name = ${name}`)) as { query: { id: string } }[];
      await one.run(`blockchain delete policy where id = ${policy?.query.id ?? ''}`);
    }
    await network.settled();
    for (const asked of names) {
      const { result, knownAt } = await known(asked, 'two');
      expect(result).toEqual(before.result);
      expect(knownAt).toMatchObject({
        node: before.knownAt.node,
        size: before.knownAt.size,
        root: before.knownAt.root,
      });
    }
    const bundle = join(network.dir, 'later.tar');
    const asked = ['--known-at', then, '--on', 'two', '--id', lamp];
    expect(await holdfast(['audit', 'export', '--dir', one.options.dir, '--out', bundle, ...asked])).toMatchObject({
      status: 0,
    });
    const { stdout } = await holdfast(['audit', 'verify', bundle, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ sound: true, root: before.knownAt.root });
  });
});
