import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insertPolicy } from '../../scripts/demo/network.ts';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { NetworkFixture } from '../support/network-fixture.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait.ts';

interface Version {
  readonly entry: string;
  readonly authorName?: string;
  readonly author: string;
  readonly received?: string;
  readonly conflictsWith: readonly string[];
}

/** What each node says of when an entry came to it is its own. */
const withoutReceived = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (name, inner: unknown) => (name === 'received' ? undefined : inner))) as unknown;

describe('two nodes that were cut apart and changed the same policy', () => {
  let network: NetworkFixture;
  let left: NodeProcess;
  let right: NodeProcess;
  const proxies: TcpProxy[] = [];
  let pump = '';
  const frontiers = { before: '', left: '', right: '', after: '' };
  const answers = { before: '', left: '', right: '' };

  /** Starts a node that others reach only through a path that can be cut. */
  const start = async (name: string, args: readonly string[]): Promise<NodeProcess> => {
    const node = await NodeProcess.start({ dir: join(network.dir, name), name, args });
    network.nodes.set(name, node);
    proxies.push(await startTcpProxy(node.facts.listen));
    return node;
  };
  const frontierOf = async (node: NodeProcess): Promise<string> => (await node.run('get frontier')).trim();
  const asOf = (node: NodeProcess, moment: string): Promise<string> =>
    node.run(`blockchain get * as of ${moment} where format = json`);
  const onBoth = async (command: string): Promise<unknown> => {
    const [here, there] = [await left.json(command), await right.json(command)];
    expect(withoutReceived(there)).toEqual(withoutReceived(here));
    return here;
  };

  beforeAll(async () => {
    network = await NetworkFixture.create();
    left = await start('left', ['--network', 'past', '--admission', 'open']);
    right = await start('right', ['--seed', proxies[0]?.address ?? '']);
    pump = (await insertPolicy(left, 'pump', { name: 'p1', state: 'on', at: { hall: 1, row: 2 } })).id;
    await insertPolicy(left, 'table', { name: 't', dbms: 'd', create: 'CREATE TABLE t (a int)' });
    await network.settled();
    frontiers.before = await frontierOf(left);
    answers.before = await asOf(left, frontiers.before);

    for (const proxy of proxies) proxy.cut();
    await left.run(`blockchain update where id = ${pump} and policy = {"pump": {"state": "off"}}`);
    await right.run(`blockchain update where id = ${pump} and policy = {"pump": {"at": {"hall": 1, "row": 3}}}`);
    await insertPolicy(left, 'lamp', { id: 'lamp', name: 'of left' });
    await insertPolicy(right, 'lamp', { id: 'lamp', name: 'of right' });
    frontiers.left = await frontierOf(left);
    frontiers.right = await frontierOf(right);
    answers.left = await asOf(left, frontiers.left);
    answers.right = await asOf(right, frontiers.right);
    await expect(asOf(right, frontiers.left)).rejects.toThrow(frontiers.left);

    for (const proxy of proxies) proxy.heal();
    await network.settled();
    for (const node of [left, right]) {
      const [ip = '', port = ''] = node.facts.listen.split(':');
      await insertPolicy(node, 'query', { name: node.facts.name, company: 'c', ip, port: Number(port) });
    }
    await network.settled();
    frontiers.after = await frontierOf(left);
  }, 120_000);
  afterAll(async () => {
    await network.close();
    for (const proxy of proxies) await proxy.close();
  }, 30_000);

  test('have one frontier, and give the same state of it with the same root', async () => {
    expect(await frontierOf(right)).toBe(frontiers.after);
    const text = await left.run(`blockchain get pump bring [*][state] as of ${frontiers.after}`);
    expect(text).toMatch(/^As of a frontier of \d heads?: \d+ policies of \d+ entries; state root [0-9a-f]{64}/);
    expect(await right.run(`blockchain get pump bring [*][state] as of ${frontiers.after}`)).toBe(text);
  });

  test('give what either knew before and during the cut, to the letter', async () => {
    for (const when of ['before', 'left', 'right'] as const)
      for (const node of [left, right]) expect(await asOf(node, frontiers[when])).toBe(answers[when]);
    expect(answers.left).not.toBe(answers.right);
    expect(answers.left).toContain('of left');
  });

  test('tell the same conflict, the same void insert, and whose they are', async () => {
    const { conflicts } = (await onBoth('blockchain conflicts where format = json')) as {
      conflicts: readonly { rule: string; id: string; entries: readonly Version[] }[];
    };
    expect(conflicts.map(({ rule, id }) => [rule, id]).sort()).toEqual([
      ['concurrent-update', pump],
      ['id-taken', 'lamp'],
    ]);
    const names = conflicts.find(({ id }) => id === pump)?.entries.map(({ authorName }) => authorName);
    expect(names?.sort()).toEqual(['left', 'right']);
  });

  test('tell the same history and blame; each when it had an entry', async () => {
    const versions = (await onBoth(
      `blockchain history where type = pump and name = p1 and format = json`,
    )) as Version[];
    expect(versions).toHaveLength(3);
    expect(versions.slice(1).map(({ conflictsWith }) => conflictsWith)).toEqual([
      [versions[2]?.entry],
      [versions[1]?.entry],
    ]);
    const there = (await right.json(`blockchain history where id = ${pump} and format = json`)) as Version[];
    // Those of before the cut may have come to both within one millisecond.
    for (const at of [1, 2]) expect(versions[at]?.received).not.toBe(there[at]?.received);
    const lines = (await onBoth(`blockchain blame where id = ${pump} and format = json`)) as {
      attribute: string;
      value: unknown;
      authorName: string;
    }[];
    const byLine = Object.fromEntries(
      lines.map(({ attribute, value, authorName }) => [attribute, [value, authorName]]),
    );
    expect(byLine).toMatchObject({
      '[name]': ['p1', 'left'],
      '[state]': ['off', 'left'],
      '[at][hall]': [1, 'left'],
      '[at][row]': [3, 'right'],
    });
    expect(await left.run(`blockchain blame where id = ${pump}`)).toMatch(/\[at\]\[row\] *\|3 *\|.*\|right *\|/);
  });

  test('tell the same difference and the same log', async () => {
    const diff = (await onBoth(`blockchain diff ${frontiers.before} ${frontiers.after} where format = json`)) as {
      added: readonly Readonly<Record<string, unknown>>[];
      changed: readonly { changes: readonly { attribute: string }[] }[];
    };
    expect(diff.added.flatMap((policy) => Object.keys(policy)).sort()).toEqual(['lamp', 'query', 'query']);
    expect(diff.changed.flatMap(({ changes }) => changes.map(({ attribute }) => attribute))).toEqual(['at', 'state']);
    const log = (await onBoth('blockchain log where author = right and format = json')) as { entries: Version[] };
    expect(log.entries.map(({ author }) => author)).toEqual(log.entries.map(() => right.facts.peer));
    expect(log.entries).toHaveLength(3);
  });

  test('count what came later than it says, each for itself', async () => {
    const versions = (await left.json(`blockchain history where id = ${pump} and format = json`)) as (Version & {
      date: string;
    })[];
    const date =
      versions
        .map((version) => version.date)
        .sort()
        .at(-1) ?? '';
    const late = async (node: NodeProcess): Promise<number> =>
      ((await node.json(`blockchain get * as of "${date}" where format = json`)) as { asOf: { cameLater: number } })
        .asOf.cameLater;
    // During the cut neither had the other's update; each is stated up to the date and came later to one of them at
    // least.
    expect((await late(left)) + (await late(right))).toBeGreaterThanOrEqual(2);
  });

  test('read by GET, as monitors do', async () => {
    const response = await fetch(`http://${left.facts.rest}/`, {
      headers: {
        Authorization: left.authorization,
        'User-Agent': 'AnyLog/1.23',
        command: 'blockchain log where limit = 1 and format = json',
      },
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ entries: [{ op: 'insert' }] });
    await waitFor(async () => (await frontierOf(right)) === frontiers.after);
  });
});
