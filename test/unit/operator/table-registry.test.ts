import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { fault } from '../../../src/base/errors.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { createMemoryLedger, type MemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import type { TableRegistry } from '../../../src/operator/operator.ts';
import { createTableRegistry } from '../../../src/operator/table-registry.ts';
import { createPolicies } from '../../../src/policy/ledger-policies.ts';
import type { Policies } from '../../../src/policy/policies.ts';
import { followTopology } from '../../../src/topology/derive.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { stateHash } from '../../support/state-hash.ts';

const COLUMNS = [
  { name: 'timestamp', type: 'timestamp' },
  { name: 'select', type: 'float' },
  { name: 'größe', type: 'varchar' },
];
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const part of open.splice(0)) await part.close();
});

interface TestNode {
  readonly ledger: MemoryLedger;
  readonly policies: Policies;
  readonly topology: () => Topology;
}

const nodeOn = (ledger: MemoryLedger): TestNode => {
  const holders = (): ReadonlySet<string> => new Set([ledger.author]);
  const policies = createPolicies({ ledger, ownKey: ledger.author, clock: systemClock, holders });
  open.push(policies, ledger);
  return { ledger, policies, topology: followTopology(policies.book) };
};

const registryOf = ({ policies, topology }: TestNode, operator: string): TableRegistry =>
  createTableRegistry({ policies, topology, operator, log: silentLogger });

const pass = async (from: TestNode, to: TestNode): Promise<void> => {
  const held = await from.ledger.follow(0, 1_000);
  await to.ledger.offer(
    held.map(({ entry }) => entry.raw),
    from.ledger.author,
  );
  await to.policies.caughtUp();
};

const cluster = async (
  { policies }: TestNode,
  name: string,
  port: number,
): Promise<{ cluster: string; operator: string }> => {
  const { id } = await policies.insert({ cluster: { company: 'c', name } });
  const address = { ip: '10.0.0.1', port, company: 'c', name: `operator-${port}` };
  return { cluster: id, operator: (await policies.insert({ operator: { ...address, cluster: id } })).id };
};

const network = async (): Promise<TestNode> => {
  const ledger = await createMemoryLedger();
  await ledger.createNetwork('test', 'open');
  return nodeOn(ledger);
};

const tablesOf = ({ topology }: TestNode, id: string): string[] =>
  (topology().clusters.get(id)?.tables ?? []).map(({ dbms, table }) => `${dbms}.${table}`);

describe('table registry', () => {
  test('publishes a table and the child cluster, once', async () => {
    const node = await network();
    const { cluster: id, operator } = await cluster(node, 'one', 1);
    const registry = registryOf(node, operator);
    expect(registry.columns('plant', 'readings')).toBeUndefined();
    expect(await registry.declare('plant', 'readings', COLUMNS)).toEqual(COLUMNS);
    expect(registry.columns('plant', 'readings')).toEqual(COLUMNS);
    expect(registry.isHeld('plant', 'readings')).toBe(true);
    const before = node.policies.book.ofType().length;
    expect(await registry.declare('plant', 'readings', [{ name: 'other', type: 'int' }])).toEqual(COLUMNS);
    expect(node.policies.book.ofType().length).toBe(before);
    expect(tablesOf(node, id)).toEqual(['plant.readings']);
  });

  test('a second cluster takes the columns of the first and names the table as its own, too', async () => {
    const node = await network();
    const [one, two] = [await cluster(node, 'one', 1), await cluster(node, 'two', 2)];
    await registryOf(node, one.operator).declare('plant', 'readings', COLUMNS);
    expect(tablesOf(node, two.cluster)).toEqual([]);
    expect(registryOf(node, two.operator).isHeld('plant', 'readings')).toBe(false);
    expect(await registryOf(node, two.operator).declare('plant', 'readings', [{ name: 'a', type: 'int' }])).toEqual(
      COLUMNS,
    );
    expect([tablesOf(node, one.cluster), tablesOf(node, two.cluster)]).toEqual([
      ['plant.readings'],
      ['plant.readings'],
    ]);
    expect(node.policies.book.ofType('table')).toHaveLength(1);
  });

  test('two operators of a cluster that meet the table while apart end with one table and one child', async () => {
    const first = await network();
    const { cluster: id, operator } = await cluster(first, 'one', 1);
    const second = nodeOn(await createMemoryLedger());
    await pass(first, second);
    second.ledger.allowAppend();
    await Promise.all([first, second].map((node) => registryOf(node, operator).declare('plant', 'readings', COLUMNS)));
    await pass(first, second);
    await pass(second, first);
    for (const node of [first, second]) {
      expect(tablesOf(node, id)).toEqual(['plant.readings']);
      expect(registryOf(node, operator).columns('plant', 'readings')).toEqual(COLUMNS);
    }
    expect(stateHash(first.policies.book)).toBe(stateHash(second.policies.book));
  });

  test('a table whose child cluster is deleted is published again', async () => {
    const node = await network();
    const { cluster: id, operator } = await cluster(node, 'one', 1);
    const registry = registryOf(node, operator);
    await registry.declare('plant', 'readings', COLUMNS);
    const child = node.policies.book.ofType('cluster').find(({ value }) => value['parent'] === id);
    await node.policies.delete(child?.id ?? '');
    expect(tablesOf(node, id)).toEqual([]);
    expect(await registry.declare('plant', 'readings', COLUMNS)).toEqual(COLUMNS);
    expect(tablesOf(node, id)).toEqual(['plant.readings']);
  });

  test('a table that the cluster cannot be made to hold is refused', async () => {
    const node = await network();
    const { operator } = await cluster(node, 'one', 1);
    const insert: Policies['insert'] = async (content) => {
      if ('cluster' in content) throw fault('POLICY_VOID', 'void');
      return node.policies.insert(content);
    };
    const policies = { ...node.policies, insert, caughtUp: () => node.policies.caughtUp() };
    const registry = createTableRegistry({ policies, topology: node.topology, operator, log: silentLogger });
    await expect(registry.declare('plant', 'readings', COLUMNS)).rejects.toMatchObject({
      code: 'OPERATOR_TABLE_NOT_HELD',
    });
  });

  test('an operator without a cluster says so', async () => {
    const node = await network();
    await expect(registryOf(node, 'nobody').declare('plant', 'readings', COLUMNS)).rejects.toMatchObject({
      code: 'OPERATOR_NO_CLUSTER',
    });
  });
});
