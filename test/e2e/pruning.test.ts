import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { insertPolicy } from '../../scripts/demo/network.ts';
import type { NodeProcess } from '../../scripts/demo/node-process.ts';
import { holdfast } from '../support/executable.ts';
import { nodeProcesses } from '../support/node-processes.ts';
import { waitFor } from '../support/wait.ts';

const DROPPED = 'name-4711';

const { at, keep, start } = nodeProcesses();

/** Whether some file of the node's ledger holds the text that is to be dropped. */
const isOnDisk = async (): Promise<boolean> => {
  const journal = at('root', 'ledger', 'journal');
  const files = await Promise.all((await readdir(journal)).map((name) => readFile(join(journal, name))));
  return files.some((bytes) => bytes.includes(DROPPED));
};

const versionsOf = async (node: NodeProcess, id: string): Promise<readonly unknown[]> =>
  ((await node.json(`blockchain history where id = ${id} and format = json`)) as readonly { archived?: string }[]).map(
    ({ archived }) => archived,
  );

test(
  'a node drops what is settled and stays what it was, over starts too, and takes everything back',
  { timeout: 120_000 },
  async () => {
    const root = await start('root', '--network', 'acme', '--admission', 'open');
    const other = await start('other', '--seed', root.facts.listen);
    const { id } = await insertPolicy(root, 'site', { name: 'first' });
    const rename = (name: string): Promise<string> =>
      root.run(`blockchain update where id = ${id} and policy = {"site": {"name": "${name}"}}`);
    await rename(DROPPED);
    const early = (await root.run('get frontier')).trim();
    await rename('second');
    await rename('third');
    await waitFor(async () => (await other.run('blockchain get site')).includes('third'));
    await insertPolicy(other, 'site', { name: 'elsewhere' });
    await waitFor(async () => (await root.run('blockchain get site')).includes('elsewhere'));
    expect(await root.run('blockchain snapshot')).toContain('in force');
    await waitFor(async () => (await root.run('get frontier')) === (await other.run('get frontier')));
    const bookOf = async (node: NodeProcess): Promise<unknown> => [
      await node.run('get frontier'),
      await node.json('blockchain get site where format = json'),
      await node.json(`blockchain get * as of ${(await node.run('get frontier')).trim()} where format = json`),
    ];
    const before = await bookOf(root);
    expect(await isOnDisk()).toBe(true);
    await waitFor(
      async () => !(await root.run('blockchain prune where dry = true').catch(() => 'PRUNING_ALONE')).includes('ALONE'),
    );
    expect(await root.json('blockchain prune where format = json')).toMatchObject({
      bodies: 2,
      holders: [other.facts.peer],
    });

    const isPruned = async (node: NodeProcess): Promise<void> => {
      expect(await isOnDisk()).toBe(false);
      expect(await bookOf(node)).toEqual(before);
      expect(await versionsOf(node, id)).toEqual([undefined, 'body', 'body', 'before']);
      await expect(node.run(`blockchain get site as of ${early}`)).rejects.toThrow('ENTRY_ARCHIVED');
      expect(await node.run('get status')).toContain('2 bodies archived');
    };
    await isPruned(root);
    // Its bundle is whole: the bodies are borrowed from the one that has them, and proven by their headers.
    const bundle = at('bundle.tar');
    expect(await holdfast(['audit', 'export', '--dir', at('root'), '--out', bundle, '--as-of', early])).toMatchObject({
      status: 0,
      stderr: '',
    });
    expect(await holdfast(['audit', 'verify', bundle, '--root', root.facts.peer])).toMatchObject({ status: 0 });
    expect(await readFile(bundle, 'latin1')).toContain(DROPPED);
    expect(await isOnDisk()).toBe(false);
    // The other one is the last that has everything.
    await expect(other.run('blockchain prune')).rejects.toThrow('POLICY_PRUNING_ALONE');
    // Who joins at a pruned node begins with the snapshot.
    const third = await start('third', '--seed', root.facts.listen);
    await waitFor(async () => (await third.run('get frontier').catch(() => '')) === (await root.run('get frontier')));
    await waitFor(async () => (await third.run('blockchain get site').catch(() => '')).includes('third'));
    expect(await bookOf(third)).toEqual(before);
    expect(await third.run('get status')).toContain('2 bodies archived');
    await third.stop();
    expect(await root.run('blockchain audit')).toMatch(/Ledger +\|sound +\|.*Bodies archived, not checked +\| +2\|/s);
    const copy = at('copy');
    await root.run(`run backup where dir = "${copy}"`);
    await waitFor(async () => (await root.run('get backup')).includes('done'));
    expect(await readdir(join(copy, 'ledger', 'states'))).toHaveLength(1);
    await root.stop('SIGKILL');
    const again = keep(await root.restart([]));
    await isPruned(again);

    // What it kept is lost: it starts and has no answer; others tell the state.
    await other.stop();
    await again.stop();
    await rm(at('root', 'ledger', 'states'), { recursive: true });
    const bare = keep(await again.restart([]));
    await expect(bare.run('blockchain get site')).rejects.toThrow('ENTRY_ARCHIVED');
    expect(await bare.run('get status')).toContain('Fault HISTORY_NEEDED');
    keep(await other.restart());
    await waitFor(async () => (await bare.run('get frontier').catch(() => '')) !== '');
    expect(await bookOf(bare)).toEqual(before);
    await waitFor(
      async () =>
        ((await bare.json('blockchain fill history where format = json')) as { lacking: number }).lacking === 0,
    );
    expect(await isOnDisk()).toBe(true);
    expect(await bookOf(bare)).toEqual(before);
    expect(await versionsOf(bare, id)).toEqual([undefined, undefined, undefined, undefined]);
    expect(await bare.run(`blockchain get site as of ${early}`)).toContain(DROPPED);
    expect(await bare.run('get status')).not.toContain('History');
  },
);
