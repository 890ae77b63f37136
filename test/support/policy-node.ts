import { afterEach } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { createMemoryLedger, type MemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { createPolicies, type PoliciesPorts } from '../../src/policy/ledger-policies.ts';
import type { Policies } from '../../src/policy/policies.ts';

export const COMPANY = 'Lit San Leandro';
const open: { close(): Promise<void> }[] = [];

/** A ledger in memory with the policies that follow from it; closed after each test. */
export interface TestNode {
  readonly ledger: MemoryLedger;
  readonly policies: Policies;
}

export const nodeOn = (ledger: MemoryLedger, ports: Partial<PoliciesPorts> = {}): TestNode => {
  const policies = createPolicies({
    ledger,
    ownKey: ledger.author,
    clock: systemClock,
    holders: () => new Set([ledger.author]),
    ...ports,
  });
  open.push(policies, ledger);
  return { ledger, policies };
};

export const firstNode = async (ports: Partial<PoliciesPorts> = {}): Promise<TestNode> => {
  const ledger = await createMemoryLedger();
  await ledger.createNetwork('test', 'open');
  return nodeOn(ledger, ports);
};

/** Gives `to` every entry of `from` that it lacks. */
export const pass = async (from: TestNode, to: TestNode): Promise<void> => {
  const held = await from.ledger.follow(0, 1_000);
  await to.ledger.offer(
    held.map(({ entry }) => entry.raw),
    from.ledger.author,
  );
  await to.policies.caughtUp();
};

export const joined = async (first: TestNode, ports: Partial<PoliciesPorts> = {}): Promise<TestNode> => {
  const node = nodeOn(await createMemoryLedger(), ports);
  await pass(first, node);
  node.ledger.allowAppend();
  return node;
};

export const cluster = (name = 'lsl-cluster2'): JsonObject => ({ cluster: { company: COMPANY, name } });
export const operator = (clusterId: string, port: number, more: JsonObject = {}): JsonObject => ({
  operator: {
    cluster: clusterId,
    ip: '24.23.250.144',
    local_ip: '10.0.0.78',
    port,
    company: COMPANY,
    name: `op${port}`,
    ...more,
  },
});

export const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (caught: unknown) => (caught as { code: string }).code,
  );

afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource.close();
});
