import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type * as limits from '../../../src/base/limits.ts';
import { CommandNodes, type CommandNode } from '../../support/command-node.ts';
import { faultOf } from '../../support/operator-command-node.ts';

// As many as the files of the first table that differ.
vi.mock('../../../src/base/limits.ts', async (original) => ({
  ...(await original<typeof limits>()),
  DIFFERENCES_MAX: 20,
}));

const nodes = new CommandNodes();
afterAll(() => nodes.close());

let first: CommandNode;
let second: CommandNode;
const DAYS = 20;

beforeAll(async () => {
  first = await nodes.add({ address: '172.105.60.50:32148', name: 'op1' });
  second = await nodes.add({ address: '172.233.107.121:32148', name: 'op2' });
  await first.run('blockchain insert where policy = {"cluster": {"company": "c", "name": "k"}}');
  await nodes.settled();
  for (const [node, name, ip] of [
    [first, 'op1', '172.105.60.50'],
    [second, 'op2', '172.233.107.121'],
  ] as const) {
    await node.run('cid = blockchain get cluster bring.first [*][id]');
    await node.run(
      `blockchain insert where policy = {"operator": {"company": "c", "name": "${name}", "ip": "${ip}", "port": 32148, "cluster": !cid}}`,
    );
    await nodes.settled();
  }
  for (const node of [first, second])
    for (const command of ['run operator', 'run data distributor', 'run data consumer']) await node.run(command);
  for (let day = 1; day <= DAYS; day += 1)
    first.parts.operator?.store.put({
      dbms: 'cos',
      table: 'wp_analog',
      content: `{"a":${day}}\n`,
      time: `2026-11-${String(day).padStart(2, '0')}T10:00:00.000000Z`,
    });
});

test('every bucket that differs is looked into, by one question for all of them', async () => {
  const asked: string[] = [];
  const sums = first.parts.operator!.store.sums;
  for (const what of ['buckets', 'files'] as const) {
    const whole = sums[what].bind(sums) as (...about: unknown[]) => Promise<never>;
    (sums as unknown as Record<string, unknown>)[what] = (...about: unknown[]) => {
      asked.push(what);
      return whole(...about);
    };
  }
  const found = (await first.json('test cluster data')) as { readonly equal: boolean; readonly differences: unknown[] };
  expect(found.equal).toBe(false);
  expect(found.differences).toHaveLength(DAYS);
  expect(found.differences.at(-1)).toMatchObject({ bucket: '2026-11-01', file: 1 });
  expect(asked).toEqual(['buckets', 'files']);
});

test('buckets are named together, all of one length', async () => {
  const within = 'within = "2026-11-03 2026-11-05"';
  expect(await first.json(`get tsd sums where bucket = hour and ${within}`)).toMatchObject({
    'cos.wp_analog': { buckets: [{ bucket: '2026-11-03T10' }, { bucket: '2026-11-05T10' }] },
  });
  const { code } = await faultOf(first, 'get tsd sums where bucket = hour and within = "2026-11 2026-11-05"');
  expect(code).toBe('COMMAND_VALUE');
});

test('a member that is silent when it is asked for its files leaves the table unsure, not equal', async () => {
  const sums = second.parts.operator!.store.sums;
  const whole = sums.tables.bind(sums);
  const files = vi.spyOn(sums, 'tables').mockImplementation((all) => {
    if (!all) throw new Error('too busy');
    return whole(all);
  });
  try {
    const found = (await first.json('test cluster data')) as {
      readonly equal: boolean;
      readonly tables: Readonly<Record<string, { readonly equal: boolean; readonly unsure?: string }>>;
    };
    expect(found).toMatchObject({ equal: false, differences: [], tables: { 'cos.wp_analog': { equal: false } } });
    expect(found.tables['cos.wp_analog']?.unsure).toMatch(/^op2 did not say which files it holds: ./);
    expect(await first.text('test cluster data')).toMatch(
      /\ncos\.wp_analog is not compared to the end: op2 did not say/,
    );
  } finally {
    files.mockRestore();
  }
});

test('a table that is not looked into because enough differences are listed is not equal', async () => {
  first.parts.operator?.store.put({
    ...{ dbms: 'cos', table: 'zz', content: '{"a":1}\n', time: '2026-11-01T10:00:00.000000Z' },
  });
  expect(await first.json('test cluster data')).toMatchObject({
    tables: { 'cos.zz': { equal: false, unsure: '20 files are listed already' } },
  });
});
