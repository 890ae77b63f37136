import { expect, test } from 'vitest';
import { insertPolicy } from '../../scripts/demo/network.ts';
import type { NodeProcess } from '../../scripts/demo/node-process.ts';
import { nodeProcesses } from '../support/node-processes.ts';
import { waitFor } from '../support/wait.ts';

const { keep, start } = nodeProcesses();

const bookOf = async (node: NodeProcess): Promise<unknown> => [
  await node.run('get frontier'),
  await node.json('blockchain get site where format = json'),
  await node.json(`blockchain get * as of ${(await node.run('get frontier')).trim()} where format = json`),
];

test(
  'a network of a pruned node alone takes in new ones, which fill their history when one that has all is there',
  { timeout: 120_000 },
  async () => {
    const root = await start('root', '--network', 'acme', '--admission', 'invite');
    const inviteFor = async (role: string): Promise<string> =>
      (await root.run(`create invite where role = ${role}`)).trim();
    const whole = await start('whole', '--invite', await inviteFor('archive'));
    const { id } = await insertPolicy(root, 'site', { name: 'first' });
    const rename = (name: string): Promise<string> =>
      root.run(`blockchain update where id = ${id} and policy = {"site": {"name": "${name}"}}`);
    await rename('second');
    const early = (await root.run('get frontier')).trim();
    for (const name of ['third', 'fourth', 'fifth']) await rename(name);
    await waitFor(async () => (await whole.run('blockchain get site')).includes('fifth'));
    expect(await root.run('blockchain snapshot')).toContain('in force');
    await waitFor(async () => (await root.run('get frontier')) === (await whole.run('get frontier')));
    await waitFor(
      async () => !(await root.run('blockchain prune where dry = true').catch(() => 'PRUNING_ALONE')).includes('ALONE'),
    );
    expect(await root.json('blockchain prune where format = json')).toMatchObject({ bodies: 3 });
    await insertPolicy(root, 'site', { name: 'later' });
    await waitFor(async () => (await root.run('get frontier')) === (await whole.run('get frontier')));
    await whole.stop();

    const late = await start('late', '--invite', await inviteFor('member and type = site'));
    await waitFor(async () => (await late.run('get frontier').catch(() => '')) === (await root.run('get frontier')));
    await waitFor(async () => (await late.run('blockchain get site').catch(() => '')).includes('fifth'));
    expect(await bookOf(late)).toEqual(await bookOf(root));
    expect(await late.run('get status')).toContain('3 bodies archived');
    await expect(late.run(`blockchain get site as of ${early}`)).rejects.toThrow(/ask whole.*ENTRY_ARCHIVED/s);
    expect(await late.run('blockchain audit')).toMatch(/Ledger +\|sound +\|.*Bodies archived, not checked +\| +3\|/s);

    // It stays so over a start without anybody.
    await root.stop();
    await late.stop();
    const alone = keep(await late.restart());
    expect(await alone.run('blockchain get site')).toContain('fifth');
    keep(await root.restart([]));
    const again = keep(await whole.restart());
    // The archive has no policy: who knows it tells the other where it is.
    await waitFor(
      async () => !(await alone.run('blockchain fill history').catch(() => 'LACKING')).includes('LACKING'),
      { timeoutMs: 40_000, everyMs: 200 },
    );
    expect(await alone.run(`blockchain get site as of ${early}`)).toContain('second');
    expect(await alone.run('get status')).not.toContain('archived');
    expect(await bookOf(alone)).toEqual(await bookOf(again));
    expect(await alone.run('blockchain audit')).toMatch(/Ledger +\|sound +\|/);
  },
);
